"""`plan --out` and `apply PLAN.json`: just that plan, or nothing at all."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.project import Project, post
from tests.acceptance.served import Served


@pytest.fixture
def saved(project: Project) -> Path:
    """A project with one order bought, two more listed and planned into plan.json."""
    project.campaign([post(0)])
    assert project.run("apply", "--yes").code == 0
    project.campaign([post(0), post(1), post(2)])
    ran = project.run("plan", "--out", "plan.json")
    assert ran.code == 0
    assert "runner apply plan.json" in ran.out
    return project.root / "plan.json"


def test_a_saved_plan_is_applied_without_a_question_and_only_once(
    saved: Path, project: Project, served_sandbox: Served
):
    ran = project.run("apply", "plan.json", "--format", "json")
    assert (ran.code, ran.json["placed"]) == (0, 2)
    again = project.run("apply", "plan.json")
    assert again.code == 12
    assert len(served_sandbox.orders()) == 3


def test_a_saved_plan_binds_to_its_selection(project: Project, served_sandbox: Served):
    project.campaign([post(1), post(2), post(3)])
    assert project.run("plan", "--select", "spring/post-[12]", "--exclude", "*-2", "--out", "plan.json").code == 0
    ran = project.run("apply", "plan.json", "--format", "json")
    assert (ran.code, ran.json["placed"]) == (0, 1)
    assert [order["link"] for order in served_sandbox.orders()] == [post(1)["link"]]


@pytest.mark.parametrize("change", ["the file", "the state", "the order is placed by another run"])
def test_a_plan_is_stale_after_a_change_of(saved: Path, project: Project, served_sandbox: Served, change: str):
    if change == "the file":
        project.campaign([post(0), post(1), post(2, quantity=200)])
    elif change == "the state":
        project.campaign([post(50)], name="autumn")
        assert project.run("apply", "--yes", "campaigns/autumn.yaml").code == 0
    else:
        assert project.run("apply", "--yes", "--select", "*post-1").code == 0
    before = served_sandbox.requests()["add"]
    ran = project.run("apply", "plan.json")
    assert ran.code == 12
    assert "stale" in ran.err
    assert served_sandbox.requests()["add"] == before


def test_a_plan_is_stale_once_its_panel_is_another_account(
    saved: Path, project: Project, served_sandbox: Served, serve: Callable[..., Served]
):
    other = serve()
    project.panels(other.url)
    ran = project.run("apply", "plan.json")
    assert ran.code == 12
    assert "panel served has another address or key in panels.yaml" in ran.err
    assert (len(served_sandbox.orders()), other.orders()) == (1, [])


@pytest.mark.parametrize("field", ["quantity", "link", "cost", "service"])
def test_an_edited_plan_file_is_refused(saved: Path, project: Project, served_sandbox: Served, field: str):
    document = json.loads(saved.read_text())
    others = {"quantity": 5000, "link": post(9)["link"], "cost": "0.01", "service": "3"}
    document["actions"][0][field] = others[field]
    saved.write_text(json.dumps(document))
    ran = project.run("apply", "plan.json")
    assert ran.code in (10, 12)
    assert "altered" in ran.err
    assert len(served_sandbox.orders()) == 1


def test_a_file_that_is_no_plan_is_refused_in_one_line(project: Project, served_sandbox: Served):
    project.campaign([post(1)])
    for text in ("", "{}", "[1, 2", '{"format_version": 1}'):
        project.write("plan.json", text)
        ran = project.run("apply", "plan.json")
        assert ran.code == 10
        assert "Traceback" not in ran.err
    assert not served_sandbox.orders()


def test_planning_twice_from_the_same_state_gives_the_same_checksum(project: Project):
    project.campaign([post(1), post(2)])
    assert project.run("plan").code == 0
    plans = [project.run("plan", "--no-refresh", "--format", "json").json for _ in range(2)]
    assert plans[0]["checksum"] == plans[1]["checksum"]
    project.campaign([post(1), post(2, quantity=101)])
    assert project.run("plan", "--no-refresh", "--format", "json").json["checksum"] != plans[0]["checksum"]
