"""A run is killed, or ends; then its files are damaged, cut, put back or copied: nothing is bought twice, or nothing at all."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.conftest import Serve
from tests.acceptance.project import PATIENCE, Project, Ran, environment, post
from tests.acceptance.served import Served

ORDERS = 200
LATENCY = 0.02  # seconds of each answer
INSIDE = 40  # adds, after which a copy of the folder is taken while the run goes on
KILLED = 120  # adds, after which it is killed
PARALLEL = 8  # adds in flight: the most doubts that a kill leaves


class Killed:
    """A project whose apply was killed in the middle, and a copy of its state folder from inside that run."""

    def __init__(self, project: Project, served: Served) -> None:
        self.project = project
        self.served = served
        self.state = project.state.parent
        self.inside = project.root.with_name("inside")
        self.left = project.root.with_name("left")
        self.adds = 0

    def kill(self) -> None:
        """Begin an apply, copy the folder in the middle of it, kill it later."""
        before = self.served.requests()["add"]
        running = self.project.start("apply", "--yes", "-q")
        wait_for(lambda: self.served.requests()["add"] - before >= INSIDE, running)
        shutil.copytree(self.state, self.inside, dirs_exist_ok=True)
        wait_for(lambda: self.served.requests()["add"] - before >= KILLED, running)
        running.kill()
        running.communicate()
        shutil.copytree(self.state, self.left, dirs_exist_ok=True)
        self.adds = self.served.requests()["add"]

    def undo(self) -> None:
        """Put the folder back as the kill left it."""
        self.replace_by(self.left)

    def replace_by(self, folder: Path, *names: str) -> None:
        """The files of that name, or all, as they are in another folder."""
        for path in list(self.state.iterdir()):
            if path.is_file() and (not names or path.name in names):
                path.unlink()
        for path in folder.iterdir():
            if path.is_file() and (not names or path.name in names):
                shutil.copy2(path, self.state / path.name)

    def file(self, name: str) -> Path:
        return self.state / name

    def refuses(self, *said: str) -> Ran:
        """An apply is refused, says why, and sends nothing; `plan` ends with the same code, and `verify` finds it too."""
        ran = self.project.run("apply", "--yes", "-q")
        assert ran.code == 12, ran.out + ran.err
        assert all(words in ran.err for words in said), ran.err
        assert "state restore" in ran.err
        assert self.served.requests()["add"] == self.adds
        assert self.project.run("state", "verify").code == 12
        return ran

    def goes_on(self) -> None:
        """An apply buys all the rest, and nothing a second time; what was in flight is in doubt."""
        ran = self.project.run("apply", "--yes", "--format", "json")
        assert ran.code in (0, 15), ran.err
        assert ran.json["in_doubt"] <= PARALLEL
        assert set(self.served.links().values()) == {1}, "a link was bought twice"
        held = {str(order["order"]) for order in self.served.orders()}
        listed = self.project.run("state", "list", "--format", "json").json["attempts"]
        linked = {one["panel_order_id"] for one in listed if one["panel_order_id"]}
        assert linked <= held
        assert len(held - linked) <= ran.json["in_doubt"]
        assert len(listed) == ORDERS


def wait_for(condition: Callable[[], bool], running: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert running.poll() is None, running.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def killed(bare_project: Project, serve: Serve) -> Killed:
    served = serve("--latency", str(LATENCY))
    bare_project.panels(served.url, parallel={"add": PARALLEL, "read": 4})
    bare_project.campaign([post(number) for number in range(ORDERS)])
    one = Killed(bare_project, served)
    one.kill()
    return one


def flip(path: Path, byte: int, bit: int = 0) -> None:
    content = bytearray(path.read_bytes())
    content[byte] ^= 1 << bit
    path.write_bytes(content)


def commit_of(link: int, log: Path) -> int:
    """Where the log first tells of the order for this link."""
    return log.read_bytes().index(f"/our-brand/p/{link}".encode())


def test_one_wrong_bit_in_the_log_after_a_kill_buys_nothing_twice(killed):
    log = killed.file("runner.db-wal")
    size = log.stat().st_size
    refused = 0
    for byte in (5, 40, *range(100, size, size // 12), commit_of(60, log)):
        flip(log, byte)
        ran = killed.project.run("apply", "--yes", "-q")
        assert ran.code == 12, f"byte {byte} of {size}: {ran.err}"
        assert killed.served.requests()["add"] == killed.adds
        refused += "runner.db-wal is damaged at byte" in ran.err
        assert killed.project.run("state", "verify").code == 12
        killed.undo()
    assert refused > 4, "no refusal named the log"
    killed.goes_on()


def test_a_log_that_was_cut_deleted_or_put_back_after_a_kill_buys_nothing_twice(killed):
    log = killed.file("runner.db-wal")
    content = log.read_bytes()
    frame = 24 + 4096
    for damage in (
        log.unlink,
        lambda: log.write_bytes(b""),
        lambda: log.write_bytes(content[: len(content) // 2]),
        lambda: log.write_bytes(content[: 32 + 10 * frame]),
        lambda: log.write_bytes(content[: len(content) // 2] + b"\0" * (len(content) // 2)),
        lambda: killed.replace_by(killed.inside, "runner.db-wal"),
        lambda: (killed.replace_by(killed.inside, "runner.db-wal"), killed.file("runner.db-shm").unlink()),
        lambda: killed.replace_by(killed.inside, "runner.db-wal", "runner.db-shm", "runner.db"),
    ):
        damage()
        killed.refuses()
        killed.undo()
    killed.goes_on()


def test_a_copy_taken_inside_a_run_that_was_later_killed_buys_nothing_twice(killed):
    killed.replace_by(killed.inside)
    ran = killed.refuses("order(s) that may have been sent are missing")
    assert "bulk-order-runner/high-water" in ran.err, "only what lies outside of the folder can tell"
    killed.undo()
    killed.replace_by(killed.inside, "runner.db", "runner.db-wal", "runner.db-shm", "lineage.json")
    ran = killed.project.run("apply", "--yes", "-q", XDG_STATE_HOME="/proc/nothing")
    assert (ran.code, killed.served.requests()["add"]) == (12, killed.adds)
    assert "state/high-water knows of" in ran.err, "the mark that was left in the folder tells where there is no other"
    killed.undo()
    killed.goes_on()


def with_a_database_tool(killed: Killed, *statements: str) -> None:
    """Another process opens the database, reads it and closes it, as the sqlite3 shell does."""
    code = "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
    code += "for one in sys.argv[2:]: c.execute(one).fetchall()\nc.close()"
    line = [sys.executable, "-c", code, str(killed.file("runner.db")), *statements]
    subprocess.run(line, check=True, env=environment())


def test_a_log_that_a_database_tool_folded_in_after_a_kill_is_no_reason_to_stop(killed):
    with_a_database_tool(killed, "SELECT count(*) FROM attempts")
    assert not killed.file("runner.db-wal").exists()
    killed.goes_on()
    assert killed.project.run("state", "verify").code == 0


def test_a_log_folded_in_from_a_copy_or_with_a_wrong_bit_is(killed):
    flip(killed.file("runner.db-wal"), commit_of(60, killed.file("runner.db-wal")))
    with_a_database_tool(killed, "SELECT count(*) FROM attempts")
    killed.refuses("is behind")
    killed.undo()
    killed.replace_by(killed.inside, "runner.db", "runner.db-wal", "runner.db-shm")
    with_a_database_tool(killed, "SELECT count(*) FROM attempts")
    killed.refuses("is behind")


def test_files_that_prove_nothing_may_go_after_a_kill(killed):
    for name in ("runner.db-shm", "high-water", "lineage.json"):
        killed.file(name).unlink()
    killed.goes_on()


def test_a_database_put_back_from_before_the_run_is_refused_whatever_lies_beside_it(killed):
    killed.goes_on()
    killed.adds = killed.served.requests()["add"]
    assert killed.project.run("apply", "--yes", "-q").code in (0, 15)
    (*_, copy) = sorted((killed.state / "backups").glob("*.db"))
    for leftovers in ((), ("runner.db-wal",)):
        shutil.copy(copy, killed.file("runner.db"))
        for name in leftovers:
            shutil.copy(killed.left / name, killed.file(name))
        killed.refuses()


def test_the_way_out_of_a_damaged_log_carries_over_what_can_be_read(killed):
    log = killed.file("runner.db-wal")
    flip(log, commit_of(100, log) + 4096 * 3)
    killed.refuses("runner.db-wal is damaged at byte")
    state = str(killed.file("runner.db"))
    refused = killed.project.run("state", "restore", state)
    assert refused.code == 12
    assert "--accept-loss" in refused.err
    ran = killed.project.run("state", "restore", state, "--accept-loss", "--reason", "the disk is failing")
    assert ran.code in (0, 15), ran.err
    assert "is unknown" in ran.out
    assert killed.project.run("state", "verify").code == 0
    plan = killed.project.run("plan", "--format", "json")
    lost = sum(1 for one in plan.json["actions"] if one["action"] == "place")
    assert 0 < lost < ORDERS - INSIDE, "what could be read is remembered"


@pytest.mark.parametrize("over", ["moved", "copied", "log"])
def test_a_database_replaced_or_copied_over_during_a_run_ends_it_before_its_next_commit(bare_project, serve, over):
    served = serve("--latency", str(LATENCY))
    bare_project.panels(served.url, parallel={"add": PARALLEL, "read": 4})
    bare_project.campaign([post(number) for number in range(INSIDE)])
    assert bare_project.run("apply", "--yes", "-q").code == 0
    state = bare_project.state.parent
    earlier = bare_project.root.with_name("earlier")
    shutil.copytree(state, earlier)
    bare_project.campaign([post(number) for number in range(ORDERS)])
    running = bare_project.start("apply", "--yes", "-q")
    wait_for(lambda: served.requests()["add"] > INSIDE + 20, running)
    match over:
        case "moved":
            shutil.copy2(earlier / "runner.db", state / "again.db")
            (state / "again.db").replace(state / "runner.db")
        case "copied":
            (state / "runner.db").write_bytes((earlier / "runner.db").read_bytes())
        case "log":
            log = state / "runner.db-wal"
            log.write_bytes(log.read_bytes()[: log.stat().st_size // 2])
    at_that_moment = served.requests()["add"]
    err = running.communicate(timeout=PATIENCE)[1]
    assert running.returncode == 15, err
    assert served.requests()["add"] <= at_that_moment + 2 * PARALLEL
    after = bare_project.run("apply", "--yes", "-q")
    assert after.code in (0, 12, 15), after.err  # the log may hold all that the file below it lacks
    assert set(served.links().values()) == {1}, "a link was bought twice"
    if after.code != 12:
        listed = bare_project.run("state", "list", "--format", "json").json["attempts"]
        assert len(listed) == ORDERS
        assert len({one["panel_order_id"] for one in listed} - {None}) + PARALLEL >= len(served.links())


def test_two_copies_of_one_state_never_buy_side_by_side(bare_project, serve):
    served = serve("--latency", str(LATENCY))
    bare_project.panels(served.url, parallel={"add": PARALLEL, "read": 4})
    bare_project.campaign([post(0)])
    assert bare_project.run("apply", "--yes", "-q").code == 0
    copy = bare_project.copy(bare_project.root.with_name("copy"))
    for project in (bare_project, copy):
        project.campaign([post(number) for number in range(ORDERS)])
    running = [project.start("apply", "--yes", "-q") for project in (bare_project, copy)]
    ended = [(one.wait(PATIENCE), one.communicate()[1]) for one in running]
    assert sorted(code for code, _ in ended) == [0, 12], ended
    winner, loser = (bare_project, copy) if ended[0][0] == 0 else (copy, bare_project)
    for said in (next(err for code, err in ended if code == 12), loser.run("apply", "--yes", "-q").err):
        assert str(winner.state.parent) in said
    assert set(served.links().values()) == {1}
    assert len(served.links()) == ORDERS
