from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from runner.planning.plan import Action, ActionKind, Actions
from runner.planning.reconcile.planner import make_plan
from tests.planning.builders import D, a_campaign, an_order, recorded_with

COSTS = (None, D("0.90"), D("1.80"))
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["share", "add", "append", "replace", "sort"]),
        st.sampled_from(["1", "2"]),  # service
        st.sampled_from([ActionKind.PLACE, ActionKind.WAIT, ActionKind.IN_DOUBT]),
        st.sampled_from(COSTS),
        st.integers(0, 30),
    ),
    max_size=30,
)


def rank(action: Action) -> int:
    return int(action.order.id) % 3


def alike(action: Action) -> tuple[object, ...]:
    return (action.order.service, action.order.quantity, action.kind, action.reason, action.cost, action.panel)


@given(STEPS)
def test_two_columns_are_the_list_of_actions_that_they_stand_for(steps):
    actions, model, shared = Actions(), [], {}
    for number, (step, service, kind, cost, position) in enumerate(steps):
        action = Action(an_order(str(number), service=service), kind, "why", cost, "sandbox")
        if step == "share":
            shared[service] = (actions.share(action), action)
        elif step == "add" and service in shared:
            decision, first = shared[service]
            actions.add(action.order, decision)
            model.append(first._replace(order=action.order))
        elif step == "append":
            actions.append(action)
            model.append(action)
        elif step == "replace" and model:
            actions[position % len(model)] = action
            model[position % len(model)] = action
        elif step == "sort":
            actions.sort(key=rank)
            model.sort(key=rank)
        assert list(actions.counts().values()) == [sum(one.kind is kind for one in model) for kind in ActionKind]
    assert list(actions) == model
    assert [actions[position] for position in range(len(actions))] == model
    assert (actions[1:], actions[::-1], actions == model) == (model[1:], model[::-1], True)
    assert list(actions.of_kind(ActionKind.WAIT)) == [one for one in model if one.kind is ActionKind.WAIT]
    grouped = Counter[object]()
    for action, count in actions.groups():
        grouped[alike(action)] += count
    assert grouped == Counter(map(alike, model))


def test_groups_come_in_the_order_of_their_first_action():
    campaign = a_campaign(
        an_order("a", quantity=200),
        an_order("b", quantity=100),
        an_order("c", quantity=200),
        an_order("d", service="0"),
    )
    plan = make_plan([campaign], recorded_with())
    assert [(one.order.quantity, one.kind, number) for one, number in plan.groups()] == [
        (200, ActionKind.PLACE, 2),
        (100, ActionKind.PLACE, 1),
        (1000, ActionKind.BLOCKED, 1),
    ]


def test_the_same_terms_in_two_campaigns_are_two_groups():
    campaigns = [
        a_campaign(an_order("a"), an_order("b"), name="spring"),
        a_campaign(an_order("c"), name="summer"),
    ]
    plan = make_plan(campaigns, recorded_with())
    assert [(one.order.campaign, number) for one, number in plan.groups()] == [("spring", 2), ("summer", 1)]


def test_a_plan_of_a_plain_list_counts_the_same():
    plan = make_plan([a_campaign(an_order("a"), an_order("b"), an_order("c", service="0"))], recorded_with())
    listed = replace(plan, actions=list(plan.actions))
    assert listed.summary == plan.summary == {"place": 2, "blocked": 1, "ok": 0}
    assert listed.purchases() == plan.purchases()
    assert sum(number for _, number in listed.groups()) == 3
