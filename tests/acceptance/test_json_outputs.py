"""Real output of every command with JSON, against the schemas that scripts rely on."""

import json

import pytest
from jsonschema import Draft7Validator

from tests.acceptance.project import REPOSITORY, Project, post
from tests.acceptance.served import Served


def validator(name: str) -> Draft7Validator:
    schema = json.loads((REPOSITORY / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8"))
    Draft7Validator.check_schema(schema)
    return Draft7Validator(schema)


def errors(name: str, document: object) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in validator(name).iter_errors(document)]


@pytest.fixture
def varied(project: Project, served_sandbox: Served) -> Project:
    """A project with every kind of thing in it: placed, refused, in doubt, waiting, missing, blocked, removed."""
    project.campaign([post(number) for number in range(8)])
    no_such_link = {"kind": "answer", "text": '{"error": "Incorrect link"}', "after": 2, "times": 1}
    served_sandbox.fault(no_such_link | {"placed": False}, {"kind": "reset_after", "after": 5, "times": 1})
    assert project.run("apply", "--yes").code == 15
    served_sandbox.fault()
    first, *others = served_sandbox.orders()
    for order, status in zip(others, ["Completed", "Partial", "Canceled", "In progress"], strict=False):
        served_sandbox.tell(f"orders/{order['order']}", {"status": status})
    kept = [post(number) for number in range(8) if post(number)["link"] != first["link"]]
    waiting = post(99, id="waits", link=others[-1]["link"])
    project.campaign([*kept, waiting, post(98, service=4, runs=3, interval=60)])
    return project


def test_plan_status_and_report_validate_against_their_schemas(varied: Project):
    plan = varied.run("plan", "--format", "json")
    assert errors("plan", plan.json) == []
    assert {action["action"] for action in plan.json["actions"]} >= {"place", "wait", "in_doubt"}

    status = varied.run("status", "--refresh", "--format", "json")
    assert errors("status", status.json) == []
    assert {order["sync"] for order in status.json["orders"]} >= {"placed", "in_doubt", "missing", "removed"}
    assert {order["health"] for order in status.json["orders"]} >= {"completed", "partial", "canceled", "progressing"}

    report = varied.run("report", "--format", "json")
    assert errors("report", report.json) == []
    assert report.json["campaigns"]
    assert report.json["services"]
    assert report.json["days"]


def test_apply_validates_against_its_schema_and_so_does_the_report_inside(varied: Project):
    applied = varied.run("apply", "--yes", "--format", "json", "--report", "json=applied.json")
    assert applied.code == 15
    assert errors("apply", applied.json) == []
    assert errors("report", applied.json["report"]) == []
    assert applied.json["exit_code"] == 15
    assert json.loads((varied.root / "applied.json").read_text()) == applied.json


def test_a_plan_file_validates_too(varied: Project):
    varied.run("plan", "--out", "plan.json")
    assert errors("plan", json.loads((varied.root / "plan.json").read_text())) == []


def test_a_plan_from_memory_and_one_that_is_refused_validate(project: Project):
    project.campaign([post(1), post(2, service=4711)])
    fresh = project.run("plan", "--no-refresh", "--format", "json")
    assert errors("plan", fresh.json) == []
    blocked = project.run("plan", "--format", "json")
    assert blocked.code == 10
    assert errors("plan", blocked.json) == []
    assert {action["action"] for action in blocked.json["actions"]} == {"place", "blocked"}
    project.campaign([post(1), post(2)], budget={"per_run": "0.10"})
    over = project.run("plan", "--format", "json")
    assert over.code == 11
    assert errors("plan", over.json) == []


def test_services_and_balance_validate(project: Project):
    services = project.run("services", "--format", "json")
    assert (services.code, errors("services", services.json)) == (0, [])
    balance = project.run("balance", "--format", "json")
    assert (balance.code, errors("balance", balance.json)) == (0, [])
    assert "1000.00" in balance.out


def test_services_are_searched_by_words_and_by_id(project: Project):
    found = project.run("services", "served", "--search", "LIKES", "--format", "json")
    assert "Post likes" in found.out
    assert "Followers" not in found.out


@pytest.mark.parametrize("fine", [True, False])
def test_validate_validates(project: Project, fine: bool):
    project.campaign([post(1)] if fine else [post(1, colour="red"), post(1)])
    ran = project.run("validate", "--format", "json")
    assert ran.code == (0 if fine else 10)
    assert errors("validate", ran.json) == []
    assert bool(ran.json["diagnostics"]) is not fine


def test_every_event_line_validates_and_tells_the_story_in_order(varied: Project, served_sandbox: Served):
    served_sandbox.fault({"kind": "rate_limit", "times": 1, "seconds": 0.1})
    ran = varied.run("apply", "--yes", "--format", "jsonl")
    assert ran.code == 15
    schema = validator("event")
    for event in ran.events:
        assert not [error.message for error in schema.iter_errors(event)], event
    kinds = [event["type"] for event in ran.events]
    story = ["refresh_started", "statuses", "planned", "submit_started", "marked", "rate_lowered", "settled"]
    assert [kinds.index(kind) for kind in story] == sorted(kinds.index(kind) for kind in story)
    assert kinds[0] == "run_started"
    assert kinds[-1] == "run_finished"
    assert ran.events[-1]["exit_code"] == 15
    assert len({event["run_id"] for event in ran.events}) == 1


def test_the_reads_of_the_state_need_no_panel(varied: Project, served_sandbox: Served):
    before = served_sandbox.requests()
    for command in (["status"], ["report"], ["plan", "--no-refresh"]):
        assert varied.run(*command, "--format", "json").code == 15
    assert served_sandbox.requests() == before
