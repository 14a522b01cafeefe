"""Writes the report as one HTML file under a megabyte that loads nothing and runs only our own script.

What a panel or a file said is escaped by Jinja or stands in a JSON block that a script writes as text. The Content
Security Policy allows this very script and this very style, by their hashes.
"""

import base64
import hashlib
from collections import Counter
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

from runner import __version__
from runner.core.values.text import clean
from runner.report.html import charts
from runner.report.html.order_table import LONGEST, PAGE, Rows, shown_as
from runner.report.html.sum_tables import MOST_LINES, all_sums, purchase_sums
from runner.report.model.balance_words import of_account, of_balance, of_unexplained
from runner.report.model.model import OrderRow, ReportModel, State, most_urgent, needs_attention, panel_money, sums_of
from runner.report.wording import Amounts, count, money, period_words, words

if TYPE_CHECKING:
    from jinja2 import Template

MOST_BYTES = 950_000  # under a megabyte, with room for what is not counted row by row
_MOST_SAID = 100  # problems and notes
_MOST_REASONS = 12
_NAMED = 3  # orders of each reason
_LEAST_ROW = 50  # bytes: no row takes less


class LeftOut(NamedTuple):
    """Orders that did not fit, of one campaign in one state."""

    campaign: str
    state: str
    orders: int
    units: int
    delivered: int
    amounts: Sequence[str]


def to_html(model: ReportModel, limit: int = MOST_BYTES) -> str:
    """The page, in at most `limit` bytes of UTF-8.

    Orders that do not fit are summed up: those that need somebody stay, then the dearest.
    """
    ordered = most_urgent(model.orders, limit // _LEAST_ROW)
    urgent = sum(map(needs_attention, model.orders))
    table = Rows()
    # A first draft with the rows of one page shows how much room is left for the others.
    draft = _page(model, ordered, table, urgent, is_cut=len(ordered) > PAGE)
    room = limit - len(draft.encode())
    for row in ordered:
        room -= table.add(row)
        if room < 0:
            table.drop_last()
            break
    page = _page(model, ordered, table, urgent, is_cut=len(model.orders) > len(table))
    while len(table) and (over := len(page.encode()) - limit) > 0:  # sums of what is left out may have grown longer
        while len(table) and over > 0:
            over -= table.drop_last()
        page = _page(model, ordered, table, urgent, is_cut=True)
    return page


def _page(model: ReportModel, ordered: Sequence[OrderRow], table: "Rows", urgent: int, *, is_cut: bool) -> str:
    style, script = _resource("report.css"), _resource("report.js")
    left_out: Sequence[LeftOut] = ()
    if is_cut:
        listed = {id(row) for row in ordered[: len(table)]}
        left_out = _left_out([row for row in model.orders if id(row) not in listed])
    return _template().render(
        model=model,
        version=__version__,
        verdict=model.verdict.text.partition(". "),
        style=style,
        script=script,
        policy=(
            f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src data:; "
            "base-uri 'none'; form-action 'none'"
        ),
        cards=_cards(model),
        accounts=_accounts(model),
        timelines=charts.timelines(model),
        costs=(
            ("Cost by campaign", charts.cost_bars(model.ledger.campaigns)),
            ("Cost by service", charts.cost_bars(model.ledger.services)),
        ),
        states=charts.state_segments(model.states),
        deliveries=charts.delivery_bars(model.progress),
        attention=_attention(ordered),
        attention_total=urgent,
        said=_said(model),
        sums=all_sums(model),
        buying=purchase_sums(model),
        first=[shown_as(row) for row in ordered[:PAGE]],
        listed=len(table),
        left_out=left_out,
        state_names=[state.value for state in model.states],
        data=table.as_json(model),
        count=count,
        words=words,
        money=money,
        period_words=period_words,
    )


@cache
def _resource(name: str) -> str:
    return (files("runner.report.html") / "templates" / name).read_text(encoding="utf-8")


@cache
def _template() -> "Template":
    from jinja2 import Environment, StrictUndefined  # 50 ms that only this report needs

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["clean"] = lambda text, limit=LONGEST: clean(str(text), limit)
    return environment.from_string(_resource("report.html"))


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _cards(model: ReportModel) -> list[tuple[str, str, str, str]]:
    """(name, amount, what it means, tone) of the totals; none where currencies differ."""
    ledger = model.ledger
    if ledger.spent is None:
        return []
    currency = ledger.currency
    doubtful = "bad" if ledger.in_doubt else ""
    balance_words, unexplained_words = of_balance(ledger.accounts), of_unexplained(ledger)
    shown = (ledger.spent, ledger.balance, ledger.refunded, ledger.reserved, ledger.in_doubt, ledger.unexplained)
    amounts = Amounts((amount, currency) for amount in shown)
    spent, balance, refunded, reserved, in_doubt, unexplained = (amounts.named(one, currency) for one in shown)
    return [
        ("Spent", spent, "charged, less refunds", "main"),
        ("Balance", balance, balance_words.words, "attention main" if balance_words.is_odd else "main"),
        ("Refunded", refunded, "came back", ""),
        ("Reserved", reserved, "placed, not charged yet", ""),
        ("In doubt", in_doubt, "may have been bought, at full price", doubtful),
        ("Unexplained", unexplained, unexplained_words.words, "attention" if unexplained_words.is_odd else ""),
    ]


def _accounts(model: ReportModel) -> list[list[str]]:
    """Each panel's money, where there are several."""
    if len(model.ledger.accounts) <= 1:
        return []
    found = [
        (account, (*booked, account.balance, account.unexplained)) for account, booked in panel_money(model.ledger)
    ]
    amounts = Amounts((amount, account.currency) for account, several in found for amount in several)
    return [
        [account.panel, *(amounts.named(amount, account.currency) for amount in several)] for account, several in found
    ]


def _said(model: ReportModel) -> list[tuple[str, str]]:
    """(tone, sentence) of problems, refusals and notes."""
    said = [("bad" if one.severity == "error" else "attention", str(one)) for one in model.diagnostics]
    said += [("bad", f"refused by {one.guard}: {one.subject}: {one.message}") for one in model.refusals]
    if len(model.ledger.accounts) > 1:
        meanings = ((account.panel, of_account(account)) for account in model.ledger.accounts)
        said += [("attention", f"{panel}: unexplained: {one.words}") for panel, one in meanings if one.is_odd]
    said += [("attention", one) for one in model.warnings]
    more = len(said) - _MOST_SAID
    return said[:_MOST_SAID] + ([("attention", f"and {more:,} more")] if more > 0 else [])


def _left_out(rows: Sequence[OrderRow]) -> list[LeftOut]:
    """Sums of what is not listed, by campaign, state and currency; beyond the table's length by state and currency."""
    groups: dict[tuple[str, State, str, str], list[OrderRow]] = {}
    campaigns = Counter(row.campaign for row in rows)
    named = {name for name, _ in campaigns.most_common(MOST_LINES // 4)}
    other = f"{len(campaigns) - len(named):,} more"
    for row in rows:
        name = row.campaign if row.campaign in named else other
        unknown = "" if row.currency else row.panel  # what is in no known currency is added up panel by panel
        groups.setdefault((name, row.state, row.currency or "", unknown), []).append(row)
    return [
        LeftOut(
            clean(campaign),
            state.value,
            len(group),
            sum(row.units for row in group),
            sum(row.delivered or 0 for row in group),
            [money(amount, currency) for amount in sums_of(group)],
        )
        for (campaign, state, currency, _), group in sorted(groups.items(), key=lambda item: item[0])
    ]


class Trouble(NamedTuple):
    """Orders that need a look for one reason."""

    state: str
    orders: int
    names: Sequence[str]  # the first of them
    message: str
    money: str


def _attention(ordered: Sequence[OrderRow]) -> list[Trouble]:
    """Reasons to look, the worst first; one line for all orders with the same."""
    groups: dict[tuple[str, str], list[OrderRow]] = {}
    for row in ordered:
        if needs_attention(row):
            groups.setdefault((row.state.value, row.message), []).append(row)
    told = []
    for (state, message), rows in list(groups.items())[:_MOST_REASONS]:
        names = [clean(row.address) for row in rows[:_NAMED]]
        told.append(Trouble(state, len(rows), names, message, _sums_of(rows)))
    return told


def _sums_of(rows: Sequence[OrderRow]) -> str:
    """`0.90 USD in doubt, 1.20 USD refunded`; empty if there are several currencies."""
    currency = rows[0].currency
    if any(row.currency != currency for row in rows):
        return ""
    sums = sums_of(rows)
    told = ((sums.in_doubt, "in doubt"), (sums.refunded, "refunded"))
    return ", ".join(f"{money(amount, currency)} {name}" for amount, name in told if amount)
