"""What must hold for bought orders through any history of edits, statuses, policies and lost answers."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from runner.core.attempts import CLOSED, Attempt, AttemptKind, AttemptState, LiveStatus
from runner.core.orders import Campaign, OnChange, OnShort
from runner.core.refills import CancelRequest, CancelState
from runner.core.snapshot import Recorded
from runner.planning.plan import ActionKind, Plan
from runner.planning.reconcile.planner import make_plan
from runner.planning.refills.due_refills import RefillInputs
from runner.planning.status.order_status import make_standings
from tests.planning.builders import (
    LINK,
    NOW,
    D,
    a_balance,
    a_campaign,
    a_catalogue,
    a_service,
    an_order,
    placed_by,
    recorded_with,
)

RUNS = 3
ORDERS = [
    an_order("a", link=f"{LINK}/x"),
    an_order("b", link=f"{LINK}/x", quantity=500),  # the same service and link as a
    an_order("drip", quantity=100, runs=RUNS, interval=60),
]
SERVICES = [a_service("1", min=50), a_service("2", min=50, cancel=False)]
P = AttemptState.PLACED
OUTCOMES = st.sampled_from([P, P, P, P, P, P, AttemptState.REFUSED, AttemptState.NOT_SENT, AttemptState.IN_DOUBT])
EDITS = st.one_of(
    st.none(),
    st.builds(dict, quantity=st.sampled_from([60, 100, 200, 500, 1000, 1500, 2000, 3000])),
    st.builds(dict, service=st.sampled_from("12")),
)
# What becomes of an order's live attempts; now and then of its final ones, too.
ENDS = st.tuples(
    st.sampled_from([None, "live", "live", "live", "any"]),
    st.sampled_from([LiveStatus.COMPLETED, LiveStatus.PARTIAL, LiveStatus.CANCELED, *LiveStatus]),
    st.sampled_from([None, -1, 0, 30, 60, 300, 300, 1000]),
)


def of_each(one: st.SearchStrategy) -> st.SearchStrategy:
    return st.tuples(one, one, one)


ROUNDS = st.tuples(
    of_each(EDITS),
    of_each(ENDS),
    st.sampled_from([1, 30, 60, 60, 1500]),
    st.sampled_from([AttemptState.PLACED, AttemptState.NOT_SENT, AttemptState.ABANDONED]),
    of_each(OUTCOMES),
)
POLICIES = st.builds(
    dict,
    on_change=st.sampled_from(OnChange),
    on_partial=st.sampled_from(OnShort),
    on_canceled=st.sampled_from(OnShort),
    max_reorders=st.integers(0, 2),
)


class Life:
    """Orders, what the state holds of them, and all that was ever listed and seen."""

    def __init__(self, policy: dict) -> None:
        self.now = NOW
        # A campaign and a run for each order: what refuses one does not stop the others.
        self.campaigns: list[Campaign] = [
            replace(a_campaign(order, name=order.id, **policy), drips=frozenset({"drip"})) for order in ORDERS
        ]
        self.policy = self.campaigns[0].policy
        self.recorded: Recorded = recorded_with(
            catalogues=[a_catalogue(*SERVICES)], balances=[a_balance("99999.00")], cancels={}
        )
        self.ever_partial: set[int] = set()
        self.ever_canceled: set[int] = set()
        self.edits = Counter[str]()
        self.most = {order.id: order.quantity for order in ORDERS}

    def attempts(self) -> list[Attempt]:
        return [one for several in self.recorded.attempts.values() for one in several]

    def change(self, wanted: int, **changes) -> None:
        self.recorded = replace(
            self.recorded,
            attempts={
                key: [one._replace(**changes) if one.id == wanted else one for one in several]
                for key, several in self.recorded.attempts.items()
            },
        )

    def plan(self, *campaigns: Campaign) -> Plan:
        return make_plan(campaigns, self.recorded, refills=RefillInputs(now=self.now))

    def round(self, edits, ends, minutes, decision, outcomes) -> None:
        """Lines are edited, orders end, time passes, doubts are settled, and somebody applies."""
        for place, edit in enumerate(edits):
            if edit is not None:
                self._edit(place, edit)
        for order, (which, status, remains) in zip(ORDERS, ends, strict=True):
            self._end(order.id, which, status, remains)
        self.now += timedelta(minutes=minutes)
        for one in self.attempts():
            if one.state is AttemptState.IN_DOUBT:
                self.change(one.id, state=decision, panel_order_id=str(23500 + one.id) if decision is P else None)
        for campaign, outcome in zip(self.campaigns, outcomes, strict=True):
            self.apply(campaign, outcome)

    def _edit(self, place: int, changes: dict) -> None:
        campaign = self.campaigns[place]
        (order,) = campaign.orders
        listed = order._replace(**changes)
        self.edits[order.id] += listed != order
        self.most[order.id] = max(self.most[order.id], listed.quantity)
        self.campaigns[place] = replace(campaign, orders=[listed])

    def _end(self, order_id: str, which: str | None, status: LiveStatus, remains: int | None) -> None:
        for one in self.recorded.attempts.get((order_id, order_id), ()):
            if which is None or one.state is not AttemptState.PLACED or (which == "live" and not one.is_live):
                continue
            self.change(one.id, status=status, remains=remains, checked_at=self.now)
            if status is LiveStatus.PARTIAL:
                self.ever_partial.add(one.id)
            if status in (LiveStatus.CANCELED, LiveStatus.REFUNDED):
                self.ever_canceled.add(one.id)

    def apply(self, campaign: Campaign, outcome: AttemptState) -> Plan:
        plan = self.plan(campaign)
        self.check_plan(plan)
        if plan.exit_code:
            return plan
        known = {one.id for one in self.attempts()}
        self.recorded = placed_by(plan, self.recorded, self.now)
        for one in self.attempts():
            if one.id not in known and outcome is not P:
                self.change(one.id, state=outcome, panel_order_id=None)
        for due in plan.cancels:
            request = CancelRequest(due.attempt_id, self.now, CancelState.RECORDED, "")
            former = self.recorded.cancels.get(due.attempt_id, ())
            cancels = {**self.recorded.cancels, due.attempt_id: [*former, request]}
            self.recorded = replace(self.recorded, cancels=cancels)
        if outcome is P:
            again = self.plan(campaign)
            assert again.purchases() == [], "what is bought is in flight or as listed: nothing follows at once"
            assert not again.cancels, "what is asked for is not asked for at once again"
        return plan

    def check_plan(self, plan: Plan) -> None:
        """What may be bought and cancelled, as things stand."""
        in_flight = {(one.service, one.link) for one in self.attempts() if one.is_in_flight}
        bought = Counter((one.order.service, one.order.link) for one in plan.purchases())
        assert not bought.keys() & in_flight
        assert max(bought.values(), default=0) <= 1
        doubtful = {one.order_id for one in self.attempts() if one.state is AttemptState.IN_DOUBT}
        assert not doubtful & {one.order.id for one in plan.purchases()}
        live = {one.id for one in self.attempts() if one.is_live}
        assert {one.attempt_id for one in plan.cancels} <= live
        assert not plan.cancels or self.policy.on_change is OnChange.REPLACE
        blocked = any(one.kind is ActionKind.BLOCKED for one in plan.actions)
        assert blocked == bool(plan.problems or plan.refusals)
        for action in plan.purchases():
            part = plan.parts.get(action.order.key)
            assert part is None or action.cost == D("0.90") * part.quantity * (part.runs or 1) / 1000

    def check(self) -> None:
        """What may have been bought, over the whole history."""
        policy = self.policy
        for order in (one.orders[0] for one in self.campaigns):
            attempts = [one for one in self.recorded.attempts.get(order.key, ()) if one.state not in CLOSED]
            slots = Counter((one.kind, one.slot) for one in attempts)
            assert all(number == 1 for number in slots.values()), "no slot is bought twice"
            kinds = Counter(one.kind for one in attempts)
            of_partials = sum(one.id in self.ever_partial for one in attempts)
            of_cancels = sum(one.id in self.ever_canceled for one in attempts)
            most = of_partials * (policy.on_partial is OnShort.REORDER)
            most += min(of_cancels, policy.max_reorders) * (policy.on_canceled is OnShort.REORDER)
            assert kinds[AttemptKind.REORDER] <= most, "no attempt is bought again more often than the policies say"
            assert kinds[AttemptKind.REPLACEMENT] <= self.edits[order.id] * (policy.on_change is OnChange.REPLACE)
            assert kinds[AttemptKind.INSTALMENT] <= (RUNS if order.id == "drip" else 0)
            assert kinds[AttemptKind.INITIAL] <= (0 if order.id == "drip" else 1)
            if policy.on_change is not OnChange.TOP_UP:
                assert not kinds[AttemptKind.TOP_UP]
            self.check_units(order.id, attempts)
        make_standings(self.campaigns, self.recorded, self.now)

    def check_units(self, order_id: str, attempts: list[Attempt]) -> None:
        wholes = [one for one in attempts if one.kind in (AttemptKind.INITIAL, AttemptKind.REPLACEMENT)]
        assert all(one.units <= self.most[order_id] for one in wholes)
        if self.policy.on_change is not OnChange.REPLACE:
            listed = [one for one in attempts if one.kind is not AttemptKind.REORDER]
            runs = RUNS if order_id == "drip" else 1
            assert sum(one.units for one in listed) <= self.most[order_id] * runs, "never more than was ever listed"
        for one in attempts:
            if one.kind is AttemptKind.REORDER:
                assert any(former.id < one.id and former.units >= one.units for former in attempts)


@given(POLICIES, st.lists(ROUNDS, min_size=3, max_size=12))
@settings(max_examples=200, deadline=None)
def test_nothing_is_bought_twice_nor_beyond_what_the_policies_allow(policy, rounds):
    life = Life(policy)
    for one in rounds:
        life.round(*one)
        life.check()


@given(POLICIES, st.lists(ROUNDS, min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_planning_and_buying_reach_an_end(policy, rounds):
    life = Life(policy)
    for one in rounds:
        life.round(*one)
    for _ in range(30):
        for one in life.attempts():
            if one.state is AttemptState.IN_DOUBT:
                life.change(one.id, state=P, panel_order_id=str(23500 + one.id))
            if one.is_live:  # what was asked to be cancelled is, the rest is delivered
                asked = life.recorded.cancels.get(one.id)
                life.change(one.id, status=LiveStatus.CANCELED if asked else LiveStatus.COMPLETED)
        life.now += timedelta(minutes=60)
        plans = [life.apply(campaign, P) for campaign in life.campaigns]
        if not any(plan.purchases() or plan.cancels for plan in plans if not plan.exit_code):
            break
    else:
        raise AssertionError("it never ends")
