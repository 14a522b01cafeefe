"""The API key is in no output, log, state file or traceback: not even when the panel says it back to us."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote, quote_plus

import pytest

from tests.acceptance.project import KEY_NAME, Project, Ran, environment, post

# Characters that change their looks in a form, in JSON, in HTML and in a URL.
KEY = 'Zx9/q+Lw=3k7&Vb"mT<4rN%2fYp8dHs'
LOOKS = {
    KEY,
    quote(KEY),
    quote(KEY, safe=""),
    quote_plus(KEY),
    KEY.replace('"', '\\"'),
    KEY.replace("/", "\\/"),
    KEY.replace('"', '\\"').replace("/", "\\/"),
    KEY[:12],
    KEY[-12:],
}
PLAIN_KEY = "9f2c7d1be64a4c0f8f0e5d6a7b8c9d0e"


class Echo(BaseHTTPRequestHandler):
    """A panel that answers reads, and every `add` with an error text that holds the whole form."""

    protocol_version = "HTTP/1.1"
    style = "refusal"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        status, answer = self._answer(form, body)
        text = answer.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _answer(self, form: dict[str, str], body: str) -> tuple[int, str]:
        if form["action"] == "balance" and self.style != "no-reads":
            return 200, '{"balance": "100.00", "currency": "USD"}'
        if form["action"] == "services" and self.style != "no-reads":
            name = f"Followers for {form['key']}"
            service = {"service": 1, "name": name, "type": "Default", "category": body, "rate": "0.90"}
            return 200, json.dumps([service | {"min": "50", "max": "10000", "refill": True, "cancel": True}])
        match self.style:
            case "refusal":
                return 200, json.dumps({"error": f"Incorrect request: {form}"})
            case "refused key":
                return 200, json.dumps({"error": f"Invalid API key {form['key']}"})
            case "page":
                return 500, f"<html><body>Fatal error in add({body}) with {form}</body></html>"
            case "id":
                return 200, json.dumps({"order": f"ord_{form['key']}"})
            case _:
                return 403, json.dumps({"error": "denied", "form": form, "raw": body})

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def echo() -> Iterator[str]:
    """The address of an echoing panel."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/api/v2"
        server.shutdown()


def files_with(root: Path, looks: set[str]) -> list[str]:
    """The files below `root` that hold the key in any of its looks, by raw bytes."""
    return [
        f"{path.relative_to(root)}: {look}"
        for path in sorted(root.rglob("*"))
        if path.is_file()
        for look in looks
        if look.encode() in path.read_bytes()
    ]


def shown_with(ran: Ran, looks: set[str]) -> list[str]:
    return [look for look in looks if look in ran.out or look in ran.err]


COMMANDS = [
    [
        "apply",
        "--yes",
        "--debug",
        "--log-file",
        "run.log",
        "--report",
        "json=report.json",
        "--report",
        "text=report.txt",
    ],
    ["apply", "--yes", "--format", "jsonl", "--log-file", "run.log"],
    ["plan", "--debug", "--out", "plan.json"],
    ["status", "--refresh", "--debug", "--format", "json"],
    ["services", "served", "--debug"],
    ["services", "served", "--format", "json"],
    ["balance", "served", "--debug"],
    ["report", "--debug"],
]


@pytest.mark.parametrize("style", ["refusal", "refused key", "page", "id", "denied", "no-reads"])
@pytest.mark.parametrize("key", [KEY, PLAIN_KEY], ids=["odd-key", "plain-key"])
def test_a_panel_that_says_the_form_back_does_not_bring_the_key_into_any_output_or_file(
    bare_project: Project, echo: str, style: str, key: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Echo, "style", style)
    looks = LOOKS if key == KEY else {PLAIN_KEY, PLAIN_KEY[:12], PLAIN_KEY[-12:]}
    bare_project.panels(echo)
    bare_project.campaign([post(number) for number in range(6)])
    commands = COMMANDS if style != "no-reads" else [COMMANDS[0]]
    for command in commands:
        ran = bare_project.run(*command, **{KEY_NAME: key})
        assert ran.code in {0, 10, 13, 14, 15}, ran.err
        assert not shown_with(ran, looks), command
    assert (bare_project.root / "run.log").exists()
    assert not files_with(bare_project.root, looks)


FAULTS = ["reset_after", "status_5xx", "redirect", "truncated", "huge_body", "html_body"]


@pytest.mark.parametrize("kind", FAULTS)
def test_no_fault_of_the_panel_brings_the_key_into_an_output_or_a_file(bare_project: Project, serve, kind: str):
    served = serve("--key-env", "PANEL_KEY", PANEL_KEY=PLAIN_KEY)
    bare_project.panels(served.url)
    bare_project.campaign([post(number) for number in range(6)])
    served.fault({"kind": kind, "after": 1, "times": 1, "seconds": 0.1})
    for command in COMMANDS[:3]:
        ran = bare_project.run(*command, **{KEY_NAME: PLAIN_KEY})
        assert PLAIN_KEY not in ran.out + ran.err
    assert served.orders(), "the key was right"
    assert not files_with(bare_project.root, {PLAIN_KEY})


def test_the_key_is_not_in_the_files_of_a_killed_run(bare_project: Project, serve):
    """A kill leaves the write-ahead log behind: the raw record of everything that was written."""
    served = serve("--latency", "0.05", "--key-env", "PANEL_KEY", PANEL_KEY=PLAIN_KEY)
    bare_project.panels(served.url)
    bare_project.campaign([post(number) for number in range(100)])
    command = ["apply", "--yes", "--format", "jsonl", "--debug", "--log-file", "run.log"]
    running = bare_project.start(*command, **{KEY_NAME: PLAIN_KEY})
    assert running.stdout is not None
    while '"settled"' not in (line := running.stdout.readline()):
        assert line, "the run ended before it had placed an order"
    running.kill()
    out, err = running.communicate()
    assert PLAIN_KEY not in out + err
    assert (bare_project.state.parent / "runner.db-wal").exists()
    assert not files_with(bare_project.root, {PLAIN_KEY})
    bare_project.run("apply", "--yes", **{KEY_NAME: PLAIN_KEY})
    bare_project.run("apply", "--yes", **{KEY_NAME: PLAIN_KEY})
    assert list(bare_project.state.parent.glob("backups/*.db"))
    assert not files_with(bare_project.root, {PLAIN_KEY})


def test_an_unexpected_failure_with_debug_shows_a_traceback_without_the_key(bare_project: Project, serve):
    """The planner is broken on purpose, below the command line."""
    served = serve("--key-env", "PANEL_KEY", PANEL_KEY=PLAIN_KEY)
    bare_project.panels(served.url)
    bare_project.campaign([post(1)])
    breaks = "import runner.planning.reconcile.plan_request as wish\nwish.make_plan = None\nfrom runner.cli.main import main\nmain()\n"
    bare_project.write("broken.py", breaks)
    ran = _python(bare_project, "broken.py", "apply", "--yes", "--debug", **{KEY_NAME: PLAIN_KEY})
    assert ran.code == 1
    assert "Traceback" in ran.err
    assert PLAIN_KEY not in ran.out + ran.err
    quiet = _python(bare_project, "broken.py", "apply", "--yes", **{KEY_NAME: PLAIN_KEY})
    assert quiet.code == 1
    assert "Traceback" not in quiet.err


def _python(project: Project, *arguments: str, **env: str) -> Ran:
    ended = subprocess.run(
        [sys.executable, *arguments],
        cwd=project.root,
        env=environment(**env),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ran(code=ended.returncode, out=ended.stdout, err=ended.stderr)


def test_the_key_of_a_file_stays_in_that_file(bare_project: Project, serve):
    served = serve("--key-env", "PANEL_KEY", PANEL_KEY=PLAIN_KEY)
    key_file = bare_project.write("panel.key", PLAIN_KEY + "\n")
    key_file.chmod(0o600)
    bare_project.panels(served.url, key={"file": "panel.key"})
    bare_project.campaign([post(1)])
    ran = bare_project.run("apply", "--yes", "--debug", "--log-file", "run.log")
    assert ran.code == 0, ran.err
    assert PLAIN_KEY not in ran.out + ran.err
    assert files_with(bare_project.root, {PLAIN_KEY}) == [f"panel.key: {PLAIN_KEY}"]
    key_file.chmod(0o644)
    refused = bare_project.run("plan")
    assert refused.code == 10
    assert "panel.key" in refused.err


def test_a_key_written_into_panels_yaml_is_an_error_that_does_not_repeat_it(bare_project: Project):
    bare_project.write(
        "panels.yaml",
        f"version: 1\npanels:\n  served:\n    url: https://panel.example/api/v2\n    key: {PLAIN_KEY}\n",
    )
    bare_project.campaign([post(1)])
    for output in ("text", "json"):
        ran = bare_project.run("validate", "--format", output)
        assert ran.code == 10
        assert PLAIN_KEY not in ran.out + ran.err
