"""Says when the status of each order is asked for next, and fills the calls that are due. Pure.

Counted from the last look. The table holds for `watch`; `plan`, `apply` and `status --refresh` ask for all that is
live, and for final ones that are due. What is short and may be bought again is in each call that has room.

==================================  ==================
order                               asked again after
==================================  ==================
live, placed up to 10 min before    1 min
live, up to an hour                 5 min
live, up to a day                   15 min
live, up to a week                  1 h
live, older                         6 h
live, its id not known last time    at least 30 min
final, inside the refill window     24 h
final, later                        never
==================================  ==================

A request to cancel makes an order young again. Panels correct final statuses late (docs/protocol.md, Status).
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from heapq import nsmallest
from operator import itemgetter
from typing import NamedTuple

from runner.core.attempts import BATCH, CLOSED, ENDED_SHORT, FINAL_STATUSES, Attempt, AttemptState, LiveStatus
from runner.core.orders import Campaign, OnShort, PanelProfile, RefillPolicy
from runner.core.snapshot import Recorded

_ONE_BY_ONE = "multi_status"  # the ability, as `Recorded.lacking` names it
FINAL_PERIOD = timedelta(hours=24)
MISSING_PERIOD = timedelta(minutes=30)  # three such answers in a row, an alert, are more than an hour apart then
USUAL_WINDOW = RefillPolicy().within  # of purchases whose campaign is not known

_AGES = [timedelta(minutes=10), timedelta(hours=1), timedelta(hours=24), timedelta(days=7)]
_PERIODS = [
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=6),
]
_PLACED = AttemptState.PLACED

Poll = tuple[str, int]  # panel order id, attempt id


@dataclass(frozen=True, slots=True, kw_only=True)
class PollTerms:
    """What files say about polling."""

    windows: Mapping[str, timedelta] = field(default_factory=dict)  # campaign -> how long a final order is looked at
    reorders: frozenset[str] = frozenset()  # campaigns that buy again what is short
    calls_per_day: Mapping[str, int] = field(default_factory=dict)  # panel -> status calls of a UTC day, where limited


def terms_of(campaigns: Iterable[Campaign], profiles: Iterable[PanelProfile] = ()) -> PollTerms:
    """The terms that campaigns and panels set."""
    several = list(campaigns)
    return PollTerms(
        windows={one.name: one.policy.refill.within for one in several},
        reorders=frozenset(
            one.name for one in several if OnShort.REORDER in (one.policy.on_partial, one.policy.on_canceled)
        ),
        calls_per_day={one.name: one.status_per_day for one in profiles if one.status_per_day is not None},
    )


class _Wanted(NamedTuple):
    """One order that may be asked for. Sorts by urgency: live before final, the longest overdue first."""

    is_final: bool
    due: datetime
    attempt_id: int
    panel_order_id: str


def due_polls(
    recorded: Recorded, now: datetime, *, everything: bool, terms: PollTerms | None = None
) -> Mapping[str, Sequence[Poll]]:
    """By panel, the orders to ask for now, the most urgent first; `everything`: of the live ones all, due or not.

    The last call of a panel is filled, as it goes out anyway: with what is short and may be bought again, and with
    those due soonest, once half of their time has passed.
    """
    terms = terms or PollTerms()
    due: dict[str, list[_Wanted]] = {}
    fillers: dict[str, list[_Wanted]] = {}
    for attempts in recorded.attempts.values():
        for attempt in attempts:
            one = _wanted(attempt, recorded, now)
            if one is None or (one.is_final and now >= _end(attempt, terms)):
                continue
            if one.due <= now or (everything and not one.is_final):
                due.setdefault(attempt.panel, []).append(one)
            elif _may_be_bought_again(attempt, attempts, terms):
                fillers.setdefault(attempt.panel, []).append(one._replace(due=now))
            elif one.due - now <= now - (attempt.checked_at or now):
                fillers.setdefault(attempt.panel, []).append(one)
    polls: dict[str, Sequence[Poll]] = {}
    for panel, several in due.items():
        room = -len(several) % BATCH
        if _ONE_BY_ONE in recorded.lacking.get(panel, ()):  # each would be a call of its own
            room = 0
        wanted = sorted(several) + nsmallest(room, fillers.get(panel, ()), key=itemgetter(1))
        polls[panel] = [(one.panel_order_id, one.attempt_id) for one in wanted]
    return polls


def _may_be_bought_again(attempt: Attempt, attempts: Sequence[Attempt], terms: PollTerms) -> bool:
    """True for a short order as long as what followed it is not completed: before more is bought a correction must be seen."""
    if attempt.campaign not in terms.reorders or attempt.status not in ENDED_SHORT:
        return False
    newest = next((one for one in reversed(attempts) if one.state not in CLOSED), attempt)
    return newest.status is not LiveStatus.COMPLETED


def next_poll(recorded: Recorded, now: datetime, terms: PollTerms | None = None) -> datetime | None:
    """When `due_polls` has something to ask for next; None if never. In the past where something is overdue.

    Of a panel whose calls of the day are used up, not before the next day. An id that a panel leaves out of its answers
    stays overdue: who waits for this moment needs a shortest pause of his own.
    """
    terms = terms or PollTerms()
    soonest: dict[str, datetime] = {}
    for attempt in recorded.each():
        wanted = _wanted(attempt, recorded, now)
        if wanted is None or (wanted.is_final and max(now, wanted.due) >= _end(attempt, terms)):
            continue
        known = soonest.get(attempt.panel)
        if known is None or wanted.due < known:
            soonest[attempt.panel] = wanted.due
    used_up = {panel for panel, most in terms.calls_per_day.items() if calls_made(recorded, panel, now) >= most}
    tomorrow = next_day(now)
    return min((max(at, tomorrow) if panel in used_up else at for panel, at in soonest.items()), default=None)


def calls_made(recorded: Recorded, panel: str, now: datetime) -> int:
    """Status calls of a panel that the state has counted on this UTC day."""
    return recorded.status_calls.get((panel, now.astimezone(UTC).date()), 0)


def next_day(now: datetime) -> datetime:
    """When the next UTC day begins."""
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def _wanted(attempt: Attempt, recorded: Recorded, now: datetime) -> _Wanted | None:
    """When an order should be asked for next; None if there is nothing to ask for.

    What was seen or placed in the future, by a clock that was put back since, is as good as not seen: due at once.
    """
    order_id = attempt.panel_order_id
    if attempt.state is not _PLACED or order_id is None:
        return None
    checked = attempt.checked_at
    placed = attempt.settled_at or attempt.marked_at
    if attempt.status in FINAL_STATUSES:
        return _Wanted(True, (checked or placed) + FINAL_PERIOD, attempt.id, order_id)  # noqa: FBT003  # a tuple's field
    if checked is None or checked > now:
        return _Wanted(False, min(placed, now), attempt.id, order_id)  # noqa: FBT003  # the same
    if requests := recorded.cancels.get(attempt.id):
        placed = max(placed, requests[-1].asked_at)
    # By the age at the last look, not the present one: the moment does not move while it is waited for.
    period = _PERIODS[bisect_left(_AGES, checked - placed)]
    if attempt.missing_in_a_row:
        period = max(period, MISSING_PERIOD)
    return _Wanted(False, checked + period, attempt.id, order_id)  # noqa: FBT003  # the same


def _end(attempt: Attempt, terms: PollTerms) -> datetime:
    """From when on a final order is not asked for any more."""
    since = attempt.final_at or attempt.settled_at or attempt.marked_at
    return since + terms.windows.get(attempt.campaign, USUAL_WINDOW)
