import pytest

from runner.core.errors import ExitCode
from runner.core.orders import Limit
from runner.planning.guards.order_limits import allowed, too_many_cancelled
from runner.planning.plan import ActionKind
from runner.planning.reconcile.planner import make_plan
from tests.planning.builders import D, a_campaign, an_attempt, an_order, kinds, recorded_with

NEW = [an_order(f"n{number}") for number in range(5)]


def bought(number):
    return [an_attempt(an_order(f"old-{place}"), panel_order_id=str(place)) for place in range(number)]


@pytest.mark.parametrize(
    ("limit", "there", "most"),
    [
        (Limit(number=4), 0, 4),
        (Limit(share=D("0.3")), 9, None),  # too few for a share to mean anything
        (Limit(share=D("0.3")), 10, 3),
        (Limit(share=D("0.3")), 19, 5),
        (Limit(share=D(1)), 50, 50),
    ],
)
def test_a_share_of_few_orders_is_not_applied(limit, there, most):
    assert allowed(limit, there) == most


@pytest.mark.parametrize(
    ("limit", "past", "fits"),
    [
        (Limit(number=5), 0, True),
        (Limit(number=4), 0, False),
        (Limit(share=D("0.5")), 10, True),
        (Limit(share=D("0.49")), 10, False),
        (Limit(share=D("0.1")), 9, True),
    ],
)
def test_more_new_orders_than_max_new_are_refused(limit, past, fits):
    plan = make_plan([a_campaign(*NEW, max_new=limit)], recorded_with(*bought(past)))
    assert plan.exit_code is (ExitCode.OK if fits else ExitCode.GUARD)
    if not fits:
        (refusal,) = plan.refusals
        assert refusal.guard == "policy.max_new"
        assert "5 new orders planned" in refusal.message
        assert "1 too many; 4 orders for 3.60 would fit" in refusal.message
        assert list(kinds(plan).values()) == [ActionKind.PLACE] * 4 + [ActionKind.BLOCKED]
        assert plan.cost == D("3.60")


def test_max_new_zero_freezes_a_campaign():
    plan = make_plan([a_campaign(*NEW, max_new=Limit(number=0))], recorded_with())
    assert plan.exit_code is ExitCode.GUARD
    assert "no order would fit" in plan.refusals[0].message


def test_three_of_ten_may_be_cancelled_and_four_may_not():
    usual = Limit(share=D("0.3"))
    assert too_many_cancelled("spring", usual, "spring.yaml:5", 3, 10) == ""
    words = too_many_cancelled("spring", usual, "spring.yaml:5", 4, 10)
    assert "4 of 10 live orders" in words
    assert "30% of 10 live orders, that is 3 (spring.yaml:5): 1 too many" in words
    assert too_many_cancelled("spring", usual, "", 9, 9) == ""
