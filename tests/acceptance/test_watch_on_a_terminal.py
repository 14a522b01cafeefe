"""`runner watch` on a terminal: a picture that fits, questions that hold nothing up, and a screen left clean."""

import fcntl
import re
import signal
import struct
import termios
import time

import pytest
from rich.cells import cell_len

from tests.acceptance.project import PATIENCE, post
from tests.acceptance.test_on_a_terminal import COLOUR, OnTerminal

QUICK = ("--min-pause", "1s", "--max-pause", "1s")
SEQUENCE = re.compile(r"\x1b\[[?0-9;]*[A-Za-z]")


def lines_of(screen: str) -> list[str]:
    """What was written to each line, without colours and cursor movements."""
    return re.split(r"[\r\n]+", SEQUENCE.sub("", screen))


@pytest.fixture
def bought(project):
    """A project with two campaigns and a long name, all of it bought."""
    project.campaign([post(number) for number in range(5)])
    project.campaign([post(9)], name="a-campaign-with-a-name-too-long-for-a-narrow-screen")
    assert project.run("apply", "--yes").code == 0
    return project


@pytest.mark.parametrize("columns", [80, 200])
def test_the_picture_fits_the_terminal_and_is_gone_at_the_end(bought, served_sandbox, columns):
    shown = OnTerminal(bought, "watch", *QUICK, COLUMNS=str(columns))
    for words in ("Watching 2 campaigns", "campaign", "0%", "live", "problems", "spent", "balance", "Next pass in"):
        shown.until(words)
    served_sandbox.end_orders()
    assert shown.end() == 0
    assert max(map(cell_len, lines_of(shown.screen))) <= columns
    assert ("an hour" in shown.screen) is (columns == 200)
    assert shown.screen.rindex("\x1b[?25h") > shown.screen.rindex("\x1b[?25l"), "the cursor is back"
    assert "All done. 0 orders placed in" in shown.screen.rpartition("Next pass in")[2]


def test_it_follows_a_terminal_that_is_resized(bought, served_sandbox):
    shown = OnTerminal(bought, "watch", *QUICK, COLUMNS="")
    resize(shown, 60)
    shown.until("Next pass in")
    resize(shown, 150)
    shown.until("an hour")
    shown.screen = ""
    resize(shown, 60)
    shown.until("\x1b[2J")
    narrow = shown.screen.rpartition("\x1b[2J")[2]
    served_sandbox.end_orders()
    assert shown.end() == 0
    narrow += shown.screen.rpartition("\x1b[2J")[2]
    assert max(map(cell_len, lines_of(narrow.partition("Watched:")[0]))) <= 60


def resize(shown: OnTerminal, columns: int) -> None:
    fcntl.ioctl(shown._here, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))


def test_it_shows_the_plan_and_buys_after_a_yes_and_what_waits_without_another(project, served_sandbox):
    project.campaign([post(1), post(1, id="again")])
    shown = OnTerminal(project, "watch", *QUICK)
    shown.until("Carry this out? [y/N]")
    assert "0.09 USD" in shown.screen
    assert not served_sandbox.orders()
    assert project.run("state", "backup").code == 0, "the state is free while the question stands"
    shown.type("y\n")
    shown.until("Next pass in")
    served_sandbox.end_orders()
    deadline = time.monotonic() + PATIENCE
    while len(served_sandbox.orders()) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    served_sandbox.end_orders()
    assert shown.end() == 0
    assert len(served_sandbox.orders()) == 2
    assert shown.screen.count("Carry this out?") == 1


@pytest.mark.parametrize("answer", ["n\n", "\n", "\x04"])
def test_anything_but_a_yes_buys_nothing(project, served_sandbox, answer):
    project.campaign([post(1)])
    shown = OnTerminal(project, "watch", *QUICK)
    shown.until("Carry this out? [y/N]")
    shown.type(answer)
    assert shown.end() == 130
    assert "nothing was sent" in shown.screen
    assert not served_sandbox.orders()


def test_ctrl_c_at_the_question_buys_nothing(project, served_sandbox):
    project.campaign([post(1)])
    shown = OnTerminal(project, "watch", *QUICK)
    shown.until("Carry this out? [y/N]")
    shown.process.send_signal(signal.SIGINT)
    assert shown.end() == 130
    assert not served_sandbox.orders()


def test_what_is_added_later_is_asked_about_while_polling_goes_on(project, served_sandbox):
    project.campaign([post(1)])
    assert project.run("apply", "--yes").code == 0
    shown = OnTerminal(project, "watch", *QUICK)
    shown.until("Next pass in")
    project.campaign([post(1), post(2)])
    shown.until("Carry this out? [y/N]")
    polls = served_sandbox.requests()["status"]
    deadline = time.monotonic() + PATIENCE
    while served_sandbox.requests()["status"] < polls + 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert served_sandbox.requests()["status"] >= polls + 2
    assert len(served_sandbox.orders()) == 1
    shown.type("what?\n")
    shown.until("[y/N]: what?\r\nCarry this out? [y/N]")
    shown.type("yes\n")
    while len(served_sandbox.orders()) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    served_sandbox.end_orders()
    assert shown.end() == 0
    assert sorted(served_sandbox.links().values()) == [1, 1]


@pytest.mark.parametrize(
    ("arguments", "env", "coloured"),
    [((), {}, True), (("--no-color",), {}, False), ((), {"NO_COLOR": "1"}, False), ((), {"TERM": "dumb"}, False)],
    ids=["as-it-comes", "no-color-flag", "NO_COLOR", "dumb-terminal"],
)
def test_colours_only_where_they_are_wanted(project, served_sandbox, arguments, env, coloured):
    project.campaign([post(1), post(2)])
    assert project.run("apply", "--yes").code == 0
    shown = OnTerminal(project, "watch", *QUICK, *arguments, **env)
    shown.until("ext pass in")
    served_sandbox.end_orders()
    assert shown.end() == 0
    assert bool(COLOUR.search(shown.screen)) is coloured


def test_a_signal_leaves_a_clean_screen_and_the_sum(bought):
    shown = OnTerminal(bought, "watch", *QUICK)
    shown.until("Next pass in")
    shown.process.send_signal(signal.SIGINT)
    assert shown.end() == 130
    assert shown.screen.rindex("\x1b[?25h") > shown.screen.rindex("\x1b[?25l")
    assert "Interrupted, nothing in doubt" in shown.screen
