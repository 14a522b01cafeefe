"""What panels do wrong, played by the sandbox while the real command line buys on it."""

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
