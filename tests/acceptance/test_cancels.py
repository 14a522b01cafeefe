"""Cancelling as users meet it: a request that may be repeated; what came of it, and the refund, only the status tells."""

import json
import sqlite3
from contextlib import closing
from decimal import Decimal

import pytest

from tests.acceptance.project import Project, post
from tests.acceptance.served import Served


def buy(project: Project, orders: list) -> None:
    project.campaign(orders)
    assert project.run("apply", "--yes", "-q").code == 0


def cancels(served: Served) -> list[bool]:
    return [order["cancel_requested"] is not None for order in served.orders()]


def money(project: Project) -> tuple[Decimal, Decimal, Decimal]:
    report = project.run("report", "--format", "json").json
    return tuple(Decimal(report[name]) for name in ("spent", "refunded", "unexplained"))


def test_a_cancel_is_recorded_and_the_refund_is_booked_only_when_the_status_tells(project, served_sandbox):
    buy(project, [post(1, quantity=1000), post(2)])
    before = money(project)
    asked = project.run("cancel", "spring/post-1", "--yes", "--format", "json", "-q")
    assert (asked.code, asked.json["summary"]) == (0, {"recorded": 1}), asked.err
    assert cancels(served_sandbox) == [True, False]
    assert money(project) == before
    assert "took the request to cancel" in project.run("status").out
    assert "Cancellations asked for: 1 recorded." in project.run("report").out

    served_sandbox.tell("clock", {"advance_minutes": 12})
    orders = project.run("status", "--refresh", "--format", "json", "-q").json["orders"]
    assert orders[0]["health"] in ("canceled", "partial")
    spent, refunded, unexplained = money(project)
    assert refunded > 0
    assert spent + refunded == before[0]
    assert unexplained == 0


def test_a_lost_cancel_is_repeated_without_harm(project, served_sandbox):
    buy(project, [post(1)])
    served_sandbox.fault({"kind": "reset_after", "action": "cancel", "times": 1})
    assert project.run("cancel", "spring/post-1", "--yes", "-q").code == 0  # the client repeats it
    assert served_sandbox.requests()["cancel"] == 2
    served_sandbox.fault({"kind": "reset_after", "action": "cancel"})
    lost = project.run("cancel", "spring/post-1", "--yes", "--format", "json", "-q")
    assert (lost.code, lost.json["summary"]) == (14, {"unknown": 1})
    served_sandbox.fault()
    assert project.run("cancel", "spring/post-1", "--yes", "-q").code == 0
    with closing(sqlite3.connect(project.state)) as state:
        assert state.execute("SELECT state FROM cancels ORDER BY id").fetchall() == [
            ("recorded",),
            ("unknown",),
            ("recorded",),
        ]


def test_too_late_and_not_possible_are_messages(project, served_sandbox):
    buy(project, [post(1), post(2), post(3, service=3), post(4)])
    for number in (23501, 23502):
        served_sandbox.tell(f"orders/{number}", {"status": "Completed"})
    assert project.run("status", "--refresh", "-q", "--select", "spring/post-1").code == 0
    served_sandbox.tell("orders/23502", {"status": "Completed"})
    some = project.run("cancel", "spring/post-1", "spring/post-3", "spring/post-4", "--yes", "--format", "json", "-q")
    assert some.code == 14
    said = {row["order"]: (row["outcome"], row["message"]) for row in some.json["orders"]}
    assert said == {
        "spring/post-1": ("held", "too late: it is completed"),
        "spring/post-3": ("held", "service 3 can't be cancelled"),
        "spring/post-4": ("recorded", ""),
    }
    assert cancels(served_sandbox) == [False, False, False, True]


def test_the_panel_may_say_that_it_is_too_late(project, served_sandbox):
    buy(project, [post(1)])
    served_sandbox.tell("orders/23501", {"status": "Completed"})  # the state does not know yet
    late = project.run("cancel", "spring/post-1", "--yes", "-q")
    assert late.code == 14
    assert "Cancel is not available" in late.out
    assert "completed" in project.run("status").out


def test_more_than_a_hundred_go_in_calls_of_a_hundred(project, served_sandbox):
    buy(project, [post(number) for number in range(205)])
    asked = project.run("cancel", "spring/*", "--yes", "--max-cancel", "100%", "--format", "json", "-q")
    assert (asked.code, asked.json["summary"]) == (0, {"recorded": 205})
    assert served_sandbox.requests()["cancel"] == 3
    assert all(cancels(served_sandbox))


def test_more_than_the_usual_share_of_ten_live_orders_is_refused_whole(project, served_sandbox):
    buy(project, [post(number) for number in range(10)])
    too_many = project.run("cancel", "spring/post-[0-3]", "--yes")
    assert too_many.code == 11
    assert "4 of 10 live orders would be cancelled" in too_many.err
    assert "30% of 10 live orders, that is 3" in too_many.err
    assert "1 too many" in too_many.err
    dry = project.run("cancel", "spring/post-[0-3]", "--dry-run")
    assert (dry.code, "4 cancellations would be asked for" in dry.out) == (11, True)
    assert served_sandbox.requests()["cancel"] == 0
    assert project.run("cancel", "spring/post-[0-2]", "--yes", "-q").code == 0
    assert sum(cancels(served_sandbox)) == 3


@pytest.mark.parametrize(("limit", "code"), [(4, 0), (3, 11), ("40%", 0), ("39%", 11)])
def test_a_campaign_sets_its_own_cap_on_cancelling(project, served_sandbox, limit, code):
    orders = [post(number) for number in range(10)]
    project.campaign(orders, policy={"max_cancel": limit})
    assert project.run("apply", "--yes", "-q").code == 0
    ran = project.run("cancel", "spring/post-[0-3]", "--yes", "-q")
    assert ran.code == code
    assert code == 0 or "campaigns/spring.yaml:5" in ran.err
    assert project.run("cancel", "spring/post-[0-3]", "--yes", "-q", "--max-cancel", "lots").code == 64


@pytest.mark.parametrize("address", ["spring/post-9", "autumn/*", "post-1", "spring/post-2"])
def test_an_address_that_is_not_placed_is_an_error_and_nothing_is_sent(project, served_sandbox, address):
    buy(project, [post(1)])
    project.campaign([post(1), post(2)])
    served_sandbox.fault({"kind": "reset_after", "action": "add"})
    assert project.run("apply", "--yes", "-q").code == 15
    wrong = project.run("cancel", "spring/post-1", address, "--yes")
    assert wrong.code == 10
    assert address in wrong.err
    assert served_sandbox.requests()["cancel"] == 0


def test_a_dry_run_and_a_run_without_consent_send_nothing(project, served_sandbox):
    buy(project, [post(1)])
    dry = project.run("cancel", "spring/post-1", "--dry-run")
    assert dry.code == 0
    assert "1 cancellation would be asked for" in dry.out
    assert project.run("cancel", "spring/post-1").code == 11
    assert project.run("cancel", "spring/post-1", "--dry-run", "--format", "json").json["dry_run"] is True
    assert served_sandbox.requests()["cancel"] == 0
    assert project.run("cancel").code == 64


def test_a_panel_that_is_down_is_told_apart(project, served_sandbox):
    buy(project, [post(1)])
    project.panels("http://127.0.0.1:1/api/v2")
    assert project.run("cancel", "spring/post-1", "--yes", "-q").code == 13


def test_the_built_in_sandbox_needs_no_consent_and_no_campaign(bare_project):
    bare_project.campaign([post(1)], panel="sandbox")
    assert bare_project.run("apply", "-q").code == 0
    (bare_project.root / "campaigns" / "spring.yaml").write_text("not: [a campaign")
    asked = bare_project.run("cancel", "spring/post-1", "--format", "json", "-q")
    assert asked.code == 0, asked.err
    assert json.loads(asked.out)["summary"] == {"recorded": 1}
