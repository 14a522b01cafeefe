"""After a run that broke off: is the state whole, and is all of it there?"""

import re
import shutil
import sqlite3
from contextlib import closing

import pytest

from runner.core.attempts import AttemptState
from runner.core.errors import ExitCode, StateRefused
from runner.core.operations import BeginRun, DoubtLeftOvers
from runner.store.integrity.high_water import HighWaterMarks, read_mark
from runner.store.integrity.lineage import Lineage
from runner.store.recovery.verify import verify
from runner.store.startup.backup import backup
from runner.store.startup.opening import open_writer
from tests.by_hand import take_off_the_seal
from tests.store.making import NOW, a_mark, a_settle, attempts_of, marks_of, placed, raw


def test_a_clean_end_leaves_no_wal_and_no_note(writer, paths):
    writer.commit([a_mark(1)])
    assert raw(paths, "SELECT value FROM meta WHERE key = 'in_use'") == [("yes",)]
    writer.close()
    assert not paths.wal.exists()
    assert raw(paths, "SELECT value FROM meta WHERE key = 'in_use'") == []


def test_what_a_killed_run_left_is_taken_up(broken_off, open_one):
    (turned,) = open_one().commit([DoubtLeftOvers(NOW)])
    assert [one.order_id for one in turned] == ["order-1", "order-2"]


@pytest.fixture
def refused(broken_off, lock, clock):
    """Asserts that nothing goes on with the state, and that `verify` says the same; the refusal."""

    def look(match):
        for ask in (lambda: open_writer(broken_off, lock, clock), lambda: backup(broken_off, clock)):
            with pytest.raises(StateRefused, match=match) as refusal:
                ask()
            assert refusal.value.code is ExitCode.STATE
            assert "state restore" in refusal.value.hint
        lock.release()
        findings = verify(broken_off).findings
        assert any(re.search(match, finding.what) for finding in findings), findings
        return refusal.value

    return look


def orders_in(paths):
    return [one.order_id for one in attempts_of(paths).values()]


def test_a_wal_deleted_after_a_crash_is_a_refusal_even_where_the_serial_is_not_older(broken_off, refused):
    """The lineage file knows the serial of the run's begin only: the checkpoint is newer."""
    broken_off.wal.unlink()
    refused(r"is behind: its serial is 2, .*high-water knows of 3; 1 order\(s\) that may have been sent are missing")


def test_a_copy_of_the_database_file_without_its_wal_is_refused(broken_off, refused):
    broken_off.wal.write_bytes(b"")
    refused("is behind")


def test_a_log_that_a_database_tool_has_folded_in_is_no_loss_and_its_marks_become_doubts(broken_off, open_one):
    """Which files are there proves nothing."""
    with closing(sqlite3.connect(broken_off.db)) as tool:
        assert tool.execute("SELECT count(*) FROM attempts").fetchone() == (2,)
    assert not broken_off.wal.exists()
    (turned,) = open_one().commit([DoubtLeftOvers(NOW)])
    assert [one.order_id for one in turned] == ["order-1", "order-2"]


def test_a_state_of_an_earlier_version_has_only_its_log_to_tell_that_all_is_there(broken_off, refused):
    with closing(sqlite3.connect(broken_off.db)) as tool, tool:
        tool.execute("DELETE FROM meta WHERE key = 'high_water'")
    for mark in marks_of(broken_off):
        mark.unlink()
    refused("held its last records, is missing or empty")


def test_a_state_of_an_earlier_version_is_taken_up_with_its_log_and_marked_from_then_on(broken_off, lock, clock):
    for mark in marks_of(broken_off):
        mark.unlink()
    with closing(sqlite3.connect(broken_off.db, isolation_level=None)) as reader:  # it keeps the log from being folded
        reader.execute("DELETE FROM meta WHERE key = 'high_water'")
        open_writer(broken_off, lock, clock).writer.close()
    assert read_mark(broken_off.high_water).mark.attempts == 2


def test_after_a_crash_one_of_the_two_marks_is_enough(broken_off, open_one):
    for mark in marks_of(broken_off)[:1]:
        mark.unlink()
    open_one()
    assert orders_in(broken_off) == ["order-1", "order-2"]


@pytest.mark.parametrize("spoil", [lambda path: path.unlink(), lambda path: path.write_bytes(b"\0" * 1024)])
def test_after_a_crash_with_no_mark_to_be_read_nothing_tells_that_all_is_there(broken_off, refused, spoil):
    for mark in marks_of(broken_off):
        spoil(mark)
    refused("broke off, and nothing tells how far it had come: .*high-water: (it is missing|it is damaged)")


def test_after_a_crash_a_mark_from_before_the_last_run_tells_nothing(broken_off, refused, lock, clock):
    """As one that a cron job under another home left long ago."""
    beside, outside = marks_of(broken_off)
    beside.unlink()
    old = read_mark(outside).mark
    with closing(HighWaterMarks(broken_off, old.lineage.family)) as marks:
        marks.begin(old._replace(lineage=Lineage(old.lineage.lineage, 0), attempts=0, newest=None))
    beside.unlink()
    broken_off.wal.unlink()
    refused("nothing tells how far it had come: .*it is missing")


def test_after_a_clean_end_a_lost_mark_is_written_anew(writer, paths, open_one):
    writer.commit([a_mark(1)])
    writer.close()
    for mark in marks_of(paths):
        mark.unlink()
    assert "is missing" in verify(paths).findings[0].what
    open_one().close()
    assert verify(paths).findings == ()


def test_one_wrong_bit_in_the_log_that_hides_commits_is_a_refusal_that_names_it(broken_off, refused):
    content = bytearray(broken_off.wal.read_bytes())
    content[32 + 24 + 100] ^= 1
    broken_off.wal.write_bytes(content)
    refusal = refused(r"runner\.db-wal is damaged at byte 32")
    assert "carried over" in refusal.hint or "accept the loss" in refusal.hint


def end_of(log):
    """Where the frames of this log end; what follows is left from before it began anew."""
    frame = 24 + 4096
    count = next(n for n in range(99) if log[32 + n * frame + 8 : 32 + n * frame + 16] != log[16:24])
    return 32 + count * frame


def test_a_last_commit_that_was_cut_short_is_missed(broken_off, refused):
    content = broken_off.wal.read_bytes()
    broken_off.wal.write_bytes(content[: end_of(content) - 1])
    refused("is behind")


def test_a_commit_that_no_mark_tells_of_was_never_relied_on(broken_off, open_one):
    """Killed between the commit and its mark, or cut short by a power failure: nothing was sent for it."""
    marks = {path: path.read_bytes() for path in marks_of(broken_off)}
    writer = open_one()
    serial = writer.lineage.serial
    writer.commit([a_mark(3)])
    writer._break(OSError("killed"))
    writer.close()
    for path, content in marks.items():
        path.write_bytes(content)
    for cut, orders in ((0, 3), (1, 2)):
        wal = broken_off.wal.read_bytes()
        broken_off.wal.write_bytes(wal[: end_of(wal) - cut])
        assert len(orders_in(broken_off)) == orders
    assert open_one().lineage.serial == serial


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
    take_off_the_seal(spoiled.db)
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
    with pytest.raises(StateRefused, match="not as the last run left it"):
        backup(spoiled, clock)
    take_off_the_seal(spoiled.db)
    with pytest.raises(StateRefused, match="it is damaged"):
        backup(spoiled, clock)
    assert not spoiled.backups.exists() or [path for path in spoiled.backups.iterdir() if path.suffix == ".db"] == []


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
