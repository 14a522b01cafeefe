"""on_change: top_up buys what was added to the quantity, and nothing else."""

import pytest

from runner.core.attempts import AttemptKind, AttemptState, LiveStatus
from runner.core.errors import ExitCode
from runner.core.orders import OnChange
from runner.planning.allowance import Part
from runner.planning.plan import ActionKind
from runner.planning.reconcile.planner import make_plan
from tests.planning.builders import (
    LINK,
    D,
    a_campaign,
    a_catalogue,
    a_service,
    an_attempt,
    an_order,
    done,
    kinds,
    placed_by,
    reasons,
    recorded_with,
)

TEASER = ("spring", "teaser")


def topping_up(order, **changes):
    return a_campaign(order, on_change=OnChange.TOP_UP, **changes)


def test_a_raised_quantity_buys_the_difference_and_tells_the_money():
    plan = make_plan([topping_up(an_order(quantity=1500))], recorded_with(done()))
    (action,) = plan.actions
    assert (action.kind, action.cost, plan.cost) == (ActionKind.TOP_UP, D("0.45"), D("0.45"))
    assert plan.parts == {TEASER: Part(AttemptKind.TOP_UP, 0, 500, None, None)}
    assert action.reason == (
        "changed after it was bought (bought: quantity 1000; listed: quantity 1500; it took 0.90): 500 more, for 0.45 USD"
    )
    assert (plan.exit_code, plan.summary) == (ExitCode.OK, {"top_up": 1, "ok": 0})


def test_once_topped_up_an_order_is_as_listed_and_can_be_topped_up_again():
    recorded = recorded_with(done())
    once = placed_by(make_plan([topping_up(an_order(quantity=1500))], recorded), recorded)
    assert make_plan([topping_up(an_order(quantity=1500))], once).ok == 1
    ended = recorded_with(*(one._replace(status=LiveStatus.COMPLETED) for one in once.attempts[TEASER]))
    again = make_plan([topping_up(an_order(quantity=1600))], ended)
    assert again.parts[TEASER] == Part(AttemptKind.TOP_UP, 1, 100, None, None)


def test_of_a_drip_by_the_panel_each_run_is_topped_up():
    order = an_order(quantity=100, runs=5, interval=60)
    plan = make_plan([topping_up(order._replace(quantity=180))], recorded_with(done()._replace(**terms_of(order))))
    assert plan.parts[TEASER] == Part(AttemptKind.TOP_UP, 0, 80, 5, 60)
    assert plan.cost == D("0.36")
    assert "80 more in each of 5 runs, for 0.36 USD" in reasons(plan)["spring/teaser"]


def terms_of(order):
    return {"quantity": order.quantity, "runs": order.runs, "interval": order.interval}


def test_a_top_up_waits_while_the_order_is_in_flight():
    plan = make_plan([topping_up(an_order(quantity=1500))], recorded_with(an_attempt(status=LiveStatus.IN_PROGRESS)))
    assert kinds(plan) == {"spring/teaser": ActionKind.WAIT}
    assert (
        "500 more, for 0.45 USD; order 23501 of it, for the same service and link, is in flight"
        in (reasons(plan)["spring/teaser"])
    )
    assert (plan.purchases(), plan.cost) == ([], D(0))


def test_a_top_up_waits_for_another_order_on_its_link():
    other = an_attempt(an_order("x", campaign="autumn", link=f"{LINK}/teaser"), status=LiveStatus.PENDING)
    plan = make_plan([topping_up(an_order(quantity=1500))], recorded_with(done(), other))
    assert kinds(plan) == {"spring/teaser": ActionKind.WAIT}
    assert "autumn/x, for the same service and link, is in flight" in reasons(plan)["spring/teaser"]


def test_an_order_on_the_same_link_waits_for_a_top_up_of_this_plan():
    second = an_order("b", link=f"{LINK}/teaser")
    plan = make_plan([topping_up(an_order(quantity=1500)), a_campaign(second, name="summer")], recorded_with(done()))
    assert kinds(plan) == {"spring/teaser": ActionKind.TOP_UP, "summer/b": ActionKind.WAIT}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"quantity": 900}, "what is bought can't be made less"),
        ({"quantity": 1500, "service": "2"}, "more than the quantity was changed"),
        ({"link": f"{LINK}/other"}, "more than the quantity was changed"),
        ({"quantity": 1500, "runs": 2, "interval": 60}, "more than the quantity was changed"),
    ],
)
def test_anything_but_a_raised_quantity_refuses_the_apply_with_the_choices(change, why):
    plan = make_plan([topping_up(an_order(**change))], recorded_with(done()))
    assert (kinds(plan), plan.exit_code) == ({"spring/teaser": ActionKind.BLOCKED}, ExitCode.GUARD)
    assert why in reasons(plan)["spring/teaser"]
    assert "set policy.on_change to keep, restore the line, or give the new order a new id" in plan.refusals[0].message
    assert [refusal.guard for refusal in plan.refusals] == ["on_change"]


def test_a_difference_below_the_minimum_buys_nothing_and_says_so():
    plan = make_plan([topping_up(an_order(quantity=1020))], recorded_with(done()))
    assert (kinds(plan), plan.exit_code) == ({"spring/teaser": ActionKind.BLOCKED}, ExitCode.GUARD)
    assert (
        "the 20 more are below service 1's minimum of 50: nothing is bought; raise it by 50 or more"
        in (reasons(plan)["spring/teaser"])
    )


def test_a_difference_above_the_maximum_is_invalid_at_its_line():
    recorded = recorded_with(done(), catalogues=[a_catalogue(a_service(max=2000))])
    plan = make_plan([topping_up(an_order(quantity=4000))], recorded)
    assert plan.exit_code is ExitCode.INVALID
    assert plan.problems[0].message == "quantity 3000 is above service 1's maximum of 2000"


def test_a_top_up_that_was_refused_is_tried_again_and_takes_the_same_slot():
    refused = an_attempt(state=AttemptState.REFUSED, kind=AttemptKind.TOP_UP, quantity=500)
    plan = make_plan([topping_up(an_order(quantity=1500))], recorded_with(done(), refused))
    assert plan.parts[TEASER] == Part(AttemptKind.TOP_UP, 0, 500, None, None)


def test_a_top_up_in_doubt_holds_the_order():
    doubt = an_attempt(state=AttemptState.IN_DOUBT, kind=AttemptKind.TOP_UP, quantity=500)
    plan = make_plan([topping_up(an_order(quantity=1500))], recorded_with(done(), doubt))
    assert kinds(plan) == {"spring/teaser": ActionKind.IN_DOUBT}


def test_a_top_up_at_a_risen_price_is_refused():
    plan = make_plan([topping_up(an_order(quantity=1500))], recorded_with(done(rate="0.80")))
    assert [refusal.guard for refusal in plan.refusals] == ["price"]
    assert "the price was 0.80 per 1000 when it was planned and is 0.90 now" in reasons(plan)["spring/teaser"]


def test_a_top_up_counts_against_the_budget():
    plan = make_plan([topping_up(an_order(quantity=1500), total="1.30")], recorded_with(done()))
    (refusal,) = plan.refusals
    assert refusal.guard == "budget.total"
    assert "0.45 USD planned, but budget.total is 1.30 USD with 0.90 USD committed already" in refusal.message
    assert kinds(plan) == {"spring/teaser": ActionKind.BLOCKED}


def test_with_error_the_refusal_tells_what_the_other_choices_would_do():
    plan = make_plan([a_campaign(an_order(quantity=1500))], recorded_with(done()))
    assert reasons(plan)["spring/teaser"].endswith(
        "top_up would buy the 500 more, and replace would cancel it and buy it anew"
    )
