"""Text of `report`: where the money is. Also the money part of an apply's result."""

from collections.abc import Sequence
from datetime import UTC
from decimal import Decimal

from runner.core.catalogue import BalanceLabel
from runner.core.values.money import ZERO
from runner.planning.accounting.ledger import Account, Ledger, LedgerLine
from runner.planning.accounting.periods import Period
from runner.report.model.balance_words import Meaning, of_account, of_balance, of_unexplained
from runner.report.terminal.screen import Column, Field, Fit, Screen
from runner.report.terminal.style import Span, Style, Written, attention, dim, strong
from runner.report.wording import Amounts, money, period_words

_FIRST = 20  # lines of one table on a terminal


def render_report(ledger: Ledger, out: Screen, by: str | None = None, period: Period | None = None) -> None:
    """Show totals with the balance, then the same money by campaign, by service and by day; or one table alone."""
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
    """Show what people said of balances."""
    if not labels:
        return
    out.heading("Labelled:", dim("moved the balance, for a reason that somebody gave"))
    amounts = Amounts((label.amount, label.currency) for label in labels)
    fields: list[Field[BalanceLabel]] = [
        Field("seen (UTC)", lambda one: f"{one.seen_at.astimezone(UTC):%Y-%m-%d %H:%M}"),
        Field("panel", lambda one: one.panel),
        Field("came in", lambda one: amounts.named(one.amount, one.currency), Fit.AMOUNT),
        Field("label", lambda one: one.text, Fit.WRAP),
        Field("", lambda one: dim(f"by {one.user} on {one.host}"), Fit.END),
    ]
    out.listing(fields, labels)


def moved(amount: Decimal, currency: str | None) -> str:
    """`50.00 USD came in`, `3.00 USD went out`."""
    return f"{money(abs(amount), currency)} {'came in' if amount >= ZERO else 'went out'}"


def render_money(ledger: Ledger, out: Screen, period: Period | None = None) -> None:
    """Show the totals; by panel where panels' currencies differ."""
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
    out.table([Column(""), Column("", Fit.AMOUNT), Column("", Fit.WRAP)], rows)
    if len(ledger.panels) > 1:
        _lines("By panel:", ledger.panels, out)
        _accounts(ledger.accounts, out)


def _accounts(accounts: Sequence[Account], out: Screen) -> None:
    """Show each panel's balance against the books."""
    if not accounts:
        return

    amounts = Amounts(
        (amount, one.currency) for one in accounts for amount in (one.balance, one.labelled, one.unexplained)
    )
    labelled = any(account.labelled for account in accounts)
    fields: list[Field[Account] | None] = [
        Field("", lambda one: one.panel, Fit.NAME),
        Field("balance", lambda one: amounts.named(one.balance, one.currency), Fit.AMOUNT),
        Field("labelled", lambda one: _quiet(one.labelled, amounts, one.currency), Fit.AMOUNT) if labelled else None,
        Field("unexplained", lambda one: _warned(one.unexplained, amounts, Style.ATTENTION, one.currency), Fit.AMOUNT),
        Field("", lambda one: _told(of_account(one)), Fit.WRAP),
    ]
    out.heading("Balances:")
    out.listing(fields, accounts)


def _warned(amount: Decimal | None, amounts: Amounts, style: Style, currency: str | None = None) -> Span:
    return Span(amounts.bare(amount, currency), style if amount else Style.PLAIN)


def _quiet(amount: Decimal, amounts: Amounts, currency: str | None, style: Style = Style.PLAIN) -> Span:
    """An amount in `style`; dim where it is zero."""
    return Span(amounts.bare(amount, currency), style if amount else Style.DIM)


def _told(meaning: Meaning) -> Span:
    return attention(meaning.words) if meaning.is_odd else dim(meaning.words)


def _lines(title: str, lines: Sequence[LedgerLine], out: Screen, *, latest: bool = False) -> None:
    """Show a table of at most `_FIRST` lines on a terminal: the last ones of `latest`, else the first."""
    if not lines:
        return
    out.heading(title)
    fit = Fit.KEEP if latest else Fit.MIDDLE  # half a day is another day
    if not out.is_terminal:
        _table(lines, out, fit)
        return
    _table(lines[-_FIRST:] if latest else lines[:_FIRST], out, fit)
    out.and_more(len(lines) - _FIRST, word="earlier" if latest else "more")


def _table(lines: Sequence[LedgerLine], out: Screen, fit: Fit = Fit.MIDDLE) -> None:
    amounts = Amounts((amount, line.currency) for line in lines for amount in line.amounts)
    several = len({line.currency for line in lines}) > 1
    fields: list[Field[LedgerLine] | None] = [
        Field("", lambda one: one.name, fit),
        Field("currency", lambda one: one.currency or "") if several else None,
        Field("orders", lambda one: f"{one.orders:,}", Fit.NUMBER),
        Field("spent", lambda one: amounts.bare(one.spent, one.currency), Fit.AMOUNT),
        Field("refunded", lambda one: _quiet(one.refunded, amounts, one.currency), Fit.AMOUNT),
        Field("reserved", lambda one: _quiet(one.reserved, amounts, one.currency), Fit.AMOUNT),
        Field("in doubt", lambda one: _quiet(one.in_doubt, amounts, one.currency, Style.BAD), Fit.AMOUNT),
    ]
    out.listing(fields, lines)
