"""Where the state lives, and who may look."""

import os
import sqlite3
import stat

import pytest

from runner.core.errors import ExitCode, StateRefused, UsageError
from runner.store.disk.lock import acquire
from runner.store.disk.paths import StatePaths
from runner.store.integrity.lineage import noted, write_lineage
from runner.store.startup.backup import backup
from runner.store.startup.opening import open_writer
from tests.store.making import a_mark


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_the_neighbours_of_the_database_are_named_after_its_directory(tmp_path):
    paths = StatePaths.at(tmp_path / "state" / "mine.db")
    assert paths.db == tmp_path / "state" / "mine.db"
    assert [path.name for path in (paths.lock, paths.lineage, paths.backups)] == [
        "runner.lock",
        "lineage.json",
        "backups",
    ]
    assert {path.parent for path in (paths.lock, paths.lineage, paths.backups)} == {tmp_path / "state"}
    assert not paths.db.parent.exists()
    assert str(StatePaths.at().db) == "state/runner.db"


@pytest.mark.parametrize(
    "url", ["postgresql://me:secret@host/db", "postgres://x", "PostgreSQL+psycopg://me:secret@host/db"]
)
def test_postgresql_is_refused_without_repeating_its_password(url):
    with pytest.raises(UsageError, match="PostgreSQL is not supported by this version") as refusal:
        StatePaths.at(url)
    assert "secret" not in refusal.value.message + refusal.value.hint


def test_what_names_no_file_is_a_usage_error(tmp_path):
    for text in ("", "sqlite:///state.db", str(tmp_path)):
        with pytest.raises(UsageError):
            StatePaths.at(text)


def test_two_links_to_one_database_meet_at_one_lock(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "project").mkdir()
    (tmp_path / "real" / "runner.db").touch()
    link = tmp_path / "project" / "runner.db"
    link.symlink_to(tmp_path / "real" / "runner.db")
    assert StatePaths.at(link).lock == tmp_path / "real" / "runner.lock"
    assert StatePaths.at(link).lineage == tmp_path / "project" / "lineage.json"


def test_nobody_else_can_read_any_file_of_the_state(writer, paths, clock):
    writer.commit([a_mark()])
    backup(paths, clock)
    write_lineage(paths, noted(paths))
    files = [path for path in paths.db.parent.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {
        "runner.db", "runner.db-wal", "runner.db-shm", "runner.lock", "lineage.json", "runner-00000002-20260101T000000Z.db"
    }  # fmt: skip
    assert {path.name: mode(path) for path in files} == {path.name: 0o600 for path in files}
    assert mode(paths.backups) == 0o700


async def test_the_state_directory_is_made_private(paths, clock):
    with await acquire(paths, "apply", clock):
        assert mode(paths.db.parent) == 0o700


def test_a_database_that_others_could_read_is_taken_from_them(writer, paths, open_one):
    writer.close()
    paths.db.chmod(0o644)
    open_one()
    assert mode(paths.db) == 0o600


async def test_a_directory_that_can_not_be_made_is_a_clear_line(tmp_path, clock):
    (tmp_path / "state").write_text("a file")
    with pytest.raises(StateRefused, match=r"can't write to .*state") as refusal:
        await acquire(StatePaths.at(tmp_path / "state" / "runner.db"), "apply", clock)
    assert refusal.value.code is ExitCode.STATE


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
async def test_a_directory_that_is_not_writable_is_a_clear_line(paths, clock):
    paths.db.parent.mkdir(mode=0o500)
    with pytest.raises(StateRefused, match="can't write to"):
        await acquire(paths, "apply", clock)


def test_a_damaged_database_is_refused_with_the_way_to_the_backups(writer, paths, lock, clock):
    writer.commit([a_mark()])
    writer.close()
    paths.db.write_bytes(b"this was a database once" * 500)
    with pytest.raises(StateRefused, match="can't be read") as refusal:
        open_writer(paths, lock, clock)
    assert "backups" in refusal.value.hint


def test_somebody_elses_database_is_refused(paths, lock, clock):
    connection = sqlite3.connect(paths.db)
    connection.execute("CREATE TABLE notes (text)")
    connection.close()
    with pytest.raises(StateRefused, match="not a state of the runner"):
        open_writer(paths, lock, clock)
