"""An order declared not placed that turns up after all: told by every report from then on, on whatever channel it has."""

import json

import pytest
from jsonschema import Draft7Validator

from tests.acceptance.project import REPOSITORY, Project, post
from tests.acceptance.served import Served

EVENTS = json.loads((REPOSITORY / "schemas" / "event.schema.json").read_text(encoding="utf-8"))
SIGN = "spring/post-1, declared not placed on"


@pytest.fixture
def belied(project: Project, served_sandbox: Served) -> Project:
    """The second of two orders was lost, declared not placed, and exists; nobody has bought it again yet."""
    project.panels(served_sandbox.url, exclusive=True, parallel={"add": 1, "read": 1})
    project.campaign([post(number) for number in range(2)])
    served_sandbox.fault({"kind": "reset_after", "after": 1, "times": 1})
    assert project.run("apply", "--yes").code == 15
    served_sandbox.fault()
    declared = project.run("doubt", "not-placed", "spring/post-1", "--reason", "not in the list", "--i-checked")
    assert declared.code == 0, declared.err
    return project


@pytest.mark.parametrize(
    "command",
    [
        "plan",
        "plan --format json",
        "plan --no-refresh",
        "plan --no-refresh --format json",
        "apply --yes -q",
        "apply --yes --format json",
        "status",
        "status --format json",
        "status --refresh",
        "report",
        "report --format json",
        "doubt list",
        "doubt list --format json",
    ],
)
def test_every_later_report_warns_once_on_stderr(belied: Project, command: str):
    ran = belied.run(*command.split())
    assert ran.code == (11 if command.startswith(("plan", "apply")) else 0), (
        ran.err
    )  # its price is gone: nothing is bought
    (line,) = (line for line in ran.err.splitlines() if SIGN in line)
    assert line.startswith("warning: ")
    assert "0.09 is gone from served unexplained, its price was 0.09" in line
    assert "runner doubt show spring/post-1" in line
    assert SIGN not in ran.out
    if "json" in command:
        assert ran.json


def test_the_event_stream_tells_it_once_and_before_its_end(belied: Project):
    ran = belied.run("apply", "--yes", "--format", "jsonl")
    for event in ran.events:
        Draft7Validator(EVENTS).validate(event)
    (place,) = (place for place, event in enumerate(ran.events) if SIGN in event.get("message", ""))
    assert ran.events[place]["type"] == "warning"
    assert ran.events[-1]["type"] == "run_finished"


def test_a_sign_that_shows_itself_during_the_run_is_told_at_its_end(belied: Project, served_sandbox: Served):
    """The panel refuses the next attempt as a duplicate: that is known only after it was sent."""
    belied.panels(served_sandbox.url, parallel={"add": 1, "read": 1})  # not exclusive: the balance holds nothing
    served_sandbox.fault({"kind": "duplicate_refusal"})
    ran = belied.run("apply", "--yes", "--format", "jsonl")
    told = [event["message"] for event in ran.events if event["type"] == "warning"]
    assert any("refused the next order for the same service and link as a duplicate" in one for one in told), told


def test_without_a_sign_nobody_is_warned(project: Project):
    project.campaign([post(1)])
    assert project.run("apply", "--yes").code == 0
    for command in ("plan", "status", "report", "doubt list"):
        assert "warning" not in project.run(*command.split()).err
