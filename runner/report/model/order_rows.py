"""Orders as rows of a report: what the file lists, what the state remembers, what this run did. Pure.

A hundred thousand of them are made in well under a second: the usual order, with one attempt, takes the short way.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from runner.core.attempts import FINAL_STATUSES, Attempt, AttemptState, LiveStatus
from runner.core.snapshot import Recorded
from runner.core.values.money import ZERO
from runner.planning.accounting.ledger import Booked, book
from runner.planning.orders.order_history import OrderHistory, history_of
from runner.planning.status.delivery_estimate import DeliveryTimes
from runner.planning.status.order_status import (
    GONE,
    HEALTH,
    LOST_AFTER,
    Health,
    Look,
    Standing,
    Standings,
    Subject,
    Sync,
    is_lost,
    standing_of,
)
from runner.report.model.model import OrderRow, State

_NOTHING = Booked()
_NOT_BOUGHT = {
    Sync.MISSING: State.MISSING,
    Sync.SENDING: State.SENDING,
    Sync.IN_DOUBT: State.IN_DOUBT,
    Sync.REFUSED: State.REFUSED,
}
_FARES = {health: State(health.value) for health in Health}
_PLACED = AttemptState.PLACED
_COMPLETED = LiveStatus.COMPLETED
_FINAL = FINAL_STATUSES  # time makes nothing else of these
_STATES = {status.value: _FARES[HEALTH[status]] for status in LiveStatus}
_new = tuple.__new__  # without the checks of arguments by name

Currencies = Mapping[str, str | None]  # by panel


def recorded_rows(recorded: Recorded, currencies: Currencies, now: datetime) -> list[OrderRow]:
    """Every order that the state knows, refused ones too, in the order they were first tried."""
    rows: list[OrderRow] = []
    asked_for = recorded.refills.keys() | recorded.cancels.keys()
    times = DeliveryTimes(recorded)
    look = Look(recorded, now, times)
    for (campaign, order_id), attempts in recorded.attempts.items():
        only = attempts[0]
        if len(attempts) == 1 and only.state is _PLACED and only.id not in asked_for:
            rows.append(_usual(only, currencies, now, times))
            continue
        history = history_of(attempts)
        standing = standing_of(f"{campaign}/{order_id}", history, look)
        rows += (row._replace(sync=None) for row in _rows(standing, Subject(history), currencies))  # no file was read
    return rows


def listed_rows(standings: Standings, currencies: Currencies) -> list[OrderRow]:
    """The orders of `standings`, in their order, with what they cost."""
    return [
        row
        for standing, subject in zip(standings.orders, standings.subjects, strict=True)
        for row in _rows(standing, subject, currencies)
    ]


def _usual(bought: Attempt, currencies: Currencies, now: datetime, times: DeliveryTimes) -> OrderRow:
    """The row of an order that was bought once, of which nothing more was asked: what `_row` would say, in a third of the time."""
    spent, refunded, reserved, in_doubt = book(bought) or _NOTHING
    units, remains, status = bought.units, bought.remains, bought.status
    delivered: int | None
    if remains is not None:
        delivered = units if remains <= 0 else units - remains if remains < units else 0
    else:
        delivered = units if status is _COMPLETED else None
    marked_at, settled_at, checked_at = bought.marked_at, bought.settled_at, bought.checked_at
    state, message = _STATES[status._value_], ""
    if status not in _FINAL:
        if bought.missing_in_a_row >= LOST_AFTER:
            state, message = State.LOST, GONE
        elif message := times.stalled(bought, now):
            state = State.STALLED
    return _new(
        OrderRow,
        (
            bought.campaign,
            bought.order_id,
            bought.panel,
            bought.service,
            bought.link,
            units,
            state,
            None,
            "",
            bought.panel_order_id,
            None if checked_at is None else status._value_,
            bought.start_count,
            delivered,
            remains,
            bought.expected_charge,
            spent,
            refunded,
            reserved,
            in_doubt,
            currencies.get(bought.panel),
            marked_at,
            checked_at,
            None if settled_at is None else (settled_at - marked_at).total_seconds(),
            message,
            "",
            0,
        ),
    )


def _rows(standing: Standing, subject: Subject, currencies: Currencies) -> Iterator[OrderRow]:
    """One row; a further one for each further panel that the order was bought on."""
    history = subject.history
    counted = [*history.replaced, *history.standing]
    shown = _shown(history)
    if shown is None or len(counted) <= 1:
        yield _row(standing, subject, shown, counted, currencies)
        return
    for panel in (shown.panel, *sorted({attempt.panel for attempt in counted} - {shown.panel})):
        theirs = [attempt for attempt in counted if attempt.panel == panel]
        yield _row(standing, subject, shown if panel == shown.panel else theirs[-1], theirs, currencies)


def _shown(history: OrderHistory) -> Attempt | None:
    """The attempt that an order is shown by: a doubt, else the newest purchase, else the last try."""
    several = history.doubts or history.standing or history.attempts
    return several[-1] if several else None


def _row(
    standing: Standing, subject: Subject, shown: Attempt | None, own: Sequence[Attempt], currencies: Currencies
) -> OrderRow:
    """`shown` speaks for the order, `own` are its purchases on the panel of `shown`."""
    order, panel = subject.order, subject.panel if shown is None else shown.panel
    campaign, _, order_id = standing.order.partition("/")
    what = own[-1] if own else order or shown
    money = _money(own)
    took = None if shown is None or shown.settled_at is None else (shown.settled_at - shown.marked_at).total_seconds()
    return OrderRow(
        campaign,
        order_id,
        panel,
        "" if what is None else what.service,
        "" if what is None else what.link,
        sum(attempt.units for attempt in own) if own else 0 if what is None else what.units,
        _state(standing, shown),
        standing.sync,
        "",
        standing.panel_order_id,
        standing.status,
        standing.start_count,
        _delivered(own),
        standing.remains,
        _expected(own),
        money.spent,
        money.refunded,
        money.reserved,
        money.in_doubt,
        currencies.get(panel),
        own[0].marked_at if own else None,
        standing.checked_at,
        took,
        standing.message,
        "" if order is None else order.source,
        0 if order is None else order.line,
    )


def _state(standing: Standing, shown: Attempt | None) -> State:
    if (not_bought := _NOT_BOUGHT.get(standing.sync)) is not None:
        return not_bought
    if shown is not None:
        if shown.state is AttemptState.ABANDONED:
            return State.ABANDONED
        if is_lost(shown):
            return State.LOST
    return _FARES[standing.health]


def _money(attempts: Sequence[Attempt]) -> Booked:
    if len(attempts) == 1:
        return book(attempts[0]) or _NOTHING
    booked = [one for attempt in attempts if (one := book(attempt)) is not None]
    return Booked(*(sum(amounts, ZERO) for amounts in zip(*booked, strict=True)))


def _expected(attempts: Sequence[Attempt]) -> Decimal | None:
    if len(attempts) == 1:
        return attempts[0].expected_charge
    return sum((attempt.expected_charge for attempt in attempts), ZERO) if attempts else None


def _delivered(attempts: Iterable[Attempt]) -> int | None:
    """Units that the panel has said are delivered; None where it has said nothing of any purchase."""
    total = None
    for attempt in attempts:
        if attempt.state is not _PLACED:
            continue
        if attempt.remains is not None:
            units = attempt.units
            total = (total or 0) + units - min(max(attempt.remains, 0), units)
        elif attempt.status is _COMPLETED:
            total = (total or 0) + attempt.units
    return total
