"""Copies made before anything changes."""

import sqlite3
from contextlib import closing

import pytest

from runner.core.errors import ExitCode, StateRefused
from runner.store.disk.paths import StatePaths
from runner.store.startup.backup import backup
from tests.store.making import a_mark, a_settle, attempts_of, placed


def test_nothing_bought_needs_no_backup(paths, clock, writer):
    assert backup(StatePaths.at(paths.db.with_name("none.db")), clock) is None
    assert backup(paths, clock) is None
    assert not paths.backups.exists()


def test_a_backup_is_a_whole_state_in_one_file(paths, clock, writer):
    (attempt_id,) = writer.commit([a_mark()])
    copy = backup(paths, clock)
    writer.commit([a_settle(attempt_id, placed("p1"))])
    assert copy.name == "runner-00000002-20260101T000000Z.db"
    assert [path.name for path in paths.backups.iterdir()] == [copy.name]
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert connection.execute("SELECT state FROM attempts").fetchall() == [("sending",)]
    assert attempts_of(paths)[attempt_id].panel_order_id == "p1"


def test_only_the_newest_copies_are_kept_and_nothing_else_is_touched(paths, clock, writer):
    paths.backups.mkdir()
    (paths.backups / "runner-mine.db").touch()
    for order in range(6):
        writer.commit([a_mark(order)])
        clock.advance(60)
        backup(paths, clock, keep=3)
    assert sorted(path.name for path in paths.backups.iterdir()) == [
        "runner-00000005-20260101T000400Z.db",
        "runner-00000006-20260101T000500Z.db",
        "runner-00000007-20260101T000600Z.db",
        "runner-mine.db",
    ]


def test_a_backup_that_can_not_be_made_refuses_the_run(paths, clock, writer):
    writer.commit([a_mark()])
    paths.backups.write_text("in the way")
    with pytest.raises(StateRefused, match="backups") as refusal:
        backup(paths, clock)
    assert refusal.value.code is ExitCode.STATE


def test_the_left_overs_of_a_killed_backup_do_not_matter(paths, clock, writer):
    writer.commit([a_mark()])
    paths.backups.mkdir()
    (paths.backups / ".runner-00000002-20260101T000000Z.db.tmp").write_text("half a copy")
    assert backup(paths, clock).exists()
    assert len(list(paths.backups.iterdir())) == 1
