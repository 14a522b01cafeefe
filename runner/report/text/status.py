"""Text of `status`: for every order what was asked and what there is."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice

from runner.core.values.clock import to_text
from runner.core.values.money import plain
from runner.planning.status.order_status import Health, Standing, Standings, Sync
from runner.report.terminal.screen import Column, Fit, Screen
from runner.report.terminal.style import Span, Style, Written, command, dim, good
from runner.report.wording import NOTHING, Amounts, ago, ahead, count, number, words

_MOST = 200  # orders listed on a terminal; more are summed up
_FIRST = 20  # orders with a message that are listed below

_SYNC_STYLES = {
    Sync.MISSING: Style.ATTENTION,
    Sync.SENDING: Style.ATTENTION,
    Sync.PLACED: Style.PLAIN,
    Sync.CHANGED: Style.ATTENTION,
    Sync.REMOVED: Style.DIM,
    Sync.IN_DOUBT: Style.BAD,
    Sync.REFUSED: Style.BAD,
}
_HEALTH_STYLES = {
    Health.WAITING: Style.PLAIN,
    Health.PROGRESSING: Style.PLAIN,
    Health.COMPLETED: Style.GOOD,
    Health.PARTIAL: Style.ATTENTION,
    Health.CANCELED: Style.ATTENTION,
    Health.REFILLING: Style.PLAIN,
    Health.DROPPED: Style.ATTENTION,
    Health.STALLED: Style.ATTENTION,
    Health.UNKNOWN: Style.DIM,
}
_NOT_BOUGHT = frozenset({Sync.MISSING, Sync.SENDING, Sync.IN_DOUBT, Sync.REFUSED})  # health says nothing about these


def render_status(standings: Standings, out: Screen, now: datetime | None = None) -> None:
    """The orders and one line that counts them. With `now`, a terminal shows ages instead of moments."""
    if not standings.orders:
        out.line("No orders.")
        return
    if not out.is_terminal:
        out.table(_PIPED_COLUMNS, (_piped_row(order) for order in standings.orders), indent=0)
    elif len(standings.orders) > _MOST:
        _summed_up(standings.orders, out)
    else:
        has_eta = any(order.eta is not None for order in standings.orders)
        columns = (*_COLUMNS, _ETA_COLUMN) if has_eta else _COLUMNS
        amounts = Amounts((order.charge, None) for order in standings.orders)
        out.table(columns, (_row(order, now, amounts, has_eta=has_eta) for order in standings.orders), indent=0)
    if out.is_terminal:
        _messages(standings.orders, out)
    if not out.is_terminal or len(standings.orders) <= _MOST:
        out.blank()
        _last_line(standings.orders, out)


_COLUMNS = (
    Column("order", Fit.MIDDLE),
    Column("state"),
    Column("id", Fit.MIDDLE),
    Column("remains", right=True),
    Column("charge", Fit.WHOLE, right=True),
    Column("checked", right=True),
)
_ETA_COLUMN = Column("done in", right=True)  # of live orders, an estimate; not there if nothing tells of any
_PIPED_COLUMNS = (
    Column("order"),
    Column("sync"),
    Column("health"),
    Column("panel_order_id"),
    Column("remains", right=True),
    Column("charge", right=True),
    Column("checked_at"),
    Column("eta"),
    Column("message"),
)


def _row(order: Standing, now: datetime | None, amounts: Amounts, *, has_eta: bool) -> list[Written]:
    checked = dim(ago(order.checked_at, now)) if order.panel_order_id else ""
    eta = [ahead(order.eta, now) if order.eta is not None else ""] if has_eta else []
    return [
        order.order,
        _state(order),
        order.panel_order_id or dim(NOTHING),
        number(order.remains) if order.remains is not None else dim(NOTHING),
        amounts.bare(order.charge) if order.charge is not None else dim(NOTHING),
        checked,
        *eta,
    ]


def _state(order: Standing) -> Span:
    """One word for what matters: the health of what was bought, or why it is not bought."""
    if order.sync in _NOT_BOUGHT:
        return Span(words(order.sync), _SYNC_STYLES[order.sync])
    if order.sync is Sync.PLACED:
        return Span(words(order.health), _HEALTH_STYLES[order.health])
    return Span(f"{order.health} ({order.sync})", _SYNC_STYLES[order.sync])


def _piped_row(order: Standing) -> list[Written]:
    return [
        order.order,
        order.sync.value,
        NOTHING if order.sync in _NOT_BOUGHT else order.health.value,
        order.panel_order_id or NOTHING,
        NOTHING if order.remains is None else str(order.remains),
        NOTHING if order.charge is None else plain(order.charge),
        NOTHING if order.checked_at is None else to_text(order.checked_at),
        NOTHING if order.eta is None else to_text(order.eta),
        order.message,
    ]


def _counts(orders: Sequence[Standing]) -> Counter[Span]:
    return Counter(_state(order) for order in orders)


def _summed_up(orders: Sequence[Standing], out: Screen) -> None:
    """Numbers by state, and how to see the orders."""
    out.table(
        [Column("state"), Column("orders", right=True)],
        ([state, f"{number:,}"] for state, number in _counts(orders).most_common()),
        indent=0,
    )
    out.blank()
    out.line(f"{len(orders):,} orders are too many for one screen. Choose some with", command("--select 'campaign/*'"))
    out.line("or take all of them with", command("--format json"))


def _messages(orders: Sequence[Standing], out: Screen) -> None:
    """What is said about orders that need somebody."""
    told = [order for order in orders if order.message]
    if not told:
        return
    out.heading(f"Messages ({len(told):,}):")

    def rows() -> Iterator[list[Written]]:
        for order in islice(told, _FIRST):
            yield [Span(order.order, _state(order).style), order.message]

    out.table([Column("", Fit.NAME), Column("", Fit.WRAP)], rows())
    if len(told) > _FIRST:
        out.line(dim(f"… and {len(told) - _FIRST:,} more (runner status | cat lists all)"), indent=2)


def _last_line(orders: Sequence[Standing], out: Screen) -> None:
    """How file and state agree, and how what was bought fares: `4 orders: 3 placed, 1 missing; 2 completed, 1 waiting`."""
    syncs = Counter(Span(words(order.sync), _SYNC_STYLES[order.sync]) for order in orders)
    bought = [order for order in orders if order.sync not in _NOT_BOUGHT]
    fares = Counter(Span(words(order.health), _HEALTH_STYLES[order.health]) for order in bought)
    whole = count(len(orders), "order")
    done = len(bought) == len(orders) and fares.keys() == {Span(Health.COMPLETED.value, Style.GOOD)}
    parts = _axis(syncs, ";" if fares else "")
    out.line(good(f"{whole}:") if done else f"{whole}:", *parts, *_axis(fares, ""))


def _axis(counts: Counter[Span], end: str) -> list[Span]:
    """The numbers of one axis, the most frequent first."""
    several = counts.most_common()
    return [
        Span(f"{number:,} {word.text}{',' if place < len(several) else end}", word.style)
        for place, (word, number) in enumerate(several, 1)
    ]
