"""The report as Markdown for comments and step summaries: totals, what needs a look, the orders; cut to a size.

A plan begins with what it will buy, since that is what its reader decides. A first line that nobody sees names the
command, so that a script can find the comment again and write it anew instead of adding another.
Everything that a panel or a file may have said stands in `<code>` with its special characters as entities: no markup,
no mention, no reference and no link of theirs comes alive.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import takewhile

from runner.core.values.money import plain
from runner.core.values.text import clean
from runner.planning.accounting.ledger import Ledger, LedgerLine
from runner.report.model.balance_words import of_account, of_balance, of_unexplained
from runner.report.model.model import OrderRow, ReportModel, Tone, most_urgent, needs_attention
from runner.report.model.purchases import Purchase, Purchases, PurchaseSum
from runner.report.wording import NOTHING, REFILL_TITLES, Amounts, count, period_words, refill_cells, words

COMMENT_LIMIT = 60_000  # characters; GitHub takes 65,536 in a comment
SUMMARY_LIMIT = 900_000  # bytes; GitHub takes 1 MiB for all summaries of a step
MARKER = "<!-- bulk-order-runner: {command} -->"  # ci/comment.py looks for it: it never changes

_LONGEST = 300  # characters of one cell
_FIRST_LINES = 50  # of each table of sums
_SPECIAL = re.compile(r"[\\`*_\[\]<>&|~$@#:^\"'=!(){}+]|(?<=www)\.|(?<=WWW)\.")
_MARKUP = re.compile(r"[\\`*_\[\]<>&|~$@#]|:(?=//)|(?<=www)\.|(?<=WWW)\.")
_SIGNS = {Tone.GOOD: "✅", Tone.ATTENTION: "⚠️", Tone.BAD: "❌"}
_LEAST_ROW = 60  # characters: no row takes less
_TAIL = 400  # characters kept for closing what is open and telling what was left out

Size = Callable[[str], int]


def to_markdown(model: ReportModel, limit: int = COMMENT_LIMIT, *, size: Size = len) -> str:
    """The report in at most `limit` as `size` measures text: characters unless told otherwise.

    Sums come first, then orders that need a look, then the others; of a plan its purchases, what needs a look, and then
    the sums. Each list says how much of it did not fit, and none takes the room of what matters more.
    """
    page = _Page(limit - _TAIL, size)
    page.add(f"{MARKER.format(command=model.command)}\n{_head(model)}")
    listed = most_urgent(model.orders, limit // _LEAST_ROW)
    if model.purchases is None:
        _sums(page, model)
        _said(page, model)
        _needs_a_look(page, model, listed)
    else:
        _purchases(page, model.purchases)
        _needs_a_look(page, model, listed, share=3)
        _said(page, model, share=3)
        _sums(page, model)
    all_orders = count(len(model.orders), "order")
    others = page.details(f"All {all_orders}", _ORDER_TITLES, map(_order_cells, listed))
    if others < len(model.orders):
        page.end(f"\n*{_cut(others, len(model.orders))}*\n")
    return page.text


def _sums(page: "_Page", model: ReportModel) -> None:
    page.add(_money(model.ledger))
    for title, lines in (("campaign", model.ledger.campaigns), ("service", model.ledger.services)):
        page.table(f"### By {title}", *_ledger_table(title, lines[:_FIRST_LINES]))
        if len(lines) > _FIRST_LINES:
            page.add(f"\nand {len(lines) - _FIRST_LINES:,} more.\n")
    page.table("### By day", *_ledger_table("day", model.ledger.days[-_FIRST_LINES:]))
    page.table("### Delivery", *_progress_table(model))
    refills = ([code(one.name), *refill_cells(one)] for one in model.refills[:_FIRST_LINES])
    page.table("### Refills by service", ("service", *REFILL_TITLES), refills)


def _said(page: "_Page", model: ReportModel, share: int = 1) -> None:
    refusals = (f"{one.guard}: {one.subject}: {one.message}" for one in model.refusals)
    for title, said in (("Refused", refusals), ("Problems", map(str, model.diagnostics)), ("Notes", model.warnings)):
        page.table(f"### {title}", ("",), ([code(one)] for one in said), share)


def _needs_a_look(page: "_Page", model: ReportModel, listed: Sequence[OrderRow], share: int = 1) -> None:
    urgent = page.table("### Needs a look", _ORDER_TITLES, map(_order_cells, filter(needs_attention, listed)), share)
    all_urgent = sum(map(needs_attention, model.orders))
    if urgent < all_urgent:
        page.end(f"\n*{_cut(urgent, all_urgent)}*\n")


def _purchases(page: "_Page", purchases: Purchases) -> None:
    """What is bought, at what price, and what that leaves of the balance: the sums, then the dearest orders."""
    in_all, also = _sentence(purchases.in_all), _sentence(purchases.also)
    page.add(f"\n### {purchases.title}\n\n**{in_all}**{' ' if also else ''}{also}\n")
    if not purchases.lines:
        return
    balances = list(_balances(purchases))
    amounts = Amounts((amount, currency) for _, several, currency in balances for amount in several)
    rows = [
        [code(panel), *(_amount(one, amounts, currency) for one in several)] for panel, several, currency in balances
    ]
    page.table("#### Balance", ("panel", "balance", "cost", "in doubt", "after"), rows)
    for name, sums in (("campaign", purchases.campaigns), ("service", purchases.services)):
        amounts = Amounts((one.cost, one.currency) for one in sums)
        cells = (_purchase_sum(one, amounts) for one in sums[:_FIRST_LINES])
        shown = page.table(f"#### By {name}", (name, "panel", "orders", "units", "cost"), cells, share=4)
        if shown < len(sums):
            page.end(f"\nand {len(sums) - shown:,} more.\n")
    dearest = purchases.dearest(page.left // _LEAST_ROW)
    amounts = Amounts((one.cost, one.currency) for one in dearest)
    shown = page.table("#### Orders", _PURCHASE_TITLES, (_purchase_cells(one, amounts) for one in dearest), share=2)
    if shown < len(purchases.lines):
        left = count(len(purchases.lines) - shown, "order")
        page.end(f"\n*And {left} more, none dearer: `--report csv=PATH` has every order.*\n")


def _balances(purchases: Purchases) -> Iterator[tuple[str, Sequence[Decimal | None], str | None]]:
    for one in purchases.panels:
        amount, currency = (None, None) if one.balance is None else (one.balance.amount, one.balance.currency)
        yield one.panel, (amount, one.cost, one.in_doubt, one.after), currency


def _purchase_sum(one: PurchaseSum, amounts: Amounts) -> list[str]:
    name = code(f"{one.name} {one.title}")
    return [name, code(one.panel), f"{one.orders:,}", f"{one.units:,}", _amount(one.cost, amounts, one.currency)]


_PURCHASE_TITLES = ("order", "service", "link", "units", "cost")


def _purchase_cells(one: Purchase, amounts: Amounts) -> list[str]:
    units = f"{one.units:,}" if one.runs == 1 else f"{one.units:,} ({one.runs:,} x {one.quantity:,})"
    return [
        code(one.address) + (f" {code(one.reason)}" if one.reason else ""),
        code(f"{one.service} {one.service_name}"),
        code(one.link),
        units,
        _amount(one.cost, amounts, one.currency),
    ]


def _cut(listed: int, total: int) -> str:
    """How many orders are listed, and where all of them are."""
    which = "None" if not listed else f"{listed:,}"
    return f"{which} of {total:,} orders listed here, to keep this short: `--report csv=PATH` has every order."


def for_step_summary(model: ReportModel, limit: int = SUMMARY_LIMIT) -> str:
    """The report in at most `limit` bytes of UTF-8."""
    return to_markdown(model, limit, size=lambda text: len(text.encode()))


def code(text: str) -> str:
    """Anybody's text as inline code that can't end early, ping anybody or link anywhere; a dash for none."""
    text = clean(text, _LONGEST)
    if not text:
        return NOTHING
    return f"<code>{_SPECIAL.sub(lambda found: f'&#{ord(found.group())};', text)}</code>"


class _Page:
    """Text that never grows beyond a limit; what does not fit is counted."""

    def __init__(self, limit: int, size: Size) -> None:
        self._left = limit
        self._size = size
        self._pieces: list[str] = []

    @property
    def left(self) -> int:
        """How much may still be added."""
        return self._left

    @property
    def text(self) -> str:
        return "".join(self._pieces)

    def add(self, text: str) -> bool:
        """Append `text` if it fits; True if it did."""
        size = self._size(text)
        if size > self._left:
            return False
        self._left -= size
        self._pieces.append(text)
        return True

    def end(self, text: str) -> None:
        """Append `text`, for which room was kept."""
        self._pieces.append(text)

    def table(self, heading: str, titles: Sequence[str], rows: Iterable[Sequence[str]], share: int = 1) -> int:
        """Add a heading and a table, if there is a row, in one `share`-th of the room at most; return how many rows did fit."""
        kept = self._left - self._left // share
        self._left -= kept
        try:
            return self._table(heading, titles, rows)
        finally:
            self._left += kept

    def _table(self, heading: str, titles: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
        waiting = iter(rows)
        first = next(waiting, None)
        if first is None or not self.add(f"\n{heading}\n\n{_line(titles)}{_line(_rule(titles))}{_line(first)}"):
            return 0
        return 1 + sum(1 for _ in takewhile(lambda row: self.add(_line(row)), waiting))

    def details(self, summary: str, titles: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
        """Add a table that is folded away; return how many rows did fit."""
        closing = "\n</details>\n"
        before = len(self._pieces)
        self._left -= self._size(closing)
        listed = self.table(f"<details><summary>{summary}</summary>", titles, rows)
        if len(self._pieces) > before:
            self._pieces.append(closing)
        return listed


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


_MONEY = ("spent", "refunded", "reserved", "in doubt")
_NUMBERS = ("orders", "units", "delivered", "cost", "balance", "after", "unexplained")
_RIGHT = {*REFILL_TITLES, *_MONEY, *_NUMBERS}


def _rule(titles: Sequence[str]) -> list[str]:
    return ["---:" if title in _RIGHT else "---" for title in titles]


def _head(model: ReportModel) -> str:
    verdict = model.verdict
    next_step = f" Next: {code(verdict.next_step)}" if verdict.next_step else ""
    run = f", run {code(model.run_id)}" if model.run_id else ""
    period = f", {period_words(model.period)}" if model.period else ""
    lines = [
        f"## runner {model.command}: exit code {model.exit_code}",
        "",
        f"{_SIGNS[verdict.tone]} {_sentence(verdict.text)}{next_step}",
        "",
        f"{model.made_at:%Y-%m-%d %H:%M:%S} UTC{run}{period}",
        "",
    ]
    if model.run is not None:
        told = [f"{number:,} {words(word)}" for word, number in model.run.counts.items() if number]
        lines += [f"This run: {', '.join(told) or 'nothing'}.", ""]
    return "\n".join(lines)


def _sentence(text: str) -> str:
    """Our own words, which may name a panel or an order."""
    return _MARKUP.sub(lambda found: f"&#{ord(found.group())};", clean(text, 1000))


def _money(ledger: Ledger) -> str:
    titles: tuple[str, ...]
    if ledger.spent is None:
        titles = ("panel", *_MONEY, "balance", "unexplained")
        accounts = {account.panel: account for account in ledger.accounts}
        found = [
            (line, (*line.amounts, *((account.balance, account.unexplained) if account is not None else (None, None))))
            for line in ledger.panels
            for account in (accounts.get(line.name),)
        ]
        shown = Amounts((amount, line.currency) for line, several in found for amount in several)
        rows = [[code(line.name), *(_amount(one, shown, line.currency) for one in several)] for line, several in found]
    else:
        titles = (*_MONEY, "balance", "unexplained")
        amounts = (ledger.spent, ledger.refunded, ledger.reserved, ledger.in_doubt, ledger.balance, ledger.unexplained)
        shown = Amounts((amount, ledger.currency) for amount in amounts)
        rows = [[_amount(one, shown, ledger.currency) for one in amounts]]
    told = [("balance", of_balance(ledger.accounts)), ("unexplained", of_unexplained(ledger))]
    if len(ledger.accounts) > 1:
        told = [(f"{one.panel}: unexplained", of_account(one)) for one in ledger.accounts]
    lines = [f"\n{_sentence(name)}: {_sentence(one.words)}\n" for name, one in told if one.is_odd or name == "balance"]
    return "".join(["\n### Money\n\n", _line(titles), _line(_rule(titles)), *map(_line, rows), *lines])


def _amount(amount: Decimal | None, amounts: Amounts, currency: str | None) -> str:
    return NOTHING if amount is None else _sentence(amounts.named(amount, currency))


def _ledger_table(title: str, lines: Sequence[LedgerLine]) -> tuple[Sequence[str], Iterable[Sequence[str]]]:
    titles = (title, "orders", *_MONEY)
    amounts = Amounts((amount, line.currency) for line in lines for amount in line.amounts)
    rows = (
        [code(line.name), f"{line.orders:,}", *(_amount(one, amounts, line.currency) for one in line.amounts)]
        for line in lines
    )
    return titles, rows


def _progress_table(model: ReportModel) -> tuple[Sequence[str], Iterable[Sequence[str]]]:
    rows = (
        [
            code(one.campaign),
            f"{one.orders:,}",
            f"{one.units:,}",
            f"{one.delivered:,}",
            ", ".join(f"{one.states[state]:,} {words(state)}" for state in model.states if state in one.states),
        ]
        for one in model.progress[:_FIRST_LINES]
    )
    return ("campaign", "orders", "units", "delivered", "states"), rows


_ORDER_TITLES = ("order", "state", "panel order id", "units", "delivered", "cost", "message")


def _order_cells(row: OrderRow) -> list[str]:
    cost = row.committed or row.expected
    return [
        code(row.address),
        words(row.state) if row.action in ("", "ok") else f"{words(row.state)} ({words(row.action)})",
        code(row.panel_order_id or ""),
        f"{row.units:,}",
        NOTHING if row.delivered is None else f"{row.delivered:,}",
        NOTHING if cost is None else f"{plain(cost)} {_sentence(row.currency or '')}".strip(),
        code(row.message),
    ]
