import pytest

from runner.core.errors import ExitCode
from runner.planning.guards.price_guard import PriceTerms
from runner.planning.plan import ActionKind
from runner.planning.reconcile.plan_request import PlanRequest, plan_of
from runner.planning.refills.due_refills import RefillInputs
from runner.planning.what_if import parse
from tests.planning.builders import NOW, D, a_campaign, an_attempt, an_order, kinds, recorded_with

THREE = [an_order("a"), an_order("b"), an_order("c")]  # 0.90 each


def asked(campaign, *questions, recorded=None):
    request = PlanRequest(campaigns=[campaign], what_if=parse(questions))
    return plan_of(request, recorded or recorded_with(), RefillInputs(now=NOW), PriceTerms())


def test_a_budget_shows_what_fits_by_priority_and_counts_what_does_not():
    campaign = a_campaign(*THREE, per_run="0.10", total="0.10", per_day="0.10", priorities={"c": 5})
    plan = asked(campaign, "budget=1.80")
    assert plan.exit_code is ExitCode.OK
    assert list(kinds(plan).items()) == [
        ("spring/c", ActionKind.PLACE),
        ("spring/a", ActionKind.PLACE),
        ("spring/b", ActionKind.BLOCKED),
    ]
    assert plan.notes[0].startswith(
        "what if budget=1.80: 2 orders for 1.80 USD fit, 1 order for 0.90 USD do not; a question only"
    )


def test_what_must_stay_on_the_account_stays_whatever_the_budget():
    plan = asked(a_campaign(*THREE, keep_balance="99.00"), "budget=50")
    assert [refusal.guard for refusal in plan.refusals] == ["budget.keep_balance"]


def test_a_multiplied_quantity_meets_the_real_caps():
    plan = asked(a_campaign(*THREE, per_run="5.39"), "quantity*=2")
    assert [action.order.quantity for action in plan.actions] == [2000, 2000, 2000]
    (refusal,) = plan.refusals
    assert "5.40 USD planned" in refusal.message
    assert plan.exit_code is ExitCode.GUARD


def test_quantities_change_only_where_nothing_was_bought():
    recorded = recorded_with(an_attempt(an_order("a")))
    plan = asked(a_campaign(*THREE), "quantity=500", recorded=recorded)
    assert (plan.ok, [action.order.quantity for action in plan.actions]) == (1, [500, 500])
    assert plan.cost == D("0.90")


def test_another_balance_is_asked_for():
    plan = asked(a_campaign(*THREE), "balance=1.00", "quantity*=0.5")
    assert [refusal.guard for refusal in plan.refusals] == ["balance"]
    assert plan.money["sandbox"].balance.amount == D("1.00")


@pytest.mark.parametrize(
    "question",
    ["", "budget", "budget*=2", "price=1", "quantity=1.5", "quantity=0", "quantity*=0", "budget=-1", "budget=1e9"],
)
def test_what_is_no_question_is_an_error(question):
    with pytest.raises(ValueError):
        parse([question])


@pytest.mark.parametrize("questions", [("budget=1", "budget=2"), ("quantity=5", "quantity*=2")])
def test_one_thing_is_asked_for_once(questions):
    with pytest.raises(ValueError, match="twice"):
        parse(questions)
