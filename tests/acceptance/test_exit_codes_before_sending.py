"""Every exit code that means "nothing was sent": 0, 2, 10, 11, 12, 13, 64. The panel's counters prove it."""

import shutil
import socket
from collections.abc import Iterator

import pytest

from tests.acceptance.project import BRAND, KEY_NAME, Project, post
from tests.acceptance.served import Served


@pytest.fixture
def nothing_is_sent(served_sandbox: Served) -> Iterator[None]:
    """The panel receives no `add` during the test."""
    before = served_sandbox.requests()["add"]
    yield
    assert served_sandbox.requests()["add"] == before


@pytest.fixture
def no_call_at_all(served_sandbox: Served) -> Iterator[None]:
    """The panel is not called during the test."""
    yield
    assert not served_sandbox.requests()


def bought(project: Project, count: int = 2, **more: object) -> None:
    """Buy `count` orders for good."""
    project.campaign([post(number) for number in range(count)], **more)
    assert project.run("apply", "--yes").code == 0


# 0 and 2


def test_a_plan_ends_with_0_and_with_detailed_exitcode_with_2_while_there_is_something_to_do(project):
    project.campaign([post(1)])
    assert project.run("plan").code == 0
    assert project.run("plan", "--detailed-exitcode").code == 2
    assert project.run("apply", "--yes").code == 0
    assert project.run("plan", "--detailed-exitcode").code == 0


# 10: invalid input


@pytest.mark.parametrize("command", ["validate", "plan", "apply"])
def test_broken_yaml_ends_with_10_and_names_the_place(project, command, no_call_at_all):
    project.write("campaigns/broken.yaml", "version: 1\ncampaign: [unclosed\npanel: served\n")
    ran = project.run(command, *(["--yes"] if command == "apply" else []))
    assert ran.code == 10
    assert "campaigns/broken.yaml:" in ran.out + ran.err


def test_all_errors_of_all_files_come_at_once_with_file_line_and_column(project, no_call_at_all):
    project.campaign([post(1), post(2, quantity=-5)], name="one")
    project.campaign([post(3, colour="red"), post(4, link="https://example.com/somebody-else/")], name="two")
    ran = project.run("apply", "--yes")
    assert ran.code == 10
    for place in ("campaigns/one.yaml:7:", "campaigns/two.yaml:6:", "campaigns/two.yaml:7:"):
        assert place in ran.err


def test_a_service_the_panel_does_not_have_ends_with_10_at_the_line_that_names_it(project, nothing_is_sent):
    project.campaign([post(1), post(2, service=4711)])
    for command in (["plan"], ["apply", "--yes"]):
        ran = project.run(*command)
        assert ran.code == 10
        assert "campaigns/spring.yaml:7" in ran.out + ran.err
        assert "4711" in ran.out + ran.err


@pytest.mark.parametrize(("quantity", "limit"), [(49, "50"), (10001, "10000")])
def test_a_quantity_outside_the_service_s_range_ends_with_10_at_its_line(project, quantity, limit, nothing_is_sent):
    project.campaign([post(1), post(2, quantity=quantity)])
    ran = project.run("apply", "--yes")
    assert ran.code == 10
    assert "campaigns/spring.yaml:7" in ran.out + ran.err
    assert limit in ran.out + ran.err


def test_an_order_type_that_needs_more_than_the_default_fields_ends_with_10(project, nothing_is_sent):
    project.campaign([post(1, service=2)])
    assert project.run("apply", "--yes").code == 10


def test_a_missing_key_ends_with_10_and_leaves_no_state(bare_project):
    bare_project.panels("http://127.0.0.1:9/api/v2", key={"env": "NO_SUCH_VARIABLE"})
    bare_project.campaign([post(1)])
    ran = bare_project.run("apply", "--yes")
    assert ran.code == 10
    assert "NO_SUCH_VARIABLE" in ran.err
    assert not bare_project.state.exists()


# 11: refused by a guard

ONE = "0.09"  # what 100 units of service 1 cost


@pytest.mark.parametrize(
    ("budget", "guard"),
    [
        ({"total": "0.17"}, "total"),
        ({"per_run": "0.17"}, "per_run"),
        ({"keep_balance": "999.83"}, "keep_balance"),
    ],
)
def test_a_plan_over_a_cap_of_the_budget_ends_with_11(project, budget, guard, nothing_is_sent):
    project.campaign([post(1), post(2)], budget=budget)
    for command in (["plan"], ["apply", "--yes"]):
        ran = project.run(*command)
        assert ran.code == 11
        assert guard in ran.out + ran.err


def test_a_plan_exactly_at_every_cap_is_bought(project):
    budget = {"total": "0.18", "per_run": "0.18", "keep_balance": "999.82"}
    project.campaign([post(1), post(2)], budget=budget)
    ran = project.run("apply", "--yes", "--max-cost", "0.18", "--format", "json")
    assert (ran.code, ran.json["placed"]) == (0, 2)


def test_a_plan_over_the_balance_ends_with_11(project, served_sandbox, nothing_is_sent):
    served_sandbox.tell("account", {"balance": "0.17"})
    project.campaign([post(1), post(2)])
    ran = project.run("apply", "--yes")
    assert ran.code == 11
    assert "0.17" in ran.out + ran.err


def test_a_plan_over_max_cost_ends_with_11(project, nothing_is_sent):
    project.campaign([post(1), post(2)])
    for command in (["plan"], ["apply", "--yes"]):
        ran = project.run(*command, "--max-cost", "0.17")
        assert ran.code == 11
        assert "max-cost" in ran.out + ran.err


def test_an_order_edited_after_it_was_bought_ends_with_11_and_names_both_versions(project, served_sandbox):
    bought(project)
    adds = served_sandbox.requests()["add"]
    project.campaign([post(0), post(1, quantity=250), post(2)])
    ran = project.run("apply", "--yes")
    assert ran.code == 11
    for word in ("spring/post-1", "250", "100"):
        assert word in ran.out + ran.err
    assert served_sandbox.requests()["add"] == adds


@pytest.mark.parametrize("more", [[], ["--no-input"]])
def test_without_a_terminal_yes_or_a_plan_nothing_is_bought_on_a_real_panel(project, more, nothing_is_sent):
    project.campaign([post(1)])
    ran = project.run_apart("apply", *more, stdin="y\n")
    assert ran.code == 11
    assert "--yes" in ran.err


def test_with_nothing_to_buy_no_yes_is_needed(project):
    bought(project)
    assert project.run("apply").code == 0


# 12: the state


def test_a_state_locked_by_another_run_ends_with_12_and_names_the_holder(project, served_sandbox):
    project.campaign([post(1)])
    served_sandbox.fault({"kind": "latency", "action": "balance", "seconds": 20, "times": 1})
    holder = project.start("apply", "--yes", "--format", "jsonl")
    try:
        assert holder.stdout is not None
        while '"refresh_started"' not in (line := holder.stdout.readline()):
            assert line, "the first run ended before it read the panel"
        ran = project.run("apply", "--yes")
        assert ran.code == 12
        assert str(holder.pid) in ran.err
        assert served_sandbox.requests()["add"] == 0
    finally:
        holder.kill()
        holder.communicate()


def test_a_run_may_wait_for_the_lock(project, served_sandbox):
    project.campaign([post(1)])
    served_sandbox.fault({"kind": "latency", "action": "balance", "seconds": 1.0, "times": 1})
    holder = project.start("apply", "--yes", "--format", "jsonl")
    assert holder.stdout is not None
    while '"refresh_started"' not in (line := holder.stdout.readline()):
        assert line, "the first run ended before it read the panel"
    ran = project.run("apply", "--yes", "--lock-timeout", "30")
    holder.communicate()
    assert (holder.returncode, ran.code) == (0, 0)
    assert len(served_sandbox.orders()) == 1


@pytest.mark.parametrize("command", [["plan"], ["plan", "--no-refresh"], ["apply", "--yes"], ["status"], ["report"]])
def test_a_lost_database_ends_with_12_while_its_lineage_is_known(project, served_sandbox, command):
    bought(project)
    for lost in project.state.parent.glob("runner.db*"):
        lost.unlink()
    adds = served_sandbox.requests()["add"]
    ran = project.run(*command)
    assert ran.code == 12
    assert "lineage.json" in ran.err
    assert served_sandbox.requests()["add"] == adds


def test_a_backup_put_back_after_more_was_bought_ends_with_12(project, served_sandbox):
    bought(project, 1)
    bought(project, 2)
    bought(project, 3)
    backups = sorted(project.state.parent.joinpath("backups").glob("*.db"))
    assert backups, "apply backs the state up before it changes it"
    for present in project.state.parent.glob("runner.db*"):
        present.unlink()
    shutil.copy(backups[0], project.state)
    adds = served_sandbox.requests()["add"]
    ran = project.run("apply", "--yes")
    assert ran.code == 12
    assert served_sandbox.requests()["add"] == adds


def test_the_state_of_another_project_ends_with_12(project, tmp_path, served_sandbox):
    bought(project)
    other = Project(tmp_path / "other")
    other.panels(served_sandbox.url)
    other.campaign([post(50)])
    assert other.run("apply", "--yes").code == 0
    shutil.copy(other.state, project.state)
    assert project.run("apply", "--yes").code == 12


# 13: the panel, before anything was sent


def test_a_panel_that_is_down_ends_with_13(bare_project):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else can answer there
        bare_project.panels(f"http://127.0.0.1:{taken.getsockname()[1]}/api/v2")
        bare_project.campaign([post(1)])
        for command in (["plan"], ["balance", "served"]):
            ran = bare_project.run(*command)
            assert ran.code == 13
            assert "served" in ran.err


@pytest.mark.parametrize("command", [["plan"], ["apply", "--yes"], ["balance", "served"], ["services", "served"]])
def test_a_key_the_panel_does_not_accept_ends_with_13_after_one_call(project, served_sandbox, command):
    project.campaign([post(1)])
    ran = project.run(*command, **{KEY_NAME: "a-wrong-key"})
    assert ran.code == 13
    assert "key" in ran.err.lower()
    assert sum(served_sandbox.requests().values()) == 1


# 64: usage


@pytest.mark.parametrize(
    "arguments",
    [
        ["apply", "--no-such-option"],
        ["no-such-command"],
        ["plan", "--max-cost", "a lot"],
        ["plan", "--lock-timeout", "-1"],
        ["watch", "--min-pause", "1h", "--max-pause", "1m"],
        ["services", "--diff", "--since", "yesterday"],
        ["apply", "--report", "pdf=report.pdf"],
        ["apply", "--format", "xml"],
        ["balance", "no-such-panel"],
        ["completion", "no-such-shell"],
    ],
)
def test_wrong_options_end_with_64_in_one_line_without_a_traceback(project, arguments, no_call_at_all):
    project.campaign([post(1, link=f"{BRAND}p/1")])
    ran = project.run(*arguments)
    assert ran.code == 64
    assert "Traceback" not in ran.err
    assert ran.out == ""
