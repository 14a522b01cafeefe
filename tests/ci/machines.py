"""Throw-away machines: each step of a CI job in a fresh clone, with nothing in common but git and the database."""

import os
import subprocess
import sys
from collections.abc import Mapping
from itertools import count
from pathlib import Path

from tests.acceptance.project import REPOSITORY, Project, environment

STEPS = REPOSITORY / "ci" / "steps.sh"
_GIT = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "anna",
    "GIT_AUTHOR_EMAIL": "anna@example.com",
    "GIT_COMMITTER_NAME": "anna",
    "GIT_COMMITTER_EMAIL": "anna@example.com",
}


class Machine(Project):
    """A clone of the project's repository on a machine of its own."""

    def __init__(self, root: Path, env: Mapping[str, str]) -> None:
        super().__init__(root)
        self._env = dict(env)

    def allow_state(self) -> None:
        """Nothing: a state on a server begins with `--new-state`."""

    def git(self, *arguments: str) -> str:
        """What a command of git's prints."""
        return subprocess.run(
            ["git", *arguments], cwd=self.root, env=environment(**_GIT), check=True, capture_output=True, text=True
        ).stdout.strip()

    def begin(self, *step: str, **env: str) -> "subprocess.Popen[str]":
        """A step of `ci/steps.sh`, or another command, in a group of processes of its own."""
        line = ["sh", str(STEPS), *step] if step[0] in ("validate", "plan", "apply", "drift") else list(step)
        return subprocess.Popen(
            line,
            cwd=self.root,
            env=environment(**_GIT | self._env | env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def step(self, *step: str, **env: str) -> tuple[int, str]:
        """The same to its end; the exit code and all that it said."""
        running = self.begin(*step, **env)
        out, err = running.communicate(timeout=120)
        assert "Traceback" not in err, err
        return running.returncode, out + err

    def runner(self, *arguments: str) -> tuple[int, str]:
        """A command by hand."""
        return self.step(sys.executable, "-m", "runner", *arguments)

    def report(self, name: str) -> str:
        """A file that the last step has left."""
        return (self.root / "runner-out" / name).read_text()


class Repository:
    """A bare repository, and a new machine for whoever needs one."""

    def __init__(self, folder: Path, state: str) -> None:
        self._folder = folder
        self._numbers = count()
        self._env = {"CI": "true", "BULK_RUNNER": f"{sys.executable} -P -m runner", "PYTHON": sys.executable}
        self._env |= {"BULK_RUNNER_STATE": state, "BULK_RUNNER_CI_WAIT": "60s"}
        self.origin = folder / "origin.git"
        subprocess.run(
            ["git", "init", "--quiet", "--bare", "--initial-branch=main", str(self.origin)],
            env=environment(**_GIT),
            check=True,
        )

    def machine(self, branch: str | None = "main") -> Machine:
        """A fresh clone of a branch, as shallow as a CI service makes it; None: an empty one."""
        one = Machine(self._folder / f"machine-{next(self._numbers)}", self._env)
        if branch is None:
            one.git("clone", "--quiet", f"file://{self.origin}", ".")
        else:
            one.git("clone", "--quiet", "--depth", "1", "--branch", branch, f"file://{self.origin}", ".")
        return one

    def plans(self) -> list[str]:
        """The plans that are kept in it."""
        found = subprocess.run(
            ["git", "-C", str(self.origin), "for-each-ref", "refs/bulk-order-runner/plans"],
            env=environment(**_GIT),
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        return found.splitlines()


def kill(running: "subprocess.Popen[str]") -> None:
    """`kill -9` of a step and of all that it has started."""
    os.killpg(running.pid, 9)
    running.communicate()
