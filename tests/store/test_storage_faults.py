"""Full disks, failing disks, files that go away: nothing is marked any more, and no outcome is lost."""

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from runner.core.attempts import AttemptState, OutcomeKind
from runner.core.errors import ExitCode, JournalBroken, StateRefused
from runner.core.operations import AskRefills, BeginRun, DoubtLeftOvers, EndRun, SeeRefills, SettleRefills
from runner.core.refills import Finality, RefillSeen, RefillSettled, RefillState
from runner.store import connection
from runner.store.disk.ballast import SIZE, drop_ballast, make_ballast
from runner.store.disk.lock import acquire
from runner.store.disk.paths import StatePaths
from runner.store.read.snapshot import read_state
from runner.store.recovery.verify import verify
from runner.store.startup.backup import backup
from runner.store.startup.opening import open_writer
from runner.store.write.spill_file import SLOT, SLOTS, SpillFile
from tests.store.making import IN_DOUBT, NOW, a_mark, a_settle, attempts_of, placed, refused

BIG = "x" * 90_000  # an answer's message that needs many pages


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 6 MiB, mounted for the test."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", place], check=False, capture_output=True
    ).returncode:
        pytest.skip("mounting is not permitted")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def fill(place, leave=0):
    """Take all space but `leave` bytes."""
    with (place / "filler").open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"\0" * 4096)
    if leave:
        os.truncate(place / "filler", (place / "filler").stat().st_size - leave)


@pytest.fixture
async def on_small_disk(small_disk, clock):
    paths = StatePaths.at(small_disk / "state" / "runner.db")
    with await acquire(paths, "runner apply", clock) as lock:
        yield paths, lambda: open_writer(paths, lock, clock)


def begun(open_it):
    writer = open_it().writer
    assert writer.commit([BeginRun("run-1", "apply", NOW)]) == [None]
    return writer


def test_on_a_full_disk_outcomes_are_recorded_in_the_ballasts_space_and_nothing_more_is_marked(
    on_small_disk, small_disk
):
    paths, open_it = on_small_disk
    writer = begun(open_it)
    ids = writer.commit([a_mark(n) for n in range(8)])
    fill(small_disk)
    outcomes = [a_settle(one, placed(f"p{one}")._replace(message=BIG)) for one in ids]
    results = writer.commit([*outcomes[:4], a_mark(99)])
    assert results[:4] == [None] * 4
    assert isinstance(results[4], JournalBroken)
    assert not paths.ballast.exists()
    assert writer.commit(outcomes[4:5]) == [None]
    assert isinstance(writer.commit([a_mark(100)])[0], JournalBroken)
    assert writer.commit([EndRun("run-1", 15, NOW)]) == [None]
    known = attempts_of(paths)
    assert [known[one].panel_order_id for one in ids[:5]] == [f"p{one}" for one in ids[:5]]
    assert len(known) == 8
    writer.close()


def test_a_mark_on_a_full_disk_is_refused_and_leaves_the_ballast_for_outcomes(on_small_disk, small_disk):
    paths, open_it = on_small_disk
    writer = begun(open_it)
    (first,) = writer.commit([a_mark(1)])
    fill(small_disk)
    (result,) = writer.commit([a_mark(BIG)])
    assert isinstance(result, JournalBroken)
    assert "full" in result.message
    assert paths.ballast.stat().st_size == SIZE
    assert writer.commit([a_settle(first, placed("p1")._replace(message=BIG))]) == [None]
    assert attempts_of(paths)[first].panel_order_id == "p1"
    writer.close()


def test_with_the_ballast_gone_too_outcomes_go_to_the_spill_file_and_come_back(on_small_disk, small_disk):
    paths, open_it = on_small_disk
    writer = begun(open_it)
    ids = writer.commit([a_mark(n) for n in range(3)])
    drop_ballast(paths)
    fill(small_disk)
    results = writer.commit([a_settle(one, placed(f"p{one}")._replace(message=BIG)) for one in ids])
    assert {type(result) for result in results} == {JournalBroken}
    assert all("noted in" in result.message for result in results)
    writer.close()
    with pytest.raises(StateRefused, match="no room is left"):
        open_it()
    (small_disk / "filler").unlink()
    opened = open_it()
    assert "spring/order-0 was placed as order p1: carried over" in opened.note
    assert {one.panel_order_id for one in attempts_of(paths).values()} == {"p1", "p2", "p3"}
    assert opened.writer.commit([DoubtLeftOvers(NOW)]) == [[]]
    assert paths.spill_file.read_bytes().isspace()
    assert paths.ballast.stat().st_size == SIZE
    opened.writer.close()
    assert verify(paths).findings == ()


def test_a_backup_on_a_full_disk_refuses_the_run(on_small_disk, small_disk, clock):
    paths, open_it = on_small_disk
    writer = begun(open_it)
    writer.commit([a_mark(1, link=f"https://example.com/{BIG}")])
    writer.close()
    fill(small_disk, leave=8192)
    with pytest.raises(StateRefused, match="no space left") as refusal:
        backup(paths, clock)
    assert refusal.value.code is ExitCode.STATE
    (small_disk / "filler").unlink()
    fill(small_disk, leave=65536)  # enough to read, not enough to copy
    with pytest.raises(StateRefused, match="no backup") as refusal:
        backup(paths, clock)
    assert refusal.value.code is ExitCode.STATE
    assert list(paths.backups.iterdir()) == []


def test_without_room_for_the_ballast_nothing_begins(on_small_disk, small_disk):
    _, open_it = on_small_disk
    fill(small_disk, leave=SIZE // 2)
    with pytest.raises(StateRefused, match="no room is left") as refusal:
        open_it()
    assert refusal.value.code is ExitCode.STATE
    assert "free at least" in refusal.value.hint


def test_the_ballast_takes_real_space_and_a_hole_in_it_is_filled(paths):
    paths.db.parent.mkdir()
    with paths.ballast.open("wb") as file:
        file.truncate(SIZE)
    make_ballast(paths)
    assert paths.ballast.stat().st_blocks * 512 >= SIZE


def break_for_good(writer):
    writer._break(OSError("the disk is gone"))


def test_any_failure_that_ends_the_journal_keeps_proven_outcomes(writer, paths, open_one):
    ids = writer.commit([a_mark(n) for n in range(4)])
    break_for_good(writer)
    outcomes = [placed("p1"), refused("not enough funds"), refused()._replace(kind=OutcomeKind.NOT_SENT), IN_DOUBT]
    results = writer.commit([a_settle(one, outcome) for one, outcome in zip(ids, outcomes, strict=True)])
    assert {type(result) for result in results} == {JournalBroken}
    assert ["noted in" in result.message for result in results] == [True, True, True, False]
    writer.close()
    open_one()
    known = attempts_of(paths)
    assert [known[one].state for one in ids] == [
        AttemptState.PLACED,
        AttemptState.REFUSED,
        AttemptState.NOT_SENT,
        AttemptState.SENDING,
    ]
    assert (known[1].panel_order_id, known[2].message) == ("p1", "not enough funds")


def test_an_order_id_that_the_state_refuses_becomes_part_of_the_doubt(writer, paths, open_one, lock, clock):
    one, two = writer.commit([a_mark(1), a_mark(2)])
    writer.commit([a_settle(one, placed("p1"))])
    break_for_good(writer)
    writer.commit([a_settle(two, placed("p1"))])
    writer.close()
    opened = open_writer(paths, lock, clock)
    opened.writer.close()
    assert attempts_of(paths)[two].state is AttemptState.IN_DOUBT
    assert "placed as order p1" in attempts_of(paths)[two].message
    assert "in doubt" in opened.note


def test_a_merge_that_was_cut_short_is_repeated_without_harm(writer, paths, open_one):
    (first,) = writer.commit([a_mark(1)])
    break_for_good(writer)
    writer.commit([a_settle(first, placed("p1"))])
    writer.close()
    left = paths.spill_file.read_bytes()
    open_one().close()
    paths.spill_file.write_bytes(left)  # as if the clearing had not reached the disk
    open_one()
    assert attempts_of(paths)[first].panel_order_id == "p1"
    assert paths.spill_file.read_bytes().isspace()


def test_a_record_of_a_run_that_this_state_does_not_know_is_told_and_kept(writer, paths, lock, clock):
    writer.commit([a_mark(1)])
    writer.close()
    file = SpillFile(paths)
    file.keep([a_settle(1, placed("p77"))], "run-of-a-lost-state")
    file.close()
    for _ in range(2):
        opened = open_writer(paths, lock, clock)
        opened.writer.close()
        assert '"p77" of run run-of-a-lost-state' in opened.note
    assert attempts_of(paths)[1].state is AttemptState.SENDING
    assert any("emergency.jsonl holds 1 outcome" in finding.what for finding in verify(paths).findings)


def asked(writer, *orders):
    """Placed orders of which a refill is asked for; the ids of the requests."""
    ids = writer.commit([a_mark(order) for order in orders])
    writer.commit([a_settle(each, placed(f"p{each}")) for each in ids])
    (refills,) = writer.commit([AskRefills(ids, NOW)])
    return refills


def states_of_refills(paths):
    return {one.id: (one.state, one.refill_id) for several in read_state(paths).refills.values() for one in several}


def test_on_a_full_disk_the_answers_to_refills_go_to_the_spill_file_and_come_back(on_small_disk, small_disk):
    paths, open_it = on_small_disk
    writer = begun(open_it)
    refills = asked(writer, *range(3))
    drop_ballast(paths)
    fill(small_disk)
    answers = [
        RefillSettled(refills[0], RefillState.REQUESTED, "71", message=BIG),
        RefillSettled(refills[1], RefillState.REFUSED, None, Finality.FINAL, f"days are over{BIG}"),
        RefillSettled(refills[2], RefillState.UNKNOWN, message=BIG),
    ]
    (result,) = writer.commit([SettleRefills(answers, NOW)])
    assert isinstance(result, JournalBroken)
    assert "noted in" in result.message
    writer.close()
    (small_disk / "filler").unlink()
    assert any("emergency.jsonl holds 2" in finding.what for finding in verify(paths).findings)
    opened = open_it()
    assert "the refill of spring/order-0 was requested: carried over" in opened.note
    assert opened.writer.commit([DoubtLeftOvers(NOW)]) == [[]]
    assert states_of_refills(paths) == {
        refills[0]: (RefillState.REQUESTED, "71"),
        refills[1]: (RefillState.REFUSED, None),
        refills[2]: (RefillState.UNKNOWN, None),
    }
    (refused_one,) = read_state(paths).refills[2]
    assert refused_one.finality is Finality.FINAL
    assert refused_one.message.startswith("days are over")
    assert paths.spill_file.read_bytes().isspace()
    opened.writer.close()
    assert verify(paths).findings == ()


def test_answers_to_refills_and_outcomes_share_the_spill_file(writer, paths, open_one):
    (refill,) = asked(writer, 1)
    (mark,) = writer.commit([a_mark(2)])
    break_for_good(writer)
    answer = SettleRefills([RefillSettled(refill, RefillState.REQUESTED, "71")], NOW)
    results = writer.commit([answer, a_settle(mark, placed("p9"))])
    assert all("noted in" in result.message for result in results)
    writer.close()
    open_one()
    assert states_of_refills(paths) == {refill: (RefillState.REQUESTED, "71")}
    assert attempts_of(paths)[mark].panel_order_id == "p9"
    assert paths.spill_file.read_bytes().isspace()


def test_an_answer_that_is_unknown_is_not_said_to_be_noted(writer, paths):
    (refill,) = asked(writer, 1)
    break_for_good(writer)
    (result,) = writer.commit([SettleRefills([RefillSettled(refill, RefillState.UNKNOWN)], NOW)])
    assert "noted in" not in result.message
    assert paths.spill_file.read_bytes().isspace()


def test_a_merge_of_refills_that_was_cut_short_is_repeated_without_harm(writer, paths, open_one):
    (refill,) = asked(writer, 1)
    break_for_good(writer)
    writer.commit([SettleRefills([RefillSettled(refill, RefillState.REQUESTED, "71")], NOW)])
    writer.close()
    left = paths.spill_file.read_bytes()
    again = open_one()
    again.commit([SeeRefills([RefillSeen(refill, RefillState.COMPLETED, "Completed", NOW)])])
    again.close()
    paths.spill_file.write_bytes(left)  # as if the clearing had not reached the disk
    open_one()
    assert states_of_refills(paths) == {refill: (RefillState.COMPLETED, "71")}
    assert paths.spill_file.read_bytes().isspace()


@pytest.mark.parametrize(("run", "hours"), [("run-of-a-lost-state", 0), ("run-1", -1)])
def test_an_answer_to_a_refill_that_this_state_did_not_ask_for_is_told_and_kept(writer, paths, lock, clock, run, hours):
    (refill,) = asked(writer, 1)
    writer.commit([SettleRefills([RefillSettled(refill, RefillState.NOT_SENT)], NOW)])
    writer.close()
    file = SpillFile(paths)
    answer = RefillSettled(refill, RefillState.REQUESTED, "99")
    assert file.keep([SettleRefills([answer], NOW + timedelta(hours=hours))], run) == {0}
    file.close()
    for _ in range(2):
        opened = open_writer(paths, lock, clock)
        opened.writer.close()
        assert f'tells of refill "99" asked for by run {run}, which this state does not know' in opened.note
    assert states_of_refills(paths) == {refill: (RefillState.NOT_SENT, None)}


def test_the_spill_file_never_grows_and_is_one_record_to_a_line(paths):
    paths.db.parent.mkdir()
    file = SpillFile(paths)
    settles = [a_settle(n, placed("p" * 64)._replace(message="\u20ac" * 300)) for n in range(SLOTS + 5)]
    assert len(file.keep(settles, "20260101T000000-12345678")) == SLOTS
    assert file.keep(settles[:1], "run-1") == frozenset()
    file.close()
    assert paths.spill_file.stat().st_size == SLOT * SLOTS
    lines = paths.spill_file.read_text().splitlines()
    assert [json.loads(line)["attempt_id"] for line in lines] == list(range(SLOTS))


@pytest.mark.parametrize(
    "text", [b"", b"short\n", b'{"attempt_id": 1}'.ljust(SLOT - 1) + b"\n", b"\xff" * SLOT, b"[" * SLOT]
)
def test_a_damaged_spill_file_stops_nobody(paths, open_one, text):
    paths.db.parent.mkdir(exist_ok=True)
    paths.spill_file.write_bytes(text)
    paths.spill_file.chmod(0o600)
    open_one()
    assert paths.spill_file.stat().st_size == SLOT * SLOTS


def test_a_half_written_record_is_no_record(paths):
    paths.db.parent.mkdir()
    file = SpillFile(paths)
    file.keep([a_settle(1, placed("p1"))], "run-1")
    with paths.spill_file.open("r+b") as raw_file:
        raw_file.seek(40)
        raw_file.write(b" " * 60)
    assert file.kept() == []
    file.close()


def test_a_database_held_by_a_shell_is_refused_as_busy(writer, paths, lock, clock, monkeypatch):
    writer.close()
    monkeypatch.setattr(connection, "_WRITER_PATIENCE", 0.2)
    with closing(sqlite3.connect(paths.db, isolation_level=None)) as shell:
        shell.execute("BEGIN IMMEDIATE")
        with pytest.raises(StateRefused, match="being written by another program") as refusal:
            open_writer(paths, lock, clock)
    assert refusal.value.code is ExitCode.STATE


def test_a_shell_that_holds_the_database_during_a_run_ends_the_run(writer, paths):
    (first,) = writer.commit([a_mark(1)])
    writer._connection.connection.driver_connection.execute("PRAGMA busy_timeout = 100")
    with closing(sqlite3.connect(paths.db, isolation_level=None)) as shell:
        shell.execute("BEGIN IMMEDIATE")
        (result,) = writer.commit([a_settle(first, placed("p1"))])
    assert isinstance(result, JournalBroken)
    assert "locked" in result.message
    assert "noted in" in result.message


@pytest.mark.parametrize("ending", ["-wal", "-shm"])
def test_a_wal_that_is_deleted_during_a_run_stops_it_before_its_next_mark(writer, paths, ending):
    (first,) = writer.commit([a_mark(1)])
    paths.db.with_name(paths.db.name + ending).unlink()
    results = writer.commit([a_mark(2), a_settle(first, placed("p1"))])
    assert {type(result) for result in results} == {JournalBroken}
    assert "removed or replaced" in results[0].message
    assert json.loads(paths.spill_file.read_text().splitlines()[0])["panel_order_id"] == "p1"


def test_a_copy_written_over_the_live_database_is_noticed(writer, paths, clock):
    writer.commit([a_mark(1)])
    copy = backup_now(paths)
    writer.commit([a_mark(2)])
    paths.db.write_bytes(copy)
    (result,) = writer.commit([a_mark(3)])
    assert isinstance(result, JournalBroken)
    assert "another program" in result.message


def test_our_own_checkpoints_are_not_taken_for_somebody_elses(writer):
    for n in range(40):
        (result,) = writer.commit([a_mark(n, link=f"https://example.com/{n}/{BIG}")])
        assert isinstance(result, int)


def backup_now(paths):
    with closing(sqlite3.connect(paths.db)) as source, closing(sqlite3.connect(":memory:")) as target:
        source.backup(target)
        return target.serialize()


def test_a_file_of_somebody_else_is_refused_with_the_way_out(writer, paths, lock, clock):
    writer.close()
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    for path in (paths.db, paths.lock, paths.db.parent):
        os.chown(path, 1, -1)
        with pytest.raises(StateRefused, match="belongs to") as refusal:
            open_writer(paths, lock, clock)
        assert "chown" in refusal.value.hint
        assert refusal.value.code is ExitCode.STATE
        os.chown(path, 0, -1)


AS_NOBODY = """
import asyncio, os, sys
from runner.core.values.clock import SystemClock
from runner.core.errors import StateRefused
from runner.store.disk.lock import acquire
from runner.store.disk.paths import StatePaths
os.setuid(65534)
try:
    asyncio.run(acquire(StatePaths.at(sys.argv[1]), "apply", SystemClock()))
except StateRefused as error:
    print(int(error.code), error.message)
"""


def test_a_directory_that_can_not_be_written_is_refused():
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        Path(folder, "state").mkdir(0o500)
        os.chown(f"{folder}/state", 65534, -1)
        ran = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, f"{folder}/state/runner.db"], capture_output=True, text=True, check=False
        )
        if "ModuleNotFoundError" in ran.stderr or "Permission" in ran.stderr:
            pytest.skip("the other user can't read the program")
    assert ran.stdout.startswith("12 can't write to"), ran.stderr
