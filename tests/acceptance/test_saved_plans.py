"""`plan --out` and `apply PLAN.json`: just that plan, or nothing at all."""

import hashlib
import json
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.acceptance.project import KEY_NAME, Project, post
from tests.acceptance.served import TEST_KEY, Served


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


def poll(project: Project):
    return project.run("status", "--refresh")


def plan_another(project: Project):
    return project.run("plan", "--out", "other.json")


def label_the_balance(project: Project):
    return project.run("balance", "served", "--label", "top-up", "--amount", "50.00", "--yes", "--force")


def buy_something_else(project: Project):
    project.campaign([post(50)], name="autumn")
    return project.run("apply", "--yes", "campaigns/autumn.yaml")


def edit_and_restore(project: Project):
    project.campaign([post(0), post(1), post(2, quantity=200)])
    assert project.run("apply", "plan.json").code == 12
    project.campaign([post(0), post(1), post(2)])
    return project.run("validate")


@pytest.mark.parametrize("meanwhile", [poll, plan_another, label_the_balance, buy_something_else, edit_and_restore])
def test_a_plan_survives_what_does_not_touch_it(
    saved: Path, project: Project, served_sandbox: Served, meanwhile: Callable
):
    served_sandbox.end_orders()
    assert meanwhile(project).code == 0
    before = len(served_sandbox.orders())
    ran = project.run("apply", "plan.json", "--format", "json")
    assert (ran.code, ran.json["placed"]) == (0, 2), ran.err
    assert len(served_sandbox.orders()) == before + 2


def test_a_plan_survives_an_apply_that_a_guard_or_a_panel_stopped(
    saved: Path, project: Project, served_sandbox: Served
):
    served_sandbox.tell("account", {"balance": "0.00"})
    assert project.run("apply", "plan.json").code == 11
    served_sandbox.tell("account", {"balance": "100.00"})
    served_sandbox.fault({"kind": "status_5xx", "action": "balance"})
    assert project.run("apply", "plan.json", "--patience", "1s").code == 13
    served_sandbox.fault()
    assert project.run("apply", "plan.json").code == 0
    assert len(served_sandbox.orders()) == 3


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("the file", "campaigns/spring.yaml was edited"),
        ("an order", "spring/post-1: it was to place, now nothing"),
    ],
)
def test_what_differs_from_a_plan_is_named(
    saved: Path, project: Project, served_sandbox: Served, change: str, told: str
):
    if change == "the file":
        project.campaign([post(0), post(1), post(2, quantity=200)])
    else:
        assert project.run("apply", "--yes", "--select", "*post-1").code == 0
    before = served_sandbox.requests()["add"]
    ran = project.run("apply", "plan.json")
    assert ran.code == 12
    assert told in ran.err
    assert served_sandbox.requests()["add"] == before


def test_what_became_due_since_a_plan_is_left_to_a_later_one(project: Project, served_sandbox: Served):
    twice = post(2, id="again", link=post(0)["link"])
    project.campaign([post(0)])
    assert project.run("apply", "--yes").code == 0
    project.campaign([post(0), post(1), twice])
    assert project.run("plan", "--out", "plan.json").code == 0
    served_sandbox.end_orders()
    assert poll(project).code == 0
    ran = project.run("apply", "plan.json", "--format", "json")
    assert (ran.code, ran.json["placed"]) == (0, 1), ran.err
    assert served_sandbox.links() == {post(0)["link"]: 1, post(1)["link"]: 1}
    assert project.run("apply", "--yes", "--format", "json").json["placed"] == 1


def test_a_plan_is_bound_to_its_accounts_and_holds_no_key(
    saved: Path, project: Project, served_sandbox: Served, serve: Callable[..., Served]
):
    accounts = json.loads(saved.read_text())["binding"]["accounts"]
    assert list(accounts) == ["served"]
    assert accounts["served"].startswith(f"{served_sandbox.url}#")
    assert TEST_KEY not in saved.read_text()
    other = serve()
    project.panels(other.url)
    ran = project.run("apply", "plan.json")
    assert ran.code == 12
    assert f"panel served has another address in panels.yaml: it was {served_sandbox.url} and is {other.url}" in ran.err
    project.panels(served_sandbox.url)
    ran = project.run("apply", "plan.json", **{KEY_NAME: "another-key"})
    assert ran.code == 12
    assert "panel served has another key" in ran.err
    assert (len(served_sandbox.orders()), other.orders()) == (1, [])
    project.write("key.txt", TEST_KEY).chmod(0o600)
    project.panels(served_sandbox.url, key={"file": "key.txt"})  # the same key at another place
    assert project.run("apply", "plan.json").code == 0


def test_a_used_plan_says_what_was_done_with_it_and_what_to_do(saved: Path, project: Project, served_sandbox: Served):
    served_sandbox.fault(
        {"kind": "answer", "text": '{"error": "Not enough funds on balance"}', "after": 1, "placed": False}
    )
    assert project.run("apply", "plan.json").code == 14
    served_sandbox.fault()
    again = project.run("apply", "plan.json")
    assert again.code == 12
    assert "which placed 1 order(s) and ended with 14" in again.err
    assert "runner plan --out plan.json" in again.err
    assert len(served_sandbox.orders()) == 2
    assert project.run("plan", "--out", "plan.json").code == 0
    assert project.run("apply", "plan.json").code == 0
    assert len(served_sandbox.orders()) == 3


def test_a_plan_whose_apply_was_killed_is_used(saved: Path, project: Project, served_sandbox: Served):
    served_sandbox.fault({"kind": "latency", "seconds": 30})
    running = project.start("apply", "plan.json", "--format", "jsonl", "-q")
    while '"marked"' not in running.stdout.readline():
        assert running.poll() is None
    running.send_signal(signal.SIGKILL)
    running.communicate()
    served_sandbox.fault()
    again = project.run("apply", "plan.json")
    assert again.code == 12
    assert "which placed 0 order(s) and has not ended" in again.err
    assert "runner doubt list" in again.err


def test_a_plan_expires(project: Project, served_sandbox: Served):
    project.campaign([post(1)])
    ran = project.run("plan", "--out", "plan.json", "--expires", "1s")
    assert "saved to plan.json: may be applied once, until" in ran.out
    time.sleep(1.1)
    ran = project.run("apply", "plan.json")
    assert ran.code == 12
    assert "it expired at" in ran.err
    assert project.run("plan", "--expires", "1s").code == 64
    assert served_sandbox.orders() == []


def test_a_plan_lives_for_a_week(saved: Path):
    left = datetime.fromisoformat(json.loads(saved.read_text())["binding"]["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=6, hours=23) < left <= timedelta(days=7)


def test_a_plan_keeps_its_max_cost_when_prices_rise_within_the_policy(project: Project, served_sandbox: Served):
    project.campaign([post(1, quantity=1000)], policy={"max_price_increase": "50%"})
    cost = project.run("plan", "--format", "json").json["cost"]
    assert project.run("plan", "--max-cost", cost, "--out", "plan.json").code == 0
    served_sandbox.tell("services", {"service": 1, "rate": str(Decimal(cost) * Decimal("1.1"))})
    ran = project.run("apply", "plan.json")
    assert ran.code == 11
    assert "max-cost" in ran.out + ran.err
    assert served_sandbox.orders() == []


def test_a_plan_that_may_not_begin_is_not_saved_and_replaces_none(project: Project):
    project.campaign([post(1)])
    assert project.run("plan", "--out", "plan.json").code == 0
    ran = project.run("plan", "--max-cost", "0.01", "--out", "plan.json")
    assert ran.code == 11
    assert "not saved to plan.json" in ran.out
    assert not (project.root / "plan.json").exists()


def test_a_plan_made_from_memory_is_kept_too(saved: Path, project: Project, served_sandbox: Served):
    assert project.run("plan", "--no-refresh", "--out", "plan.json").code == 0
    assert project.run("apply", "plan.json").code == 0
    assert len(served_sandbox.orders()) == 3


def signed_anew(document: dict, project: Project) -> None:
    """plan.json with `document`, and the checksum that it would have."""
    document["checksum"] = hashlib.sha256(json.dumps(document["actions"]).encode()).hexdigest()
    project.write("plan.json", json.dumps(document))


@pytest.mark.parametrize("field", ["price", "account", "expires_at", "whitespace"])
def test_a_plan_that_was_tampered_with_is_refused_though_signed_anew(
    saved: Path, project: Project, served_sandbox: Served, field: str
):
    document = json.loads(saved.read_text())
    if field == "price":
        document["binding"]["services"][0]["rate"] = "999.00"
    elif field == "account":
        document["binding"]["accounts"]["served"] = "https://elsewhere.example#00"
    elif field == "expires_at":
        document["binding"]["expires_at"] = "2999-01-01T00:00:00.000Z"
    signed_anew(document, project)
    for command in ("apply", "show"):
        ran = project.run(command, "plan.json")
        assert ran.code == 12
        assert "plan.json was altered after it was saved" in ran.err
    assert len(served_sandbox.orders()) == 1


def test_a_plan_of_an_older_version_is_refused_with_the_way_out(saved: Path, project: Project):
    document = json.loads(saved.read_text())
    del document["binding"]["expires_at"]
    document["binding"]["serial"] = 4
    saved.write_text(json.dumps(document))
    ran = project.run("apply", "plan.json")
    assert ran.code == 12
    assert ran.err.count("\n") <= 2
    assert "older version" in ran.err
    assert "runner plan --out" in ran.err


def test_a_plan_of_another_state_is_refused(saved: Path, project: Project, tmp_path: Path, served_sandbox: Served):
    other = Project(tmp_path / "other")
    other.panels(served_sandbox.url)
    other.campaign([post(0), post(1), post(2)])
    assert other.run("plan").code == 0
    other.write("plan.json", saved.read_text())
    ran = other.run("apply", "plan.json")
    assert ran.code == 12
    assert "made with another state" in ran.err


def test_a_saved_plan_is_shown_as_it_was(saved: Path, project: Project, served_sandbox: Served):
    made = project.run("plan", "--out", "plan.json")
    before = served_sandbox.requests()
    shown = project.run("show", "plan.json")
    assert shown.code == 0, shown.err
    kept = [line for line in made.out.splitlines() if not line.startswith(("note:", "("))]
    assert [line for line in kept if line not in shown.out.splitlines()] == []
    assert "may be applied once, until" in shown.out
    assert project.run("show", "plan.json", "--format", "json").json == json.loads(saved.read_text())
    assert served_sandbox.requests() == before
    assert project.run("apply", "plan.json").code == 0
    used = project.run("show", "plan.json")
    assert used.code == 12
    assert "Ready:" in used.out
    assert "which placed 2 order(s) and ended with 0" in used.err


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
