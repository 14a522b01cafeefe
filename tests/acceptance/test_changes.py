"""What becomes of orders after they were bought: edited lines, short deliveries, drips. From the plan to the panel's books."""

from collections.abc import Mapping
from decimal import Decimal

import pytest

from tests.acceptance.project import BRAND, Project, Ran, post
from tests.acceptance.served import Served
from tests.by_hand import edit_state

REORDER = {"on_partial": "reorder", "on_canceled": "reorder"}


def bought(served: Served) -> list[tuple[str, int]]:
    """Page and quantity of every order that the panel holds."""
    return [(form["link"].removeprefix(BRAND), int(form["quantity"])) for form in served.forms()]


def charged(served: Served) -> Decimal:
    """What the account has paid."""
    account = served.ask("account")
    return Decimal(account["deposits"]) - Decimal(account["balance"])


def apply(project: Project, code: int = 0) -> Ran:
    ran = project.run("apply", "--yes", "--format", "json", "-q")
    assert ran.code == code, ran.err
    return ran


def planned(project: Project, *options: str) -> dict[str, Mapping]:
    """The actions of `runner plan` by order."""
    return {one["order"]: one for one in project.run("plan", "--format", "json", "-q", *options).json["actions"]}


def end(served: Served, number: int, status: str = "Completed", remains: int | None = None) -> None:
    """An administrator ends the panel's order `number`, from 1."""
    served.tell(f"orders/{23500 + number}", {"status": status, "remains": remains})


def money_adds_up(project: Project, served: Served) -> None:
    project.run("status", "--refresh", "-q")
    report = project.run("report", "--format", "json").json
    assert Decimal(report["unexplained"]) == 0
    assert Decimal(report["spent"]) + Decimal(report["reserved"]) == charged(served)


def test_a_reorder_that_ends_short_is_left_where_the_first_purchase_was_delivered_after_all(project, served_sandbox):
    project.campaign([post(1, quantity=1000)], policy=REORDER | {"max_reorders": 3})
    apply(project)
    end(served_sandbox, 1, "Canceled")
    apply(project)
    assert bought(served_sandbox) == [("p/1", 1000), ("p/1", 1000)]
    end(served_sandbox, 1)
    end(served_sandbox, 2, "Partial", 900)
    apply(project)
    assert len(served_sandbox.orders()) == 2
    assert planned(project) == {}
    money_adds_up(project, served_sandbox)


def test_a_raised_quantity_is_topped_up_once(project, served_sandbox):
    project.campaign([post(1, quantity=1000)])
    apply(project)
    project.campaign([post(1, quantity=1500)], policy={"on_change": "top_up"})
    waiting = planned(project)["spring/post-1"]
    assert (waiting["action"], waiting["quantity"], waiting["cost"]) == ("wait", 500, "0.45")
    apply(project)
    assert bought(served_sandbox) == [("p/1", 1000)]

    end(served_sandbox, 1)
    text = project.run("plan", "-q").out
    assert "Ready: 1 top up for 0.45 USD." in text
    assert "listed: quantity 1500; it took 0.90): 500 more, for 0.45 USD" in text
    apply(project)
    assert bought(served_sandbox) == [("p/1", 1000), ("p/1", 500)]
    assert charged(served_sandbox) == Decimal("1.35")

    end(served_sandbox, 2)
    apply(project)
    assert planned(project) == {}
    assert len(served_sandbox.orders()) == 2
    (row,) = project.run("status", "--format", "json").json["orders"]
    assert (row["sync"], row["health"], row["charge"], row["remains"]) == ("placed", "completed", "1.35", 0)
    money_adds_up(project, served_sandbox)


@pytest.mark.parametrize(
    ("quantity", "words"), [(1020, "below service 1's minimum of 50"), (900, "can't be made less")]
)
def test_what_can_not_be_topped_up_buys_nothing_and_says_why(project, served_sandbox, quantity, words):
    project.campaign([post(1, quantity=1000)])
    apply(project)
    end(served_sandbox, 1)
    project.campaign([post(1, quantity=quantity), post(2)], policy={"on_change": "top_up"})
    refused = project.run("apply", "--yes")
    assert refused.code == 11
    assert words in refused.out + refused.err
    assert bought(served_sandbox) == [("p/1", 1000)]


def test_an_edited_order_is_cancelled_and_bought_anew_when_it_has_ended(project, served_sandbox):
    project.campaign([post(1, quantity=1000)])
    apply(project)
    project.campaign([post(1, quantity=2000)], policy={"on_change": "replace"})
    plan = planned(project)["spring/post-1"]
    assert (plan["action"], plan["quantity"], plan["cost"]) == ("replace", 2000, "1.80")
    assert "cancels order 23501, then buys it anew, for 1.80 USD" in plan["reason"]

    first = apply(project).json
    assert (first["placed"], first["cancels"]) == (0, 1)
    assert [order["cancel_requested"] is not None for order in served_sandbox.orders()] == [True]
    assert planned(project)["spring/post-1"]["action"] == "wait"
    apply(project)
    assert (len(served_sandbox.orders()), served_sandbox.requests()["cancel"]) == (1, 1)

    served_sandbox.tell("clock", {"advance_minutes": 12})
    assert apply(project).json["placed"] == 1
    assert bought(served_sandbox) == [("p/1", 1000), ("p/1", 2000)]
    apply(project)
    assert (planned(project), len(served_sandbox.orders())) == ({}, 2)
    assert served_sandbox.requests()["cancel"] == 1
    money_adds_up(project, served_sandbox)


def test_a_cancelled_replacement_survives_a_lost_answer(project, served_sandbox):
    project.campaign([post(1, quantity=1000)])
    apply(project)
    project.campaign([post(1, quantity=2000)], policy={"on_change": "replace"})
    apply(project)
    served_sandbox.tell("clock", {"advance_minutes": 12})
    served_sandbox.fault({"kind": "reset_after", "action": "add", "times": 1})
    apply(project, 15)
    served_sandbox.fault()
    apply(project, 15)
    assert bought(served_sandbox) == [("p/1", 1000), ("p/1", 2000)]
    adopt = project.run("doubt", "adopt", "spring/post-1", "--order", "23502", "--reason", "seen")
    assert adopt.code == 0, adopt.err
    apply(project)
    assert (planned(project), len(served_sandbox.orders())) == ({}, 2)


@pytest.mark.parametrize(
    ("service", "status", "words"),
    [(1, "Completed", "is completed, and there is nothing left to cancel"), (3, None, "service 3 can't be cancelled")],
)
def test_what_can_not_be_replaced_is_refused_with_words(project, served_sandbox, service, status, words):
    project.campaign([post(1, service=service)])
    apply(project)
    if status:
        end(served_sandbox, 1, status)
    project.campaign([post(1, service=service, quantity=200)], policy={"on_change": "replace"})
    refused = project.run("apply", "--yes")
    assert refused.code == 11
    assert words in refused.out + refused.err
    assert (len(served_sandbox.orders()), served_sandbox.requests()["cancel"]) == (1, 0)


def test_missing_units_are_bought_again_once_for_each_attempt(project, served_sandbox):
    project.campaign([post(1, quantity=1000)], policy=REORDER)
    apply(project)
    end(served_sandbox, 1, "Partial", 300)
    plan = planned(project)["spring/post-1"]
    assert (plan["action"], plan["quantity"], plan["cost"]) == ("reorder", 300, "0.27")
    assert plan["reason"] == "order 23501 ended partial, 300 of 1,000 units short: bought again, for 0.27 USD"
    apply(project)
    end(served_sandbox, 2, "Partial", 100)
    apply(project)
    end(served_sandbox, 3)
    apply(project)
    assert bought(served_sandbox) == [("p/1", 1000), ("p/1", 300), ("p/1", 100)]
    assert planned(project) == {}
    (row,) = project.run("status", "--format", "json").json["orders"]
    assert (row["health"], row["remains"]) == ("completed", 0)
    money_adds_up(project, served_sandbox)


def test_too_little_to_buy_again_is_a_note(project, served_sandbox):
    project.campaign([post(1, quantity=1000)], policy=REORDER)
    apply(project)
    end(served_sandbox, 1, "Partial", 20)
    ran = project.run("plan", "-q")
    assert ran.code == 0
    assert "quantity 20 is below service 1's minimum of 50 (spring/post-1)" in ran.out
    apply(project)
    assert len(served_sandbox.orders()) == 1


def test_what_the_panel_cancels_is_bought_again_as_often_as_allowed(project, served_sandbox):
    project.campaign([post(1)], policy=REORDER)
    apply(project)
    end(served_sandbox, 1, "Canceled")
    apply(project)
    assert bought(served_sandbox) == [("p/1", 100), ("p/1", 100)]
    end(served_sandbox, 1, "Completed")  # the administrator thinks better of it
    end(served_sandbox, 2, "Canceled")
    for _ in range(2):
        apply(project)
    assert len(served_sandbox.orders()) == 2


def test_what_we_cancel_is_not_bought_again(project, served_sandbox):
    project.campaign([post(1)], policy=REORDER)
    apply(project)
    assert project.run("cancel", "spring/post-1", "--yes", "-q").code == 0
    served_sandbox.tell("clock", {"advance_minutes": 12})
    apply(project)
    assert (planned(project), len(served_sandbox.orders())) == ({}, 1)


def an_hour_passes(project: Project) -> None:
    """As the state sees it: what was sent, was sent an hour earlier."""
    edit_state(project.state, "UPDATE attempts SET marked_at = strftime('%Y-%m-%dT%H:%M:%fZ', marked_at, '-1 hour')")


def test_a_drip_sends_one_instalment_an_hour(project, served_sandbox):
    drip = post(1, service=3, runs=3, interval=60, drip="runner")
    project.campaign([drip])
    plan = planned(project)["spring/post-1"]
    assert (plan["action"], plan["quantity"], plan["runs"], plan["cost"]) == ("place", 100, None, "0.035")
    assert plan["reason"].startswith("instalment 1 of 3, for 0.035 USD; 2 more to come, one every 60 min")
    for number in (1, 2, 3):
        apply(project)
        assert bought(served_sandbox) == [("p/1", 100)] * number
        if number < 3:
            apply(project)
            reason = planned(project)["spring/post-1"]["reason"]
            assert reason.startswith(f"instalment {number + 1} of 3 is due 20")
            an_hour_passes(project)
            apply(project)  # due, but the former one is in flight
            assert "is in flight" in planned(project)["spring/post-1"]["reason"]
            assert len(served_sandbox.orders()) == number
        end(served_sandbox, number)
    an_hour_passes(project)
    apply(project)
    assert (planned(project), len(served_sandbox.orders())) == ({}, 3)
    assert charged(served_sandbox) == Decimal("0.105")
    (row,) = project.run("status", "--format", "json").json["orders"]
    assert (row["sync"], row["health"], row["charge"]) == ("placed", "completed", "0.105")


def test_missed_instalments_are_not_sent_in_a_burst(project, served_sandbox):
    project.campaign([post(1, service=3, runs=5, interval=30, drip="runner")])
    apply(project)
    end(served_sandbox, 1)
    for _ in range(4):
        an_hour_passes(project)
    apply(project)
    end(served_sandbox, 2)
    apply(project)
    assert len(served_sandbox.orders()) == 2


def test_the_same_service_and_link_is_queued_across_campaigns(project, served_sandbox):
    for name in ("a", "b", "c"):
        project.campaign([post(1, id=name)], name=name)
    for number in (1, 2, 3):
        apply(project)
        assert len(served_sandbox.orders()) == number
        apply(project)
        assert len(served_sandbox.orders()) == number
        end(served_sandbox, number)
    apply(project)
    states = {row["order"]: row["panel_order_id"] for row in project.run("status", "--format", "json").json["orders"]}
    assert states == {"a/a": "23501", "b/b": "23502", "c/c": "23503"}


def test_a_saved_plan_carries_parts_and_survives_a_look_at_the_statuses(project, served_sandbox):
    project.campaign([post(1, quantity=1000)], policy=REORDER)
    apply(project)
    end(served_sandbox, 1, "Partial", 300)
    project.run("status", "--refresh", "-q")
    assert project.run("plan", "-q", "--out", "plan.json").code == 0
    project.run("status", "--refresh", "-q")
    assert project.run("apply", "plan.json", "-q").code == 0
    assert bought(served_sandbox) == [("p/1", 1000), ("p/1", 300)]
    assert project.run("apply", "plan.json").code == 12


def test_a_saved_plan_is_stale_when_another_part_would_be_bought(project, served_sandbox):
    project.campaign([post(1, quantity=1000)], policy=REORDER)
    apply(project)
    end(served_sandbox, 1, "Partial", 300)
    assert project.run("plan", "-q", "--out", "plan.json").code == 0
    text = (project.root / "plan.json").read_text()
    assert '"quantity": 300' in text
    (project.root / "plan.json").write_text(text.replace('"quantity": 300', '"quantity": 301'))
    stale = project.run("apply", "plan.json")
    assert stale.code == 12
    assert "plan.json was altered" in stale.err
    assert len(served_sandbox.orders()) == 1


def test_a_saved_plan_cancels_for_a_replacement(project, served_sandbox):
    project.campaign([post(1, quantity=1000)])
    apply(project)
    project.campaign([post(1, quantity=2000)], policy={"on_change": "replace"})
    assert project.run("plan", "-q", "--out", "plan.json").code == 0
    assert project.run("apply", "plan.json", "-q").code == 0
    assert served_sandbox.requests()["cancel"] == 1
    assert len(served_sandbox.orders()) == 1


def test_every_report_tells_of_parts(project, served_sandbox):
    project.campaign([post(1, quantity=1000), post(2, service=3, runs=2, interval=60, drip="runner")], policy=REORDER)
    apply(project)
    end(served_sandbox, 1, "Partial", 300)
    kinds = ("text", "json", "csv", "markdown", "html", "junit")
    reports = [option for kind in kinds for option in ("--report", f"{kind}={kind}.out")]
    assert project.run("plan", "-q", *reports).code == 0
    assert "reorder" in (project.root / "csv.out").read_text()
    assert "instalment 2 of 2" in (project.root / "text.out").read_text()
    assert project.run("apply", "--yes", "-q", *reports).code == 0
    assert all((project.root / f"{kind}.out").stat().st_size for kind in kinds)
    assert project.run("report", *reports).code == 0


def test_plans_from_memory_and_questions_know_of_parts(project, served_sandbox):
    project.campaign([post(1, quantity=1000)], policy=REORDER)
    apply(project)
    end(served_sandbox, 1, "Partial", 300)
    project.run("status", "--refresh", "-q")
    assert planned(project, "--no-refresh")["spring/post-1"]["quantity"] == 300
    asked = project.run("plan", "-q", "--no-refresh", "--what-if", "budget=0.10")
    assert "1 order for 0.27 USD do not" in asked.out
    assert "1 order for 0.27 USD" in project.run("plan", "-q", "--no-refresh", "--what-if", "budget=1").out
    assert len(served_sandbox.orders()) == 1
