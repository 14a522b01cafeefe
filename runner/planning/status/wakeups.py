"""Finds the earliest moment at which something can have changed, for a watch to wake up. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from runner.core.attempts import LiveStatus
from runner.core.orders import Campaign, PanelProfile, RefillWhen
from runner.core.snapshot import Recorded
from runner.planning.orders.drip import next_instalment
from runner.planning.orders.moved_orders import known_attempts
from runner.planning.orders.order_history import order_history
from runner.planning.refills.due_refills import asked, hindrance, objection, service_of
from runner.planning.status.completion import DAY_CAP
from runner.planning.status.poll_schedule import PollTerms, next_poll, terms_of
from runner.planning.status.poll_schedule import next_day as day_after

_ANYTHING = "a look around"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The shortest and the longest pause between two passes of a watch."""

    floor: timedelta = timedelta(seconds=15)  # between two passes
    ceiling: timedelta = timedelta(hours=1)  # files are edited, balances topped up, doubts settled meanwhile


class Moment(NamedTuple):
    """When to look again, and what for."""

    at: datetime
    why: str  # for people, behind `next pass in 30 s, for `


def next_moment(
    recorded: Recorded,
    campaigns: Sequence[Campaign],
    now: datetime,
    *,
    pace: Pace | None = None,
    polls: PollTerms | None = None,
    more: Iterable[Moment] = (),
) -> Moment:
    """The earliest of all that can be foreseen, never before the floor nor after the ceiling of `pace`.

    `more` are moments that the caller knows of; `polls` are the terms of `planning.status.poll_schedule`, those of
    `campaigns` unless given. Orders that wait for others are placed when a poll finds those final.
    """
    pace = pace or Pace()
    earliest, latest = now + pace.floor, now + pace.ceiling
    moments = [*more, *_foreseen(recorded, campaigns, now, polls or terms_of(campaigns))]
    soonest = min(moments, key=lambda one: one.at, default=Moment(latest, _ANYTHING))
    if soonest.at > latest:
        return Moment(latest, _ANYTHING)
    return soonest._replace(at=max(soonest.at, earliest))


def next_day(now: datetime, guards: Iterable[str]) -> Iterator[Moment]:
    """Yield the start of the next UTC day, if the cap of a day is among the guards that hold something back."""
    if DAY_CAP in guards:
        yield Moment(day_after(now), f"a new day's {DAY_CAP}")


def settling(recorded: Recorded, profiles: Mapping[str, PanelProfile], now: datetime) -> Iterator[Moment]:
    """Yield a moment for each doubt that may still appear on its panel by itself: the one from which it no longer can."""
    for one in recorded.each():
        if one.is_open_doubt:
            profile = profiles.get(one.panel)
            over = (one.settled_at or one.marked_at) + (timedelta() if profile is None else profile.settle)
            if over > now:
                yield Moment(over, f"{one.address}, which can no longer appear by itself")


def _foreseen(recorded: Recorded, campaigns: Sequence[Campaign], now: datetime, polls: PollTerms) -> Iterator[Moment]:
    if (poll := next_poll(recorded, now, polls)) is not None:
        yield Moment(poll, "statuses")
    for campaign in campaigns:
        if (refill := _next_refill(recorded, campaign, now)) is not None:
            yield Moment(refill, "a refill that becomes due")
        if (instalment := _next_instalment(recorded, campaign, now)) is not None:
            yield Moment(instalment, "an instalment that becomes due")


def _next_instalment(recorded: Recorded, campaign: Campaign, now: datetime) -> datetime | None:
    """When the next run of a drip that the runner does itself is due. One that is overdue waits for a poll to let it go."""
    if not campaign.drips:
        return None
    moments = (
        next_instalment(order, order_history(recorded, campaign, order.id))
        for order in campaign.orders
        if order.id in campaign.drips
    )
    return min((one for one in moments if one is not None and one > now), default=None)


def _next_refill(recorded: Recorded, campaign: Campaign, now: datetime) -> datetime | None:
    """When the policy next allows a refill that it does not allow now; None if nothing is to come."""
    policy = campaign.policy.refill
    if policy.when is RefillWhen.NEVER:
        return None
    moments = []
    for order in campaign.orders:
        for attempt in known_attempts(recorded, campaign, order.id):
            if attempt.status is not LiveStatus.COMPLETED or attempt.panel_order_id is None:
                continue
            former = recorded.refills.get(attempt.id, ())
            requests = asked(former)
            if not requests or requests[-1].is_open:
                continue
            due = requests[-1].reached_at + policy.every
            service = service_of(recorded, attempt)
            if hindrance(attempt, former, policy.every, service, due) or objection(attempt, former, policy, due):
                continue
            if due > now:
                moments.append(due)
    return min(moments, default=None)
