"""Says which refills are due, and why the others are not. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from runner.core.attempts import Attempt, AttemptState, LiveStatus
from runner.core.catalogue import Service
from runner.core.orders import Campaign, Order, RefillPolicy, RefillWhen
from runner.core.refills import Finality, Refill, RefillState
from runner.core.snapshot import Recorded
from runner.core.values.clock import to_the_minute
from runner.core.values.links import page_key
from runner.core.values.money import ZERO
from runner.planning.orders.moved_orders import known_attempts

_PLACED = AttemptState.PLACED
_COMPLETED = LiveStatus.COMPLETED
_REFILL = "refill"  # the ability, as `Recorded.lacking` names it
_ROUNDS_TO_SOMETHING = Decimal("0.05")  # percent


@dataclass(frozen=True, slots=True, kw_only=True)
class RefillInputs:
    """What one pass may know and ask beyond the campaigns' policies."""

    now: datetime
    counts: Mapping[str, int] | None = (
        None  # present count by page (`page_key`), of `--counts`; None: each campaign's own
    )
    only: frozenset[str] | None = None  # addresses; None: whatever is due


class DueRefill(NamedTuple):
    """One refill to be asked for."""

    order: str  # address
    attempt_id: int
    panel: str
    panel_order_id: str
    reason: str


def asked(former: Sequence[Refill]) -> list[Refill]:
    """The requests that count: all but those that provably were not sent."""
    return [one for one in former if one.state is not RefillState.NOT_SENT]


def hindrance(
    attempt: Attempt, former: Sequence[Refill], every: timedelta, service: Service | None, now: datetime
) -> str:
    """Why nobody, not even a person, may ask for a refill of this attempt now; empty if it may be asked for.

    A request whose answer was lost counts like any other: asked for once, and not again inside `every`. The interval
    begins when the panel can have got the request at the latest, as it counts from then.
    """
    if attempt.state is not _PLACED or attempt.panel_order_id is None:
        return "it is not placed"
    if attempt.status is not _COMPLETED:
        return f"its status is {attempt.status.replace('_', ' ')}, not completed"
    if service is None or not service.refill:
        return f"service {attempt.service} offers no refill"
    requests = asked(former)
    if not requests:
        return ""
    if any(one.is_open for one in requests):
        return "a refill of it is open"
    last = requests[-1]
    if now - last.reached_at < every:
        verb = "may have been" if last.state is RefillState.UNKNOWN else "was"
        return f"a refill {verb} asked for {to_the_minute(last.reached_at)}; not again within {_hours(every)}"
    return ""


def objection(attempt: Attempt, former: Sequence[Refill], policy: RefillPolicy, now: datetime) -> str:
    """Why the campaign's policy is against a refill that could be asked for; empty if it is due."""
    if policy.when is RefillWhen.NEVER:
        return "policy.refill.when is never"
    since = attempt.final_at or attempt.checked_at or attempt.settled_at or attempt.marked_at
    if now - since > policy.within:
        return f"policy.refill.for is over since {to_the_minute(since + policy.within)}"
    requests = asked(former)
    for one in requests:
        if one.finality is Finality.FINAL:
            return f"the panel refuses refills of it: {one.message}"
    if len(requests) >= policy.max:
        return f"asked for {len(requests)} times, policy.refill.max is {policy.max}"
    return ""


class Drop(NamedTuple):
    """What a counts file shows about one attempt."""

    shown: bool | None  # None: it can't be compared
    reason: str


def drop_of(attempt: Attempt, counts: Mapping[str, int], threshold: Decimal = ZERO) -> Drop:
    """Whether the present count is below what the panel counted at the start plus what it delivered, and by how much.

    Up to `threshold`, a share of what was delivered, pages lose by themselves: that is no drop.
    """
    count = counts.get(page_key(attempt.link))
    if count is None:
        return Drop(None, "its link is not in the counts file")
    if attempt.start_count is None:
        return Drop(None, "the panel never told its count at the start")
    # `remains` may be negative (over-delivery) or nonsense: never more counts as delivered than was bought.
    remains = attempt.remains if attempt.remains is not None and 0 <= attempt.remains <= attempt.units else 0
    delivered = attempt.units - remains
    missing = attempt.start_count + delivered - count
    if not delivered or missing <= 0:
        return Drop(
            shown=False, reason=f"count {count:,} is not below {attempt.start_count:,} + {delivered:,} delivered"
        )
    is_beyond = missing > threshold * delivered
    share = _percent(missing, delivered)
    reason = f"count {count:,} is {missing:,} ({share}) below {attempt.start_count:,} + {delivered:,} delivered"
    if threshold:
        reason += f", {'more than' if is_beyond else 'within'} the {(threshold * 100).normalize():f} % of policy.refill.threshold"
    return Drop(is_beyond, reason)


class RefillRound:
    """Collects what is due while a plan is made, and what must be said about it."""

    def __init__(self, recorded: Recorded, inputs: RefillInputs) -> None:
        self.due: list[DueRefill] = []
        self._recorded = recorded
        self._inputs = inputs
        # By campaign: completed orders that can't be compared, and whether there are counts to compare them with.
        self._uncounted: dict[str, tuple[int, bool]] = {}

    def look_at_all(self, campaigns: Sequence[Campaign]) -> None:
        """Note what is due of all listed orders, without a plan."""
        for campaign in campaigns:
            for order in campaign.orders:
                self.look_at(order, known_attempts(self._recorded, campaign, order.id), campaign)

    def look_at(self, order: Order, attempts: Sequence[Attempt], campaign: Campaign) -> str:
        """Note what is due of one satisfied order; return the reason for its line in the plan, empty if nothing is."""
        policy, inputs = campaign.policy.refill, self._inputs
        if policy.when is RefillWhen.NEVER or (inputs.only is not None and order.address not in inputs.only):
            return ""
        reasons = []
        for attempt in attempts:
            if attempt.panel != campaign.panel or attempt.panel_order_id is None:
                continue
            if reason := self._reason(attempt, campaign):
                reasons.append(reason)
                self.due.append(DueRefill(order.address, attempt.id, attempt.panel, attempt.panel_order_id, reason))
        return "; ".join(reasons)

    def _reason(self, attempt: Attempt, campaign: Campaign) -> str:
        policy = campaign.policy.refill
        former = self._recorded.refills.get(attempt.id, ())
        now = self._inputs.now
        # Before any text is made: the two most frequent of the cases below, which say why.
        if attempt.status is not _COMPLETED or _REFILL in self._recorded.lacking.get(attempt.panel, ()):
            return ""
        if former and former[-1].state is not RefillState.NOT_SENT and now - former[-1].reached_at < policy.every:
            return ""
        if hindrance(attempt, former, policy.every, service_of(self._recorded, attempt), now):
            return ""
        if objection(attempt, former, policy, now):
            return ""
        due = due_words(former, policy.max)
        if policy.when is not RefillWhen.DROP:
            return due
        counts = campaign.counts if self._inputs.counts is None else self._inputs.counts
        drop = None if counts is None else drop_of(attempt, counts, policy.threshold)
        if drop is None or drop.shown is None:
            orders, _ = self._uncounted.get(campaign.name, (0, True))
            self._uncounted[campaign.name] = (orders + 1, counts is not None)
            return ""
        return f"{drop.reason}: {due}" if drop.shown else ""

    def notes(self) -> list[str]:
        """What keeps `when: drop` from being carried out."""
        without = "policy.refill.when is drop: name a file with `counts:` or --counts, or nothing is asked for"
        with_counts = "not in the counts file, or without a count at the start: no drop can be seen"
        return [
            f"{name}: {orders} completed, {with_counts if has_counts else without}"
            for name, (orders, has_counts) in self._uncounted.items()
        ]


def service_of(recorded: Recorded, attempt: Attempt) -> Service | None:
    """Return the service of an attempt, as last seen in the catalogue; None if it is not sold any more."""
    catalogue = recorded.catalogues.get(attempt.panel)
    return None if catalogue is None else catalogue.services.get(attempt.service)


def due_words(former: Sequence[Refill], most: int | None = None) -> str:
    """`refill 2 of at most 5; the last was asked for 2026-03-01 12:00 UTC (rejected)`."""
    requests = asked(former)
    number = f"refill {len(requests) + 1}" + (f" of at most {most}" if most is not None else "")
    if not requests:
        return number
    return f"{number}; the last was asked for {to_the_minute(requests[-1].asked_at)} ({requests[-1].state})"


def last_word(former: Sequence[Refill]) -> str:
    """What a person should know of an attempt's last request; empty if there was none, or it went well."""
    requests = asked(former)
    if not requests:
        return ""
    last = requests[-1]
    when = to_the_minute(last.asked_at)
    match last.state:
        case RefillState.UNKNOWN:
            return f"the answer to the refill asked for {when} is not known: {last.message}"
        case RefillState.REFUSED:
            return f"the refill asked for {when} was refused: {last.message}"
        case RefillState.REJECTED:
            return f"the refill asked for {when} was rejected: {last.message}"
        case _:
            return ""


def _hours(every: timedelta) -> str:
    hours = every.total_seconds() / 3600
    return f"{hours:g} h"


def _percent(part: int, whole: int) -> str:
    """`2.5 %`, with one decimal; `less than 0.1 %` instead of 0.0 %."""
    share = Decimal(part * 100) / whole
    return f"{share:.1f} %" if share >= _ROUNDS_TO_SOMETHING else "less than 0.1 %"
