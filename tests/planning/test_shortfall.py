"""on_partial and on_canceled: reorder buy again what a panel left undelivered, each attempt once."""

import pytest

from runner.core.attempts import AttemptKind, AttemptState, LiveStatus
from runner.core.errors import ExitCode
from runner.core.orders import OnChange, OnShort, Policy
from runner.core.refills import CancelRequest, CancelState
from runner.planning.allowance import Part
from runner.planning.orders.order_history import history_of
from runner.planning.orders.shortfall import shortfalls
from runner.planning.plan import ActionKind
from runner.planning.reconcile.planner import make_plan
from tests.planning.builders import (
    LINK,
    NOW,
    D,
    a_campaign,
    a_catalogue,
    a_service,
    an_attempt,
    an_order,
    kinds,
    placed_by,
    reasons,
    recorded_with,
)

TEASER = ("spring", "teaser")
BOTH = {"on_partial": OnShort.REORDER, "on_canceled": OnShort.REORDER}


def ended(status, remains=None, **changes):
    return an_attempt(status=status, remains=remains, checked_at=NOW, **changes)


def partial(remains, **changes):
    return ended(LiveStatus.PARTIAL, remains, **changes)


def reorder(quantity, status=LiveStatus.COMPLETED, remains=None, slot=0):
    return ended(status, remains, kind=AttemptKind.REORDER, slot=slot, quantity=quantity, panel_order_id=f"7{slot}")


def plan_of(*attempts, order=None, cancels=None, **policy):
    return make_plan(
        [a_campaign(order or an_order(), **(BOTH | policy))], recorded_with(*attempts, cancels=cancels or {})
    )


def test_the_missing_units_of_a_partial_order_are_bought_again_without_runs():
    attempt = partial(300)._replace(quantity=200, runs=5, interval=60)
    plan = plan_of(attempt, order=an_order(quantity=200, runs=5, interval=60))
    assert [(one.kind, one.cost) for one in plan.purchases()] == [(ActionKind.REORDER, D("0.27"))]
    assert plan.parts[TEASER] == Part(AttemptKind.REORDER, 0, 300, None, None)
    assert reasons(plan)["spring/teaser"] == (
        "order 23501 ended partial, 300 of 1,000 units short: bought again, for 0.27 USD"
    )


def test_an_attempt_is_bought_again_once_whatever_becomes_of_it():
    for status in LiveStatus:
        plan = plan_of(partial(300), reorder(300, status))
        if status in (LiveStatus.CANCELED, LiveStatus.REFUNDED):
            continue  # a reorder that the panel cancelled is an attempt of its own
        assert plan.ok == 1, status


def test_a_reorder_that_ends_partial_itself_may_be_bought_again_once():
    second = plan_of(partial(300), reorder(300, LiveStatus.PARTIAL, 100))
    assert second.parts[TEASER] == Part(AttemptKind.REORDER, 1, 100, None, None)
    third = plan_of(partial(300), reorder(300, LiveStatus.PARTIAL, 100), reorder(100, slot=1))
    assert third.ok == 1


@pytest.mark.parametrize("status", [LiveStatus.PARTIAL, LiveStatus.CANCELED, LiveStatus.REFUNDED])
@pytest.mark.parametrize("remains", [None, -5, 1001])
def test_an_order_of_which_nobody_knows_what_is_missing_is_left_and_named(status, remains):
    plan = plan_of(ended(status, remains))
    assert (plan.ok, plan.exit_code, plan.purchases()) == (1, ExitCode.OK, [])
    (note,) = plan.notes
    assert note.startswith("spring: 1 order ended short, and the panel does not say by how much")
    told = "nothing said of what remains" if remains is None else f"{remains:,} remain of 1,000"
    assert f"(spring/teaser: order 23501 ended {status}, {told})" in note


def test_a_partial_order_of_which_nothing_remains_is_complete():
    plan = plan_of(partial(0))
    assert (plan.ok, list(plan.notes)) == (1, [])


def test_what_is_not_said_of_one_purchase_makes_up_for_what_is_short_of_another():
    plan = plan_of(partial(300), reorder(300, LiveStatus.CANCELED))
    assert plan.purchases() == []
    assert "order 70 ended canceled, nothing said of what remains" in plan.notes[0]


def test_nothing_is_told_of_what_is_not_to_be_bought_again():
    accepting = plan_of(partial(None), on_partial=OnShort.ACCEPT)
    asked = plan_of(partial(None), cancels={1: [CancelRequest(1, NOW, CancelState.RECORDED, "")]})
    followed = plan_of(partial(None), reorder(300))
    assert [list(plan.notes) for plan in (accepting, asked, followed)] == [[], [], []]


def test_less_than_the_minimum_is_left_and_told():
    plan = plan_of(partial(49))
    assert (plan.ok, plan.exit_code) == (1, ExitCode.OK)
    assert list(plan.notes) == [
        "spring: 1 order is short, and it can't be bought again: quantity 49 is below service 1's minimum of 50 (spring/teaser)"
    ]


def test_a_service_that_is_gone_is_no_error_of_the_file():
    campaign = a_campaign(an_order(), **BOTH)
    plan = make_plan([campaign], recorded_with(partial(300), catalogues=[a_catalogue(a_service("7"))]))
    assert (plan.ok, plan.exit_code) == (1, ExitCode.OK)
    assert "sandbox sells no service 1" in plan.notes[0]


@pytest.mark.parametrize("status", [LiveStatus.CANCELED, LiveStatus.REFUNDED])
@pytest.mark.parametrize(("remains", "units"), [(1000, 1000), (400, 400)])
def test_what_the_panel_cancelled_is_bought_again(status, remains, units):
    plan = plan_of(ended(status, remains))
    assert plan.parts[TEASER] == Part(AttemptKind.REORDER, 0, units, None, None)
    assert f"the panel {status} order 23501" in reasons(plan)["spring/teaser"]


def test_it_is_bought_again_at_most_as_often_as_the_policy_says():
    canceled = [ended(LiveStatus.CANCELED, 1000), reorder(1000, LiveStatus.CANCELED, 1000)]
    plan = plan_of(*canceled)
    assert plan.ok == 1
    assert list(plan.notes) == [
        "spring: 1 order is short, and it can't be bought again: policy.max_reorders is 1 (spring/teaser)"
    ]
    assert plan_of(*canceled, max_reorders=2).parts[TEASER].slot == 1
    assert plan_of(*canceled, reorder(1000, LiveStatus.CANCELED, 1000, slot=1), max_reorders=2).ok == 1
    never = plan_of(ended(LiveStatus.CANCELED, 1000), max_reorders=0)
    assert (never.ok, list(never.notes)) == (1, [])


def test_reorders_of_partial_deliveries_do_not_use_up_those_of_cancellations():
    plan = plan_of(partial(300), reorder(300, LiveStatus.CANCELED, 300))
    assert plan.parts[TEASER] == Part(AttemptKind.REORDER, 1, 300, None, None)


@pytest.mark.parametrize("state", CancelState)
@pytest.mark.parametrize("status", [LiveStatus.CANCELED, LiveStatus.PARTIAL])
def test_what_we_asked_to_cancel_is_never_bought_again(state, status):
    asked = {1: [CancelRequest(1, NOW, state, "")]}
    assert plan_of(ended(status, 300), cancels=asked).ok == 1


def test_what_was_cancelled_for_a_replacement_is_never_bought_again():
    replacement = ended(LiveStatus.COMPLETED, kind=AttemptKind.REPLACEMENT, quantity=2000)
    plan = plan_of(ended(LiveStatus.CANCELED, 1000), replacement, order=an_order(quantity=2000))
    assert plan.ok == 1


@pytest.mark.parametrize("policy", [{"on_partial": OnShort.ACCEPT}, {"on_canceled": OnShort.ACCEPT}])
def test_each_policy_speaks_for_its_own_status(policy):
    is_partial = "on_partial" in policy
    accepted, other = (partial(300), ended(LiveStatus.CANCELED, 1000))[:: 1 if is_partial else -1]
    assert plan_of(accepted, **policy).ok == 1
    assert kinds(plan_of(other, **policy)) == {"spring/teaser": ActionKind.REORDER}


def test_a_correction_of_a_final_status_never_buys_more():
    assert plan_of(ended(LiveStatus.COMPLETED), reorder(1000)).ok == 1
    assert plan_of(ended(LiveStatus.IN_PROGRESS), reorder(1000)).ok == 1
    # The reorder of a cancellation that was taken back still counts as one.
    assert plan_of(ended(LiveStatus.COMPLETED), reorder(1000, LiveStatus.CANCELED, 1000)).ok == 1


def test_what_was_delivered_after_all_is_not_bought_again_on_account_of_its_reorder():
    completed, policy = ended(LiveStatus.COMPLETED), {"max_reorders": 5}
    assert plan_of(completed, reorder(1000, LiveStatus.PARTIAL, 900), **policy).ok == 1
    assert plan_of(completed, reorder(1000, LiveStatus.CANCELED, 1000), **policy).ok == 1
    assert plan_of(ended(LiveStatus.IN_PROGRESS), reorder(1000, LiveStatus.CANCELED, 1000), **policy).ok == 1
    # The first one delivered 700 after all, the second 200: 100 are lacking, whatever the second is short of.
    plan = plan_of(partial(300), reorder(1000, LiveStatus.PARTIAL, 800), **policy)
    assert plan.parts[TEASER].quantity == 100


def test_several_short_attempts_share_what_is_lacking():
    late = ended(LiveStatus.COMPLETED)
    again = reorder(1000, LiveStatus.PARTIAL, 700)
    top_up = partial(400, kind=AttemptKind.TOP_UP, quantity=500)
    standing = [one._replace(id=number) for number, one in enumerate((late, again, top_up), 1)]
    # Of 1,500 units 1,400 are delivered; the two that are short lack 1,100.
    assert [one.units for one in shortfalls(history_of(standing), Policy(**BOTH), {})] == [100]


def test_a_partial_order_that_delivered_nothing_counts_as_a_cancellation():
    nothing = [partial(1000), reorder(1000, LiveStatus.PARTIAL, 1000)]
    assert plan_of(*nothing[:1]).parts[TEASER].quantity == 1000
    plan = plan_of(*nothing)
    assert plan.ok == 1
    assert "policy.max_reorders is 1" in plan.notes[0]
    assert plan_of(*nothing, max_reorders=2).parts[TEASER].quantity == 1000


def test_several_short_attempts_are_bought_again_one_after_the_other():
    top_up = partial(100, kind=AttemptKind.TOP_UP, quantity=500, panel_order_id="23502")
    order = an_order(quantity=1500)
    first = plan_of(partial(300), top_up, order=order)
    assert first.parts[TEASER].quantity == 300
    second = plan_of(partial(300), top_up, reorder(300), order=order)
    assert second.parts[TEASER] == Part(AttemptKind.REORDER, 1, 100, None, None)
    assert plan_of(partial(300), top_up, reorder(300), reorder(100, slot=1), order=order).ok == 1


def test_a_reorder_waits_for_another_order_on_its_link():
    other = an_attempt(an_order("x", campaign="autumn", link=f"{LINK}/teaser"), status=LiveStatus.PENDING)
    plan = make_plan([a_campaign(an_order(), **BOTH)], recorded_with(partial(300), other))
    assert kinds(plan) == {"spring/teaser": ActionKind.WAIT}
    assert (
        "bought again, for 0.27 USD; autumn/x, for the same service and link, is in flight"
        in (reasons(plan)["spring/teaser"])
    )


def test_a_kept_order_is_bought_again_only_where_it_was_bought():
    keep = {"on_change": OnChange.KEEP}
    assert plan_of(partial(300), order=an_order(link=f"{LINK}/other"), **keep).ok == 1
    assert plan_of(partial(300), order=an_order(quantity=2000), **keep).parts[TEASER].quantity == 300


def test_an_abandoned_attempt_is_not_short():
    assert plan_of(partial(300, state=AttemptState.ABANDONED)).ok == 1


def test_buying_again_reaches_an_end():
    recorded = recorded_with(partial(300))
    campaign = a_campaign(an_order(), **BOTH)
    bought = placed_by(make_plan([campaign], recorded), recorded)
    assert make_plan([campaign], bought).ok == 1


def test_a_reorder_at_a_risen_price_refuses_the_apply_and_names_the_policies():
    plan = plan_of(partial(300, rate="0.50"))
    assert [refusal.guard for refusal in plan.refusals] == ["price"]
    assert "set policy.on_partial and policy.on_canceled to accept" in reasons(plan)["spring/teaser"]


def test_reorders_of_what_was_replaced_since_count_too():
    """`max_reorders` bounds an order's life, whatever the line said meanwhile."""
    bought = [ended(LiveStatus.CANCELED, 1000), reorder(1000)]
    renewed = ended(LiveStatus.CANCELED, 1000, kind=AttemptKind.REPLACEMENT, panel_order_id="99")
    attempts = [one._replace(id=number) for number, one in enumerate((*bought, renewed), 1)]
    assert plan_of(*attempts).purchases() == []
    assert len(plan_of(*attempts, max_reorders=2).purchases()) == 1
