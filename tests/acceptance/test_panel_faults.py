"""What panels do wrong, played by the sandbox while the real command line buys on it."""

import json
import time

import pytest

from tests.acceptance.project import Project, post
from tests.acceptance.served import Served

ORDERS = 12
PARALLEL = 4


@pytest.fixture
def listed(project: Project) -> Project:
    """A project with a dozen orders listed."""
    project.campaign([post(number) for number in range(ORDERS)])
    return project


MANY = 240  # the rate after a 429 follows from what went through before: few orders would crawl
RATE_LIMIT = {"kind": "rate_limit", "after": MANY - 3, "times": 2, "seconds": 1}


@pytest.mark.parametrize(
    "fault",
    [RATE_LIMIT, pytest.param(RATE_LIMIT | {"status": 200}, marks=pytest.mark.slow)],
    ids=["http-429", "http-200"],
)
def test_too_many_requests_are_waited_out_and_everything_is_placed(project: Project, served_sandbox: Served, fault):
    project.campaign([post(number) for number in range(MANY)])
    served_sandbox.fault(fault)
    started = time.monotonic()
    ran = project.run("apply", "--yes", "--format", "json")
    assert (ran.code, ran.json["placed"]) == (0, MANY)
    assert served_sandbox.struck() == [2]
    assert time.monotonic() - started >= 1, "Retry-After is obeyed"
    assert sorted(served_sandbox.links().values()) == [1] * MANY


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_never_followed_is_in_doubt_and_stops_the_panel(
    listed: Project, served_sandbox: Served, status: int
):
    served_sandbox.fault({"kind": "redirect", "status": status, "after": 4})
    ran = listed.run("apply", "--yes", "--format", "json")
    assert (ran.code, ran.json["placed"]) == (15, 4)
    assert 1 <= ran.json["in_doubt"] <= PARALLEL
    assert served_sandbox.requests()["add"] <= 4 + PARALLEL
    assert served_sandbox.requests()["elsewhere"] == 0


def test_a_redirect_of_a_read_is_not_followed_either(listed: Project, served_sandbox: Served):
    served_sandbox.fault({"kind": "redirect", "action": "balance"})
    assert listed.run("apply", "--yes").code == 13
    assert served_sandbox.requests()["elsewhere"] == 0
    assert served_sandbox.requests()["add"] == 0


AFTER_PLACING = [
    {"kind": "reset_after"},
    {"kind": "empty_body"},
    {"kind": "html_body"},
    {"kind": "not_json"},
    {"kind": "truncated"},
    {"kind": "cut_chunk"},
    {"kind": "id_zero"},
    {"kind": "error_after_placing"},
    {"kind": "status_5xx", "placed": True},
    {"kind": "status_5xx", "status": 500, "placed": True, "text": '{"error": "Internal server error"}'},
    {"kind": "answer", "text": '{"status": "success"}'},
    {"kind": "answer", "text": '{"error": ""}'},
    {"kind": "answer", "text": '{"order": 23501'},
]


@pytest.mark.parametrize("fault", AFTER_PLACING, ids=lambda fault: "-".join(str(value) for value in fault.values()))
def test_an_order_placed_behind_an_unusable_answer_is_in_doubt_and_bought_once(
    listed: Project, served_sandbox: Served, fault
):
    served_sandbox.fault(fault | {"after": 5, "times": 1})
    first = listed.run("apply", "--yes", "--format", "json")
    assert served_sandbox.struck() == [1]
    assert (first.code, first.json["in_doubt"]) == (15, 1)
    second = listed.run("apply", "--yes", "--format", "json")
    assert (second.code, second.json["in_doubt"]) == (15, 1)
    assert first.json["placed"] + second.json["placed"] == ORDERS - 1
    assert sorted(served_sandbox.links().values()) == [1] * ORDERS
    assert served_sandbox.requests()["add"] == ORDERS


def test_a_connection_reset_before_the_order_was_placed_is_a_doubt_too(listed: Project, served_sandbox: Served):
    """From here it looks like any other lost answer: only the panel knows that nothing was bought."""
    served_sandbox.fault({"kind": "reset_before", "after": 5, "times": 1})
    assert listed.run("apply", "--yes").code == 15
    assert listed.run("apply", "--yes").code == 15
    assert sorted(served_sandbox.links().values()) == [1] * (ORDERS - 1)
    assert served_sandbox.requests()["add"] == ORDERS


def test_an_order_that_appears_after_its_connection_was_reset_is_not_bought_again(
    listed: Project, served_sandbox: Served
):
    served_sandbox.fault({"kind": "late_placing", "after": 5, "times": 1, "seconds": 30})
    assert listed.run("apply", "--yes").code == 15
    assert listed.run("apply", "--yes").code == 15
    served_sandbox.tell("clock", {"advance_minutes": 60})
    assert listed.run("apply", "--yes").code == 15
    assert sorted(served_sandbox.links().values()) == [1] * ORDERS


@pytest.mark.parametrize("kind", ["bom_prefix", "php_warning", "slow"])
def test_noise_around_a_right_answer_does_no_harm(listed: Project, served_sandbox: Served, kind: str):
    served_sandbox.fault({"kind": kind, "action": "*", "seconds": 0.2})
    ran = listed.run("apply", "--yes", "--format", "json")
    assert (ran.code, ran.json["placed"]) == (0, ORDERS)
    assert sorted(served_sandbox.links().values()) == [1] * ORDERS


@pytest.mark.parametrize("kind", ["reset_before", "status_5xx", "empty_body", "html_body", "truncated"])
def test_a_read_that_fails_once_is_asked_again(listed: Project, served_sandbox: Served, kind: str):
    served_sandbox.fault(
        {"kind": kind, "action": "balance", "times": 1}, {"kind": kind, "action": "status", "times": 1}
    )
    ran = listed.run("apply", "--yes", "--format", "json")
    assert (ran.code, ran.json["placed"]) == (0, ORDERS)


def test_an_order_that_the_panel_gives_the_id_of_another_one_is_in_doubt(listed: Project, served_sandbox: Served):
    served_sandbox.fault({"kind": "answer", "text": '{"order": 23501}', "after": 6, "times": 1, "placed": True})
    ran = listed.run("apply", "--yes", "--format", "json")
    assert (ran.code, ran.json["in_doubt"]) == (15, 1)


def test_proxies_of_the_environment_are_ignored(listed: Project, served_sandbox: Served):
    """The key and the orders go to the panel alone; port 9 takes no connection."""
    nowhere = "http://127.0.0.1:9"
    proxies = dict.fromkeys(("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"), nowhere)
    ran = listed.run_apart("apply", "--yes", **proxies, NO_PROXY="")
    assert ran.code == 0
    assert len(served_sandbox.orders()) == ORDERS


SURE_REFUSALS = [
    {"error": "You must fill in the required fields.", "status": 107},
    {"error": "You did not meet the minimum number.", "status": "108"},
    {"error": 109, "message": "The maximum number has been exceeded."},
    {"error": "Quantity out of bounds"},
    {"error": "Incorrect parameters"},
    {"error": "Incorrect request or API key"},
    {"error": "Minimum quantity is 50"},
    {"error": "min quantity: 1,000"},
    {"error": "Quantity must to be greater than or equal to minimum amount 50"},
    {"error": "You can not order more than 5000 per link"},
    {
        "error": "There is an active order with the same link already. You can place another order but only after the "
        "current order is completed."
    },
]


def test_what_surely_bought_nothing_stops_no_run(project: Project, served_sandbox: Served):
    orders = len(SURE_REFUSALS) + 3
    project.campaign([post(number) for number in range(orders)])
    refused = [
        {"kind": "answer", "text": json.dumps(answer), "times": 1, "placed": False, "status": status}
        for answer, status in zip(SURE_REFUSALS, [200, 400, 422] * 4, strict=False)
    ]
    served_sandbox.fault(*refused)
    ran = project.run("apply", "--yes", "--format", "json")
    assert (ran.code, ran.json["in_doubt"]) == (14, 0), ran.out
    assert (ran.json["placed"], ran.json["refused"]) == (3, len(SURE_REFUSALS))
    assert set(served_sandbox.struck()) == {1}
    served_sandbox.fault()
    assert project.run("apply", "--yes").code == 0
    assert sorted(served_sandbox.links().values()) == [1] * orders


@pytest.mark.parametrize("text", ["Ordering is disabled", "API access disabled"])
def test_a_panel_that_takes_no_orders_at_all_is_asked_once(listed: Project, served_sandbox: Served, text: str):
    listed.panels(served_sandbox.url, parallel={"add": 1, "read": 1})
    served_sandbox.fault({"kind": "answer", "text": json.dumps({"error": text}), "placed": False})
    ran = listed.run("apply", "--yes", "--format", "json")
    assert (ran.code, ran.json["in_doubt"], ran.json["refused"]) == (14, 0, 1)
    assert served_sandbox.requests()["add"] == 1


LOST_BEHIND = [
    {"text": '{"error": "Failed to create order"}'},
    {"text": '{"error": "There was an error, contact the admin"}'},
    {"text": "{}"},
    {"text": "null"},
    {"text": '{"order": null}'},
    {"text": '{"error": 108}'},
    {"text": '{"error": "The order was made, then: Failed to create order"}'},
    {"status": 500, "text": '{"error": "Not enough funds"}'},
]


@pytest.mark.parametrize("answer", LOST_BEHIND, ids=str)
def test_an_order_that_was_charged_behind_an_error_is_a_doubt(listed: Project, served_sandbox: Served, answer):
    listed.panels(served_sandbox.url, parallel={"add": 1, "read": 1})
    served_sandbox.fault({"kind": "answer", "placed": True, "after": 2, "times": 1} | answer)
    ran = listed.run("apply", "--yes", "--format", "json")
    assert (ran.code, ran.json["placed"], ran.json["in_doubt"]) == (15, 2, 1)
    assert listed.run("apply", "--yes").code == 15
    assert sorted(served_sandbox.links().values()) == [1] * ORDERS


def test_one_id_given_to_two_orders_sent_side_by_side_is_one_order_and_one_doubt(
    listed: Project, served_sandbox: Served
):
    served_sandbox.fault({"kind": "answer", "text": '{"order": 777}', "times": 2, "placed": True})
    ran = listed.run("apply", "--yes", "--format", "json")
    outcomes = [(order["outcome"], order["panel_order_id"]) for order in ran.json["orders"]]
    assert ran.code == 15
    assert outcomes.count(("placed", "777")) == 1
    assert outcomes.count(("in_doubt", None)) == 1
    assert any("777" in order["message"] for order in ran.json["orders"] if order["outcome"] == "in_doubt")
