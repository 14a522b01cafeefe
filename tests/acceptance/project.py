"""A user's folder with campaigns, panels.yaml and a state, and the command line as users call it. No assertions."""

import io
import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from runner.cli.main import run
from runner.core.values.clock import SystemClock
from runner.store.disk.paths import StatePaths
from runner.store.startup.first_start import make_permit
from tests.acceptance.served import TEST_KEY

REPOSITORY = Path(__file__).resolve().parents[2]
KEY_NAME = "ACCEPTANCE_PANEL_KEY"
BRAND = "https://example.com/our-brand/"
PATIENCE = 60.0  # seconds for one command; only a hang takes as long

Fields = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How one command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict:
        """The document on stdout."""
        return json.loads(self.out)

    @property
    def events(self) -> list[dict]:
        """The lines of --format jsonl."""
        return [json.loads(line) for line in self.out.splitlines()]


def environment(**more: str) -> dict[str, str]:
    """What a command finds: nothing of the tester's own runner settings, terminal or proxies."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("BULK_RUNNER_", "COV_", "GITHUB_")) and not name.lower().endswith("_proxy")
    }
    for name in ("CI", "NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "COLUMNS", "TERM", "COVERAGE_PROCESS_START"):
        kept.pop(name, None)
    return kept | {"PYTHONPATH": str(REPOSITORY), "PYTHONWARNINGS": "error", KEY_NAME: TEST_KEY} | more


@contextmanager
def _own_log() -> Iterator[None]:
    """What a command sets up for its log ends with it."""
    log = logging.getLogger("runner")
    level, handlers = log.level, list(log.handlers)
    try:
        yield
    finally:
        for added in set(log.handlers) - set(handlers):
            log.removeHandler(added)
            added.close()
        log.setLevel(level)


def post(number: int, **fields: object) -> dict[str, object]:
    """One order for its own page: 100 units of service 1 unless `fields` say otherwise."""
    return {"id": f"post-{number}", "service": 1, "link": f"{BRAND}p/{number}", "quantity": 100} | fields


class Project:
    """One folder, in which commands run: inside this process, in one of their own, or without waiting for their end."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.state = root / "state" / "runner.db"
        root.mkdir(parents=True, exist_ok=True)

    def panels(self, url: str, *, key: Fields | None = None, **profile: object) -> None:
        """panels.yaml with the one panel `served`; JSON is YAML. A state that has not begun may begin."""
        self.allow_state()
        served = {"url": url, "key": key or {"env": KEY_NAME}} | profile
        (self.root / "panels.yaml").write_text(json.dumps({"version": 1, "panels": {"served": served}}, indent=1))

    def allow_state(self) -> None:
        """What `runner init` leaves behind: the first run on a real panel begins the state."""
        paths = StatePaths.at(self.state)
        if not paths.db.exists():
            make_permit(paths, SystemClock())

    def campaign(
        self, orders: Iterable[Fields], *, name: str = "spring", panel: str = "served", **more: object
    ) -> Path:
        """campaigns/NAME.yaml, written anew, one order to a line."""
        head = {"version": 1, "campaign": name, "panel": panel, "links": [BRAND], **more}
        lines = [f"{key}: {json.dumps(value)}" for key, value in head.items()]
        lines += ["orders:", *(f"  - {json.dumps(order)}" for order in orders)]
        return self.write(f"campaigns/{name}.yaml", "\n".join(lines) + "\n")

    def csv(self, rows: Sequence[Fields], name: str = "posts.csv") -> Path:
        """campaigns/NAME with one order to a row; a column that a row does not have stays empty."""
        columns = list(dict.fromkeys(column for row in rows for column in row))
        lines = [columns, *([str(row.get(column, "")) for column in columns] for row in rows)]
        return self.write(f"campaigns/{name}", "".join(",".join(line) + "\n" for line in lines))

    def write(self, name: str, text: str) -> Path:
        """One file of the project."""
        if name == "panels.yaml":
            self.allow_state()
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def run(self, *arguments: str, **env: str) -> Ran:
        """One command, off a terminal, in this process: a second less than one of its own, and nothing else differs."""
        out, err = io.StringIO(), io.StringIO()
        with (
            chdir(self.root),
            patch.dict(os.environ, environment(**env), clear=True),
            _own_log(),
            patch.object(sys, "stdin", io.StringIO()),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            code = run(list(arguments))
        return Ran(code=code, out=out.getvalue(), err=err.getvalue())

    def run_apart(self, *arguments: str, stdin: str = "", **env: str) -> Ran:
        """One `python -m runner`, off a terminal, to its end."""
        ended = subprocess.run(
            self.line(*arguments),
            cwd=self.root,
            env=environment(**env),
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=PATIENCE,
            check=False,
        )
        return Ran(code=ended.returncode, out=ended.stdout, err=ended.stderr)

    def start(self, *arguments: str, **env: str) -> "subprocess.Popen[str]":
        """One `python -m runner`, running; stdout and stderr are pipes."""
        return subprocess.Popen(
            self.line(*arguments),
            cwd=self.root,
            env=environment(**env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    @staticmethod
    def line(*arguments: str) -> list[str]:
        """The command line."""
        return [sys.executable, "-m", "runner", *arguments]

    def copy(self, root: Path) -> "Project":
        """The same project, its state included, in another folder: what happens there does not touch this one."""
        shutil.copytree(self.root, root)
        return Project(root)
