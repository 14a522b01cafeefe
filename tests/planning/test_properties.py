"""What must hold for every plan and every ledger, whatever the files and the state say."""

from collections import Counter
from dataclasses import replace
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from runner.core.attempts import OPEN_STATES, AttemptState, LiveStatus
from runner.core.orders import Budget, Campaign, OnChange, Order, Policy
from runner.core.snapshot import Recorded
from runner.planning.accounting.ledger import make_ledger
from runner.planning.fingerprint import checksum
from runner.planning.plan import BUYING, ActionKind, Plan
from runner.planning.reconcile.planner import make_plan
from runner.planning.status.order_status import Sync, make_standings
from tests.planning.builders import (
    EARLIER,
    LINK,
    NOW,
    D,
    a_balance,
    a_campaign,
    a_catalogue,
    a_service,
    an_attempt,
    placed_by,
    recorded_with,
)

AMOUNTS = st.decimals("0", "12", places=2)
CAPS = st.none() | AMOUNTS
PANELS = ("sandbox", "other")
SERVICES = ("1", "2", "3", "gone")  # 3 has no drip-feed
IDS = ("a", "b", "c", "d", "e")

CATALOGUES = [
    a_catalogue(
        a_service("1"), a_service("2", rate=D("3.10")), a_service("3", rate=D("0.07"), dripfeed=False), panel=panel
    )
    for panel in PANELS
]


@st.composite
def an_order_of(draw: st.DrawFn, campaign: str, order_id: str) -> Order:
    runs = draw(st.sampled_from([None, None, 2]))
    return Order(
        campaign=campaign,
        id=order_id,
        service=draw(st.sampled_from(SERVICES)),
        link=f"{LINK}/{draw(st.integers(1, 3))}",
        quantity=draw(st.sampled_from([10, 100, 1000])),
        runs=runs,
        interval=None if runs is None else 60,
        source=f"{campaign}.yaml",
        line=1,
    )


@st.composite
def campaigns(draw: st.DrawFn) -> list[Campaign]:
    found = []
    for name in ("spring", "summer"):
        ids = draw(st.lists(st.sampled_from(IDS), unique=True))
        unlisted = [order_id for order_id in IDS if order_id not in ids]
        moved = {ids[0]: draw(st.sampled_from(unlisted))} if ids and unlisted and draw(st.booleans()) else {}
        campaign = a_campaign(*(draw(an_order_of(name, order_id)) for order_id in ids), name=name)
        budget = Budget(total=draw(CAPS), per_run=draw(CAPS), keep_balance=draw(CAPS))
        policy = Policy(
            on_change=draw(st.sampled_from(OnChange)), max_price_increase=draw(st.sampled_from([D(0), D(9)]))
        )
        panel = draw(st.sampled_from(PANELS))
        found.append(replace(campaign, panel=panel, budget=budget, policy=policy, moved=moved))
    return found


@st.composite
def states(draw: st.DrawFn) -> Recorded:
    attempts = []
    for name in ("spring", "summer", "autumn"):
        for order_id in draw(st.lists(st.sampled_from(IDS), max_size=4)):
            order = draw(an_order_of(name, order_id))
            attempt = an_attempt(
                order,
                draw(st.sampled_from(AttemptState)),
                panel=draw(st.sampled_from(PANELS)),
                status=draw(st.sampled_from(LiveStatus)),
                first_charge=draw(CAPS),
                charge=draw(CAPS),
                remains=draw(st.none() | st.integers(-5, 2500)),
                rate=draw(st.sampled_from(["0.05", "3.10"])),
            )
            attempts.append(attempt)
    return recorded_with(
        *attempts,
        catalogues=CATALOGUES,
        balances=[a_balance(str(draw(st.decimals("-1", "20", places=2))), panel=panel) for panel in PANELS],
        first_balances=[a_balance("50.00", panel=panel, at=EARLIER) for panel in PANELS],
    )


def cost_of(plan: Plan, campaign: Campaign | None = None, panel: str | None = None) -> Decimal:
    return sum(
        (
            action.cost or D(0)
            for action in plan.actions
            if action.kind in BUYING
            and (campaign is None or action.order.campaign == campaign.name)
            and (panel is None or action.panel == panel)
        ),
        D(0),
    )


@given(campaigns(), states())
@settings(max_examples=40, deadline=None)
def test_no_order_with_an_open_attempt_is_ever_placed(files, recorded):
    plan = make_plan(files, recorded)
    moved = {(one.name, new): (one.name, former) for one in files for new, former in one.moved.items()}
    for action in plan.purchases():
        for key in (action.order.key, moved.get(action.order.key)):
            assert not any(attempt.state in OPEN_STATES for attempt in recorded.attempts.get(key, ()))


@given(campaigns(), states())
@settings(max_examples=40, deadline=None)
def test_a_panel_service_and_link_is_bought_at_most_once_and_never_beside_one_in_flight(files, recorded):
    plan = make_plan(files, recorded)
    bought = Counter((action.panel, action.order.service, action.order.link) for action in plan.purchases())
    in_flight = {
        (attempt.panel, attempt.service, attempt.link)
        for attempts in recorded.attempts.values()
        for attempt in attempts
        if attempt.is_in_flight
    }
    assert not {key for key, times in bought.items() if times > 1}
    assert not bought.keys() & in_flight


@given(campaigns(), states(), CAPS)
@settings(max_examples=60, deadline=None)
def test_purchases_never_exceed_any_cap(files, recorded, max_cost):
    plan = make_plan(files, recorded, max_cost=max_cost)
    spring_and_summer = {line.name: line for line in make_ledger(recorded).campaigns}
    for campaign in files:
        planned = cost_of(plan, campaign)
        budget = campaign.budget
        assert budget.per_run is None or planned <= budget.per_run
        if budget.total is not None and planned:
            line = spring_and_summer.get(campaign.name)
            committed = line.spent + line.reserved + line.in_doubt if line else D(0)
            assert committed + planned <= budget.total
        money = plan.money[campaign.panel]
        assert money.cost == cost_of(plan, panel=campaign.panel)
        if money.cost:
            assert money.after >= max(D(0), budget.keep_balance or D(0))
    assert max_cost is None or cost_of(plan) <= max_cost


@given(campaigns(), states())
@settings(max_examples=40, deadline=None)
def test_every_order_is_satisfied_or_has_exactly_one_action(files, recorded):
    plan = make_plan(files, recorded)
    addresses = [action.order.address for action in plan.actions]
    assert len(addresses) == len(set(addresses))
    assert len(addresses) + plan.ok == sum(len(one.orders) for one in files)
    blocked = any(action.kind is ActionKind.BLOCKED for action in plan.actions)
    assert bool(plan.problems or plan.refusals) or not blocked
    overdrawn = [
        one for one in plan.refusals if "overdrawn" in one.message
    ]  # an overdrawn budget needs no order to say so
    assert blocked or len(overdrawn) == len(plan.refusals) + len(plan.problems)


@given(campaigns(), states())
@settings(max_examples=40, deadline=None)
def test_planning_again_after_an_apply_buys_nothing(files, recorded):
    files = [replace(one, budget=Budget()) for one in files]
    rich = replace(recorded, last_balances={panel: a_balance("9999.00", panel=panel) for panel in PANELS})
    first = make_plan(files, rich)
    again = make_plan(files, placed_by(first, rich))
    assert again.purchases() == []
    assert again.ok == first.ok + len(first.purchases())


@given(campaigns(), states(), st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_without_caps_the_sequence_of_rows_decides_only_who_of_a_link_goes_first(files, recorded, random):
    files = [replace(one, budget=Budget()) for one in files]
    rich = replace(recorded, last_balances={panel: a_balance("9999.00", panel=panel) for panel in PANELS})
    shuffled = [replace(one, orders=random.sample(one.orders, len(one.orders))) for one in files]

    def bought(plan: Plan) -> set[tuple[str, str, str]]:
        return {(action.panel, action.order.service, action.order.link) for action in plan.purchases()}

    def doubts(plan: Plan) -> set[str]:
        return {action.order.address for action in plan.actions if action.kind is ActionKind.IN_DOUBT}

    one, other = make_plan(files, rich), make_plan(shuffled, rich)
    # A dearer order of a link may be held by the price guard only when it comes first.
    if not any(refusal.guard == "price" for refusal in (*one.refusals, *other.refusals)):
        assert bought(one) == bought(other)
    assert (doubts(one), one.ok) == (doubts(other), other.ok)


@given(campaigns(), states())
@settings(max_examples=30, deadline=None)
def test_a_plan_depends_on_nothing_but_its_arguments(files, recorded):
    assert make_plan(files, recorded) == make_plan(files, recorded)
    assert checksum(make_plan(files, recorded)) == checksum(make_plan(files, recorded))


@given(states())
@settings(max_examples=40, deadline=None)
def test_the_totals_of_a_ledger_are_the_sums_of_each_kind_of_line(recorded):
    ledger = make_ledger(recorded)
    for lines in (ledger.campaigns, ledger.services, ledger.days, ledger.panels):
        for name in ("spent", "refunded", "reserved", "in_doubt"):
            assert getattr(ledger, name) == sum((getattr(line, name) for line in lines), D(0))
        counted = {AttemptState.REFUSED, AttemptState.NOT_SENT}
        tried = [attempt for attempts in recorded.attempts.values() for attempt in attempts]
        assert sum(line.orders for line in lines) == sum(attempt.state not in counted for attempt in tried)


@given(states())
@settings(max_examples=40, deadline=None)
def test_no_amount_in_a_ledger_is_negative_and_no_doubt_is_left_out(recorded):
    ledger = make_ledger(recorded)
    for line in ledger.campaigns:
        assert min(line.spent, line.refunded, line.reserved, line.in_doubt) >= 0
    doubtful = (AttemptState.SENDING, AttemptState.IN_DOUBT)
    tried = [attempt for attempts in recorded.attempts.values() for attempt in attempts]
    assert ledger.in_doubt == sum((one.expected_charge for one in tried if one.state in doubtful), D(0))


@given(campaigns(), states())
@settings(max_examples=40, deadline=None)
def test_every_order_that_may_exist_has_a_line_in_status(files, recorded):
    shown = {one.order: one.sync for one in make_standings(files, recorded, NOW).orders}
    former = {f"{one.name}/{old}": f"{one.name}/{new}" for one in files for new, old in one.moved.items()}
    for (campaign, order_id), attempts in recorded.attempts.items():
        address = f"{campaign}/{order_id}"
        seen = {shown.get(address), shown.get(former.get(address, ""))}
        if any(attempt.state in OPEN_STATES for attempt in attempts):
            assert seen - {None, Sync.MISSING, Sync.REFUSED}
        if any(attempt.state is AttemptState.IN_DOUBT for attempt in attempts):
            assert Sync.IN_DOUBT in seen
