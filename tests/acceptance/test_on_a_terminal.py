"""On a terminal: the question before money is spent, the live display, and Ctrl-C."""

import os
import pty
import re
import select
import signal
import subprocess
import time

import pytest

from tests.acceptance.project import PATIENCE, Project, environment, post


class OnTerminal:
    """One command on a pseudo-terminal of 90 columns."""

    def __init__(self, project: Project, *arguments: str, **env: str) -> None:
        self._here, there = pty.openpty()
        self.process = subprocess.Popen(
            project.line(*arguments),
            cwd=project.root,
            env=environment(**{"TERM": "xterm", "COLUMNS": "90"} | env),
            stdin=there,
            stdout=there,
            stderr=there,
            start_new_session=True,
        )
        os.close(there)
        self.screen = ""

    def until(self, words: str) -> None:
        """Read the screen until `words` stand on it."""
        deadline = time.monotonic() + PATIENCE
        while words not in self.screen:
            assert time.monotonic() < deadline, self.screen
            try:
                self.screen += os.read(self._here, 65536).decode()
            except OSError:
                raise AssertionError(f"ended without {words!r}: {self.screen}") from None

    def type(self, keys: str) -> None:
        os.write(self._here, keys.encode())

    def end(self) -> int:
        """The exit code, and the rest of the screen."""
        deadline = time.monotonic() + PATIENCE
        while True:
            if not select.select([self._here], [], [], max(deadline - time.monotonic(), 0))[0]:
                self.process.kill()
                raise AssertionError(f"did not end: {self.screen}")
            try:
                self.screen += os.read(self._here, 65536).decode()
            except OSError:
                break
        os.close(self._here)
        return self.process.wait(PATIENCE)


def test_apply_says_how_many_it_would_cancel_and_cancels_only_after_a_yes(project, served_sandbox):
    project.campaign([post(1), post(2), post(3)])
    assert project.run("apply", "--yes", "-q").code == 0
    project.campaign([post(1)])
    refused = OnTerminal(project, "apply", "--prune")
    refused.until("Ask to cancel 2 order(s)?")
    assert "spring/post-3" in refused.screen
    refused.type("n\n")
    assert refused.end() == 130
    assert served_sandbox.requests()["cancel"] == 0
    project.campaign([post(1), post(4)])
    agreed = OnTerminal(project, "apply", "--prune")
    agreed.until("Place these orders, and ask to cancel 2 order(s)?")
    agreed.type("y\n")
    assert agreed.end() == 0
    assert "1 order placed for 0.09 USD, 2 cancellations asked for" in agreed.screen
    assert sum(order["cancel_requested"] is not None for order in served_sandbox.orders()) == 2


def test_apply_shows_the_plan_and_buys_only_after_a_yes(project, served_sandbox):
    project.campaign([post(1), post(2)])
    refused = OnTerminal(project, "apply")
    refused.until("Place these orders?")
    assert "0.18 USD" in refused.screen
    assert "1,000.00 -> 999.82 USD" in refused.screen
    refused.type("n\n")
    assert refused.end() == 130
    assert "nothing was sent" in refused.screen
    assert not served_sandbox.orders()

    agreed = OnTerminal(project, "apply")
    agreed.until("Place these orders?")
    agreed.type("y\n")
    assert agreed.end() == 0
    assert len(served_sandbox.orders()) == 2


def test_ctrl_c_at_the_question_buys_nothing(project, served_sandbox):
    project.campaign([post(1)])
    asked = OnTerminal(project, "apply")
    asked.until("Place these orders?")
    # The line editor misses a signal that comes between its prompt and its waiting; no person is that fast.
    time.sleep(0.3)
    asked.process.send_signal(signal.SIGINT)
    assert asked.end() == 130
    assert not served_sandbox.orders()


def test_an_apply_with_nothing_to_buy_asks_nothing(project):
    project.campaign([post(1)])
    assert project.run("apply", "--yes").code == 0
    again = OnTerminal(project, "apply")
    assert again.end() == 0
    assert "Place these orders?" not in again.screen


def test_no_input_never_asks(project, served_sandbox):
    project.campaign([post(1)])
    quiet = OnTerminal(project, "apply", "--no-input")
    assert quiet.end() == 11
    assert "--yes" in quiet.screen
    assert not served_sandbox.orders()


def test_the_live_display_tells_what_is_going_on_and_leaves_a_clean_screen(bare_project, serve):
    served = serve("--latency", "0.05")
    bare_project.panels(served.url)
    bare_project.campaign([post(number) for number in range(120)])
    shown = OnTerminal(bare_project, "apply", "--yes")
    shown.until("Placed 120 of 120 orders")
    for words in ("in flight", "/s", "left"):
        assert words in shown.screen
    assert shown.end() == 0
    assert shown.screen.rindex("\x1b[?25h") > shown.screen.rindex("\x1b[?25l"), "the cursor is back"


COLOUR = re.compile(r"\x1b\[(?:[0-9]+;)*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;[0-9]+)*m")


@pytest.mark.parametrize(
    ("arguments", "env", "coloured"),
    [((), {}, True), (("--no-color",), {}, False), ((), {"NO_COLOR": "1"}, False), ((), {"TERM": "dumb"}, False)],
    ids=["as-it-comes", "no-color-flag", "NO_COLOR", "dumb-terminal"],
)
def test_colours_only_where_they_are_wanted(project, arguments, env, coloured):
    project.campaign([post(1), post(2)])
    shown = OnTerminal(project, "apply", "--yes", *arguments, **env)
    assert shown.end() == 0
    assert bool(COLOUR.search(shown.screen)) is coloured
