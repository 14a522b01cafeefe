"""Caps, prices and questions about them, against the sandbox's own books."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tests.acceptance.project import Project, post
from tests.acceptance.served import Served
from tests.acceptance.test_json_outputs import errors

D = Decimal
MANY = [post(number, quantity=100) for number in range(60)]  # 0.09 each, 5.40 in all


def taken(served: Served) -> Decimal:
    """What the panel took, by its own books."""
    return sum((D(order["taken"]) for order in served.orders()), D(0))


@pytest.mark.parametrize("cap", ["total", "per_run", "per_day"])
def test_a_budget_of_a_cent_too_little_sends_nothing_and_says_where_how_much_and_what_fits(
    project: Project, served_sandbox: Served, cap: str
):
    project.campaign(MANY, budget={cap: "5.39"})
    ran = project.run("apply", "--yes")
    assert ran.code == 11
    assert not served_sandbox.orders()
    assert f"budget.{cap}" in ran.out
    assert "campaigns/spring.yaml:5" in ran.out
    assert "0.01 USD too much; 59 orders for 5.31 USD would fit" in ran.out
    project.campaign(MANY, budget={cap: "5.40"})
    assert project.run("apply", "--yes", "-q").code == 0
    assert taken(served_sandbox) == D("5.40")


@pytest.mark.parametrize("cap", ["total", "per_run", "per_day", "max-cost", "keep_balance", "balance"])
def test_with_fifty_orders_in_flight_no_cap_is_overrun_by_a_cent(project: Project, served_sandbox: Served, cap: str):
    """Run after run with as many orders as fit: what the panel took never passes the cap."""
    project.panels(served_sandbox.url, parallel={"add": 50, "read": 4})
    served_sandbox.fault({"kind": "latency", "action": "add", "seconds": 0.05})
    if cap == "balance":
        served_sandbox.tell("account", {"balance": "4.99"})
    budget = {cap: "995.01" if cap == "keep_balance" else "4.99"} if cap not in ("max-cost", "balance") else {}
    flags = ["--max-cost", "4.99"] if cap == "max-cost" else []
    for end in (60, 55):
        project.campaign(MANY[:end], budget=budget)
        ran = project.run("apply", "--yes", "-q", *flags)
        assert ran.code == (11 if end * D("0.09") > D("4.99") else 0)
        assert taken(served_sandbox) <= D("4.99")
    assert taken(served_sandbox) == D("4.95")
    if cap in ("total", "per_day", "keep_balance", "balance"):  # caps over more than one run
        project.campaign(MANY[:56], budget=budget)
        assert project.run("apply", "--yes", "-q").code == 11
        assert taken(served_sandbox) == D("4.95")


def test_doubts_fill_a_budget_at_full_price(project: Project, served_sandbox: Served):
    served_sandbox.fault({"kind": "reset_before", "action": "add", "times": 1})  # nothing was bought, but who knows
    project.campaign(MANY[:1], budget={"per_day": "0.17"})
    assert project.run("apply", "--yes", "-q").code == 15
    project.campaign(MANY[:2], budget={"per_day": "0.17"})
    ran = project.run("apply", "--yes")
    assert ran.code == 11
    assert "budget.per_day is 0.17 USD with 0.09 USD committed today (UTC)" in ran.out


def test_a_batch_that_is_larger_than_max_new_is_refused(project: Project, served_sandbox: Served):
    project.campaign(MANY[:10], policy={"max_new": "100%"})
    assert project.run("apply", "--yes", "-q").code == 0
    project.campaign(MANY[:21], policy={"max_new": "100%"})
    ran = project.run("apply", "--yes")
    assert ran.code == 11
    assert "11 new orders planned, but policy.max_new is 100% of 10 orders bought so far, that is 10" in ran.out
    assert len(served_sandbox.orders()) == 10


def test_a_price_of_zero_is_refused_unless_the_panel_is_known_to_round(project: Project, served_sandbox: Served):
    served_sandbox.tell("services", {"service": 1, "rate": "0.00"})
    project.campaign([post(1)])
    ran = project.run("apply", "--yes")
    assert ran.code == 11
    assert "nothing is free" in ran.out
    assert not served_sandbox.orders()
    project.panels(served_sandbox.url, rounded_rates=True)
    assert project.run("apply", "--yes", "-q").code == 0
    assert len(served_sandbox.orders()) == 1


CHANGES = {
    "dearer": ({"rate": "0.91"}, "costs 0.91 per 1000 and cost 0.90"),
    "another name": ({"name": "Likes"}, "was named 'Followers' and is named 'Likes' now"),
    "no refill": ({"refill": False}, "had refill, which policy.refill relies on"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_saved_plan_is_refused_when_a_service_is_no_longer_what_it_was(
    project: Project, served_sandbox: Served, change: str
):
    project.campaign([post(1), post(2)], policy={"refill": {"when": "due"}})
    assert project.run("plan", "--out", "plan.json").code == 0
    fields, words = CHANGES[change]
    served_sandbox.tell("services", {"service": 1, **fields})
    ran = project.run("apply", "plan.json")
    assert ran.code == 11
    assert words in ran.out
    assert "in the saved plan" in ran.out
    assert not served_sandbox.orders()


def test_a_saved_plan_goes_ahead_at_a_price_that_the_campaign_allows(project: Project, served_sandbox: Served):
    project.campaign([post(1)], policy={"max_price_increase": "2%"})
    assert project.run("plan", "--out", "plan.json").code == 0
    served_sandbox.tell("services", {"service": 1, "rate": "0.91"})
    ran = project.run("apply", "plan.json", "--format", "json", "-q")
    assert (ran.code, ran.json["placed"]) == (0, 1)


@pytest.mark.parametrize("change", CHANGES)
def test_an_apply_without_a_saved_plan_is_refused_until_somebody_looked(
    project: Project, served_sandbox: Served, change: str
):
    policy = {"refill": {"when": "due"}}
    project.campaign([post(1)], policy=policy)
    assert project.run("apply", "--yes", "-q").code == 0
    fields, words = CHANGES[change]
    served_sandbox.tell("services", {"service": 1, **fields})
    project.campaign([post(1), post(2)], policy=policy)
    for _ in range(2):  # being refused is no look
        ran = project.run("apply", "--yes")
        assert ran.code == 11
        assert words in ran.out
    assert len(served_sandbox.orders()) == 1
    asked = project.run("plan", "--what-if", "budget=5")
    assert asked.code == 11
    look = project.run("plan")
    assert look.code == 0
    assert words in look.out
    assert project.run("apply", "--yes", "-q").code == 0
    assert len(served_sandbox.orders()) == 2


def test_questions_change_nothing_and_are_not_saved(project: Project, served_sandbox: Served):
    project.campaign([*MANY[:3], post(90, quantity=200, priority=5)], budget={"per_run": "0.01"})
    ran = project.run("plan", "--what-if", "budget=0.30")
    assert ran.code == 0
    assert "what if budget=0.30: 2 orders for 0.27 USD fit, 2 orders for 0.18 USD do not" in ran.out
    document = project.run("plan", "--what-if", "budget=0.30", "--format", "json").json
    assert errors("plan", document) == []
    assert [action["order"] for action in document["actions"] if action["action"] == "place"] == [
        "spring/post-90",
        "spring/post-0",
    ]
    more = project.run("plan", "--what-if", "quantity*=2", "--format", "json")
    assert (more.code, more.json["actions"][0]["quantity"]) == (11, 400)
    assert project.run("plan", "--what-if", "budget=1", "--out", "plan.json").code == 64
    assert project.run("plan", "--what-if", "everything").code == 64
    assert not served_sandbox.orders()


def test_a_plan_shows_what_the_account_holds_before_and_after(project: Project):
    project.campaign(MANY[:3])
    out = project.run("plan").out
    assert "1,000.00" in out or "1000.00" in out
    assert "999.73 USD" in out
    assert out.count("0.09") >= 3  # each order's own cost


def test_what_the_price_list_changed_is_shown(project: Project, served_sandbox: Served):
    nothing = project.run("services", "served", "--diff")
    assert (nothing.code, "no former price list is remembered" in nothing.out) == (0, True)
    project.campaign([post(1)])
    assert project.run("plan", "-q").code == 0
    assert "nothing has changed" in project.run("services", "served", "--diff").out
    served_sandbox.tell("services", {"service": 1, "rate": "1.10", "refill": False})
    served_sandbox.tell("services", {"service": 3, "remove": True})
    for _ in range(2):  # seen only now, and then remembered
        shown = project.run("services", "served", "--diff", "--format", "json")
        assert errors("services-diff", shown.json) == []
        assert [(one["service"], one["change"]) for one in shown.json["changes"]] == [("1", "changed"), ("3", "gone")]
        assert shown.json["changes"][0]["differences"] == [
            {"field": "rate", "before": "0.90", "after": "1.10"},
            {"field": "refill", "before": True, "after": False},
        ]
        assert project.run("plan", "-q").code == 0
    text = project.run("services", "served", "--diff").out
    assert "1.10" in text
    assert "gone" in text
    long_ago = project.run("services", "served", "--diff", "--since", "2020-01-01", "--format", "json")
    assert long_ago.json == {"since": {"served": None}, "changes": []}
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    assert project.run("services", "served", "--diff", "--since", today).code == 0
    assert project.run("services", "--since", today).code == 64
