"""Text of `status`: for every order what was asked and what there is."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from runner.core.values.clock import to_text
from runner.core.values.money import plain
from runner.planning.status.order_status import Health, Standing, Standings, Sync
from runner.report.terminal.screen import Column, Field, Fit, Screen
from runner.report.terminal.style import Span, Style, command, dim, good
from runner.report.wording import NOTHING, Amounts, ago, count, duration, words

_MOST = 200  # orders listed on a terminal; more are summed up
_FIRST = 20  # orders with a message that are listed below

_SYNC_STYLES = {
    Sync.MISSING: Style.ATTENTION,
    Sync.SENDING: Style.ATTENTION,
    Sync.CHANGED: Style.ATTENTION,
    Sync.REMOVED: Style.DIM,
    Sync.IN_DOUBT: Style.BAD,
    Sync.REFUSED: Style.BAD,
}
_HEALTH_STYLES = {
    Health.COMPLETED: Style.GOOD,
    Health.PARTIAL: Style.ATTENTION,
    Health.CANCELED: Style.ATTENTION,
    Health.DROPPED: Style.ATTENTION,
    Health.STALLED: Style.ATTENTION,
    Health.UNKNOWN: Style.DIM,
}
_NOT_BOUGHT = frozenset({Sync.MISSING, Sync.SENDING, Sync.IN_DOUBT, Sync.REFUSED})  # health says nothing about these

_UNKNOWN = dim(NOTHING)

Axis = TypeVar("Axis", Sync, Health)


def render_status(standings: Standings, out: Screen, now: datetime) -> None:
    """Show the orders and one line that counts them. A terminal shows ages, a pipe exact values and moments."""
    orders = standings.orders
    if not orders:
        out.line("No orders.")
    elif not out.is_terminal:
        out.listing(_PIPED, orders, indent=0)
        out.blank()
        _last_line(orders, out)
    elif len(orders) > _MOST:
        _summed_up(orders, out)
        _messages(orders, out)
    else:
        out.listing(_fields(orders, now), orders, indent=0)
        _messages(orders, out)
        out.blank()
        _last_line(orders, out)


_PIPED: Sequence[Field[Standing]] = (
    Field("order", lambda one: one.order),
    Field("sync", lambda one: one.sync.value),
    Field("health", lambda one: "" if one.sync in _NOT_BOUGHT else one.health.value),
    Field("panel_order_id", lambda one: one.panel_order_id or ""),
    Field("remains", lambda one: "" if one.remains is None else str(one.remains), Fit.NUMBER),
    Field("charge", lambda one: "" if one.charge is None else plain(one.charge), Fit.NUMBER),
    Field("checked_at", lambda one: "" if one.checked_at is None else to_text(one.checked_at)),
    Field("eta", lambda one: "" if one.eta is None else to_text(one.eta)),
    Field("message", lambda one: one.message),
)


def _fields(orders: Sequence[Standing], now: datetime) -> list[Field[Standing]]:
    amounts = Amounts((order.charge, None) for order in orders)
    fields: list[Field[Standing]] = [
        Field("order", lambda one: one.order, Fit.MIDDLE),
        Field("state", _state),
        Field("id", lambda one: one.panel_order_id or _UNKNOWN, Fit.MIDDLE),
        Field("remains", lambda one: _UNKNOWN if one.remains is None else f"{one.remains:,}", Fit.NUMBER),
        Field("charge", lambda one: _UNKNOWN if one.charge is None else amounts.bare(one.charge), Fit.AMOUNT),
        Field("checked", lambda one: dim(ago(one.checked_at, now)) if one.panel_order_id else "", Fit.NUMBER),
    ]
    if any(order.eta is not None for order in orders):  # an estimate, of live orders
        fields.append(
            Field("done in", lambda one: duration((one.eta - now).total_seconds()) if one.eta else "", Fit.NUMBER)
        )
    return fields


def _state(order: Standing) -> Span:
    """One word for what matters: the health of what was bought, or why it is not bought."""
    if order.sync in _NOT_BOUGHT:
        return _sync(order)
    if order.sync is Sync.PLACED:
        return _health(order)
    return Span(f"{order.health} ({order.sync})", _SYNC_STYLES[order.sync])


def _sync(order: Standing) -> Span:
    return Span(words(order.sync), _SYNC_STYLES.get(order.sync, Style.PLAIN))


def _health(order: Standing) -> Span:
    return Span(words(order.health), _HEALTH_STYLES.get(order.health, Style.PLAIN))


def _summed_up(orders: Sequence[Standing], out: Screen) -> None:
    """Show numbers by state, and how to see the orders."""
    counts = Counter(map(_state, orders))
    out.table(
        [Column("state"), Column("orders", Fit.NUMBER)],
        ([state, f"{number:,}"] for state, number in counts.most_common()),
        indent=0,
    )
    out.blank()
    out.line(f"{len(orders):,} orders are too many for one screen. Choose some with", command("--select 'campaign/*'"))
    out.line("or take all of them with", command("--format json"))


def _messages(orders: Sequence[Standing], out: Screen) -> None:
    """Show what is said about orders that need somebody."""
    told = [order for order in orders if order.message]
    if not told:
        return
    out.heading(f"Messages ({len(told):,}):")
    fields: list[Field[Standing]] = [
        Field("", lambda one: Span(one.order, _state(one).style), Fit.NAME),
        Field("", lambda one: one.message, Fit.WRAP),
    ]
    out.listing(fields, told[:_FIRST])
    out.and_more(len(told) - _FIRST, " (runner status | cat lists all)")


def _last_line(orders: Sequence[Standing], out: Screen) -> None:
    """Say how file and state agree, and how what was bought fares: `4 orders: 3 placed, 1 missing; 2 completed, 1 waiting`."""
    syncs = Counter(order.sync for order in orders)
    fares = Counter(order.health for order in orders if order.sync not in _NOT_BOUGHT)
    whole = count(len(orders), "order")
    done = fares == {Health.COMPLETED: len(orders)}
    parts = _axis(syncs, _SYNC_STYLES, ";" if fares else "")
    out.line(good(f"{whole}:") if done else f"{whole}:", *parts, *_axis(fares, _HEALTH_STYLES, ""))


def _axis(counts: Counter[Axis], styles: Mapping[Axis, Style], end: str) -> list[Span]:
    """The numbers of one axis, the most frequent first."""
    several = counts.most_common()
    return [
        Span(
            f"{number:,} {words(word)}{',' if place < len(several) else end}",
            styles.get(word, Style.PLAIN),
        )
        for place, (word, number) in enumerate(several, 1)
    ]
