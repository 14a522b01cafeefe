"""Says after a pass whether anything still goes on by itself, or a person is needed. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from runner.core.attempts import Attempt, AttemptState
from runner.core.orders import Campaign, Order
from runner.core.snapshot import Recorded
from runner.core.values.links import page_key
from runner.planning.orders.drip import next_instalment
from runner.planning.orders.order_history import order_history
from runner.planning.plan import ActionKind, Plan
from runner.planning.status.delivery_estimate import DeliveryTimes
from runner.planning.status.order_status import is_lost

DAY_CAP = "budget.per_day"  # the one guard that gives way by itself
FILES = "files"  # stands among the guards for problems that only the price list shows


class Until(StrEnum):
    """When a watch ends."""

    PLACED = "placed"  # nothing more will be bought by itself
    FINAL = "final"  # the same, and no listed order is worked on


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What is to be expected without anybody's help, and what is not. Numbers of listed orders."""

    to_do: int = 0  # purchases and cancellations that the very next pass would make
    later: int = 0  # purchases that will become possible: orders that wait, drips that are not at their end
    live: int = 0  # worked on by a panel, and likely to end
    refilling: int = 0  # with an open refill
    in_doubt: int = 0
    refused: int = 0  # by the panel, and not bought
    held: int = 0  # a rule is against them, or they wait for what does not end by itself
    stalled: int = 0  # failed, lost, or without a move for too long
    guards: frozenset[str] = frozenset()  # what refuses the whole plan

    def is_over(self, until: Until) -> bool:
        """True if no further pass would bring what `until` waits for."""
        if self.guards == {DAY_CAP}:
            return False
        if not self.guards and (self.to_do or self.later):
            return False
        return until is Until.PLACED or not (self.live or self.refilling)

    @property
    def needs_person(self) -> bool:
        """True if something listed is not as asked, and no pass will change that."""
        return bool(self.refused or self.held or self.stalled or self.guards)


def outlook_of(
    campaigns: Sequence[Campaign],
    recorded: Recorded,
    plan: Plan,
    now: datetime,
    *,
    selection: Callable[[Order], bool] | None = None,
    given_up: Callable[[Order], bool] = lambda _order: False,
) -> Outlook:
    """What `plan`, made after a pass, and the state let expect. `given_up` are orders that are not tried again."""
    live = refilling = doubtful = refused = stalled = 0
    going: set[tuple[str, str]] = set()  # orders with something to come: their cancellation, or their next run
    dripping: set[tuple[str, str]] = set()
    times = DeliveryTimes(recorded)
    for campaign in campaigns:
        drips = campaign.drips
        for order in campaign.orders:
            history = order_history(recorded, campaign, order.id)
            attempts = history.attempts
            if not attempts or (selection is not None and not selection(order)):
                continue
            moving, stuck = _moves(attempts, now, times, campaign.policy.stalled_after)
            live, stalled = live + moving, stalled + (stuck and not moving)
            if recorded.refills:
                refilling += any(one.is_open for attempt in attempts for one in recorded.refills.get(attempt.id, ()))
            doubtful += bool(history.doubts)
            refused += attempts[-1].state is AttemptState.REFUSED and given_up(order)
            if moving:
                going.add(order.key)
            if order.id in drips and not given_up(order) and next_instalment(order, history) is not None:
                dripping.add(order.key)
    purchases = [action for action in plan.purchases() if not given_up(action.order)]
    flying = _flying(recorded)
    waiting = held = 0
    for action in plan.actions:
        order = action.order
        if action.kind is ActionKind.BLOCKED:
            held += 1
        elif action.kind is ActionKind.WAIT and order.key not in dripping and not given_up(order):
            key = (action.panel, order.service, page_key(order.link))
            ends = key in flying or order.key in going or bool(purchases)
            waiting, held = waiting + ends, held + (not ends)
    return Outlook(
        to_do=len(purchases) + len(plan.cancels) + len(plan.refills),
        later=waiting + len(dripping),
        live=live,
        refilling=refilling,
        in_doubt=doubtful,
        refused=refused,
        held=held,
        stalled=stalled,
        guards=frozenset(refusal.guard for refusal in plan.refusals) | ({FILES} if plan.problems else frozenset()),
    )


def _flying(recorded: Recorded) -> set[tuple[str, str, str]]:
    """(panel, service, page) of all live orders that are not lost: what waits for one of them will be placed some day."""
    return {(one.panel, one.service, page_key(one.link)) for one in recorded.each() if one.is_live and not is_lost(one)}


def _moves(
    attempts: Sequence[Attempt], now: datetime, times: DeliveryTimes, limit: timedelta | None
) -> tuple[bool, bool]:
    """Whether one of the live attempts is likely to end, and whether one is not (lost or stalled)."""
    moving = stuck = False
    for one in attempts:
        if one.is_live:
            is_stuck = is_lost(one) or bool(times.stalled(one, now, limit))
            stuck, moving = stuck or is_stuck, moving or not is_stuck
    return moving, stuck
