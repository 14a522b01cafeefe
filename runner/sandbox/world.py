"""Simulates what becomes of an order, as a pure function of the order, its seed and panel time.

No I/O, no clock, no state. Panel time is a number of minutes since the book was opened first.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from hashlib import blake2b
from struct import Struct
from typing import NamedTuple

from runner.core.values.money import ZERO, expected_charge

HUNDRED_THOUSANDTH = Decimal("0.00001")  # the panel books five decimals
DAY = 1440.0  # minutes
REFILL_PAUSE = DAY  # between two refill requests of one order

_EIGHT = Struct("<8Q")
_FULL = 2.0**64
_SLACK = 1e-9  # a unit that is due now must not be lost to binary fractions

_COMPLETED_SHARE = 0.90
_PARTIAL_SHARE = 0.05  # the rest is canceled
_DROPPING_SHARE = 0.60
_REJECTED_REFILLS = 0.15


class PanelStatus(StrEnum):
    """The status words of this panel."""

    PENDING = "Pending"
    PROCESSING = "Processing"
    IN_PROGRESS = "In progress"
    COMPLETED = "Completed"
    PARTIAL = "Partial"
    CANCELED = "Canceled"


class RefillState(StrEnum):
    """The status words of a refill."""

    PENDING = "Pending"
    IN_PROGRESS = "In progress"
    COMPLETED = "Completed"
    REJECTED = "Rejected"


_NOTHING_KEPT = frozenset({"Canceled", "Cancelled", "Refunded"})
FINAL_WORDS = _NOTHING_KEPT | {PanelStatus.COMPLETED.value, PanelStatus.PARTIAL.value}


class PanelTime(NamedTuple):
    """How real time becomes panel minutes; kept in the book so that time passes while no server runs."""

    minutes: float  # panel time at `real`
    real: datetime
    speed: float  # panel minutes per real second

    def at(self, real: datetime) -> float:
        """Panel minutes at a real moment; a clock that was set back never turns the panel back."""
        return self.minutes + max((real - self.real).total_seconds(), 0.0) * self.speed


class PanelOrder(NamedTuple):
    """One order as the panel holds it: all that its future depends on."""

    id: int
    service: int
    link: str
    quantity: int  # per run
    runs: int
    interval: int  # minutes between runs; 0 without drip-feed
    charge: Decimal  # taken when it was placed
    created: float  # panel minutes
    seed: int
    cancel_requested: float | None = None  # panel minutes
    forced_at: float | None = None  # panel minutes; from then on `forced_status` holds
    forced_status: str | None = None
    forced_remains: int | None = None
    shown: str | None = None  # JSON object laid over the status answer, as it is

    @property
    def total(self) -> int:
        """Units ordered: quantity x runs."""
        return self.quantity * self.runs


class Course(NamedTuple):
    """How an order will go on unless it is changed again; times in panel minutes."""

    taken_up: float  # Pending becomes Processing
    begins: float  # the first unit may be delivered
    run_minutes: float  # how long one run takes
    ends: float
    ending: PanelStatus
    delivered: int  # units, at the end
    start_count: int


class Progress(NamedTuple):
    """An order at a moment."""

    status: str
    delivered: int  # units
    charge: Decimal  # net of what has been given back by then
    start_count: int | None  # None: not counted yet

    @property
    def is_final(self) -> bool:
        """True if this panel will not work on it any more."""
        return self.status in FINAL_WORDS


class Refill(NamedTuple):
    """One refill request."""

    id: int
    order: int
    requested: float  # panel minutes


def draws(*key: object) -> Sequence[float]:
    """Eight numbers in [0, 1) that depend on the key alone, on every machine and Python."""
    digest = blake2b(":".join(map(str, key)).encode()).digest()
    return [number / _FULL for number in _EIGHT.unpack(digest)]


def charge_for(rate: str, quantity: int, runs: int) -> Decimal:
    """What an order costs, to five decimals: rate per 1000 x quantity x runs / 1000."""
    return expected_charge(Decimal(rate), quantity, runs).quantize(HUNDRED_THOUSANDTH, ROUND_HALF_UP)


def _kept(order: PanelOrder, delivered: int) -> Decimal:
    if delivered == order.total:
        return order.charge
    return (order.charge * delivered / order.total).quantize(HUNDRED_THOUSANDTH, ROUND_HALF_UP)


def _units_by(order: PanelOrder, elapsed: float, run_minutes: float) -> int:
    """Units delivered `elapsed` minutes after the beginning: each run is linear, runs start `interval` apart."""
    if elapsed <= 0:
        return 0
    if order.runs == 1:
        return min(int(order.quantity * elapsed / run_minutes + _SLACK), order.quantity)
    started = min(int(elapsed / order.interval) + 1, order.runs)
    finished = min(max(int((elapsed - run_minutes) / order.interval + 1), 0), started)
    open_runs = started - finished
    minutes = open_runs * elapsed - order.interval * (finished + started - 1) * open_runs / 2
    return finished * order.quantity + min(
        int(order.quantity * minutes / run_minutes + _SLACK), open_runs * order.quantity
    )


def course(order: PanelOrder) -> Course:
    """The order's way from Pending to its end, a cancel request included (forcing is `progress`'s business)."""
    pending, processing, base, pace, ending_draw, stop, count, delay = draws("order", order.seed, order.id)
    taken_up = order.created + 0.3 + 3.7 * pending
    begins = taken_up + 0.2 + 3.8 * processing
    run_minutes = 5 + 40 * base + order.quantity / (60 + 240 * pace)
    minutes = (order.runs - 1) * order.interval + run_minutes
    if ending_draw < _COMPLETED_SHARE:
        ends, ending, delivered = begins + minutes, PanelStatus.COMPLETED, order.total
    elif ending_draw < _COMPLETED_SHARE + _PARTIAL_SHARE:
        part = (0.1 + 0.85 * stop) * minutes
        units = _units_by(order, part, run_minutes)
        ends, ending, delivered = begins + part, PanelStatus.PARTIAL, min(max(units, 1), order.total - 1)
    else:
        ends, ending, delivered = begins, PanelStatus.CANCELED, 0
    if order.cancel_requested is not None:
        stopped = order.cancel_requested + 1 + 9 * delay
        if stopped < ends:  # else too late: the order ends by itself
            ends, delivered = stopped, min(_units_by(order, stopped - begins, run_minutes), order.total - 1)
            ending = PanelStatus.PARTIAL if delivered else PanelStatus.CANCELED
    return Course(taken_up, begins, run_minutes, ends, ending, delivered, int(count * count * 50_000))


def _is_forced(order: PanelOrder, now: float) -> bool:
    return order.forced_at is not None and order.forced_status is not None and now >= order.forced_at


def _by_itself(order: PanelOrder, way: Course, now: float) -> Progress:
    if now >= way.ends:
        delivered, charge = way.delivered, _kept(order, way.delivered)
        return Progress(way.ending, delivered, charge, way.start_count)
    if now < way.taken_up:
        return Progress(PanelStatus.PENDING, 0, order.charge, None)
    if now < way.begins:
        return Progress(PanelStatus.PROCESSING, 0, order.charge, way.start_count)
    delivered = min(_units_by(order, now - way.begins, way.run_minutes), way.delivered)
    return Progress(PanelStatus.IN_PROGRESS, delivered, order.charge, way.start_count)


def _forced(order: PanelOrder, way: Course) -> Progress:
    status = order.forced_status or ""
    if order.forced_remains is not None:
        delivered = order.total - order.forced_remains
    elif status == PanelStatus.COMPLETED:
        delivered = order.total
    elif status in _NOTHING_KEPT:
        delivered = 0
    else:
        reached = _by_itself(order, way, order.forced_at or 0.0).delivered
        delivered = min(max(reached, 1), order.total - 1) if status == PanelStatus.PARTIAL else reached
    if status in _NOTHING_KEPT:
        charge = ZERO
    elif status == PanelStatus.PARTIAL:
        charge = _kept(order, min(max(delivered, 0), order.total))
    else:
        charge = order.charge
    return Progress(status, delivered, charge, way.start_count)


def progress(order: PanelOrder, now: float) -> Progress:
    """Where an order stands at panel minute `now`."""
    way = course(order)
    return _forced(order, way) if _is_forced(order, now) else _by_itself(order, way, now)


def _final(order: PanelOrder, now: float) -> tuple[float, Progress]:
    way = course(order)
    if order.forced_at is not None and _is_forced(order, now):
        return order.forced_at, _forced(order, way)
    return way.ends, _by_itself(order, way, way.ends)


def end_of(order: PanelOrder, now: float) -> float:
    """The panel minute at which the order became, or becomes, final as things stand at `now`."""
    return _final(order, now)[0]


def refund_of(order: PanelOrder, now: float) -> tuple[float, Decimal] | None:
    """The panel minute and the amount of the refund that is due as things stand at `now`; None if nothing goes back."""
    due, last = _final(order, now)
    amount = order.charge - last.charge
    return (due, amount) if amount else None


def refill_state(order: PanelOrder, refill: Refill, now: float) -> RefillState:
    """Where a refill request stands at `now`."""
    wait, work, verdict, *_ = draws("refill", order.seed, refill.id)
    taken_up = refill.requested + 5 + 55 * wait
    if now < taken_up:
        return RefillState.PENDING
    if now < taken_up + 30 + 570 * work:
        return RefillState.IN_PROGRESS
    return RefillState.REJECTED if verdict < _REJECTED_REFILLS else RefillState.COMPLETED


def dropped(order: PanelOrder, refills: Sequence[Refill], now: float) -> int:
    """Units lost since completion, or since the last completed refill was asked for; the panel's API never tells."""
    if progress(order, now).status != PanelStatus.COMPLETED:
        return 0
    some, share, slowness, *_ = draws("drop", order.seed, order.id)
    if some >= _DROPPING_SHARE:
        return 0
    completed = end_of(order, now)
    span = DAY * (1 + 19 * slowness)

    def lost_by(moment: float) -> int:
        return int(order.total * (0.02 + 0.23 * share) * min(max((moment - completed) / span, 0.0), 1.0))

    restored = [
        lost_by(refill.requested) for refill in refills if refill_state(order, refill, now) is RefillState.COMPLETED
    ]
    return lost_by(now) - max(restored, default=0)
