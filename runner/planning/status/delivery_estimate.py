"""Estimates when a live order is done, and whether it stalls, by how long others took. Pure.

A service's own history is the time from placed to first seen completed of its last 50 orders, without the time that a
drip-feed plans for. For a larger order it counts in proportion, for a smaller one as it is.
"""

from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil

from runner.core.attempts import Attempt, AttemptState, LiveStatus
from runner.core.snapshot import Recorded

ENOUGH = 5  # completed orders of a service before they tell anything
_LAST = 50  # of a service are looked at
_USUAL, _NEARLY_ALL = 0.5, 0.9
_FACTOR = 3  # times what nearly all took: stalled
_LEAST = 3600.0  # seconds: nothing stalls sooner by history
PATIENCE = timedelta(hours=72)  # one family of panels shows every state it can't name as pending: too long is a stall
_PROGRESS = 0.05  # delivered before its pace tells anything
_FARTHEST = timedelta(days=365)  # later is as good as unknown

_PLACED = AttemptState.PLACED
_COMPLETED = LiveStatus.COMPLETED


class DeliveryTimes:
    """The completed orders of a state by panel and service; collected when first asked for."""

    __slots__ = ("_recorded", "_samples", "_shares")

    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded
        self._samples: dict[tuple[str, str], deque[tuple[int, float]]] | None = None
        self._shares: dict[tuple[str, str, int, float], float | None] = {}

    def stalled(self, attempt: Attempt, now: datetime, limit: timedelta | None = None) -> str:
        """Why a live order stalls; empty if it doesn't. `limit` is `policy.stalled_after` and wins over history."""
        if not attempt.is_live or (attempt.status is LiveStatus.UNKNOWN and attempt.checked_at is None):
            return ""
        if attempt.status is LiveStatus.FAILED:
            return (
                f"the panel calls it {attempt.status_text or 'failed'}, which may still change: it is asked for again"
            )
        age, planned = now - _placed(attempt), _planned(attempt)
        if limit is not None:
            over = age > planned + limit
            return f"live for {_span(age)}, policy.stalled_after is {_span(limit)}{_drip(planned)}" if over else ""
        nearly_all = self._share(attempt, _NEARLY_ALL)
        if nearly_all is None:
            over = attempt.status is LiveStatus.PENDING and age > planned + PATIENCE
            return f"pending for {_span(age)}: some panels say so of whatever they can't name" if over else ""
        if age.total_seconds() <= planned.total_seconds() + max(_FACTOR * nearly_all, _LEAST):
            return ""
        usual = _span(timedelta(seconds=nearly_all))
        return (
            f"live for {_span(age)}; nine of ten orders of service {attempt.service} took up to {usual}{_drip(planned)}"
        )

    def eta(self, attempt: Attempt, now: datetime) -> datetime | None:
        """When a live order should be done: by its progress, else its service's history, else its drip-feed's plan.

        None if nothing tells, or the moment is past.
        """
        if not attempt.is_live:
            return None
        placed, planned = _placed(attempt), _planned(attempt)
        moments = []
        if (left := _by_progress(attempt, placed)) is not None:
            moments.append(max(left, placed + planned))
        else:
            shares = (self._share(attempt, share) for share in (_USUAL, _NEARLY_ALL))
            moments += (
                placed + planned + timedelta(seconds=one)
                for one in shares
                if one is not None and one < _FARTHEST.total_seconds()
            )
            if not moments and planned:
                moments.append(placed + timedelta(minutes=(attempt.runs or 1) * (attempt.interval or 0)))
        return next((one for one in moments if now < one <= now + _FARTHEST), None)

    def _share(self, attempt: Attempt, share: float) -> float | None:
        """Seconds within which this share of the service's orders was completed, for an order of this size."""
        key = (attempt.panel, attempt.service, attempt.quantity, share)
        if key in self._shares:
            return self._shares[key]
        if self._samples is None:
            self._samples = _collected(self._recorded)
        samples = self._samples.get((attempt.panel, attempt.service), ())
        times = sorted(seconds * max(1.0, attempt.quantity / quantity) for quantity, seconds in samples)
        found = self._shares[key] = times[ceil(len(times) * share) - 1] if len(times) >= ENOUGH else None
        return found


def _collected(recorded: Recorded) -> dict[tuple[str, str], deque[tuple[int, float]]]:
    samples: dict[tuple[str, str], deque[tuple[int, float]]] = {}
    for one in recorded.each():
        # Without an answer to its `add` it was imported, or adopted after a crash: nobody knows when it was placed.
        if one.state is not _PLACED or one.status is not _COMPLETED or one.phase is None:
            continue
        if one.final_at is None:
            continue
        took = (one.final_at - _placed(one) - _planned(one)).total_seconds()
        key = (one.panel, one.service)
        if (known := samples.get(key)) is None:
            known = samples[key] = deque(maxlen=_LAST)
        known.append((max(one.quantity, 1), max(took, 0.0)))
    return samples


def _by_progress(attempt: Attempt, placed: datetime) -> datetime | None:
    """When the rest will be delivered at the pace so far; None if that can't be told or is more than a year ahead."""
    remains, units, checked = attempt.remains, attempt.units, attempt.checked_at
    if remains is None or checked is None or not 0 < remains < units or checked <= placed:
        return None
    delivered = units - remains
    if delivered < units * _PROGRESS:
        return None
    seconds = (checked - placed).total_seconds() * remains / delivered
    return checked + timedelta(seconds=seconds) if seconds < _FARTHEST.total_seconds() else None


def _placed(attempt: Attempt) -> datetime:
    return attempt.marked_at  # that of an order adopted later is when it was sent, too


def _planned(attempt: Attempt) -> timedelta:
    """The time from the first run of a drip-feed to its last; zero for an order without runs."""
    if attempt.runs is None:
        return timedelta()
    return timedelta(minutes=(attempt.runs - 1) * (attempt.interval or 0))


def _drip(planned: timedelta) -> str:
    return f" behind the {_span(planned)} of its drip-feed" if planned else ""


def _span(length: timedelta) -> str:
    """`3 d 4 h`, `5 h`, `12 min`, `40 s`: two units where that matters."""
    seconds = int(length.total_seconds())
    parts: Sequence[tuple[int, str]] = ((seconds // 86400, "d"), (seconds % 86400 // 3600, "h"))
    told = [f"{number} {unit}" for number, unit in parts if number]
    if told:
        return " ".join(told)
    return f"{seconds // 60} min" if seconds >= 60 else f"{seconds} s"  # noqa: PLR2004  # a minute
