"""A project whose state is on the tests' server. Each folder is a machine of its own, as far as files go."""

import subprocess
from pathlib import Path

from tests.acceptance.project import Project, Ran


class SharedProject(Project):
    """A folder of campaigns with a shared state."""

    def __init__(self, root: Path, url: str) -> None:
        super().__init__(root)
        self.url = url

    def allow_state(self) -> None:
        """Nothing: a state on a server begins with `--new-state`."""

    def run(self, *arguments: str, **env: str) -> Ran:
        """As `Project.run`."""
        return super().run(*arguments, **{"BULK_RUNNER_STATE": self.url} | env)

    def run_apart(self, *arguments: str, stdin: str = "", **env: str) -> Ran:
        """As `Project.run_apart`."""
        return super().run_apart(*arguments, stdin=stdin, **{"BULK_RUNNER_STATE": self.url} | env)

    def start(self, *arguments: str, **env: str) -> subprocess.Popen:
        """As `Project.start`."""
        return super().start(*arguments, **{"BULK_RUNNER_STATE": self.url} | env)
