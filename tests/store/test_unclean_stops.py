"""After a run that broke off: is the state whole, and is all of it there?"""

import shutil

import pytest

from runner.core.attempts import AttemptState
from runner.core.errors import ExitCode, StateRefused
from runner.store.backup import backup
from runner.store.opening import open_writer
from runner.store.operations import BeginRun, DoubtLeftOvers
from runner.store.verify import verify
from tests.store.making import NOW, a_mark, a_settle, attempts_of, placed, raw


@pytest.fixture
def broken_off(writer, paths, tmp_path):
    """The files of a run that was killed after a checkpoint, as a crash would leave them, put in place of the run's own."""
    writer.commit([a_mark(1)])
    writer._connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(FULL)")
    writer._watch.problem_after_commit()
    writer.commit([a_mark(2)])
    left = {path: path.read_bytes() for path in (paths.db, paths.wal)}
    writer.close()
    for path, content in left.items():
        path.write_bytes(content)
        path.chmod(0o600)
    paths.shm.unlink(missing_ok=True)
    return paths


def test_a_clean_end_leaves_no_wal_and_no_note(writer, paths):
    writer.commit([a_mark(1)])
    assert raw(paths, "SELECT value FROM meta WHERE key = 'in_use'") == [("yes",)]
    writer.close()
    assert not paths.wal.exists()
    assert raw(paths, "SELECT value FROM meta WHERE key = 'in_use'") == []


def test_what_a_killed_run_left_is_taken_up(broken_off, open_one):
    (turned,) = open_one().commit([DoubtLeftOvers(NOW)])
    assert [one.order_id for one in turned] == ["order-1", "order-2"]


def test_a_wal_deleted_after_a_crash_is_a_refusal_even_where_the_serial_is_not_older(broken_off, lock, clock):
    """The lineage file knows the serial of the run's begin only: the checkpoint is newer."""
    broken_off.wal.unlink()
    for ask in (lambda: open_writer(broken_off, lock, clock), lambda: backup(broken_off, clock)):
        with pytest.raises(StateRefused, match="held its last records") as refusal:
            ask()
        assert refusal.value.code is ExitCode.STATE
        assert "state restore" in refusal.value.hint
    lock.release()
    assert any("held its last records" in finding.what for finding in verify(broken_off).findings)


def test_a_copy_of_the_database_file_without_its_wal_is_refused(broken_off, lock, clock):
    broken_off.wal.write_bytes(b"")
    with pytest.raises(StateRefused, match="missing or empty"):
        open_writer(broken_off, lock, clock)


def spoil_a_page(paths):
    """Overwrite the middle of a table's page."""
    content = bytearray(paths.db.read_bytes())
    (root,) = raw(paths, "SELECT rootpage FROM sqlite_master WHERE name = 'one_owner_per_panel_order'")[0]
    start = (root - 1) * 4096
    content[start : start + 4096] = b"\x37" * 4096
    paths.db.write_bytes(content)


@pytest.fixture
def spoiled(writer, paths):
    """A state whose last run broke off, with a page that is damaged."""
    ids = writer.commit([a_mark(n) for n in range(5)])
    writer.commit([a_settle(one, placed(f"p{one}")) for one in ids])
    writer.close()
    raw(paths, "INSERT INTO meta VALUES ('in_use', 'yes')")
    spoil_a_page(paths)
    paths.wal.write_bytes(b"\0" * 32)
    paths.wal.chmod(0o600)
    return paths


def test_damage_is_found_at_the_start_after_an_unclean_stop(spoiled, lock, clock):
    with pytest.raises(StateRefused, match="can't be read") as refusal:
        open_writer(spoiled, lock, clock)
    assert refusal.value.code is ExitCode.STATE
    assert "state restore" in refusal.value.hint


def test_a_damaged_state_is_never_backed_up_over_good_copies(spoiled, clock):
    raw_note = "DELETE FROM meta WHERE key = 'in_use'"  # even after a clean stop
    with pytest.raises(StateRefused):
        backup(spoiled, clock)
    spoiled.wal.unlink()
    raw(spoiled, raw_note)
    with pytest.raises(StateRefused, match="no backup"):
        backup(spoiled, clock)
    assert [path for path in spoiled.backups.iterdir() if path.suffix == ".db"] == []


def test_a_backup_taken_during_a_run_carries_no_note_of_it(writer, paths, clock):
    writer.commit([a_mark(1)])
    copy = backup(paths, clock)
    writer.close()
    shutil.copy(copy, paths.db)
    assert raw(paths, "SELECT 1 FROM meta WHERE key = 'in_use'") == []


def test_after_a_break_the_wal_stays_for_the_next_start(writer, paths, open_one):
    writer.commit([a_mark(1)])
    writer._break(OSError("the disk is gone"))
    writer.close()
    assert paths.wal.stat().st_size > 0
    again = open_one()
    again.commit([BeginRun("run-2", "apply", NOW), DoubtLeftOvers(NOW)])
    assert [one.state for one in attempts_of(paths).values()] == [AttemptState.IN_DOUBT]
    again.close()
    assert not paths.wal.exists()
