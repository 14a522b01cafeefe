"""Answers about orders that panels bend: to cancels, refills and statuses, as a whole, in the other form, or not at all."""

import json

import pytest

from tests.acceptance.project import Project, post
from tests.acceptance.served import Served


def buy(project: Project, number: int, **more: object) -> None:
    project.campaign([post(one) for one in range(number)], **more)
    ran = project.run("apply", "--yes", "-q")
    assert ran.code == 0, ran.err


def answered(action: str, body: object, **more: object) -> dict[str, object]:
    return {"kind": "answer", "action": action, "text": json.dumps(body), **more}


@pytest.mark.parametrize(
    "body",
    [
        {"status": "success", "message": "Your cancellation request was received"},
        {"ok": True},
        {"success": True},
        True,
        1,
    ],
    ids=json.dumps,
)
def test_a_cancel_taken_as_a_whole_is_recorded_and_sent_once(project: Project, served_sandbox: Served, body):
    buy(project, 2)
    served_sandbox.fault(answered("cancel", body))
    ran = project.run("cancel", "spring/post-0", "spring/post-1", "--yes", "--format", "json", "-q")
    assert (ran.code, ran.json["summary"]) == (0, {"recorded": 2}), ran.out
    assert served_sandbox.requests()["cancel"] == 1


@pytest.mark.parametrize("body", [None, 0, False, {}, []], ids=json.dumps)
def test_a_cancel_answered_with_nothing_is_unknown_says_why_and_is_sent_no_three_times(
    project: Project, served_sandbox: Served, body
):
    buy(project, 1)
    served_sandbox.fault(answered("cancel", body))
    ran = project.run("cancel", "spring/post-0", "--yes", "-q")
    assert ran.code == 14
    assert "unknown" in ran.out
    assert f"the panel answered {json.dumps(body)}, which does not say" in ran.out
    assert "refused" not in ran.out
    assert served_sandbox.requests()["cancel"] == 2


def test_a_panel_that_reads_only_order_cancels_one_by_one_and_is_remembered(bare_project: Project, serve):
    panel = serve("--cancel-by", "order")
    bare_project.panels(panel.url)
    buy(bare_project, 3)
    ran = bare_project.run("cancel", *(f"spring/post-{n}" for n in range(3)), "--yes", "--format", "json", "-q")
    assert (ran.code, ran.json["summary"]) == (0, {"recorded": 3}), ran.out
    assert all(order["cancel_requested"] is not None for order in panel.orders())
    assert panel.requests()["cancel"] == 4


def test_a_prune_on_such_a_panel_cancels_too(bare_project: Project, serve):
    panel = serve("--cancel-by", "order")
    bare_project.panels(panel.url)
    buy(bare_project, 4)
    bare_project.campaign([post(n) for n in range(3)])
    assert bare_project.run("apply", "--yes", "--prune", "-q").code == 0
    assert [order["cancel_requested"] is not None for order in panel.orders()] == [False, False, False, True]


@pytest.mark.parametrize("body", [{"status": "success", "message": "ok"}, None, False, 0, {}], ids=json.dumps)
def test_a_refill_without_a_number_is_unknown_says_why_and_is_asked_for_once(
    project: Project, served_sandbox: Served, body
):
    buy(project, 1)
    (order,) = served_sandbox.orders()
    served_sandbox.tell(f"orders/{order['order']}", {"status": "Completed"})
    project.run("status", "--refresh", "-q")
    served_sandbox.fault(answered("refill", body))
    ran = project.run("refill", "spring/post-0", "--yes", "--format", "json", "-q")
    assert (ran.code, ran.json["summary"]) == (14, {"unknown": 1})
    assert ran.json["orders"][0]["message"]
    assert project.run("refill", "spring/post-0", "--yes", "--format", "json", "-q").json["summary"] == {"held": 1}
    assert served_sandbox.requests()["refill"] == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"error": "Order not found.", "status": "104"}),
        (200, {"error": "Incorrect order ID"}),
        (200, None),
        (200, {}),
        (422, {"message": "The given data was invalid.", "errors": {"orders": ["The order field is required."]}}),
        (404, {"message": "Not Found"}),
        (405, {"message": "Method Not Allowed"}),
    ],
    ids=str,
)
def test_a_list_of_statuses_refused_as_a_whole_is_read_one_by_one(
    project: Project, served_sandbox: Served, status: int, body
):
    buy(project, 3)
    for order in served_sandbox.orders():
        served_sandbox.tell(f"orders/{order['order']}", {"status": "Completed"})
    served_sandbox.fault(answered("status", body, status=status, times=1))
    ran = project.run("status", "--refresh", "--format", "json", "-q")
    assert (ran.code, ran.json["summary"]["completed"]) == (0, 3), ran.err


@pytest.mark.parametrize("body", ['{"message": "Not Found"}', "<html>Not Found</html>"])
def test_one_status_that_is_not_found_stops_nothing_else(project: Project, served_sandbox: Served, body: str):
    buy(project, 1)
    served_sandbox.fault({"kind": "answer", "action": "status", "status": 404, "text": body})
    project.campaign([post(0), post(1)])
    ran = project.run("apply", "--yes", "--format", "json")
    assert (ran.code, ran.json["placed"]) == (0, 1), ran.err


@pytest.mark.parametrize("word", ["Active", "Paused", "Expired", "Limit"])
def test_a_drip_parent_without_a_charge_is_live_and_bought_once(project: Project, served_sandbox: Served, word: str):
    orders = [post(0, service=4, quantity=100, runs=5, interval=60)]
    project.campaign(orders)
    assert project.run("apply", "--yes", "-q").code == 0
    (order,) = served_sandbox.orders()
    served_sandbox.fault(answered("status", {"status": word, "runs": 5, "orders": [1, 2]}))
    ran = project.run("status", "--refresh", "--format", "json", "-q")
    assert ran.json["orders"][0]["health"] in ("progressing", "stalled")
    again = project.run("apply", "--yes", "--format", "json")
    assert (again.code, again.json["placed"]) == (0, 0), again.err
    assert len(served_sandbox.orders()) == 1
    assert order["order"] == served_sandbox.orders()[0]["order"]
