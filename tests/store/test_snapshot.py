"""Readers: they see what is committed, and never write."""

import hashlib
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from runner.core.attempts import AttemptKind, AttemptState
from runner.core.errors import StateRefused
from runner.core.operations import Mark
from runner.store.connection import reading
from runner.store.disk.paths import StatePaths
from runner.store.operations.attempt_rows import LEFT_OVER
from runner.store.read.snapshot import read_state
from tests.store.making import IN_DOUBT, NOW, a_mark, a_settle, new_attempt, placed, raw, refused


def test_attempts_are_grouped_by_order_in_the_order_marked(writer, paths):
    (first, _) = writer.commit([a_mark(1), a_mark(2)])
    writer.commit([a_settle(first, refused())])
    (again,) = writer.commit([a_mark(1)])
    writer.commit([a_settle(again, placed("p1"))])
    top_up = new_attempt(1, kind=AttemptKind.TOP_UP)
    writer.commit([Mark(top_up, "run-1", NOW)])
    attempts = read_state(paths).attempts
    assert [one.state for one in attempts["spring", "order-1"]] == ["refused", "placed", "sending"]
    assert [one.kind for one in attempts["spring", "order-1"]] == ["initial", "initial", "top_up"]
    assert len(attempts["spring", "order-2"]) == 1


def test_left_overs_are_shown_as_doubts_when_nobody_is_sending(writer, paths):
    writer.commit([a_mark(1), a_mark(2)])
    writer.commit([a_settle(2, IN_DOUBT)])
    (sending,) = read_state(paths).attempts["spring", "order-1"]
    (shown,) = read_state(paths, lock_is_free=True).attempts["spring", "order-1"]
    assert (sending.state, sending.message) == (AttemptState.SENDING, "")
    assert (shown.state, shown.message) == (AttemptState.IN_DOUBT, LEFT_OVER)
    (doubt,) = read_state(paths, lock_is_free=True).attempts["spring", "order-2"]
    assert doubt.message == IN_DOUBT.message
    assert raw(paths, "SELECT state FROM attempts WHERE id = 1") == [("sending",)]


def test_readers_can_not_write(writer, paths):
    with pytest.raises(StateRefused, match="may not be written"), reading(paths) as connection:
        connection.execute("DELETE FROM meta")


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_reader_leaves_database_and_wal_as_a_killed_writer_left_them(writer, paths, tmp_path):
    """The WAL holds the only copy of the last marks: a reader sees them and does not checkpoint."""
    writer.commit([a_mark(n) for n in range(20)])
    left = StatePaths.at(tmp_path / "left" / "runner.db")
    left.db.parent.mkdir()
    for name in ("runner.db", "runner.db-wal", "lineage.json"):
        shutil.copy(paths.db.with_name(name), left.db.parent)
    files = [left.db, left.db.with_name("runner.db-wal")]
    before = [digest(file) for file in files]
    for _ in range(2):
        assert len(read_state(left, lock_is_free=True).attempts) == 20
    assert [digest(file) for file in files] == before


def test_a_reader_of_a_closed_state_changes_no_byte_of_it(begun, tmp_path):
    shutil.copy(begun.db, tmp_path)
    shutil.copy(begun.lineage, tmp_path)
    paths = StatePaths.at(tmp_path / "runner.db")
    before = digest(paths.db)
    read_state(paths)
    assert digest(paths.db) == before


def test_any_directory_name_will_do(begun, tmp_path):
    folder = tmp_path / "a b%20?mode=rwc#x"
    folder.mkdir()
    shutil.copy(begun.db, folder)
    assert read_state(StatePaths.at(folder / "runner.db")).serial == 1


def test_a_read_is_of_one_moment_while_the_writer_goes_on(writer, paths):
    with reading(paths) as connection:
        connection.execute("SELECT 1 FROM attempts").fetchall()
        writer.commit([a_mark(1)])
        assert connection.execute("SELECT count(*) FROM attempts").fetchone() == (0,)
    assert len(read_state(paths).attempts) == 1


def test_a_word_that_no_version_of_ours_writes_is_a_damaged_state(writer, paths):
    writer.commit([a_mark(1)])
    raw(paths, "UPDATE attempts SET rate = 'much'")
    with pytest.raises(StateRefused, match="can't be read"):
        read_state(paths)


def test_the_read_path_loads_neither_sqlalchemy_nor_alembic():
    code = (
        "import sys, runner.store.read.snapshot, runner.store.disk.lock, runner.store.integrity.lineage;"
        "sys.exit(any(name in sys.modules for name in ('sqlalchemy', 'alembic')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_opening_a_present_state_does_not_load_alembic(begun, tmp_path):
    shutil.copy(begun.db, tmp_path)
    code = (
        "import asyncio, sys\n"
        "from runner.core.values.clock import SystemClock\n"
        "from runner.store.journal import open_journal\n"
        "from runner.store.disk.lock import acquire\n"
        "from runner.store.disk.paths import StatePaths\n"
        "async def main():\n"
        "    paths, clock = StatePaths.at(sys.argv[1]), SystemClock()\n"
        "    with await acquire(paths, 'x', clock) as lock:\n"
        "        async with open_journal(paths, lock, clock): pass\n"
        "asyncio.run(main())\n"
        "sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, tmp_path / "runner.db"], check=False).returncode == 0


def test_a_value_of_a_type_that_no_version_of_ours_writes_is_a_refusal(writer, paths):
    """As a wrong bit in the head of a row makes it; the table itself would not take it."""
    writer.commit([a_mark(1)])
    writer.close()
    with closing(sqlite3.connect(paths.db, isolation_level=None)) as shell:
        shell.execute("PRAGMA writable_schema = ON")
        shell.execute("UPDATE sqlite_master SET sql = replace(sql, 'STRICT', '') WHERE name = 'attempts'")
    with closing(sqlite3.connect(paths.db, isolation_level=None)) as shell:
        shell.execute("UPDATE attempts SET checked_at = x'00'")
    with pytest.raises(StateRefused, match="can't be read"):
        read_state(paths)
