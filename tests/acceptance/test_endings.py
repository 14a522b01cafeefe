"""Whatever ends a run, an order that was sent is waited for: every catchable signal drains as Ctrl-C does, and leaves no doubt."""

import os
import pty
import signal
import subprocess
import time

import pytest

from tests.acceptance.project import PATIENCE, Project, environment, post
from tests.acceptance.test_on_a_terminal import OnTerminal

ENDINGS = (
    signal.SIGHUP,
    signal.SIGTERM,
    signal.SIGQUIT,
    signal.SIGABRT,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGALRM,
    signal.SIGVTALRM,
    signal.SIGXCPU,
    signal.SIGPWR,
    signal.SIGIO,
    signal.SIGRTMIN,
    signal.SIGRTMAX,
)
ORDERS = 60


@pytest.fixture
def slow(bare_project: Project, serve):
    """Sixty orders on a panel that takes its time, so that some are in flight at any moment."""
    served = serve("--latency", "0.3")
    bare_project.panels(served.url)
    bare_project.campaign([post(number) for number in range(ORDERS)])
    return bare_project, served


def until(running: "subprocess.Popen[str]", word: str) -> None:
    """Read lines of stdout up to one that holds `word`."""
    assert running.stdout is not None
    while word not in (line := running.stdout.readline()):
        assert line, "the run ended before"


def assert_all_is_known(project: Project, served, least: int = 1) -> None:
    """Every order at the panel is in the state with its id, once, and none is in doubt."""
    status = project.run("status", "--format", "json")
    assert status.code == 0, status.out
    known = {str(order["panel_order_id"]) for order in status.json["orders"] if order["sync"] == "placed"}
    assert known == {str(order["order"]) for order in served.orders()}
    assert served.requests()["add"] == len(known) >= least
    assert set(served.links().values()) == {1}


@pytest.mark.parametrize("number", ENDINGS, ids=lambda number: signal.Signals(number).name)
def test_every_ending_drains_and_leaves_no_doubt(slow, number):
    project, served = slow
    running = project.start("apply", "--yes", "-q", "--format", "jsonl")
    until(running, '"settled"')
    running.send_signal(number)
    out, err = running.communicate(timeout=PATIENCE)
    assert (running.returncode, err) == (130, ""), err
    assert '"draining"' in out
    assert_all_is_known(project, served)
    assert served.requests()["add"] < ORDERS


@pytest.mark.parametrize("number", [signal.SIGPIPE, signal.SIGXFSZ, signal.SIGWINCH, signal.SIGCONT])
def test_a_signal_that_is_no_ending_changes_nothing(slow, number):
    project, served = slow
    project.campaign([post(one) for one in range(12)])
    running = project.start("apply", "--yes", "-q", "--format", "jsonl")
    until(running, '"settled"')
    running.send_signal(number)
    running.communicate(timeout=PATIENCE)
    assert running.returncode == 0
    assert_all_is_known(project, served, 12)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT])
def test_a_watch_drains_too(slow, number):
    project, served = slow
    running = project.start("watch", "--yes", "-q", "--format", "jsonl")
    until(running, '"settled"')
    running.send_signal(number)
    running.communicate(timeout=PATIENCE)
    assert running.returncode == 130
    assert_all_is_known(project, served)


def test_a_watch_ends_in_its_pause(slow):
    project, served = slow
    project.campaign([post(1)])
    running = project.start("watch", "--yes", "-q", "--format", "jsonl")
    until(running, '"waiting"')
    running.send_signal(signal.SIGHUP)
    running.communicate(timeout=10)
    assert running.returncode == 130
    assert_all_is_known(project, served)


def test_a_second_one_leaves_and_says_what_is_in_doubt(slow):
    project, served = slow
    served.fault({"kind": "latency", "action": "add", "seconds": 20})
    running = project.start("apply", "--yes", "-q", "--format", "jsonl")
    until(running, '"marked"')
    running.send_signal(signal.SIGUSR1)
    until(running, '"draining"')
    time.sleep(0.1)
    running.send_signal(signal.SIGTERM)
    _, err = running.communicate(timeout=10)
    assert running.returncode == 15
    assert "in doubt" in err
    assert project.run("status").code == 15


@pytest.mark.parametrize("numbers", [(signal.SIGTERM,) * 2, (signal.SIGHUP,) * 2, (signal.SIGTERM, signal.SIGHUP)])
def test_two_signals_in_one_moment_are_one(slow, numbers):
    """As `timeout` sends them, a shell that lost its terminal, and systemd with SendSIGHUP."""
    project, served = slow
    running = project.start("apply", "--yes", "-q", "--format", "jsonl")
    until(running, '"settled"')
    for number in numbers:
        running.send_signal(number)
    running.communicate(timeout=PATIENCE)
    assert running.returncode == 130
    assert_all_is_known(project, served)


def test_a_cpu_limit_that_is_told_again_and_again_drains_all_the_same(slow):
    project, served = slow
    running = project.start("apply", "--yes", "-q", "--format", "jsonl")
    until(running, '"settled"')
    for _ in range(3):
        running.send_signal(signal.SIGXCPU)
        time.sleep(0.05)
    running.communicate(timeout=PATIENCE)
    assert running.returncode == 130
    assert_all_is_known(project, served)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGUSR2])
def test_while_it_waits_for_the_lock_nothing_is_sent(slow, number):
    project, served = slow
    project.campaign([post(1)])
    served.fault({"kind": "latency", "action": "balance", "seconds": 30})
    holder = project.start("apply", "--yes", "-q", "--format", "jsonl")
    until(holder, "run_started")
    waiting = project.start("apply", "--yes", "--lock-timeout", "60s")
    time.sleep(2.5)
    waiting.send_signal(number)
    out, err = waiting.communicate(timeout=10)
    holder.kill()
    holder.communicate()
    assert (waiting.returncode, out) == (130, "")
    assert "nothing more was sent" in err or "nothing was sent" in err
    assert served.requests()["add"] == 0


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT, signal.SIGUSR1])
def test_at_the_question_nothing_is_sent(project, served_sandbox, number):
    project.campaign([post(1)])
    asked = OnTerminal(project, "apply")
    asked.until("Place these orders?")
    time.sleep(0.3)
    asked.process.send_signal(number)
    assert asked.end() == 130
    assert not served_sandbox.orders()
    assert project.run("apply", "--yes").code == 0


def test_a_closed_terminal_leaves_no_doubt(slow):
    """A shell on a terminal that goes away, as when ssh is closed: it hangs up its job, and so does the system."""
    project, served = slow
    here, there = pty.openpty()
    shell = subprocess.Popen(
        ["setsid", "--ctty", "bash", "--norc", "--noprofile", "-i"],
        cwd=project.root,
        env=environment(TERM="xterm", PS1="$ "),
        stdin=there,
        stdout=there,
        stderr=there,
    )
    os.close(there)
    line = f"{' '.join(project.line('apply', '--yes'))}; touch never\n"
    os.write(here, line.encode())
    deadline = time.monotonic() + PATIENCE
    while served.requests()["add"] < 8:
        assert time.monotonic() < deadline, os.read(here, 65536)
        os.set_blocking(here, False)
        try:
            os.read(here, 65536)
        except BlockingIOError:
            time.sleep(0.05)
    os.close(here)
    shell.wait(PATIENCE)
    until_the_lock_is_free(project)
    assert_all_is_known(project, served)
    assert served.requests()["add"] < ORDERS
    assert not (project.root / "never").exists()


def until_the_lock_is_free(project: Project) -> None:
    deadline = time.monotonic() + PATIENCE
    while project.run("state", "unlock").code:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_under_nohup_a_hangup_is_not_heard(slow):
    project, served = slow
    project.campaign([post(one) for one in range(12)])
    running = subprocess.Popen(
        ["nohup", *project.line("apply", "--yes", "-q", "--format", "jsonl")],
        cwd=project.root,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    until(running, '"settled"')
    running.send_signal(signal.SIGHUP)
    running.communicate(timeout=PATIENCE)
    assert running.returncode == 0
    assert_all_is_known(project, served, 12)


def test_timeout_s_two_signals_drain(slow):
    """It signals its child, and then the group that the child is in."""
    project, served = slow
    running = subprocess.Popen(
        ["timeout", "300", *project.line("apply", "--yes", "-q", "--format", "jsonl")],
        cwd=project.root,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(running, '"settled"')
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=PATIENCE)
    until_the_lock_is_free(project)
    assert_all_is_known(project, served)
    assert served.requests()["add"] < ORDERS


@pytest.mark.parametrize("command", ["sandbox serve --port 0 --db panel.db", "state backup --lock-timeout 60s"])
def test_other_commands_end_by_themselves(slow, command):
    project, _ = slow
    holder = None
    if command.startswith("state"):
        assert project.run("apply", "--yes", "-q", "--select", "*/post-1").code == 0
        holder = project.start("watch", "--yes", "-q", "--format", "jsonl")
        until(holder, '"marked"')
    running = project.start(*command.split())
    if holder is None:
        assert running.stdout is not None
        assert "http://" in running.stdout.readline()
    else:
        time.sleep(1.5)
    running.send_signal(signal.SIGHUP)
    _, err = running.communicate(timeout=10)
    if holder is not None:
        holder.kill()
        holder.communicate()
    assert running.returncode in (0, 130)
    assert "Traceback" not in err
