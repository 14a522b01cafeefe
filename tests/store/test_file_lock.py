"""Two paths to one database never have a run each, and SQLite's own locks stay what they are."""

import fcntl
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from runner.core.errors import StateLocked, StateRefused
from runner.store.disk import file_lock, location_checks
from runner.store.disk.lock import acquire, is_free
from runner.store.disk.paths import StatePaths
from runner.store.read.snapshot import read_state
from runner.store.startup.opening import open_writer
from tests.store.making import a_mark

TAKE = """
import sys
from pathlib import Path
from runner.store.disk import file_lock
print(file_lock.hold(Path(sys.argv[1])) is not None, flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def two_names(writer, paths, tmp_path, monkeypatch):
    """A second folder in which the same database lies, as a bind mount of the file would have it: no link is counted."""
    monkeypatch.setattr(location_checks, "refuse_second_names", lambda _: None)
    writer.close()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "runner.db").hardlink_to(paths.db)
    return StatePaths.at(tmp_path / "other" / "runner.db")


async def test_the_database_is_locked_by_every_path_to_it(two_names, lock, paths, clock):
    assert two_names.lock != paths.lock
    assert not is_free(two_names)
    with pytest.raises(StateLocked, match="reaches the same file by another path"):
        await acquire(two_names, "apply", clock)
    lock.release()
    assert is_free(two_names)
    with await acquire(two_names, "apply", clock):
        assert not is_free(paths)


def test_another_process_has_no_way_in_either(two_names, lock):
    other = subprocess.run(
        [sys.executable, "-c", TAKE, two_names.db], input="", capture_output=True, text=True, check=True
    )
    assert other.stdout == "False\n"


def test_it_goes_with_the_process_that_held_it(two_names, paths, lock):
    lock.release()
    with subprocess.Popen(
        [sys.executable, "-c", TAKE, two_names.db], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "True\n"
        assert file_lock.is_held(paths.db)
        other.kill()
        other.wait()
        assert not file_lock.is_held(paths.db)


def test_a_database_that_is_made_under_the_lock_is_locked_too(paths, lock, clock, tmp_path):
    opened = open_writer(paths, lock, clock).writer
    (tmp_path / "same.db").hardlink_to(paths.db)
    assert file_lock.is_held(tmp_path / "same.db")
    opened.close()


def fcntl_locks(path) -> int:
    """How many fcntl locks this process holds on a file, as the kernel lists them."""
    found = path.stat()
    device = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    table = Path("/proc/locks").read_text().splitlines()
    return sum(" POSIX " in line and f" {os.getpid()} {device} " in line for line in table)


def test_looking_and_locking_never_drops_the_locks_that_sqlite_holds(writer, paths, lock):
    """The kernel drops all of them when any descriptor of the file is closed."""
    writer.commit([a_mark()])
    held = fcntl_locks(paths.db)
    assert held
    for _ in range(3):
        assert not is_free(paths)
        read_state(paths)
    lock.let_go_of_database()
    assert not file_lock.is_held(paths.db)
    assert lock.hold_database(paths.db)
    assert fcntl_locks(paths.db) == held
    with paths.db.open("rb"):
        pass
    assert fcntl_locks(paths.db) < held, "the trap is real: this is what must not be done"


def test_sqlite_does_not_mind_the_lock(writer, paths, lock):
    writer.commit([a_mark()])
    with closing(sqlite3.connect(paths.db)) as shell:
        assert shell.execute("SELECT count(*) FROM attempts").fetchone() == (1,)


def test_a_file_system_without_locks_is_refused(paths, lock, monkeypatch):
    def no_locks(*_):
        raise OSError(95, "Operation not supported")

    paths.db.touch()
    monkeypatch.setattr(fcntl, "flock", no_locks)
    with pytest.raises(StateRefused, match="can't be locked: operation not supported"):
        file_lock.hold(paths.db)


# Second names


@pytest.mark.parametrize("name", ["runner.db", "runner.db-wal", "emergency.jsonl"])
def test_a_file_with_two_names_is_refused(writer, paths, tmp_path, clock, name):
    writer.commit([a_mark()])
    (tmp_path / "second").hardlink_to(paths.db.with_name(name))
    with pytest.raises(StateRefused, match=r"has 2 names \(hard links\)") as refusal:
        location_checks.refuse_unsafe_place(paths)
    assert "-samefile" in refusal.value.hint
    with pytest.raises(StateRefused, match="has 2 names"):
        read_state(paths)
    (tmp_path / "second").unlink()
    location_checks.refuse_unsafe_place(paths)


def test_a_database_that_is_mounted_by_itself_is_refused(writer, paths, tmp_path, monkeypatch):
    table = tmp_path / "mountinfo"
    table.write_text(
        f"1 0 8:1 / / rw - ext4 /dev/a rw\n2 1 8:1 /x/runner.db {paths.db.resolve()} rw - ext4 /dev/a rw\n"
    )
    monkeypatch.setattr(location_checks, "refuse_mounted_alone", lambda files: _refuse_mounted_alone(files, table))
    with pytest.raises(StateRefused, match="is mounted as a single file"):
        location_checks.refuse_unsafe_place(paths)


_refuse_mounted_alone = location_checks.refuse_mounted_alone
