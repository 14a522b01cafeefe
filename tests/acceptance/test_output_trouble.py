"""Output that can't be written: what happened decides the exit code, and the trouble is told where it can be."""

import json
import os
import subprocess

import pytest

from tests.acceptance.project import PATIENCE, Project, Ran, environment, post

DOUBT = {"kind": "reset_after", "action": "add", "times": 1}
FULL = "> /dev/full"
CLOSED = ">&-"
NOWHERE = "2>&-"
BOTH = ">&- 2>&-"


def in_shell(project: Project, redirection: str, *arguments: str) -> Ran:
    """A command whose streams a shell has redirected."""
    line = " ".join(f"'{word}'" for word in project.line(*arguments))
    ended = subprocess.run(
        ["bash", "-c", f"{line} {redirection}"],
        cwd=project.root,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return Ran(code=ended.returncode, out=ended.stdout, err=ended.stderr)


@pytest.fixture
def bought(project: Project) -> Project:
    project.campaign([post(1), post(2)])
    assert project.run("apply", "--yes").code == 0
    return project


@pytest.fixture
def in_doubt(project: Project, served_sandbox) -> Project:
    served_sandbox.fault(DOUBT)
    project.campaign([post(1)])
    assert project.run("apply", "--yes").code == 15
    served_sandbox.fault()
    return project


READING = (
    ["report"],
    ["report", "--format", "json"],
    ["status"],
    ["plan", "--no-refresh"],
    ["validate"],
    ["history"],
    ["state", "list"],
    ["state", "verify"],
    ["services"],
    ["balance"],
    ["doubt", "list"],
    ["schema"],
    ["completion", "bash"],
    ["--help"],
    ["--version"],
)


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_a_full_stdout_with_all_well_is_1_and_one_line(bought, command):
    ran = in_shell(bought, FULL, *command)
    assert ran.code == 1
    assert ran.err.splitlines()[-1] == "error: the output could not be written: No space left on device"
    assert "Traceback" not in ran.err
    assert ran.err.count("error:") == 1


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_a_closed_stdout_with_all_well_is_1_and_one_line(bought, command):
    ran = in_shell(bought, CLOSED, *command)
    assert ran.code == 1
    assert ran.err.splitlines()[-1] == "error: the output could not be written: Bad file descriptor"


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_a_closed_stderr_changes_nothing(bought, command):
    ran = in_shell(bought, NOWHERE, *command)
    assert (ran.code, bool(ran.out)) == (0, True)
    if "json" in command:
        json.loads(ran.out)


@pytest.mark.parametrize("redirection", [FULL, CLOSED, NOWHERE, BOTH, f"{FULL} 2> /dev/full", "| true"])
@pytest.mark.parametrize(
    "command",
    [["status"], ["report"], ["doubt", "list"], ["apply", "--yes"], ["status", "--format", "json"]],
    ids=" ".join,
)
def test_with_a_doubt_it_is_15_whatever_becomes_of_the_output(in_doubt, redirection, command):
    if redirection.startswith("|"):
        redirection = "| true; exit ${PIPESTATUS[0]}"
    assert in_shell(in_doubt, redirection, *command).code == 15


@pytest.mark.parametrize("redirection", [FULL, CLOSED, NOWHERE, BOTH])
def test_errors_keep_their_codes(project, redirection):
    project.campaign([post(1, colour="red")])
    assert in_shell(project, redirection, "validate").code == 10
    assert in_shell(project, redirection, "apply", "--nonsense").code == 64
    project.campaign([post(1)], budget={"total": "0.01"})
    assert in_shell(project, redirection, "plan").code == 11
    assert in_shell(project, redirection, "state", "list").code in (0, 1)


@pytest.mark.parametrize("redirection", [FULL, CLOSED, NOWHERE, BOTH])
@pytest.mark.parametrize("form", ["text", "json", "jsonl"])
def test_an_apply_buys_all_the_same_and_harms_no_file(project, served_sandbox, redirection, form):
    project.campaign([post(number) for number in range(30)])
    ran = in_shell(project, redirection, "apply", "--yes", "--format", form, "--report", "json=report.json")
    assert ran.code == (0 if redirection == NOWHERE else 1)
    assert sorted(served_sandbox.links().values()) == [1] * 30
    assert json.loads((project.root / "report.json").read_text())["placed"] == 30
    assert project.run("state", "verify").code == 0
    assert project.run("apply", "--yes", "--format", "json").json["placed"] == 0


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_a_reader_that_goes_away_changes_nothing_for_any_command(bought, command):
    ran = in_shell(bought, "| true; exit ${PIPESTATUS[0]}", *command)
    assert (ran.code, "error" in ran.err) == (0, False), ran.err


def test_a_list_longer_than_a_pipe_holds_may_be_cut_off(project):
    project.campaign([post(number) for number in range(1500)], panel="sandbox")
    assert project.run("apply", "-q").code == 0
    for command in (["state", "list"], ["history", "--limit", "5000"], ["status"], ["report", "--by", "campaign"]):
        ran = in_shell(project, "| head -1; exit ${PIPESTATUS[0]}", *command)
        assert (ran.code, ran.err) == (0, ""), (command, ran.err)


def test_a_closed_stdin_asks_nobody(project):
    project.campaign([post(1)])
    ran = in_shell(project, "<&-", "apply")
    assert ran.code == 11
    assert "nobody to ask" in ran.err


def test_a_pipe_that_does_not_block_gets_everything(bought):
    """As a parent in Node.js hands it down: a write to a full pipe fails, and has to be tried again."""
    here, there = os.pipe()
    os.set_blocking(there, False)
    bought.campaign([post(number) for number in range(3000)])
    running = subprocess.Popen(
        bought.line("plan", "--no-refresh", "--format", "json"), cwd=bought.root, env=environment(), stdout=there
    )
    os.close(there)
    with os.fdopen(here, "rb") as reader:
        text = reader.read()
    assert running.wait(PATIENCE) == 0
    assert len(json.loads(text)["actions"]) == 2998


def test_a_full_log_file_is_told_in_one_line(bought):
    ran = in_shell(bought, "", "status", "--refresh", "--log-file", "/dev/full")
    assert ran.code == 1
    assert "error: --log-file /dev/full was not written: No space left on device" in ran.err
    assert "Traceback" not in ran.err
    assert "Logging error" not in ran.err


def test_what_is_written_into_a_file_is_what_a_pipe_gets(bought):
    piped = bought.run_apart("report")
    into_file = in_shell(bought, "> out.txt", "report")
    assert into_file.code == piped.code == 0
    assert (bought.root / "out.txt").read_text() == piped.out
