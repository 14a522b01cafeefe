"""The files for CI services, as far as they can be checked without them: what they call is there, and says what it means."""

import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import yaml

from tests.acceptance.project import REPOSITORY, Project, environment, post

CI = REPOSITORY / "ci"
STEPS = {"validate", "plan", "apply", "drift"}


def read(name: str):
    return yaml.safe_load((REPOSITORY / name).read_text())


def shell_is_sound(script: str) -> None:
    ran = subprocess.run(["sh", "-n"], input=script, text=True, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_the_action_is_a_composite_one_whose_scripts_take_inputs_as_text():
    action = read("ci/action.yml")
    assert set(action) == {"name", "description", "inputs", "outputs", "runs"}
    assert action["runs"]["using"] == "composite"
    assert all(set(one) <= {"description", "required", "default"} for one in action["inputs"].values())
    for step in action["runs"]["steps"]:
        assert ("run" in step) != ("uses" in step)
        if "run" in step:
            assert step["shell"], "a composite action has no shell of its own"
            assert "${{" not in step["run"], "what somebody wrote would become a part of the script"
            shell_is_sound(step["run"])
    named = set(re.findall(r"inputs\.(\w+)", (CI / "action.yml").read_text()))
    assert named == set(action["inputs"])
    ids = {step.get("id") for step in action["runs"]["steps"]}
    assert set(re.findall(r"steps\.(\w+)\.", (CI / "action.yml").read_text())) <= ids


def test_the_action_runs_its_step_and_tells_its_exit_code(tmp_path):
    """The script of the action itself, in what GitHub gives it; the set-up's environment is this one."""
    project = Project(tmp_path / "project")
    project.campaign([post(1)], panel="sandbox")
    (tmp_path / "temp" / "bulk-order-runner" / "bin").mkdir(parents=True)
    (tmp_path / "temp" / "bulk-order-runner" / "bin" / "python").symlink_to(sys.executable)
    run = next(step for step in read("ci/action.yml")["runs"]["steps"] if step.get("id") == "run")["run"]
    for step, flags, code in (("validate", "--format json", 0), ("validate", "--no-such-flag", 64), ("$(id)", "", 64)):
        output = tmp_path / "output"
        output.write_text("")
        given = {
            "RUNNER_TEMP": str(tmp_path / "temp"),
            "GITHUB_ACTION_PATH": str(CI),
            "GITHUB_OUTPUT": str(output),
            "STEP": step,
            "FLAGS": flags,
        }
        env = environment(**given, PYTHONHOME="") | {"VIRTUAL_ENV": sys.prefix}
        env.pop("PYTHONHOME")
        env["PYTHONPATH"] = ""
        libraries = sysconfig.get_path("purelib")
        script = run.replace('PYTHONPATH="$GITHUB_ACTION_PATH/.."', f'PYTHONPATH="$GITHUB_ACTION_PATH/..:{libraries}"')
        ran = subprocess.run(
            ["sh", "-e", "-c", script], cwd=project.root, env=env, capture_output=True, text=True, check=False
        )
        assert ran.returncode == code, ran.stderr
        assert output.read_text() == f"exit_code={code}\n"


def test_the_workflow_uses_the_action_as_it_is_and_gives_no_job_more_than_it_needs():
    workflow = read("ci/github.yml")
    assert set(workflow[True]) == {"pull_request", "push", "schedule", "workflow_dispatch"}  # `on` is a boolean in YAML
    assert "pull_request_target" not in workflow[True], "a stranger's branch would run with the secrets"
    assert workflow["permissions"] == {"contents": "read"}
    inputs = set(read("ci/action.yml")["inputs"])
    used = []
    for job in workflow["jobs"].values():
        assert set(job) <= {"if", "runs-on", "permissions", "environment", "env", "steps"}
        for step in job["steps"]:
            if "bulk-order-runner" in step["uses"]:
                assert step["uses"] == "OWNER/bulk-order-runner/ci@VERSION"
                assert set(step["with"]) <= inputs
                used.append(step["with"]["step"])
    assert set(used) == STEPS
    assert workflow["jobs"]["plan"]["permissions"] == {"contents": "write", "pull-requests": "write"}


def test_the_gitlab_jobs_call_the_steps():
    jobs = {name: job for name, job in read("ci/gitlab.yml").items() if isinstance(job, dict) and "script" in job}
    assert set(jobs) == STEPS
    for name, job in jobs.items():
        assert job["script"][-1] == f"steps.sh {name}"
        assert job["extends"] == ".orders"
        assert job["rules"]
        for line in job["script"]:
            shell_is_sound(line)
    for line in read("ci/gitlab.yml")[".orders"]["before_script"]:
        shell_is_sound(line)


def test_the_pre_commit_hook_runs_validate_for_the_files_of_a_project(tmp_path):
    (hook,) = read(".pre-commit-hooks.yaml")
    assert {"id", "name", "entry", "language"} <= set(hook)
    assert hook["id"] == "runner-validate"
    for path, fits in (
        ("campaigns/spring.yaml", True),
        ("shop/campaigns/posts.csv", True),
        ("panels.yaml", True),
        ("docs/campaigns.md", False),
        ("my-panels.yaml", False),
    ):
        assert bool(re.search(hook["files"], path)) == fits
    program, *arguments = hook["entry"].split()
    assert program == "runner"
    project = Project(tmp_path)
    project.campaign([post(1)], panel="sandbox")
    assert project.run(*arguments).code == 0
    project.campaign([post(1, quantity="many")], panel="sandbox")
    assert project.run(*arguments).code == 10


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"^#.*\n", "", (CI / "Containerfile").read_text(), flags=re.MULTILINE).replace("\\\n", "")
    return [tuple(line.split(" ", 1)) for line in text.splitlines() if line]


def test_the_image_has_two_stages_and_ends_as_nobody_special():
    lines = instructions()
    stages = [place for place, (word, _) in enumerate(lines) if word == "FROM"]
    assert len(stages) == 2
    assert lines[0][1].endswith(" AS build")
    last = dict(lines[stages[1] :])
    assert last["USER"] == "10001:10001"
    assert last["STOPSIGNAL"] == "SIGTERM"
    assert last["ENTRYPOINT"] == '["/opt/runner/bin/runner"]', "no shell stands between a signal and the runner"
    copied = [rest for word, rest in lines[: stages[1]] if word == "COPY"]
    for one in copied:
        for source in one.split()[:-1]:
            assert (REPOSITORY / source).exists()


@pytest.fixture(scope="module")
def image(tmp_path_factory) -> Path:
    """The first stage, carried out in a folder: all but the download, in whose place stand the packages of this Python."""
    root = tmp_path_factory.mktemp("image")
    lines = instructions()
    first = lines[1 : next(place for place, (word, _) in enumerate(lines[1:], 1) if word == "FROM")]
    (root / "src").mkdir()
    for word, given in first:
        rest = re.sub(r"/(opt/runner|src)\b", rf"{root}/\1", given)
        if word == "COPY":
            *sources, target = rest.split()
            for source in sources:
                if (REPOSITORY / source).is_dir():
                    shutil.copytree(REPOSITORY / source, target, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    shutil.copy(REPOSITORY / source, target)
        elif word == "RUN" and " pip " in rest:
            assert rest.split(" pip ")[1].startswith(("install ", "uninstall "))
            if "install --quiet --no-cache-dir" in rest:
                assert "--no-deps --require-hashes" in rest
                site = next((root / "opt" / "runner" / "lib").glob("python*/site-packages"))
                (site / "packages.pth").write_text(sysconfig.get_path("purelib") + "\n")
        elif word == "RUN":
            line = rest.replace("python -m venv", f"{sys.executable} -m venv --without-pip", 1)
            ran = subprocess.run(["sh", "-ec", line], cwd=root, capture_output=True, text=True, check=False)
            assert ran.returncode == 0, f"{line}: {ran.stderr}"
        else:
            assert word == "WORKDIR"
    return root / "opt" / "runner"


def sealed() -> list[str]:
    """A command line in front of which the file system can't be written to, but for what the image may; if we may do so."""
    script = (
        'mount --make-rprivate / && mount --bind "$1" "$1" && cd "$1" && '
        'mount -o remount,bind,ro / && shift && exec "$@"'
    )
    line = ["unshare", "--mount", "sh", "-ec", script, "sh"]
    probe = subprocess.run([*line, "/tmp", "true"], capture_output=True, check=False)
    return line if probe.returncode == 0 else []


def inside(**more: str) -> dict[str, str]:
    """The environment of a container: nothing of this machine's Python."""
    return {"PATH": "/usr/bin:/bin", "HOME": "/proc/nowhere", "PYTHONDONTWRITEBYTECODE": "1"} | more


def test_the_image_plans_and_buys_with_a_root_that_nobody_can_write_to(image, tmp_path):
    project = Project(tmp_path / "project")
    project.campaign([post(1)], panel="sandbox")
    before = {path: path.stat().st_mtime_ns for path in image.rglob("*")}
    prefix = sealed()
    for command in (["--version"], ["validate"], ["plan"], ["apply"], ["status"]):
        line = [*prefix, *([str(project.root)] if prefix else []), str(image / "bin" / "runner"), *command]
        ran = subprocess.run(line, cwd=project.root, env=inside(), capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
    assert {path: path.stat().st_mtime_ns for path in image.rglob("*")} == before


def test_a_stop_of_the_container_drains_the_run(image, tmp_path, serve):
    served = serve("--latency", "0.2")
    project = Project(tmp_path / "project")
    project.panels(served.url, parallel={"add": 2, "read": 2})
    project.campaign([post(number) for number in range(200)])
    first = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]  # the runner is process 1, as in a container
    if subprocess.run([*first, "true"], capture_output=True, check=False).returncode:
        first = []
    env = inside(ACCEPTANCE_PANEL_KEY="sandbox-key")
    running = subprocess.Popen(
        [*first, str(image / "bin" / "runner"), "apply", "--yes", "-q"],
        cwd=project.root,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not served.orders():
        assert running.poll() is None
    held = [running.pid] if not first else children(running.pid)
    os.kill(held[0], signal.SIGTERM)
    _, err = running.communicate(timeout=60)
    assert "doubt" not in err.replace("nothing in doubt", "")
    placed = len(served.orders())
    assert 0 < placed < 200
    status = project.run("status", "--format", "json")
    assert status.json["summary"]["placed"] == placed
    assert status.code == 0


def children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
