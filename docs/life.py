"""Writes docs/life.md: one campaign's life, every screen of it made by really running the command on a terminal.

`make life` runs it. The panel is a sandbox of its own, whose clock this script turns; the project is a temporary folder.
"""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

COLUMNS, LINES = 100, 40
PATIENCE = 90.0  # seconds for one command
HERE = Path(__file__).resolve().parent
RUNNER = [sys.executable, "-m", "runner"]
_PIECES = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])|([\s\S])")
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Terminal:
    """As much of a terminal as rich needs: text, new lines, and cursor movements up."""

    def __init__(self) -> None:
        self._lines: list[str] = [""]
        self._row = self._column = 0

    def feed(self, text: str) -> None:
        for found in _PIECES.finditer(text):
            if found[3] is not None:
                self._put(found[3])
            elif found[2] == "A":
                self._row = max(self._row - int(found[1] or 1), 0)
            elif found[2] == "K":
                line = self._lines[self._row]
                self._lines[self._row] = "" if found[1] == "2" else line[: self._column]

    def _put(self, letter: str) -> None:
        if letter == "\r":
            self._column = 0
        elif letter == "\n":
            self._row += 1
            if self._row == len(self._lines):
                self._lines.append("")
        elif letter.isprintable():
            line = self._lines[self._row].ljust(self._column)
            self._lines[self._row] = line[: self._column] + letter + line[self._column + 1 :]
            self._column += 1

    @property
    def screen(self) -> str:
        return "\n".join(line.rstrip() for line in self._lines).strip("\n")


class Panel:
    """The sandbox behind the story, spoken to through its control calls."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._control = url.removesuffix("/api/v2") + "/_control/"

    def ask(self, name: str) -> list[dict]:
        with _DIRECT.open(self._control + name, timeout=10) as answer:
            return json.load(answer)

    def tell(self, name: str, given: object) -> None:
        request = urllib.request.Request(self._control + name, data=json.dumps(given).encode(), method="POST")
        _DIRECT.open(request, timeout=10).close()

    def pass_time(self, minutes: float) -> None:
        self.tell("clock", {"advance_minutes": minutes})

    def end(self, link: str, status: str = "Completed", **more: object) -> None:
        """Every order of a link that is not at its end gets this one."""
        for order in self.ask("orders"):
            if order["link"].endswith(link) and order["status"] not in ("Completed", "Partial", "Canceled"):
                self.tell(f"orders/{order['order']}", {"status": status, **more})


@contextlib.contextmanager
def panel_at(folder: Path) -> Iterator[Panel]:
    line = [sys.executable, "-m", "runner.sandbox", "--port", "0", "--db", str(folder / "panel.db")]
    with subprocess.Popen(
        [*line, "--speed", "0", "--seed", "4", "--control"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield Panel(process.stdout.readline().split()[-1])
        finally:
            process.terminate()


class Story:
    """The page as it grows, and the project that it is about."""

    def __init__(self, root: Path, panel: Panel) -> None:
        self.root = root
        self.panel = panel
        self.page: list[str] = []
        (root / "campaigns").mkdir(parents=True)
        key = {"env": "MY_PANEL_API_KEY"}
        panels = {"version": 1, "panels": {"my-panel": {"url": panel.url, "key": key, "currency": "USD"}}}
        (root / "panels.yaml").write_text(json.dumps(panels))

    def say(self, *lines: str) -> None:
        self.page.append("\n".join(lines))

    def file(self, name: str, text: str) -> None:
        """A file of the project, not shown."""
        (self.root / name).write_text(text)

    def show(self, name: str, language: str = "yaml") -> None:
        self.say(f"```{language}", (self.root / name).read_text().rstrip(), "```")

    def run(self, *arguments: str, shots: tuple[str, ...] = (), code: int = 0) -> None:
        """A command and its screen; with `shots`, also the picture as it stands when each of these words is on it."""
        screens, ended = self._run(list(arguments), shots)
        assert ended == code, (arguments, ended, screens[-1])
        told = [f"$ runner {' '.join(arguments)}"]
        for screen in screens[:-1]:
            told += [screen, "", "... and at the end", ""]
        told.append(screens[-1])
        self.say("```console", *told, *([f"$ echo $?\n{code}"] if code else []), "```")

    def _run(self, arguments: list[str], shots: tuple[str, ...]) -> tuple[list[str], int]:
        pid, handle = pty.fork()
        if pid == 0:
            os.chdir(self.root)
            os.environ.update(MY_PANEL_API_KEY="sandbox-key", NO_COLOR="1", TERM="xterm", PYTHONPATH=str(HERE.parent))
            os.environ["XDG_STATE_HOME"] = str(self.root / ".local" / "state")
            os.environ.pop("COLUMNS", None)
            os.execv(RUNNER[0], [*RUNNER, *arguments])
        fcntl.ioctl(handle, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        terminal, wanted, taken = Terminal(), list(shots), []
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if not select.select([handle], [], [], 1.0)[0]:
                continue
            try:
                given = os.read(handle, 65536)
            except OSError:
                break
            if not given:
                break
            terminal.feed(given.decode())
            if wanted and wanted[0] in terminal.screen:
                taken.append(terminal.screen)
                wanted.pop(0)
        os.close(handle)
        _, status = os.waitpid(pid, 0)
        assert not wanted, (wanted, terminal.screen)
        return [*taken, terminal.screen], os.waitstatus_to_exitcode(status)


@contextlib.contextmanager
def time_flies(panel: Panel, minutes: float) -> Iterator[None]:
    """So many minutes of the panel pass in each second."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(0.5):
            panel.pass_time(minutes / 2)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


CAMPAIGN = """\
version: 1
campaign: spring
panel: my-panel
links: [https://example.com/our-brand/]
budget: {total: "20.00", keep_balance: "100.00"}
policy:
  on_change: top_up
  on_partial: reorder
  refill: {when: drop, every: 24h, for: 30d, max: 3}
orders:
  - {id: teaser, service: 1, link: https://example.com/our-brand/p/1, quantity: 1000}
  - {id: launch, service: 3, link: https://example.com/our-brand/p/2, quantity: 800}
  - {id: views, service: 4, link: https://example.com/our-brand/v/1, quantity: 500, runs: 4, interval: 60}
  - {id: thanks, service: 5, link: https://example.com/our-brand/p/3, quantity: 500}
"""


def tell(story: Story) -> None:
    panel = story.panel
    story.say(
        "# One campaign's life",
        "",
        "Every screen here is a real one: `make life` runs the story against a simulated panel whose hours it turns, and writes",
        "this page. Commands that buy would ask on a terminal; here they are called with `--yes`.",
        "",
        "## The file",
    )
    story.file("campaigns/spring.yaml", CAMPAIGN)
    story.show("campaigns/spring.yaml")
    story.say(
        "## Apply",
        "",
        "Look first, then buy. Nothing was ever bought with this project, so its first command is told to begin a state.",
    )
    story.run("plan", "--new-state", "-q")
    story.run("apply", "--yes", "-q")
    story.say(
        "A quarter of an hour later (on the panel: for the runner it is a second, so what is *done in* is in seconds too):"
    )
    panel.pass_time(15)
    story.run("status", "--refresh", "-q")

    story.say(
        "## An edit",
        "",
        "The teaser does better than expected: 1,500 instead of 1,000. With `on_change: top_up` only the difference is",
        "bought, and since panels take one order for a page at a time, it waits for the first to end.",
    )
    story.file("campaigns/spring.yaml", edited := CAMPAIGN.replace("p/1, quantity: 1000", "p/1, quantity: 1500"))
    story.run("plan", "-q")

    story.say(
        "## A partial",
        "",
        "The panel gives `launch` up after 500 of 800, and pays the rest back. `on_partial: reorder` buys what is missing.",
    )
    panel.end("p/2", "Partial", remains=300)
    story.run("apply", "--yes", "-q")
    story.run("history", "spring/launch")

    story.say(
        "## A rename",
        "",
        "An order is known by its id. A new id for a page that was bought already is taken for a slip, not for a wish:",
    )
    renamed = edited.replace("id: thanks,", "id: thank-you,")
    story.file("campaigns/spring.yaml", renamed)
    story.run("plan", "-q", code=11)
    story.say("Said in the file, it costs nothing:")
    moved = renamed.replace("orders:\n", "moved: [{from: thanks, to: thank-you}]\norders:\n")
    story.file("campaigns/spring.yaml", moved)
    story.run("plan", "-q")

    story.say(
        "## An order taken out",
        "",
        "The video comes down, and with it the line of its views. An order that is bought stays bought until you ask:",
    )
    pruned = "".join(line for line in moved.splitlines(keepends=True) if "id: views" not in line)
    story.file("campaigns/spring.yaml", pruned)
    story.run("apply", "--prune", "--yes", "-q")

    story.say(
        "## Watch",
        "",
        "`runner watch` goes on by itself: it polls as often as each order's age asks for, buys what has waited or comes up",
        "short, and ends when all of it is final. Here six minutes of the panel take a second, so it is told to look every",
        "second. A look at it, and its end:",
    )
    with time_flies(panel, 6):
        story.run("watch", "--yes", "--max-pause", "1s", shots=("4 passes",))

    story.say(
        "## A drop",
        "",
        "Two weeks later some of what was delivered has gone again. Panels do not tell; a file of the present counts does,",
        "and with `when: drop` a refill is asked for where they show one. It costs nothing.",
    )
    panel.pass_time(14 * 1440)
    counts = _counts(story)
    story.file("counts.csv", counts)
    story.show("counts.csv", "csv")
    story.run("apply", "--yes", "--counts", "counts.csv", "-q")
    panel.pass_time(1440)
    story.say("A day later:")
    story.run("status", "--refresh", "-q")

    story.say("## The books")
    story.run("report")


def _counts(story: Story) -> str:
    """What each page shows now, as somebody would read it off: start, delivered, less what dropped."""
    state = subprocess.run(
        [*RUNNER, "status", "--format", "json"],
        cwd=story.root,
        env=os.environ | {"MY_PANEL_API_KEY": "sandbox-key", "PYTHONPATH": str(HERE.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    starts = {one["panel_order_id"]: one["start_count"] for one in json.loads(state.stdout)["orders"]}
    rows = {}
    for order in story.panel.ask("orders"):
        start = starts.get(str(order["order"]))
        if start is not None and order["status"] == "Completed":
            rows[order["link"]] = start + order["delivered"] - order["dropped"]
    return "link,count\n" + "".join(f"{link},{count}\n" for link, count in rows.items())


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, panel_at(Path(folder)) as panel:
        story = Story(Path(folder) / "project", panel)
        try:
            tell(story)
        finally:
            (HERE / "life.md").write_text("\n\n".join(story.page) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
