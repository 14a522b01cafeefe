"""`--select` and `--exclude` from the command line to what the panel gets."""

import pytest

from tests.acceptance.project import Project, post
from tests.acceptance.served import Served


def bought(served: Served) -> list[str]:
    """The numbers of the pages that were ordered for, in order."""
    return [link.rpartition("/")[2] for link in sorted(served.links())]


def orders_of(ran) -> set[str]:
    return {order["order"] for order in ran.json["orders"]}


def test_only_what_was_refused_is_tried_again(project: Project, served_sandbox: Served):
    project.campaign([post(1), post(2), post(3)])
    served_sandbox.fault({"kind": "duplicate_refusal", "after": 1, "times": 1})
    first = project.run("apply", "--yes", "--format", "json", "--parallel", "1")
    assert (first.code, first.json["placed"], first.json["refused"]) == (14, 2, 1)
    refused = [order["order"] for order in first.json["orders"] if order["outcome"] == "refused"]
    served_sandbox.fault()
    project.campaign([post(1), post(2), post(3), post(4)])

    shown = project.run("status", "--select", "status:refused", "--format", "json")
    assert orders_of(shown) == set(refused)
    again = project.run("apply", "--yes", "--select", "status:refused", "--format", "json")
    assert (again.code, again.json["placed"]) == (0, 1)
    assert orders_of(again) == set(refused)
    assert bought(served_sandbox) == ["1", "2", "3"]

    idle = project.run("apply", "--yes", "--select", "status:refused", "--format", "json")
    assert (idle.code, idle.json["placed"]) == (0, 0)
    assert idle.err.count("--select status:refused fits no order") == 1
    assert project.run("apply", "--yes").code == 0
    assert bought(served_sandbox) == ["1", "2", "3", "4"]


def test_tags_services_and_lists_choose_what_is_bought(project: Project, served_sandbox: Served):
    project.campaign(
        [
            post(1, tags=["video"]),
            post(2, tags=["video", "late"]),
            post(3, service=3),
            post(4, tags=["text"]),
            post(5),
        ],
    )
    plan = project.run("plan", "-q", "--select", "tag:video", "--exclude", "tag:late", "--format", "json")
    assert [action["order"] for action in plan.json["actions"]] == ["spring/post-1"]
    assert project.run("apply", "-y", "-q", "--select", "tag:video", "--exclude", "tag:late").code == 0
    assert bought(served_sandbox) == ["1"]
    assert project.run("apply", "-y", "-q", "--select", "service:3", "--select", "tag:t*").code == 0
    assert bought(served_sandbox) == ["1", "3", "4"]
    project.write("list.txt", "# the rest, but one\nspring/post-5\nspring/post-1\n")
    assert project.run("apply", "-y", "-q", "--select", "@list.txt").code == 0
    assert bought(served_sandbox) == ["1", "3", "4", "5"]


def test_tags_stand_in_a_cell_of_a_csv(project: Project, served_sandbox: Served):
    project.csv([post(1, tags="video; week-1"), post(2, tags="week-1"), post(3)])
    project.campaign([{"from": "posts.csv"}])
    assert project.run("apply", "-y", "-q", "--select", "tag:video").code == 0
    assert bought(served_sandbox) == ["1"]


@pytest.mark.parametrize("command", ["plan", "apply", "status"])
def test_a_pattern_that_means_nothing_ends_the_command_before_anything_is_read(project: Project, command: str):
    for pattern, code, words in (
        ("status:bought", 64, "missing, sending, placed"),
        ("colour:red", 64, "tag:NAME, status:WORD, service:ID or @FILE"),
        ("@none.txt", 10, "No such file"),
    ):
        ran = project.run(command, "--select", pattern)
        assert ran.code == code
        assert words in ran.err
        assert pattern.removeprefix("@") in ran.err.splitlines()[0]
        assert "Traceback" not in ran.err


@pytest.mark.parametrize("command", ["plan", "status"])
def test_a_selection_that_fits_nothing_is_warned_of(project: Project, command: str):
    project.campaign([post(1)])
    ran = project.run(command, "--select", "spring/psot-1", "--select", "spring/post-1", "--format", "json")
    assert ran.code == 0
    assert ran.err.count("--select spring/psot-1 fits no order") == 1
    assert "spring/post-1 fits" not in ran.err


def test_a_plan_that_was_saved_by_status_is_carried_out_though_the_statuses_change(
    project: Project, served_sandbox: Served
):
    project.campaign([post(1), post(2), post(3)])
    served_sandbox.fault({"kind": "duplicate_refusal", "times": 1})
    assert project.run("apply", "-y", "--select", "spring/post-[12]", "--parallel", "1").code == 14
    served_sandbox.fault()
    project.write("list.txt", "spring/post-1\nspring/post-2\n")
    saved = project.run(
        "plan", "--select", "status:refused", "--select", "@list.txt", "--out", "plan.json", "--format", "json"
    )
    planned = [action["order"] for action in saved.json["actions"]]
    assert (saved.code, len(planned)) == (0, 1)
    (project.root / "list.txt").unlink()  # the plan names its orders itself
    for order in served_sandbox.orders():
        served_sandbox.tell(f"orders/{order['order']}", {"status": "Completed"})
    ran = project.run("apply", "plan.json", "--format", "json")
    assert (ran.code, ran.json["placed"], orders_of(ran)) == (0, 1, set(planned))
    assert bought(served_sandbox) == ["1", "2"]


def test_a_report_of_an_apply_by_status_shows_what_it_did(project: Project, served_sandbox: Served):
    project.campaign([post(1), post(2)])
    assert project.run("apply", "-y", "-q", "--select", "spring/post-1").code == 0
    ran = project.run("apply", "-y", "-q", "--select", "status:missing", "--report", "csv=report.csv")
    assert ran.code == 0
    text = (project.root / "report.csv").read_text()
    assert ",post-2," in text
    assert ",post-1," not in text


@pytest.mark.parametrize("env", [{"CI": "true"}, {"GITHUB_ACTIONS": "true", "BULK_RUNNER_NO_CI": "1"}])
@pytest.mark.parametrize("pattern", ["spring/post-9", "status:refused"])
@pytest.mark.parametrize("command", [["plan"], ["apply", "--yes"], ["status"], ["watch", "--yes", "--until", "placed"]])
def test_in_a_ci_job_a_pattern_that_fits_nothing_is_an_error(
    project: Project, served_sandbox: Served, command: list[str], pattern: str, env: dict[str, str]
):
    project.campaign([post(1)])
    choice = ["--select", "spring/post-1", "--select", pattern]
    if command[0] == "status":
        assert project.run("plan").code == 0
    ran = project.run(*command, *choice, **env)
    assert ran.code == 10
    assert f"--select {pattern} fits no order" in ran.err
    assert "add --allow-empty" in ran.err
    assert not served_sandbox.orders()
    allowed = project.run(*command, *choice, "--allow-empty", **env)
    assert allowed.code == 0, allowed.err
    assert bool(served_sandbox.orders()) == (command[0] in ("apply", "watch"))
