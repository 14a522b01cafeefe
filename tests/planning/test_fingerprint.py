from dataclasses import replace

import pytest

from runner.core.orders import Order
from runner.planning.fingerprint import SavedPlan, changed_inputs, checksum, decisions, differences
from runner.planning.plan import Action, ActionKind, Plan
from runner.planning.reconcile.planner import make_plan
from tests.planning.builders import NOW, D, a_balance, a_campaign, an_order, recorded_with


def a_plan(**changes) -> Plan:
    campaign = a_campaign(an_order("a", runs=2, interval=60), an_order("b"))
    return replace(make_plan([campaign], recorded_with()), **changes)


def with_first(plan: Plan, **changes) -> Plan:
    """The plan with a changed first action or order of it."""
    first = plan.actions[0]
    of_order = {key: changes.pop(key) for key in list(changes) if key in Order._fields}
    return replace(plan, actions=[first._replace(order=first.order._replace(**of_order), **changes), *plan.actions[1:]])


def saved_from(plan: Plan, **more) -> SavedPlan:
    return SavedPlan(
        digest="d",
        lineage=plan.lineage,
        run="run-1",
        expires_at=NOW,
        digests=dict(plan.digests),
        actions=list(decisions(plan)),
        services=plan.services,
        **more,
    )


def test_the_checksum_of_the_same_plan_made_twice_is_the_same():
    assert checksum(a_plan()) == checksum(a_plan())


def test_the_checksum_is_fixed_for_all_time():
    without = replace(a_plan(), services={})
    assert checksum(without) == "27fc9f2d5003f58fd7217949a488ed75382f320b3026b8693a377ccd9780722e"
    assert checksum(a_plan()) == "b4fc300007a5bcfec255d7d21b8b09c20413567de7e80dd4e8c93a81a6da2ef4"


def test_the_checksum_knows_the_services():
    plan = a_plan()
    services = {key: one._replace(rate=D("9.99")) for key, one in plan.services.items()}
    assert services
    assert checksum(replace(plan, services=services)) != checksum(plan)


def test_the_checksum_does_not_depend_on_how_an_equal_amount_is_written():
    plan = a_plan()
    assert checksum(with_first(plan, cost=D("1.8"))) == checksum(with_first(plan, cost=D("1.8000")))


def test_the_checksum_does_not_depend_on_the_order_of_the_files_named():
    plan = a_plan(digests={"a": "1", "b": "2"})
    assert checksum(plan) == checksum(replace(plan, digests={"b": "2", "a": "1"}))


@pytest.mark.parametrize(
    "change",
    [
        {"campaign": "summer"},
        {"id": "c"},
        {"service": "2"},
        {"link": "https://example.com/our-brand/z"},
        {"quantity": 1001},
        {"runs": None},
        {"interval": 61},
        {"kind": ActionKind.WAIT},
        {"cost": D("1.81")},
        {"cost": None},
    ],
)
def test_the_checksum_knows_every_field_of_every_action(change):
    plan = a_plan()
    assert checksum(with_first(plan, **change)) != checksum(plan)


@pytest.mark.parametrize("change", [{"lineage": "other"}, {"digests": {}}, {"actions": []}])
def test_the_checksum_knows_what_the_plan_was_made_from(change):
    assert checksum(a_plan(**change)) != checksum(a_plan())


def test_the_checksum_knows_the_sequence():
    plan = a_plan()
    assert checksum(replace(plan, actions=plan.actions[::-1])) != checksum(plan)


def test_fields_can_not_be_shifted_into_one_another():
    one = with_first(a_plan(), service='1","x', link="y")
    other = with_first(a_plan(), service="1", link='x","y')
    assert checksum(one) != checksum(other)


def test_the_checksum_of_more_actions_than_are_hashed_at_once_knows_the_last_one():
    action = a_plan().actions[0]
    many = [Action(action.order._replace(id=str(n)), action.kind, "", action.cost, "sandbox") for n in range(1201)]
    plan = a_plan(actions=many)
    last = many[-1]._replace(cost=D("7.00"))
    assert checksum(plan) != checksum(replace(plan, actions=[*many[:-1], last]))


def test_a_saved_plan_that_still_holds_has_no_differences():
    assert differences(saved_from(a_plan()), a_plan()) == []


@pytest.mark.parametrize(
    ("fresh", "told"),
    [
        (with_first(a_plan(), cost=D("1.90")), "spring/a: cost was 1.80, now 1.90"),
        (with_first(a_plan(), cost=None), "spring/a: cost was 1.80, now none"),
        (with_first(a_plan(), kind=ActionKind.TOP_UP), "spring/a: action was place, now top_up"),
        (with_first(a_plan(), kind=ActionKind.WAIT), "spring/a: it was to place, now nothing"),
        (with_first(a_plan(), quantity=7, runs=None), "spring/a: quantity was 1000, now 7; runs was 2, now none"),
        (a_plan(actions=a_plan().actions[:1]), "spring/b: it was to place, now nothing"),
        (a_plan(actions=a_plan().actions[::-1]), "the orders come in another sequence"),
    ],
)
def test_a_stale_plan_says_what_changed_in_words(fresh, told):
    assert differences(saved_from(a_plan()), fresh) == [told]


def test_what_waits_in_both_may_do_so_otherwise():
    waiting = with_first(a_plan(), kind=ActionKind.WAIT)
    assert differences(saved_from(waiting), with_first(a_plan(), kind=ActionKind.BLOCKED)) == []
    assert "spring/a" not in saved_from(waiting).agreed


@pytest.mark.parametrize(
    ("digests", "accounts", "told"),
    [
        ({"a.yaml": "1"}, {"p": "https://p.example#k"}, []),
        ({"a.yaml": "2"}, {"p": "https://p.example#k"}, ["a.yaml was edited"]),
        ({"a.yaml": "1"}, {"p": "https://p.example#l"}, ["panel p has another key, or another query in its address"]),
        (
            {"a.yaml": "1"},
            {"p": "https://q.example#k"},
            ["panel p has another address in panels.yaml: it was https://p.example and is https://q.example"],
        ),
    ],
)
def test_files_and_accounts_that_are_others_by_now_are_named(digests, accounts, told):
    saved = replace(saved_from(a_plan()), digests={"a.yaml": "1"}, accounts={"p": "https://p.example#k"})
    assert changed_inputs(saved, digests, accounts) == told


def test_an_order_new_since_the_plan_is_told():
    fresh = a_plan()
    saved = saved_from(replace(fresh, actions=fresh.actions[:1]))
    assert differences(saved, fresh) == ["spring/b: it was not in the plan, now place"]


def test_of_many_differences_the_first_are_told_and_the_rest_counted():
    orders = [an_order(f"o{n}") for n in range(9)]
    plan = make_plan([a_campaign(*orders)], recorded_with())
    told = differences(saved_from(plan), replace(plan, actions=[]))
    assert told[:2] == ["spring/o0: it was to place, now nothing", "spring/o1: it was to place, now nothing"]
    assert told[-1] == "and 4 more orders differ"
    assert len(told) == 6


def test_a_balance_that_moved_does_not_make_a_plan_stale():
    campaign = a_campaign(an_order())
    before = make_plan([campaign], recorded_with())
    after = make_plan([campaign], recorded_with(balances=[a_balance("99.00")]))
    assert differences(saved_from(before), after) == []
