"""How the command line behaves off a terminal: help, streams, completion, schemas, a reader that goes away."""

import json
import subprocess

import pytest

from runner.cli.main import COMMANDS
from tests.acceptance.project import Project, Ran, environment, post
from tests.acceptance.served import Served

CALLING = ["--lock-timeout", "--parallel", "--quiet", "--log-file"]
READING = ["--state", "--panels", "--select", "--exclude", "--no-color", "--debug", "--format"]
FLAGS = {
    "validate": ["--panels", "--format", "--no-color"],
    "plan": [*READING, *CALLING, "--out", "--no-refresh", "--detailed-exitcode", "--max-cost", "--report", "--short"],
    "apply": [*READING, *CALLING, "--yes", "--no-input", "--max-cost", "--report"],
    "watch": [*READING, *CALLING, "--yes", "--until", "--timeout", "--max-cost", "--prune", "--report", "--max-pause"],
    "status": [*READING, *CALLING, "--refresh", "--report", "--short"],
    "report": ["--state", "--format", "--report"],
    "services": ["--search", "--format", "--panels"],
    "balance": ["--format", "--panels"],
    "sandbox": ["serve"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_help_names_every_flag(bare_project: Project, command: str):
    ran = bare_project.run(command, "--help")
    assert ran.code == 0
    assert ran.out.startswith("Usage: runner " + command)
    for flag in FLAGS.get(command, []):
        assert flag in ran.out
    assert bare_project.run(command, "-h").out == ran.out


def test_the_help_of_all_lists_every_command_and_exit_code(bare_project: Project):
    ran = bare_project.run("--help")
    assert ran.code == 0
    for word in (*COMMANDS, "130", "64"):
        assert word in ran.out
    assert bare_project.run("--version").out.startswith("runner ")


def test_the_help_and_a_command_tell_a_usage_error_from_a_crash(bare_project: Project):
    ran = bare_project.run("apply", "--nonsense")
    assert ran.code == 64
    assert "--nonsense" in ran.err
    assert "Traceback" not in ran.err


def test_off_a_terminal_nothing_is_coloured_or_animated(project: Project):
    project.campaign([post(number) for number in range(30)])
    for command in (["plan"], ["apply", "--yes"], ["status"], ["report"], ["services"], ["balance"], ["validate"]):
        ran = project.run(*command)
        assert ran.code == 0
        for stream in (ran.out, ran.err):
            assert "\x1b" not in stream, command
            assert "\r" not in stream, command


def test_data_goes_to_stdout_and_progress_to_stderr(project: Project):
    project.campaign([post(number) for number in range(30)])
    ran = project.run("apply", "--yes", "--format", "json")
    assert json.loads(ran.out)["placed"] == 30
    assert ran.err
    quiet = project.run("apply", "--yes", "--format", "json", "-q")
    assert json.loads(quiet.out)["placed"] == 0
    assert quiet.err == ""


def piped_into_head(project: Project, *arguments: str) -> Ran:
    """A command whose reader leaves after a hundred bytes; the exit code is the command's."""
    line = f"{' '.join(project.line(*arguments))} | head -c 100 > /dev/null"
    ended = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        cwd=project.root,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ran(code=ended.returncode, out=ended.stdout, err=ended.stderr)


def test_a_reader_that_goes_away_changes_no_exit_code(project: Project):
    project.campaign([post(number) for number in range(2000)])
    for command, code in ((["plan", "--no-refresh", "--format", "json"], 0), (["--help"], 0)):
        ran = piped_into_head(project, *command)
        assert (ran.code, "Traceback" in ran.err, "BrokenPipe" in ran.err) == (code, False, False), ran.err
    project.campaign([post(1, colour="red") for _ in range(500)])
    assert piped_into_head(project, "validate").code == 10


@pytest.mark.parametrize("output", ["jsonl", "json", "text"])
def test_a_reader_that_goes_away_does_not_stop_a_run_or_hide_its_doubts(
    project: Project, served_sandbox: Served, output: str
):
    project.campaign([post(number) for number in range(40)])
    served_sandbox.fault({"kind": "reset_after", "after": 39, "times": 1})
    ran = piped_into_head(project, "apply", "--yes", "-q", "--format", output, "--report", "json=report.json")
    assert (ran.code, ran.err) == (15, "")
    assert sorted(served_sandbox.links().values()) == [1] * 40
    assert json.loads((project.root / "report.json").read_text())["placed"] == 39


def test_completion_prints_a_script_that_bash_accepts(bare_project: Project):
    ran = bare_project.run("completion", "bash")
    assert ran.code == 0
    assert "runner" in ran.out
    checked = subprocess.run(["bash", "-n"], input=ran.out, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_completion_offers_the_commands(bare_project: Project):
    ran = bare_project.run_apart(_RUNNER_COMPLETE="bash_complete", COMP_WORDS="runner re", COMP_CWORD="1")
    assert "report" in ran.out


@pytest.mark.parametrize("name", ["campaign", "panels", "plan", "apply", "status", "report", "event"])
def test_schema_prints_a_schema(bare_project: Project, name: str):
    assert name in bare_project.run("schema").out.split()
    ran = bare_project.run("schema", name)
    assert ran.code == 0
    assert json.loads(ran.out)["$schema"] == "http://json-schema.org/draft-07/schema#"


def test_an_unknown_schema_ends_with_10_and_lists_the_known_ones(bare_project: Project):
    ran = bare_project.run("schema", "nonsense")
    assert ran.code == 10
    assert "campaign" in ran.err


def test_the_environment_names_state_and_panels(project: Project, tmp_path, served_sandbox: Served):
    project.campaign([post(1)])
    (project.root / "panels.yaml").rename(project.root / "others.yaml")
    env = {"BULK_RUNNER_STATE": str(tmp_path / "elsewhere" / "my.db"), "BULK_RUNNER_PANELS": "others.yaml"}
    assert project.run("apply", "--yes", **env).code == 0
    assert (tmp_path / "elsewhere" / "my.db").is_file()
    assert not project.state.exists()
    assert len(served_sandbox.orders()) == 1


def test_the_state_is_private(project: Project):
    project.campaign([post(1)])
    assert project.run("apply", "--yes", "--log-file", "run.log").code == 0
    assert project.state.parent.stat().st_mode & 0o077 == 0
    private = [path for path in project.state.parent.rglob("*") if path.name.startswith("runner.db")]
    for path in [*private, project.root / "run.log"]:
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_reader_of_stderr_that_goes_away_never_makes_a_doubt_look_fine(project, served_sandbox):
    project.campaign([post(1)])
    served_sandbox.fault({"kind": "reset_after", "action": "add", "times": 1})
    line = " ".join(project.line("apply", "--yes"))
    ended = subprocess.run(
        ["bash", "-c", f"{line} 2> >(exec true) > /dev/null"], cwd=project.root, env=environment(), check=False
    )
    assert ended.returncode in (1, 15)
    assert project.run("status").code == 15


def test_short_sums_up_in_a_pipe_what_is_listed_otherwise(project: Project):
    project.campaign([post(number) for number in range(230)])
    for command in (["plan"], ["status"]):
        assert len(project.run(*command).out.splitlines()) > 230
        short = project.run(*command, "--short")
        assert (short.code, len(short.out.splitlines()) < 20) == (0, True), short.out
        assert "230" in short.out
        assert "\x1b" not in short.out
