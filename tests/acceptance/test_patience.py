"""A panel that asks to wait: told until when, obeyed within the patience, and given up beyond it without holding the state."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from tests.acceptance.project import Project, post
from tests.acceptance.served import Served

ORDERS = 6
YEAR = 365 * 86_400
NEXT_YEAR = datetime.now(UTC) + timedelta(seconds=YEAR)


@pytest.fixture
def listed(project: Project, served_sandbox: Served) -> Project:
    project.panels(served_sandbox.url, parallel={"add": 1, "read": 1})
    project.campaign([post(number) for number in range(ORDERS)])
    return project


def limited(**headers: str) -> dict[str, object]:
    text = '{"error": "Too many requests"}'
    return {"kind": "answer", "status": 429, "text": text, "placed": False, "headers": headers}


WAITS = {
    "seconds": limited(**{"Retry-After": str(YEAR)}),
    "http date": limited(**{"Retry-After": format_datetime(NEXT_YEAR, usegmt=True)}),
    "iso date": limited(**{"Retry-After": NEXT_YEAR.isoformat()}),
    "reset": limited(**{"X-RateLimit-Reset": str(int(NEXT_YEAR.timestamp()))}),
    "reset in milliseconds": limited(**{"X-RateLimit-Reset": str(int(NEXT_YEAR.timestamp() * 1000))}),
    "many digits": limited(**{"Retry-After": "9" * 300}),
}


@pytest.mark.parametrize("fault", WAITS.values(), ids=WAITS)
def test_orders_are_given_up_that_would_have_to_wait_for_a_year(listed: Project, served_sandbox: Served, fault):
    served_sandbox.fault(fault | {"after": 2})
    began = time.monotonic()
    ran = listed.run("apply", "--yes")
    assert ran.code == 14
    assert time.monotonic() - began < 20
    assert "asks to wait until 2" in ran.err
    assert "--patience" in ran.err
    assert "Not tried on served (3): spring/post-3, spring/post-4, spring/post-5" in ran.out
    assert served_sandbox.requests()["add"] == 3
    served_sandbox.fault()
    again = listed.run("apply", "--yes", "--format", "json")
    assert (again.code, again.json["placed"]) == (0, ORDERS - 2), "the state was free, and nothing was bought twice"
    assert sorted(served_sandbox.links().values()) == [1] * ORDERS


@pytest.mark.parametrize("action", ["balance", "services"])
@pytest.mark.parametrize("command", [("apply", "--yes"), ("plan",), ("watch", "--yes")], ids=lambda line: line[0])
def test_a_read_that_would_have_to_wait_for_a_year_ends_with_13(
    listed: Project, served_sandbox: Served, action: str, command: tuple[str, ...]
):
    served_sandbox.fault(WAITS["seconds"] | {"action": action})
    ran = listed.run(*command)
    assert (ran.code, served_sandbox.requests()[action]) == (13, 1)
    assert "asks to wait until 2" in ran.err
    assert served_sandbox.requests()["add"] == 0


def test_a_panel_that_is_down_for_a_year_is_given_up_too(listed: Project, served_sandbox: Served):
    served_sandbox.fault({"kind": "status_5xx", "action": "balance", "headers": {"Retry-After": str(YEAR)}})
    assert listed.run("plan").code == 13
    assert served_sandbox.requests()["balance"] == 1


@pytest.mark.parametrize("text", ["-5", "Wed, 21 Oct 2015 07:28:00 GMT", "0"])
def test_a_wait_that_lies_in_the_past_is_a_short_one(listed: Project, served_sandbox: Served, text: str):
    served_sandbox.fault(limited(**{"Retry-After": text}) | {"action": "balance", "times": 1})
    ran = listed.run("plan", "--patience", "5s")
    assert ran.code == 0, ran.err
    assert "it is asked again at" in ran.err


@pytest.mark.parametrize("text", ["NaN", "soon", ""])
def test_a_wait_that_says_nothing_is_ten_seconds(listed: Project, served_sandbox: Served, text: str):
    served_sandbox.fault(limited(**{"Retry-After": text}) | {"action": "balance"})
    began = time.monotonic()
    assert listed.run("plan", "--patience", "5s").code == 13
    assert time.monotonic() - began < 10


def test_it_is_told_until_when_orders_wait(listed: Project, served_sandbox: Served):
    listed.panels(served_sandbox.url, rate={"add": "120/min"}, parallel={"add": 4, "read": 4})
    served_sandbox.fault({"kind": "rate_limit", "seconds": 2, "times": 1})
    ran = listed.run("apply", "--yes")
    assert ran.code == 0
    assert ran.err.count("asks for less: no order until 2") == 1


def test_the_patience_is_a_flag_and_pauses_in_a_row_add_up(listed: Project, served_sandbox: Served):
    served_sandbox.fault({"kind": "rate_limit", "seconds": 2})
    ran = listed.run("apply", "--yes", "--patience", "3s", "--format", "json")
    assert (ran.code, ran.json["placed"]) == (14, 0)
    assert served_sandbox.requests()["add"] == 2


def test_a_watch_leaves_a_panel_alone_until_it_wants_orders_again(listed: Project, served_sandbox: Served):
    served_sandbox.fault({"kind": "rate_limit", "seconds": 4, "after": 1, "times": 1})
    line = ("watch", "--yes", "--until", "placed", "--patience", "1s", "--timeout", "9s", "--min-pause", "1s")
    assert listed.run(*line).code == 16, "the refused order waits for its own time"
    first, *others = [order["received"] for order in served_sandbox.orders()]
    assert len(others) == ORDERS - 2
    assert all(later - first > 3.5 for later in others)
    assert sorted(served_sandbox.links().values()) == [1] * (ORDERS - 1)
