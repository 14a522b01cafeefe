from dataclasses import replace

import pytest

from runner.core.attempts import AttemptKind, AttemptState, LiveStatus
from runner.core.errors import ExitCode
from runner.core.orders import OnChange
from runner.planning.plan import ActionKind
from runner.planning.reconcile.planner import make_plan
from tests.planning.builders import (
    LINK,
    D,
    a_balance,
    a_campaign,
    a_catalogue,
    a_service,
    an_attempt,
    an_order,
    kinds,
    reasons,
    recorded_with,
)

OPEN = [AttemptState.SENDING, AttemptState.PLACED, AttemptState.IN_DOUBT, AttemptState.ABANDONED]


def test_an_order_that_was_never_bought_is_placed_at_its_expected_charge():
    plan = make_plan([a_campaign(an_order(quantity=1000, runs=5, interval=60))], recorded_with())
    assert [(a.kind, a.reason, a.cost, a.panel) for a in plan.actions] == [
        (ActionKind.PLACE, "not bought yet", D("4.50"), "sandbox")
    ]
    assert (plan.cost, plan.currency, plan.exit_code) == (D("4.50"), "USD", ExitCode.OK)


def test_a_plan_binds_to_lineage_serial_and_file_digests():
    plan = make_plan([a_campaign(an_order())], recorded_with())
    assert (plan.lineage, plan.digests) == ("lineage-1", {"campaigns/spring.yaml": "d" * 64})


@pytest.mark.parametrize("state", [AttemptState.PLACED, AttemptState.ABANDONED])
def test_an_order_that_was_bought_or_given_up_is_only_counted(state):
    plan = make_plan([a_campaign(an_order())], recorded_with(an_attempt(state=state)))
    assert (list(plan.actions), plan.ok, plan.cost) == ([], 1, D(0))


def test_a_canceled_purchase_is_accepted_and_not_bought_again():
    plan = make_plan([a_campaign(an_order())], recorded_with(an_attempt(status=LiveStatus.CANCELED)))
    assert (list(plan.actions), plan.ok) == ([], 1)


@pytest.mark.parametrize("state", [AttemptState.SENDING, AttemptState.IN_DOUBT])
def test_an_order_that_may_exist_is_in_doubt_at_full_price_and_says_what_to_do(state):
    plan = make_plan([a_campaign(an_order())], recorded_with(an_attempt(state=state)))
    (action,) = plan.actions
    assert (action.kind, action.cost) == (ActionKind.IN_DOUBT, D("0.90"))
    assert "since 2026-02-28 12:00 UTC" in action.reason
    assert "never sent again by itself: `runner doubt show spring/teaser`" in action.reason
    assert plan.has_doubts
    assert plan.cost == 0
    assert plan.money["sandbox"].after == D("99.10")


def test_a_doubt_wins_over_a_purchase_of_the_same_order():
    doubt = an_attempt(state=AttemptState.IN_DOUBT, kind=AttemptKind.TOP_UP, quantity=200)
    plan = make_plan([a_campaign(an_order())], recorded_with(an_attempt(), doubt))
    assert kinds(plan) == {"spring/teaser": ActionKind.IN_DOUBT}


@pytest.mark.parametrize(
    ("state", "message", "reason"),
    [
        (AttemptState.REFUSED, "Not enough funds", "refused last time: Not enough funds"),
        (AttemptState.REFUSED, "", "refused last time"),
        (AttemptState.NOT_SENT, "connection refused", "was not sent last time"),
    ],
)
def test_an_order_that_provably_was_not_bought_is_placed_again_and_says_why(state, message, reason):
    plan = make_plan([a_campaign(an_order())], recorded_with(an_attempt(state=state, message=message)))
    assert [(a.kind, a.reason) for a in plan.actions] == [(ActionKind.PLACE, reason)]


def test_orders_that_are_not_selected_are_left_out_entirely():
    orders = [an_order("a"), an_order("b"), an_order("c")]
    recorded = recorded_with(an_attempt(orders[0]))
    plan = make_plan([a_campaign(*orders)], recorded, selection=lambda order: order.id == "c")
    assert (kinds(plan), plan.ok, list(plan.notes)) == ({"spring/c": ActionKind.PLACE}, 0, [])


# An edited line of a bought order


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"quantity": 2000}, "bought: quantity 1000; listed: quantity 2000"),
        ({"service": "2"}, "bought: service 1; listed: service 2"),
        ({"link": f"{LINK}/other"}, f"bought: link {LINK}/teaser; listed: link {LINK}/other"),
        ({"runs": 2, "interval": 30}, "bought: no runs, no interval; listed: runs 2, interval 30"),
    ],
)
def test_a_changed_order_refuses_the_apply_naming_both_versions_and_the_choices(change, told):
    plan = make_plan([a_campaign(an_order(**change))], recorded_with(an_attempt()))
    (action,), (refusal,) = plan.actions, plan.refusals
    assert (action.kind, plan.exit_code) == (ActionKind.BLOCKED, ExitCode.GUARD)
    assert told in action.reason
    assert "set policy.on_change to keep, restore the line, or give the new order a new id" in action.reason
    assert (refusal.guard, refusal.subject) == ("on_change", "spring")
    assert refusal.message == f"spring/teaser (campaigns/spring.yaml:9): {action.reason}"


def test_a_changed_interval_alone_is_a_change():
    bought = an_attempt(an_order(runs=2, interval=30))
    plan = make_plan([a_campaign(an_order(runs=2, interval=60))], recorded_with(bought))
    assert "bought: interval 30; listed: interval 60" in reasons(plan)["spring/teaser"]


def test_an_order_moved_to_another_panel_is_a_changed_order():
    campaign = replace(a_campaign(an_order()), panel="other")
    plan = make_plan([campaign], recorded_with(an_attempt()))
    assert "bought: panel sandbox; listed: panel other" in reasons(plan)["spring/teaser"]
    assert [refusal.guard for refusal in plan.refusals] == ["on_change"]


def test_many_changed_orders_of_a_campaign_are_one_refusal():
    orders = [an_order("a"), an_order("b")]
    listed = [order._replace(quantity=2000) for order in orders]
    plan = make_plan([a_campaign(*listed)], recorded_with(*map(an_attempt, orders)))
    (refusal,) = plan.refusals
    assert refusal.message.startswith(
        "2 orders, the first of them: spring/a (campaigns/spring.yaml:9): changed after it was bought"
    )
    assert set(kinds(plan).values()) == {ActionKind.BLOCKED}


def test_keep_leaves_a_changed_purchase_as_it_is():
    campaign = a_campaign(an_order(quantity=2000), on_change=OnChange.KEEP)
    plan = make_plan([campaign], recorded_with(an_attempt()))
    assert (list(plan.actions), plan.ok, list(plan.refusals)) == ([], 1, [])


def test_a_change_is_measured_against_the_newest_open_initial_attempt_and_what_it_was_topped_up_by():
    order = an_order()
    former = an_attempt(order, AttemptState.REFUSED, quantity=10)
    top_up = an_attempt(order, kind=AttemptKind.TOP_UP, quantity=300)
    bought = recorded_with(former, an_attempt(order), top_up)
    assert make_plan([a_campaign(order._replace(quantity=1300))], bought).ok == 1
    plan = make_plan([a_campaign(order)], bought)
    assert "bought: quantity 1300; listed: quantity 1000" in reasons(plan)["spring/teaser"]


# Renames


def test_a_rename_never_buys_again():
    campaign = replace(a_campaign(an_order("new", link=f"{LINK}/x")), moved={"new": "old"})
    recorded = recorded_with(an_attempt(an_order("old", link=f"{LINK}/x")))
    plan = make_plan([campaign], recorded)
    assert (list(plan.actions), plan.ok, list(plan.notes)) == ([], 1, [])


def test_a_chain_of_renames_never_buys_again():
    campaign = replace(a_campaign(an_order("c", link=f"{LINK}/x")), moved={"c": "b", "b": "a"})
    plan = make_plan([campaign], recorded_with(an_attempt(an_order("a", link=f"{LINK}/x"))))
    assert (list(plan.actions), plan.ok) == ([], 1)


def test_a_rename_onto_an_id_that_was_refused_once_never_buys_again():
    campaign = replace(a_campaign(an_order("new", link=f"{LINK}/x")), moved={"new": "old"})
    refused = an_attempt(an_order("new"), AttemptState.REFUSED)
    plan = make_plan([campaign], recorded_with(refused, an_attempt(an_order("old", link=f"{LINK}/x"))))
    assert (list(plan.actions), plan.ok) == ([], 1)


def test_a_circle_of_renames_ends():
    campaign = replace(a_campaign(an_order("a")), moved={"a": "b", "b": "a"})
    assert kinds(make_plan([campaign], recorded_with())) == {"spring/a": ActionKind.PLACE}


# What the panel sells


@pytest.mark.parametrize(
    ("order", "service", "code", "told"),
    [
        (an_order(service="9"), a_service(), "unknown-service", "`runner services` lists"),
        (an_order(service="service 1"), a_service(), "unknown-service", "did you mean 1?"),
        (an_order(service="01"), a_service(), "unknown-service", "did you mean 1?"),
        (an_order(), a_service(type="custom comments"), "not-default", "only Default can be ordered"),
        (an_order(quantity=49), a_service(), "quantity-range", "below service 1's minimum of 50"),
        (an_order(quantity=10001), a_service(), "quantity-range", "above service 1's maximum of 10000"),
        (
            an_order(quantity=2001, runs=5, interval=1),
            a_service(),
            "quantity-range",
            "quantity 2001 x 5 runs = 10005 is above service 1's maximum of 10000",
        ),
        (
            an_order(quantity=20, runs=5, interval=1),
            a_service(),
            "quantity-range",
            "quantity 20 is below service 1's minimum of 50",
        ),
        (an_order(runs=2, interval=9), a_service(dripfeed=False), "no-dripfeed", "leave runs and interval out"),
        (an_order(runs=2), a_service(), "runs-without-interval", "needs an interval"),
        (an_order(), a_service(rate=D("-1")), "bad-price", "negative price"),
    ],
)
def test_an_order_that_the_catalogue_does_not_sell_is_invalid_with_its_place(order, service, code, told):
    plan = make_plan([a_campaign(order)], recorded_with(catalogues=[a_catalogue(service)]))
    (action,), (problem,) = plan.actions, plan.problems
    assert (problem.file, problem.line, problem.column, problem.code) == ("campaigns/spring.yaml", 9, 1, code)
    assert told in problem.message
    assert (action.kind, action.reason) == (ActionKind.BLOCKED, problem.message)
    assert plan.exit_code is ExitCode.INVALID


@pytest.mark.parametrize("dripfeed", [True, None])
def test_drip_feed_is_tried_where_the_panel_does_not_deny_it(dripfeed):
    recorded = recorded_with(catalogues=[a_catalogue(a_service(dripfeed=dripfeed))])
    plan = make_plan([a_campaign(an_order(quantity=2000, runs=5, interval=1))], recorded)
    assert list(kinds(plan).values()) == [ActionKind.PLACE]


def test_a_bought_order_stays_fine_when_its_service_vanishes():
    recorded = recorded_with(an_attempt(), catalogues=[a_catalogue(a_service("7"))])
    plan = make_plan([a_campaign(an_order())], recorded)
    assert (plan.ok, list(plan.problems)) == (1, [])


def test_without_a_price_list_orders_are_placed_at_an_unknown_price_and_one_note_says_so():
    campaign = a_campaign(an_order("a"), an_order("b"))
    plan = make_plan([campaign], recorded_with(catalogues=[]))
    assert [(a.kind, a.cost) for a in plan.actions] == [(ActionKind.PLACE, None)] * 2
    assert plan.cost is None
    assert list(plan.notes) == ["no price list of sandbox remembered: run without --no-refresh"]


# One order in flight per panel, service and link


def test_a_second_order_for_the_same_service_and_link_waits_for_the_first_of_the_plan():
    first, second = an_order("a", link=f"{LINK}/x"), an_order("b", link=f"{LINK}/x", quantity=500)
    plan = make_plan([a_campaign(first, second)], recorded_with())
    assert list(kinds(plan).values()) == [ActionKind.PLACE, ActionKind.WAIT]
    assert "as spring/a" in reasons(plan)["spring/b"]
    assert plan.cost == D("0.90")


def test_another_service_for_the_same_link_does_not_wait():
    first, second = an_order("a", link=f"{LINK}/x"), an_order("b", link=f"{LINK}/x", service="2")
    assert set(kinds(make_plan([a_campaign(first, second)], recorded_with())).values()) == {ActionKind.PLACE}


def test_the_same_service_number_on_another_panel_does_not_wait():
    here, there = a_campaign(an_order()), replace(a_campaign(an_order(), name="summer"), panel="other")
    recorded = recorded_with(catalogues=[a_catalogue(), a_catalogue(panel="other")])
    assert set(kinds(make_plan([here, there], recorded)).values()) == {ActionKind.PLACE}


def test_an_order_waits_for_one_in_flight_from_a_campaign_that_is_not_even_given():
    theirs = an_attempt(an_order("x", campaign="autumn", link=f"{LINK}/teaser"), status=LiveStatus.IN_PROGRESS)
    plan = make_plan([a_campaign(an_order())], recorded_with(theirs))
    assert kinds(plan) == {"spring/teaser": ActionKind.WAIT}
    assert "autumn/x" in reasons(plan)["spring/teaser"]


def test_an_order_waits_until_a_doubt_about_its_link_is_settled():
    theirs = an_attempt(an_order("x", campaign="autumn", link=f"{LINK}/teaser"), AttemptState.IN_DOUBT)
    plan = make_plan([a_campaign(an_order())], recorded_with(theirs))
    assert "autumn/x, for the same service and link, is in doubt" in reasons(plan)["spring/teaser"]


@pytest.mark.parametrize("status", [LiveStatus.COMPLETED, LiveStatus.PARTIAL, LiveStatus.CANCELED])
def test_an_order_does_not_wait_for_one_that_is_finished(status):
    theirs = an_attempt(an_order("x", campaign="autumn", link=f"{LINK}/teaser"), status=status)
    plan = make_plan([a_campaign(an_order())], recorded_with(theirs))
    assert kinds(plan) == {"spring/teaser": ActionKind.PLACE}


# The price guard


@pytest.mark.parametrize(
    ("former", "allowed", "kind"),
    [
        ("0.90", "0", ActionKind.PLACE),
        ("1.20", "0", ActionKind.PLACE),
        ("0.89", "0", ActionKind.BLOCKED),
        ("0.80", "0.10", ActionKind.BLOCKED),
        ("0.80", "0.125", ActionKind.PLACE),
    ],
)
def test_a_risen_price_blocks_a_second_try_beyond_the_allowed_increase(former, allowed, kind):
    campaign = a_campaign(an_order(), max_price_increase=D(allowed))
    refused = an_attempt(state=AttemptState.REFUSED, rate=former)
    plan = make_plan([campaign], recorded_with(refused))
    assert kinds(plan) == {"spring/teaser": kind}
    assert [refusal.guard for refusal in plan.refusals] == (["price"] if kind is ActionKind.BLOCKED else [])


def test_the_price_guard_tells_both_prices():
    plan = make_plan([a_campaign(an_order())], recorded_with(an_attempt(state=AttemptState.NOT_SENT, rate="0.50")))
    (refusal,) = plan.refusals
    assert (
        "spring/teaser (campaigns/spring.yaml:9): the price was 0.50 per 1000 when it was planned and is 0.90 now"
        in refusal.message
    )
    assert "raise policy.max_price_increase" in refusal.message


def test_the_price_of_another_service_is_no_yardstick():
    refused = an_attempt(an_order(service="2"), AttemptState.REFUSED, rate="0.10")
    plan = make_plan([a_campaign(an_order())], recorded_with(refused))
    assert kinds(plan) == {"spring/teaser": ActionKind.PLACE}


# Gone from the file


def test_orders_gone_from_the_file_are_counted_and_left_alone():
    attempts = [an_attempt(an_order(order_id)) for order_id in ("teaser", "a", "b")]
    refused = an_attempt(an_order("c"), AttemptState.REFUSED)
    plan = make_plan([a_campaign(an_order())], recorded_with(*attempts, refused))
    assert list(plan.notes) == ["spring: 2 orders are no longer listed; they stay bought"]
    assert (list(plan.actions), plan.ok) == ([], 1)


def test_removed_silences_what_was_bought_but_never_a_doubt():
    campaign = replace(a_campaign(), removed=frozenset({"a", "b"}))
    doubt = an_attempt(an_order("b"), AttemptState.IN_DOUBT)
    plan = make_plan([campaign], recorded_with(an_attempt(an_order("a")), doubt))
    assert list(plan.notes) == ["spring: 1 order is no longer listed and in doubt; see `runner doubt list`"]


def test_an_empty_file_plans_nothing():
    plan = make_plan([a_campaign()], recorded_with(an_attempt()))
    assert (list(plan.actions), plan.cost) == ([], D(0))


# Several panels


def test_costs_in_different_currencies_are_never_added():
    here, there = a_campaign(an_order()), replace(a_campaign(an_order(), name="summer"), panel="other")
    recorded = recorded_with(
        catalogues=[a_catalogue(), a_catalogue(panel="other")],
        balances=[a_balance("100.00"), a_balance("100.00", "EUR", "other")],
    )
    plan = make_plan([here, there], recorded)
    assert (plan.cost, plan.currency) == (None, None)
    assert {panel: money.cost for panel, money in plan.money.items()} == {"sandbox": D("0.90"), "other": D("0.90")}


def test_costs_on_panels_with_one_currency_are_added():
    here, there = a_campaign(an_order()), replace(a_campaign(an_order(), name="summer"), panel="other")
    recorded = recorded_with(
        catalogues=[a_catalogue(), a_catalogue(panel="other")],
        balances=[a_balance("100.00"), a_balance("100.00", panel="other")],
    )
    plan = make_plan([here, there], recorded)
    assert (plan.cost, plan.currency) == (D("1.80"), "USD")


def test_the_money_of_a_panel_without_purchases_is_shown_too():
    plan = make_plan([a_campaign(an_order())], recorded_with(an_attempt()))
    money = plan.money["sandbox"]
    assert (money.cost, money.after) == (D(0), D("100.00"))


@pytest.mark.parametrize("state", OPEN)
def test_no_open_attempt_is_ever_placed_again_whatever_changed(state):
    order = an_order(quantity=2000, service="2", link=f"{LINK}/elsewhere")
    plan = make_plan([a_campaign(order, max_price_increase=D(9))], recorded_with(an_attempt(state=state)))
    assert ActionKind.PLACE not in kinds(plan).values()
