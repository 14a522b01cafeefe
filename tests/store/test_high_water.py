"""The mark outside of the database: it moves on with every commit, lags at most, and is never read wrongly."""

import asyncio
import os
import shutil
from contextlib import closing, suppress
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.core.errors import ExitCode, JournalBroken, StateLocked, StateRefused
from runner.core.operations import BeginRun, EndRun, Import
from runner.store.disk.lock import acquire
from runner.store.disk.paths import StatePaths, marks_directory
from runner.store.integrity.high_water import SLOT, HighWater, HighWaterMarks, read_mark
from runner.store.integrity.lineage import Lineage, Newest, noted
from runner.store.integrity.progress_evidence import check
from runner.store.recovery.restore import plan_restore, restore
from runner.store.recovery.verify import verify
from runner.store.startup.backup import backup
from runner.store.startup.opening import open_writer
from tests.store.making import NOW, a_mark, a_settle, attempts_of, marks_of, new_attempt, placed, raw

LINEAGE = Lineage("5ff7673e-78ec-42d8-a148-971a0acb8147", 7)


def told(paths: StatePaths) -> list[HighWater | None]:
    return [read_mark(path).mark for path in marks_of(paths)]


def test_both_marks_move_on_with_every_commit(writer, paths):
    for number in range(3):
        writer.commit([a_mark(number)])
        beside, outside = told(paths)
        assert beside == outside
        assert (beside.lineage, beside.attempts) == (writer.lineage, number + 1)
        assert beside.newest == Newest(number + 1, "run-1")
    writer.commit([a_settle(1, placed("p1"))])
    assert told(paths)[0].lineage == writer.lineage
    assert told(paths)[0].place == str(paths.db.parent)


def test_an_imported_order_and_a_refused_mark_are_counted_as_what_they_are(writer, paths):
    writer.commit([a_mark(1)])
    writer.commit([a_mark(1), a_mark(2)])
    writer.commit([Import(new_attempt(3), "p3", "bought elsewhere", "run-1", NOW)])
    (fourth,) = writer.commit([a_mark(4)])
    mark = told(paths)[0]
    assert (mark.attempts, mark.newest.id) == (4, fourth)
    assert raw(paths, "SELECT count(*), max(id) FROM attempts") == [(4, fourth)]


def test_a_clean_end_seals_the_database_file_and_the_next_run_takes_the_seal_off(writer, paths, open_one):
    writer.commit([a_mark(1)])
    assert {mark.seal for mark in told(paths)} == {""}
    writer.close()
    (seal,) = {mark.seal for mark in told(paths)}
    assert len(seal) == 32
    assert {mark.lineage for mark in told(paths)} == {writer.lineage}
    open_one()
    assert {mark.seal for mark in told(paths)} == {""}


@pytest.fixture
def two_records(tmp_path):
    """The place of a mark with two records, of serial 7 and 8, in the hands of nobody."""
    paths = replace(StatePaths.at(tmp_path / "runner.db"), marks=None)
    with closing(HighWaterMarks(paths, LINEAGE.family)) as marks:
        marks.begin(HighWater(LINEAGE, 2, Newest(2, "run-1")))
        marks.move_on(8, 3, 3, "run-2")
    return paths.high_water


def test_a_wrong_byte_in_either_record_leaves_the_other_one(two_records):
    content = two_records.read_bytes()
    assert len(content) == 2 * SLOT
    for byte in range(len(content)):
        for bit in (0, 7):
            wrong = bytearray(content)
            wrong[byte] ^= 1 << bit
            two_records.write_bytes(wrong)
            assert read_mark(two_records).mark.lineage.serial == (8 if byte < SLOT else 7)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=3 * SLOT))
def test_whatever_else_lies_there_is_no_mark_and_no_failure(tmp_path, content):
    path = tmp_path / "rubbish"
    path.write_bytes(content)
    found = read_mark(path)
    assert found.mark is None
    assert found.trouble


def test_a_record_that_was_begun_and_not_written_leaves_the_one_before(two_records):
    content = two_records.read_bytes()
    for cut in range(SLOT + 1, 2 * SLOT):  # the newer one is the second
        two_records.write_bytes(content[:cut] + b" " * (2 * SLOT - cut))
        assert read_mark(two_records).mark.lineage.serial == 7
    two_records.write_bytes(content)
    assert read_mark(two_records).mark.lineage.serial == 8


def test_the_turns_go_on_after_a_broken_record(two_records, tmp_path):
    content = bytearray(two_records.read_bytes())
    content[SLOT + 5] ^= 1
    two_records.write_bytes(content)
    paths = replace(StatePaths.at(tmp_path / "runner.db"), marks=None)
    with closing(HighWaterMarks(paths, LINEAGE.family)) as marks:
        for serial in range(9, 14):
            marks.begin(HighWater(Lineage(LINEAGE.lineage, serial), 3, Newest(3, "run-2")))
            assert read_mark(two_records).mark.lineage.serial == serial


@pytest.mark.parametrize("folder", ["ä" * 100, 'quoted "x" \\ back', "e" * 240, "\udce9"])
def test_any_name_of_a_folder_fits_into_a_record(tmp_path, folder):
    paths = StatePaths.at(tmp_path / folder / "runner.db")
    paths.db.parent.mkdir()
    long_run = "restore-1234567890-2026-11-22T18:31:51.000Z"
    with closing(HighWaterMarks(paths, LINEAGE.family)) as marks:
        marks.begin(HighWater(Lineage(f"{LINEAGE.lineage}.e12345", 10**15), 10**15, Newest(10**15, long_run)))
        marks.seal("f" * 32)
    assert told(paths)[0].newest == Newest(10**15, long_run)


def full(file: int) -> None:
    """Whatever is written to this open file fails from now on."""
    with open("/dev/full", "wb", buffering=0) as nowhere:  # noqa: PTH123  # a device
        os.dup2(nowhere.fileno(), file)


@pytest.mark.parametrize("which", [0, 1])
def test_a_mark_that_can_not_be_written_stops_the_buying_and_loses_nothing(writer, paths, open_one, which):
    (first,) = writer.commit([a_mark(1)])
    full(writer._marks._files[which].handle)
    (second,) = writer.commit([a_mark(2)])
    assert isinstance(second, int), "it was committed before, and may go"
    (third,) = writer.commit([a_mark(3)])
    assert isinstance(third, JournalBroken)
    assert "high-water mark can't be written: no space left" in third.message
    assert writer.commit([a_settle(first, placed("p1")), a_settle(second, placed("p2"))]) == [None, None]
    assert writer.commit([EndRun("run-1", 14, NOW)]) == [None]
    writer.close()
    assert {one.panel_order_id for one in attempts_of(paths).values()} == {"p1", "p2"}
    assert isinstance(open_one().commit([a_mark(3)])[0], int)


def test_a_mark_that_can_not_be_made_beside_the_database_is_a_refusal(paths, lock, clock):
    paths.high_water.mkdir()
    with pytest.raises(StateRefused, match=r"can't write to .*high-water") as refusal:
        open_writer(paths, lock, clock)
    assert refusal.value.code is ExitCode.STATE


def test_a_user_without_a_place_for_the_outer_mark_does_without(writer, paths, home, lock, clock, monkeypatch):
    writer.close()
    shutil.rmtree(home)
    home.write_text("in the way")
    open_writer(paths, lock, clock).writer.close()
    assert told(paths)[0].seal
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", "relative")
    assert marks_directory() is None
    assert StatePaths.at(paths.db).high_water_outside("x") is None


@pytest.mark.parametrize("family", ["../escape", "", ".hidden", "a/b", "x" * 200])
def test_a_lineage_that_is_no_file_name_has_no_outer_mark(paths, family):
    assert paths.high_water_outside(family) is None


def test_a_copy_in_another_folder_can_not_be_written_at_the_same_time(writer, paths, clock, tmp_path):
    shutil.copytree(paths.db.parent, tmp_path / "copy")
    theirs = StatePaths.at(tmp_path / "copy" / "runner.db")
    (theirs.wal).unlink()
    with pytest.raises(StateLocked, match=f"is in use in {paths.db.parent}"):
        HighWaterMarks(theirs, writer.lineage.family)
    writer.close()
    with closing(HighWaterMarks(theirs, writer.lineage.family)):
        pass


@pytest.fixture
def gone_on(writer, paths, tmp_path):
    """A state, closed, and a copy of its whole folder from inside the run before it was closed; (paths, copy)."""
    (first,) = writer.commit([a_mark(1)])
    copy = tmp_path / "copy"
    shutil.copytree(paths.db.parent, copy)
    writer.commit([a_mark(2), a_settle(first, placed("p1"))])
    writer.commit([EndRun("run-1", 0, NOW)])
    writer.close()
    return paths, copy


def put_back(paths, copy, *, leave_out=("runner.lock",)):
    for path in paths.db.parent.iterdir():
        if path.is_file() and path.name not in leave_out:
            path.unlink()
    for path in copy.iterdir():
        if path.is_file() and path.name not in leave_out:
            shutil.copy2(path, paths.db.parent / path.name)


def test_a_copy_of_the_folder_from_inside_a_run_is_told_by_the_mark_that_lies_outside_of_it(gone_on, lock, clock, home):
    paths, copy = gone_on
    put_back(paths, copy)
    with pytest.raises(StateRefused, match=r"1 order\(s\) that may have been sent are missing") as refusal:
        open_writer(paths, lock, clock)
    assert str(home) in refusal.value.message


def test_a_copy_that_leaves_the_mark_in_place_is_told_without_a_home(gone_on, lock, clock):
    paths, copy = gone_on
    put_back(paths, copy, leave_out=("high-water", "runner.lock"))
    with pytest.raises(StateRefused, match="state/high-water knows of 4"):
        open_writer(replace(paths, marks=None), lock, clock)


def test_another_folder_that_has_gone_on_is_named(gone_on, lock, clock):
    paths, copy = gone_on
    with pytest.raises(StateRefused, match=f"of the copy in {paths.db.parent}"):
        check(StatePaths.at(copy / "runner.db"))


def test_a_copy_that_was_only_used_for_a_look_is_no_reason_to_stop(gone_on, lock, clock, tmp_path):
    paths, _ = gone_on
    shutil.copytree(paths.db.parent, tmp_path / "look")
    looking = StatePaths.at(tmp_path / "look" / "runner.db")
    with asyncio.run(acquire(looking, "status", clock)) as theirs:
        writer = open_writer(looking, theirs, clock).writer
        for number in range(3):
            writer.commit([BeginRun(f"look-{number}", "status", NOW)])
        writer.close()
    assert told(looking)[1].lineage.serial == 7
    assert check(paths) is None
    assert not plan_restore(paths, paths.db).loses
    bought = open_writer(paths, lock, clock).writer
    bought.commit([a_mark(3)])
    bought.close()
    with pytest.raises(StateRefused, match="it does not know attempt 3 of run run-1"):
        check(looking)


def test_copies_that_went_apart_are_told_whatever_their_serials_are(gone_on, lock, clock):
    paths, copy = gone_on
    astray = replace(StatePaths.at(copy / "runner.db"), marks=None)  # on another machine
    writer = open_writer(astray, lock, clock).writer
    for number in range(9):
        writer.commit([BeginRun(f"look-{number}", "status", NOW)])
    writer.commit([a_mark("theirs")._replace(run_id="look-8")])
    writer.close()
    put_back(paths, copy, leave_out=("lineage.json", "runner.lock"))
    with pytest.raises(StateRefused, match="went its own way: it does not know attempt 2 of run run-1"):
        open_writer(paths, lock, clock)
    with pytest.raises(StateRefused, match="went its own way"):  # where only the file in git tells
        open_writer(replace(paths, marks=None), lock, clock)


def test_a_state_from_before_there_were_marks_is_marked_from_its_next_run_on(writer, paths, open_one):
    writer.commit([a_mark(1)])
    writer.close()
    raw(paths, "DELETE FROM meta WHERE key = 'high_water'")
    for mark in marks_of(paths):
        mark.unlink()
    assert verify(paths).findings == ()
    open_one().close()
    assert [mark.attempts for mark in told(paths)] == [1, 1]
    assert raw(paths, "SELECT value FROM meta WHERE key = 'high_water'") == [("yes",)]


def test_a_mark_that_lags_is_no_obstacle_and_catches_up(writer, paths, open_one):
    late = {path: path.read_bytes() for path in marks_of(paths)}
    writer.commit([a_mark(1)])
    writer.close()
    for path, content in late.items():
        path.write_bytes(content)
    assert verify(paths).findings == ()
    open_one().close()
    assert {mark.lineage.serial for mark in told(paths)} == {writer.lineage.serial}


def test_a_missing_database_is_missed_by_its_mark_where_the_lineage_file_is_gone_too(gone_on, lock, clock):
    paths, _ = gone_on
    paths.db.unlink()
    paths.lineage.unlink()
    for ask in (check, lambda paths: open_writer(paths, lock, clock), verify):
        with pytest.raises(
            StateRefused, match=r"is missing or empty, but .*high-water knows of it \(serial 4, 2 orders"
        ):
            ask(paths)


def test_a_project_that_never_bought_anything_may_begin_anew(writer, paths, open_one):
    writer.close()
    paths.db.unlink()
    paths.lineage.unlink()
    assert isinstance(open_one().commit([BeginRun("run-1", "apply", NOW), a_mark(1)])[1], int)


def test_restoring_begins_both_marks_anew_and_other_copies_are_refused(gone_on, lock, clock, tmp_path):
    paths, copy = gone_on
    lost = shutil.copy(paths.db, tmp_path / "found-again.db")
    put_back(paths, copy)
    plan = plan_restore(paths, paths.db)
    assert (plan.loses, plan.high_water, plan.present_was_read) == (True, 4, False)
    restore(paths, plan, "the newest is lost", clock)
    assert {mark.lineage for mark in told(paths)} == {plan.after}
    assert noted(paths) == plan.after
    open_writer(paths, lock, clock).writer.close()
    shutil.copy(lost, paths.db)
    paths.lineage.unlink()
    with pytest.raises(StateRefused, match="another lineage"):
        open_writer(paths, lock, clock)


def test_a_restoration_on_another_machine_is_followed(gone_on, lock, clock):
    """The marks of this one lag by an epoch then, and say nothing against it."""
    paths, _ = gone_on
    elsewhere = replace(paths, marks=None)
    beside = paths.high_water.read_bytes()
    paths.lineage.unlink()
    restore(elsewhere, plan_restore(elsewhere, paths.db), "tried", clock)
    raw(paths, "UPDATE meta SET value = replace(value, '.e2', '') || '.e2' WHERE key = 'lineage'")
    paths.lineage.unlink()
    paths.high_water.write_bytes(beside)
    open_writer(paths, lock, clock).writer.close()
    assert {mark.lineage.epoch for mark in told(paths)} == {2}


def test_a_copy_of_the_state_as_it_is_comes_back_by_hand_without_a_word(writer, paths, clock, open_one):
    """`cp backups/runner-….db runner.db` with nothing done in between: it is the same, but for its journal mode."""
    writer.commit([a_mark(1)])
    writer.close()
    copy = backup(paths, clock)
    shutil.copy(copy, paths.db)
    open_one().commit([a_mark(2)])


@pytest.mark.parametrize("place", ["a quantity", "anywhere"])
def test_a_wrong_bit_in_a_closed_database_is_seen_wherever_it_is(writer, paths, lock, clock, place):
    writer.commit([a_mark(n, quantity=1000 + n) for n in range(30)])
    writer.close()
    content = paths.db.read_bytes()
    link = content.index(b"https://example.com/our-brand/p/7")
    bytes_to_try = [link + 5] if place == "a quantity" else range(100, len(content), 1009)
    for byte in bytes_to_try:
        wrong = bytearray(content)
        wrong[byte] ^= 4
        paths.db.write_bytes(wrong)
        for ask in (lambda: open_writer(paths, lock, clock), lambda: backup(paths, clock)):
            with pytest.raises(StateRefused):
                ask()
    lock.release()
    assert verify(paths).findings
    for leftover in (paths.wal, paths.shm):
        with suppress(FileNotFoundError):
            leftover.unlink()
    paths.db.write_bytes(content)
    assert verify(paths).findings == ()
