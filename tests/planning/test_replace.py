"""on_change: replace cancels an edited order, and buys it anew once nothing works on it any more."""

from dataclasses import replace
from datetime import timedelta

import pytest

from runner.core.attempts import AttemptKind, AttemptState, LiveStatus
from runner.core.errors import ExitCode
from runner.core.orders import Limit, OnChange
from runner.core.refills import CancelRequest, CancelState
from runner.planning.allowance import Part
from runner.planning.plan import ActionKind
from runner.planning.reconcile.planner import make_plan
from runner.planning.refills.due_refills import RefillInputs
from tests.planning.builders import (
    LINK,
    NOW,
    D,
    a_campaign,
    a_catalogue,
    a_charged_attempt,
    a_service,
    an_attempt,
    an_order,
    kinds,
    live,
    placed_by,
    reasons,
    recorded_with,
)

TEASER = ("spring", "teaser")
ASKED = {1: [CancelRequest(1, NOW - timedelta(hours=1), CancelState.RECORDED, "")]}


def replacing(order=None, **changes):
    return a_campaign(order or an_order(quantity=2000), on_change=OnChange.REPLACE, **changes)


def planned(campaign, recorded):
    return make_plan([campaign], recorded, refills=RefillInputs(now=NOW))


def test_a_live_order_is_cancelled_first_and_the_new_cost_is_reserved():
    plan = planned(replacing(), recorded_with(live()))
    (action,), (cancel,) = plan.actions, plan.cancels
    assert (action.kind, action.cost, plan.cost) == (ActionKind.REPLACE, D("1.80"), D("1.80"))
    assert (cancel.order, cancel.attempt_id, cancel.panel, cancel.panel_order_id) == (
        "spring/teaser",
        1,
        "sandbox",
        "23501",
    )
    assert plan.purchases() == []
    assert plan.money["sandbox"].after == D("98.20")
    assert action.reason == (
        "changed after it was bought (bought: quantity 1000; listed: quantity 2000; it took 0.90): cancels order 23501, "
        "then buys it anew, for 1.80 USD"
    )


def test_while_the_cancellation_is_awaited_the_order_waits():
    plan = planned(replacing(), recorded_with(live(), cancels=ASKED))
    assert (kinds(plan), list(plan.cancels)) == ({"spring/teaser": ActionKind.WAIT}, [])
    assert (
        "bought anew when it has ended, for 1.80 USD; order 23501 is in progress: asked to cancel it on 2026-03-01 11:00 UTC"
        in (reasons(plan)["spring/teaser"])
    )


@pytest.mark.parametrize("status", [LiveStatus.CANCELED, LiveStatus.REFUNDED, LiveStatus.PARTIAL])
def test_what_has_ended_short_is_bought_anew_whole(status):
    ended = a_charged_attempt("0.90", "0.27", status, remains=700)
    plan = planned(replacing(), recorded_with(ended, cancels=ASKED))
    assert [(one.kind, one.cost) for one in plan.purchases()] == [(ActionKind.REPLACE, D("1.80"))]
    assert plan.parts[TEASER] == Part(AttemptKind.REPLACEMENT, 0, 2000, None, None)
    assert "nothing works on it any more: bought anew, for 1.80 USD" in reasons(plan)["spring/teaser"]


def test_a_replacement_is_what_is_listed_from_then_on():
    recorded = recorded_with(an_attempt(status=LiveStatus.CANCELED), cancels=ASKED)
    bought = placed_by(planned(replacing(), recorded), recorded)
    assert planned(replacing(), bought).ok == 1
    back = planned(replacing(an_order()), bought)
    assert kinds(back) == {"spring/teaser": ActionKind.REPLACE}
    assert [cancel.attempt_id for cancel in back.cancels] == [2]
    assert back.parts[TEASER].slot == 1


def test_a_line_that_is_restored_before_the_purchase_buys_nothing():
    recorded = recorded_with(an_attempt(status=LiveStatus.CANCELED), cancels=ASKED)
    assert planned(replacing(an_order()), recorded).ok == 1


def test_top_ups_and_reorders_of_the_former_are_cancelled_with_it_and_do_not_count_for_the_new_one():
    top_up = live(kind=AttemptKind.TOP_UP, quantity=500, panel_order_id="23502")
    canceled = an_attempt(status=LiveStatus.CANCELED)
    first = planned(replacing(), recorded_with(canceled, top_up))
    assert [cancel.panel_order_id for cancel in first.cancels] == ["23502"]
    recorded = recorded_with(canceled, top_up._replace(status=LiveStatus.CANCELED))
    bought = placed_by(planned(replacing(), recorded), recorded)
    assert planned(replacing(), bought).ok == 1
    more = planned(a_campaign(an_order(quantity=2500), on_change=OnChange.TOP_UP), bought)
    assert more.parts[TEASER] == Part(AttemptKind.TOP_UP, 1, 500, None, None)  # slot 0 is taken for good


@pytest.mark.parametrize(
    ("attempt", "why"),
    [
        (an_attempt(status=LiveStatus.COMPLETED), "order 23501 is completed, and there is nothing left to cancel"),
        (an_attempt(state=AttemptState.ABANDONED), "it was given up, and nobody knows whether it exists"),
        (an_attempt(status=LiveStatus.PARTIAL, remains=0), "order 23501 ended with all of it delivered"),
        (
            an_attempt(status=LiveStatus.PARTIAL),
            "order 23501 ended partial, and the panel does not say how much of it is delivered",
        ),
        (live(missing_in_a_row=3), "the panel no longer knows order 23501"),
        (live(panel="other"), "it was bought on another panel"),
    ],
)
def test_what_can_not_be_replaced_refuses_the_apply_with_the_choices(attempt, why):
    plan = planned(replacing(), recorded_with(attempt))
    assert (kinds(plan), plan.exit_code) == ({"spring/teaser": ActionKind.BLOCKED}, ExitCode.GUARD)
    assert why in reasons(plan)["spring/teaser"]
    assert "set policy.on_change to keep" in reasons(plan)["spring/teaser"]
    assert not plan.cancels


def test_a_service_or_a_panel_that_can_not_cancel_refuses_the_apply():
    of_service = recorded_with(live(), catalogues=[a_catalogue(a_service(cancel=False))])
    assert "service 1 can't be cancelled" in reasons(planned(replacing(), of_service))["spring/teaser"]
    of_panel = recorded_with(live(), lacking={"sandbox": frozenset({"cancel"})})
    assert "sandbox can't cancel orders" in reasons(planned(replacing(), of_panel))["spring/teaser"]


def test_what_the_panel_does_not_sell_cancels_nothing():
    plan = planned(replacing(an_order(quantity=20000)), recorded_with(live()))
    assert (plan.exit_code, list(plan.cancels)) == (ExitCode.INVALID, [])


def test_what_no_budget_pays_cancels_nothing():
    plan = planned(replacing(total="2.00"), recorded_with(live()))
    assert (plan.exit_code, list(plan.cancels)) == (ExitCode.GUARD, [])
    assert kinds(plan) == {"spring/teaser": ActionKind.BLOCKED}


def test_a_dearer_price_cancels_nothing():
    plan = planned(replacing(), recorded_with(live(rate="0.80")))
    assert ([refusal.guard for refusal in plan.refusals], list(plan.cancels)) == (["price"], [])


def test_nothing_is_cancelled_for_a_link_that_another_order_holds():
    other = an_attempt(an_order("x", campaign="autumn", link=f"{LINK}/new"), status=LiveStatus.PENDING)
    plan = planned(replacing(an_order(link=f"{LINK}/new")), recorded_with(live(), other))
    assert (kinds(plan), list(plan.cancels)) == ({"spring/teaser": ActionKind.WAIT}, [])
    assert "autumn/x, for the same service and link, is in flight" in reasons(plan)["spring/teaser"]


def test_an_order_that_waits_for_the_former_does_not_keep_it_from_being_cancelled():
    waiting = an_order("a", link=f"{LINK}/teaser")
    campaign = a_campaign(waiting, an_order(quantity=2000), on_change=OnChange.REPLACE)
    plan = planned(campaign, recorded_with(live()))
    assert kinds(plan) == {"spring/a": ActionKind.WAIT, "spring/teaser": ActionKind.REPLACE}
    assert len(plan.cancels) == 1


def test_a_refused_request_to_cancel_is_told_and_repeated_only_after_a_day():
    refused = {1: [CancelRequest(1, NOW - timedelta(hours=1), CancelState.REFUSED, "Cancel is not available")]}
    plan = planned(replacing(), recorded_with(live(), cancels=refused))
    assert kinds(plan) == {"spring/teaser": ActionKind.WAIT}
    assert "Cancel is not available" in reasons(plan)["spring/teaser"]
    old = {1: [refused[1][0]._replace(asked_at=NOW - timedelta(hours=25))]}
    assert len(planned(replacing(), recorded_with(live(), cancels=old)).cancels) == 1


def test_replacements_count_against_max_cancel():
    orders = [an_order(f"o{n}", quantity=2000) for n in range(10)]
    attempts = [live()._replace(order_id=one.id, link=one.link, panel_order_id=str(n)) for n, one in enumerate(orders)]
    campaign = a_campaign(*orders, on_change=OnChange.REPLACE, max_cancel=Limit(number=3))
    plan = planned(campaign, recorded_with(*attempts))
    assert [refusal.guard for refusal in plan.refusals] == ["policy.max_cancel"]
    assert not plan.cancels


def test_an_order_replaced_on_another_link_leaves_the_former_alone_in_its_queue():
    campaign = replacing(an_order(link=f"{LINK}/new"))
    recorded = recorded_with(an_attempt(status=LiveStatus.CANCELED))
    bought = placed_by(planned(campaign, recorded), recorded)
    assert [one.link for one in bought.attempts[TEASER]] == [f"{LINK}/teaser", f"{LINK}/new"]
    assert planned(replace(campaign, orders=campaign.orders), bought).ok == 1
