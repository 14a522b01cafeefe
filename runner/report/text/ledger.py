"""Text of `report`: where the money is. Also the money part of an apply's result."""

from collections.abc import Iterator, Sequence
from datetime import UTC
from decimal import Decimal

from runner.core.catalogue import BalanceLabel
from runner.core.values.money import ZERO
from runner.planning.accounting.ledger import Account, Ledger, LedgerLine
from runner.planning.accounting.periods import Period
from runner.report.model.balance_words import Meaning, of_account, of_balance, of_unexplained
from runner.report.terminal.screen import Column, Fit, Screen
from runner.report.terminal.style import Span, Style, Written, attention, bad, dim, strong
from runner.report.wording import Amounts, money, period_words

_FIRST = 20  # lines of one table on a terminal


def render_report(ledger: Ledger, out: Screen, by: str | None = None, period: Period | None = None) -> None:
    """Totals with the balance, then the same money by campaign, by service and by day; or one table alone."""
    render_money(ledger, out, period)
    render_labels(ledger.labels, out)
    for name, lines in (
        ("campaign", ledger.campaigns),
        ("service", ledger.services),
        ("day", ledger.days),
        ("panel", ledger.panels),
    ):
        if name == by or (by is None and name != "panel"):
            _lines(f"By {name}:", lines, out, latest=name == "day")


def render_labels(labels: Sequence[BalanceLabel], out: Screen) -> None:
    """What people said of balances."""
    if not labels:
        return
    out.heading("Labelled:", dim("moved the balance, for a reason that somebody gave"))
    amounts = Amounts((label.amount, label.currency) for label in labels)
    rows: list[list[Written]] = [
        [
            f"{label.seen_at.astimezone(UTC):%Y-%m-%d %H:%M}",
            label.panel,
            amounts.named(label.amount, label.currency),
            label.text,
            dim(f"by {label.user} on {label.host}"),
        ]
        for label in labels
    ]
    columns = [
        Column("seen (UTC)"),
        Column("panel"),
        Column("came in", Fit.WHOLE, right=True),
        Column("label", Fit.WRAP),
    ]
    out.table([*columns, Column("", Fit.END)], rows)


def moved(amount: Decimal, currency: str | None) -> str:
    """`50.00 USD came in`, `3.00 USD went out`."""
    return f"{money(abs(amount), currency)} {'came in' if amount >= ZERO else 'went out'}"


def render_money(ledger: Ledger, out: Screen, period: Period | None = None) -> None:
    """The totals; by panel where panels' currencies differ."""
    if ledger.spent is None:
        out.heading("Money by panel:", dim(period_words(period)), attention("several currencies are never added"))
        _table(ledger.panels, out)
        _accounts(ledger.accounts, out)
        return
    out.heading("Money:", dim(f"in {ledger.currency}") if ledger.currency else "", dim(period_words(period)))
    shown = (ledger.spent, ledger.refunded, ledger.reserved, ledger.in_doubt, ledger.balance, ledger.unexplained)
    amounts = Amounts((amount, None) for amount in (*shown, ledger.labelled))
    rows: list[list[Written]] = [
        ["spent", strong(amounts.bare(ledger.spent)), dim("charged, less refunds")],
        ["refunded", amounts.bare(ledger.refunded), dim("came back")],
        ["reserved", amounts.bare(ledger.reserved), dim("placed, not charged yet: at the expected price")],
        ["in doubt", _warned(ledger.in_doubt, amounts, Style.BAD), dim("may have been bought: counted at full price")],
        ["balance", strong(amounts.bare(ledger.balance)), _told(of_balance(ledger.accounts))],
        ["unexplained", _warned(ledger.unexplained, amounts, Style.ATTENTION), _told(of_unexplained(ledger))],
    ]
    if ledger.labelled:
        rows.insert(-1, ["labelled", amounts.bare(ledger.labelled), dim("came into the balance, as somebody said")])
    out.table([Column(""), Column("", Fit.WHOLE, right=True), Column("", Fit.WRAP)], rows)
    if len(ledger.panels) > 1:
        _lines("By panel:", ledger.panels, out)
        _accounts(ledger.accounts, out)


def _accounts(accounts: Sequence[Account], out: Screen) -> None:
    """Each panel's balance against the books."""
    if not accounts:
        return

    labelled = any(account.labelled for account in accounts)
    amounts = Amounts(
        (amount, one.currency) for one in accounts for amount in (one.balance, one.labelled, one.unexplained)
    )

    def rows() -> Iterator[list[Written]]:
        for account in accounts:
            currency = account.currency
            yield [
                account.panel,
                amounts.named(account.balance, currency),
                *([_quiet_zero(account.labelled, amounts, currency)] if labelled else []),
                _warned(account.unexplained, amounts, Style.ATTENTION, currency),
                _told(of_account(account)),
            ]

    out.heading("Balances:")
    titles = ("balance", *(["labelled"] if labelled else []), "unexplained")
    columns = [Column("", Fit.NAME), *(Column(title, Fit.WHOLE, right=True) for title in titles)]
    out.table([*columns, Column("", Fit.WRAP)], rows())


def _warned(amount: Decimal | None, amounts: Amounts, style: Style, currency: str | None = None) -> Written:
    shown = amounts.bare(amount, currency)
    return Span(shown, style) if amount else shown


def _told(meaning: Meaning) -> Span:
    return attention(meaning.words) if meaning.is_odd else dim(meaning.words)


def _lines(title: str, lines: Sequence[LedgerLine], out: Screen, *, latest: bool = False) -> None:
    """A table of at most `_FIRST` lines on a terminal: the last ones of `latest`, else the first."""
    if not lines:
        return
    out.heading(title)
    left = len(lines) - _FIRST
    fit = Fit.KEEP if latest else Fit.MIDDLE  # half a day is another day
    if not out.is_terminal or left <= 0:
        _table(lines, out, fit)
        return
    _table(lines[-_FIRST:] if latest else lines[:_FIRST], out, fit)
    out.line(dim(f"… and {left:,} {'earlier' if latest else 'more'} (--format json lists all)"), indent=2)


def _table(lines: Sequence[LedgerLine], out: Screen, fit: Fit = Fit.MIDDLE) -> None:
    several = len({line.currency for line in lines}) > 1
    amounts = Amounts((amount, line.currency) for line in lines for amount in line.amounts)

    def rows() -> Iterator[list[Written]]:
        for line in lines:
            currency = line.currency
            doubts = amounts.bare(line.in_doubt, currency)
            yield [
                line.name,
                *([currency or ""] if several else []),
                f"{line.orders:,}",
                amounts.bare(line.spent, currency),
                _quiet_zero(line.refunded, amounts, currency),
                _quiet_zero(line.reserved, amounts, currency),
                bad(doubts) if line.in_doubt else dim(doubts),
            ]

    columns = [
        Column("", fit),
        *([Column("currency")] if several else []),
        Column("orders", right=True),
        *(Column(title, Fit.WHOLE, right=True) for title in ("spent", "refunded", "reserved", "in doubt")),
    ]
    out.table(columns, rows())


def _quiet_zero(amount: Decimal, amounts: Amounts, currency: str | None) -> Written:
    shown = amounts.bare(amount, currency)
    return shown if amount else dim(shown)
