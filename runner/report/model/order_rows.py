"""Orders as rows of a report: what the file lists, what the state remembers, what this run did. Pure.

A hundred thousand of them are made in well under a second: the usual order, with one attempt, takes the short way.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from runner.core.attempts import FINAL_STATUSES, Attempt, AttemptState, LiveStatus
from runner.core.orders import Campaign, Order
from runner.core.snapshot import Recorded
from runner.core.values.money import ZERO
from runner.planning.accounting.attempt_index import CLOSED, DOUBTFUL, known_as
from runner.planning.accounting.ledger import Booked, book
from runner.planning.status.delivery_estimate import DeliveryTimes
from runner.planning.status.order_status import (
    GONE,
    HEALTH,
    LOST_AFTER,
    Health,
    Standing,
    Standings,
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
    for (campaign, order_id), attempts in recorded.attempts.items():
        only = attempts[0]
        if len(attempts) == 1 and only.state is _PLACED and only.id not in asked_for:
            rows.append(_usual(only, currencies, now, times))
            continue
        standing = standing_of(f"{campaign}/{order_id}", attempts, recorded, now, times)
        rows += _rows(_Subject(standing, attempts), currencies)
    return rows


def listed_rows(
    standings: Standings, campaigns: Sequence[Campaign], recorded: Recorded, currencies: Currencies
) -> list[OrderRow]:
    """The orders of `standings`, in their order, with what they cost."""
    listed = {
        order.address: (order, campaign.panel, known_as(recorded, campaign, order.id)[1])
        for campaign in campaigns
        for order in campaign.orders
    }
    rows: list[OrderRow] = []
    for standing in standings.orders:
        if standing.sync is not Sync.REMOVED and standing.order in listed:
            order, panel, attempts = listed[standing.order]
            rows += _rows(_Subject(standing, attempts, order, standing.sync, panel), currencies)
        else:
            name, _, order_id = standing.order.partition("/")
            attempts = recorded.attempts.get((name, order_id), ())
            rows += _rows(_Subject(standing, attempts, sync=standing.sync), currencies)
    return rows


class _Subject(NamedTuple):
    """What one order's rows are made of."""

    standing: Standing
    attempts: Sequence[Attempt]
    order: Order | None = None  # as listed
    sync: Sync | None = None  # None: no file was read
    panel: str = ""  # that it is listed for


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


def _rows(subject: _Subject, currencies: Currencies) -> Iterator[OrderRow]:
    """One row; a further one for each further panel that the order was bought on."""
    counted = [attempt for attempt in subject.attempts if attempt.state not in CLOSED]
    shown = _shown(subject.attempts)
    panel = subject.panel if shown is None else shown.panel
    if len(counted) <= 1:
        yield _row(subject, shown, counted, panel, currencies)
        return
    yield _row(subject, shown, [attempt for attempt in counted if attempt.panel == panel], panel, currencies)
    for other in sorted({attempt.panel for attempt in counted} - {panel}):
        theirs = [attempt for attempt in counted if attempt.panel == other]
        yield _row(subject, theirs[-1], theirs, other, currencies)


def _shown(attempts: Sequence[Attempt]) -> Attempt | None:
    """The attempt that an order is shown by: a doubt, else the newest purchase, else the last try."""
    newest = None
    for attempt in reversed(attempts):
        if attempt.state in DOUBTFUL:
            return attempt
        if newest is None and attempt.state not in CLOSED:
            newest = attempt
    return newest or (attempts[-1] if attempts else None)


def _row(
    subject: _Subject, shown: Attempt | None, own: Sequence[Attempt], panel: str, currencies: Currencies
) -> OrderRow:
    """`shown` speaks for the order, `own` are its purchases on `panel`."""
    standing, order = subject.standing, subject.order
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
        subject.sync,
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
