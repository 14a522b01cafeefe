"""A copy in the place of the present state: nothing that is known is forgotten, and what is unknown is said."""

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from decimal import Decimal

import pytest

from runner.core.attempts import AttemptState, LiveStatus, Outcome, OutcomeKind, StatusSeen
from runner.core.errors import StateRefused
from runner.core.operations import BeginRun, DoubtLeftOvers, EndRun, Rename, SeeStatuses
from runner.store.integrity.lineage import noted
from runner.store.integrity.progress_evidence import check
from runner.store.recovery.merge_copies import MergeVerdict
from runner.store.recovery.restore import plan_restore, restore
from runner.store.recovery.verify import verify
from runner.store.startup.backup import backup
from runner.store.startup.opening import open_writer
from tests.store.making import IN_DOUBT, NOW, a_mark, a_settle, attempts_of, placed, raw, refused, told


@pytest.fixture
def grown(writer, paths, clock):
    """A copy with orders 1 (placed), 2 and 3 (being sent), 4 (in doubt), and a present that knows more; (copy, paths)."""
    ids = writer.commit([a_mark(n) for n in (1, 2, 3, 4)])
    writer.commit([a_settle(ids[0], placed("p1")), a_settle(ids[3], IN_DOUBT)])
    copy = backup(paths, clock)
    writer.commit([a_settle(ids[1], placed("p2")), a_settle(ids[2], Outcome(OutcomeKind.NOT_SENT))])
    clock.advance(60)
    writer.commit([BeginRun("run-2", "apply", NOW)])
    five, six, _ = writer.commit([a_mark(n)._replace(run_id="run-2") for n in (5, 6, 7)])
    writer.commit([a_settle(five, placed("p5")), a_settle(six, refused())])
    writer.commit([Rename([("spring", "order-1", "order-one")])])
    writer.commit([EndRun("run-2", 15, NOW)])
    writer.close()
    return copy


def test_what_only_the_present_state_knows_is_told_and_carried_over_as_doubts(grown, paths, clock):
    plan = plan_restore(paths, grown)
    assert plan.loses
    assert told(plan) == {
        "spring/order-one": MergeVerdict.RENAMED,
        "spring/order-2": MergeVerdict.IN_DOUBT,
        "spring/order-3": MergeVerdict.NOT_BOUGHT,
        "spring/order-5": MergeVerdict.IN_DOUBT,
        "spring/order-7": MergeVerdict.IN_DOUBT,
    }
    before = paths.db.read_bytes()
    restore(paths, plan, "the disk was replaced", clock)
    assert paths.db.read_bytes() != before
    states = {one.address: (one.state, one.panel_order_id) for one in attempts_of(paths).values()}
    assert states == {
        "spring/order-one": (AttemptState.PLACED, "p1"),
        "spring/order-2": (AttemptState.IN_DOUBT, None),
        "spring/order-3": (AttemptState.NOT_SENT, None),
        "spring/order-4": (AttemptState.IN_DOUBT, None),
        "spring/order-5": (AttemptState.IN_DOUBT, None),
        "spring/order-7": (AttemptState.IN_DOUBT, None),
    }
    messages = {one.address: one.message for one in attempts_of(paths).values()}
    assert "placed as order p2" in messages["spring/order-2"]
    assert "placed as order p5" in messages["spring/order-5"]
    assert "sending" in messages["spring/order-7"]
    assert verify(paths).findings == ()


def test_planning_a_restoration_changes_nothing(grown, paths):
    before = {path: path.read_bytes() for path in paths.db.parent.rglob("*") if path.is_file()}
    plan_restore(paths, grown)
    assert {path: path.read_bytes() for path in before} == before


def test_an_older_copy_begins_an_epoch_in_which_every_other_copy_is_refused(grown, paths, lock, clock, tmp_path):
    lost = shutil.copy(paths.db, tmp_path / "found-again.db")
    high_water = noted(paths).serial
    plan = plan_restore(paths, grown)
    restore(paths, plan, "x", clock)
    assert noted(paths).serial > high_water
    assert noted(paths).lineage == f"{plan.copy.lineage}.e2"
    open_writer(paths, lock, clock).writer.close()
    shutil.copy(lost, paths.db)  # the lost state turns up again, and has gone on
    raw(paths, "UPDATE meta SET value = 10000 WHERE key = 'serial'")
    with pytest.raises(StateRefused, match="another lineage"):
        check(paths)


def test_an_old_copy_that_lies_in_the_place_of_the_state_is_not_taken_for_all_that_was_done(grown, paths, clock):
    assert plan_restore(paths, grown).present_was_read
    shutil.copy(grown, paths.db)
    for source in (paths.db, grown):
        plan = plan_restore(paths, source)
        assert plan.loses
        assert not plan.present_was_read
    restore(paths, plan_restore(paths, paths.db), "all there is", clock)
    assert plan_restore(paths, grown).present_was_read  # the new epoch is the newest


def test_a_second_restoration_from_an_epoch_before_is_a_loss_again(grown, paths, lock, clock):
    restore(paths, plan_restore(paths, grown), "x", clock)
    again = plan_restore(paths, grown)
    assert again.loses
    restore(paths, again, "y", clock)
    assert noted(paths).lineage.endswith(".e3")


def test_the_newest_copy_comes_back_without_a_loss(grown, paths, clock):
    clock.advance(60)
    copy = backup(paths, clock)
    lineage = noted(paths)
    paths.db.unlink()
    plan = plan_restore(paths, copy)
    assert not plan.loses
    restore(paths, plan, "", clock)
    assert noted(paths) == lineage
    assert check(paths) is None
    assert verify(paths).findings == ()


def test_a_state_that_is_gone_leaves_the_loss_unknown_and_says_so(grown, paths, clock):
    paths.db.unlink()
    plan = plan_restore(paths, grown)
    assert (plan.loses, plan.present_was_read, list(plan.merged.carried)) == (True, False, [])


def test_with_no_lineage_file_and_no_state_a_copy_is_never_taken_for_the_newest(grown, paths):
    paths.db.unlink()
    paths.lineage.unlink()
    assert plan_restore(paths, grown).loses


def test_the_present_state_is_kept_even_where_it_is_damaged(grown, paths, clock):
    rubbish = b"this was a database once" * 500
    paths.db.write_bytes(rubbish)
    done = restore(paths, plan_restore(paths, grown), "damaged", clock)
    assert (done.kept / "runner.db").read_bytes() == rubbish
    assert verify(paths).findings == ()
    assert [one.state for one in attempts_of(paths).values()].count(AttemptState.PLACED) == 1


def test_the_reason_is_recorded(grown, paths, clock):
    restore(paths, plan_restore(paths, grown), "the laptop was stolen", clock)
    commands = [command for (command,) in raw(paths, "SELECT command FROM runs")]
    assert f"state restore {grown.name}: the laptop was stolen" in commands


@pytest.mark.parametrize("spoil", ["empty", "rubbish", "foreign", "newer", "missing"])
def test_a_copy_that_is_no_good_is_refused_and_the_present_state_stays(grown, paths, spoil):
    if spoil == "empty":
        grown.write_bytes(b"")
    elif spoil == "rubbish":
        content = bytearray(grown.read_bytes())
        content[8192:40960] = b"\x37" * (40960 - 8192)
        grown.write_bytes(content)
    elif spoil == "missing":
        grown.unlink()
    else:
        change = {
            "foreign": "UPDATE meta SET value = 'x' WHERE key = 'lineage'",
            "newer": "UPDATE alembic_version SET version_num = '0999'",
        }
        connection = sqlite3.connect(grown, isolation_level=None)
        connection.execute(change[spoil])
        connection.close()
    before = paths.db.read_bytes()
    with pytest.raises(StateRefused):
        plan_restore(paths, grown)
    assert paths.db.read_bytes() == before


def test_somebody_elses_database_in_place_of_the_state_is_not_carried_over(grown, paths, clock):
    raw(paths, "UPDATE meta SET value = 'somebody-else' WHERE key = 'lineage'")
    plan = plan_restore(paths, grown)
    assert list(plan.merged.carried) == []
    assert not plan.present_was_read
    with closing(sqlite3.connect(grown)) as connection:
        in_the_copy = connection.execute("SELECT order_id, state FROM attempts ORDER BY id").fetchall()
    restore(paths, plan, "x", clock)
    assert raw(paths, "SELECT order_id, state FROM attempts ORDER BY id") == in_the_copy


@pytest.mark.parametrize("damage", [b"\xee" * 4096, bytes(4096)])
def test_a_damaged_page_that_tells_the_schema_loses_no_purchase(grown, paths, clock, damage):
    ((page,),) = raw(paths, "SELECT rootpage FROM sqlite_master WHERE name = 'alembic_version'")
    raw(paths, "PRAGMA wal_checkpoint(TRUNCATE)")
    with paths.db.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(damage)
    restore(paths, plan_restore(paths, grown), "x", clock)
    assert {one.order_id for one in attempts_of(paths).values()} >= {"order-one", "order-5", "order-7"}


def test_what_a_newer_version_wrote_is_carried_over_without_what_only_that_version_knows(grown, paths, clock):
    raw(paths, "ALTER TABLE attempts ADD COLUMN novel TEXT NOT NULL DEFAULT 'x'")
    raw(paths, "UPDATE alembic_version SET version_num = '0999'")
    restore(paths, plan_restore(paths, grown), "back to the former version", clock)
    assert {one.order_id for one in attempts_of(paths).values()} >= {"order-one", "order-5", "order-7"}


def test_a_failing_restoration_leaves_the_present_state(grown, paths, clock, monkeypatch):
    plan = plan_restore(paths, grown)
    before = paths.db.read_bytes()

    def no_space(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("runner.store.recovery.restore.sync", no_space)
    with pytest.raises(StateRefused, match="no space left") as refusal:
        restore(paths, plan, "x", clock)
    assert "left in place" in refusal.value.hint
    assert paths.db.read_bytes() == before
    assert list(paths.db.parent.glob(".*")) == []


def test_a_merge_that_the_database_refuses_is_told_when_it_is_planned(grown, paths, monkeypatch):
    def refuse(*_):
        raise sqlite3.IntegrityError("UNIQUE constraint failed")

    monkeypatch.setattr("runner.store.recovery.restore.merge", refuse)
    with pytest.raises(StateRefused, match="could not be restored") as refusal:
        plan_restore(paths, grown)
    assert "left in place" in refusal.value.hint


def test_a_state_without_its_wal_can_be_accepted_as_it_is(broken_off, lock, clock):
    paths = broken_off
    paths.wal.unlink()
    with pytest.raises(StateRefused, match="is behind"):
        open_writer(paths, lock, clock)
    plan = plan_restore(paths, paths.db)
    assert plan.loses
    assert not plan.present_was_read
    done = restore(paths, plan, "the log is lost for good", clock)
    assert done.kept.is_dir()
    again = open_writer(paths, lock, clock).writer
    (turned,) = again.commit([DoubtLeftOvers(NOW)])
    again.close()
    assert [one.order_id for one in turned] == ["order-1"]


@pytest.mark.parametrize(
    "links",
    [
        ["https://example.com/one"] * 3,
        ["https://EXAMPLE.com/one", "https://example.com:443/%6Fne", "https://example.com/one#top"],
    ],
)
def test_of_several_lost_orders_for_one_page_one_is_in_doubt_and_the_others_stay_placed(writer, paths, clock, links):
    (first,) = writer.commit([a_mark(1)])
    writer.commit([a_settle(first, refused())])
    copy = backup(paths, clock)
    (two,) = writer.commit([a_mark(2, link=links[0])])
    writer.commit([a_settle(two, placed("p2"))])
    (three,) = writer.commit([a_mark(3, link=links[1])])
    writer.commit([a_settle(three, placed("p3"))])
    (four,) = writer.commit([a_mark(4, link=links[2])])
    writer.commit([a_settle(four, IN_DOUBT)])
    writer.commit([EndRun("run-1", 0, NOW)])
    writer.close()
    plan = plan_restore(paths, copy)
    assert told(plan) == {
        "spring/order-2": MergeVerdict.IN_DOUBT,
        "spring/order-3": MergeVerdict.PLACED,
        "spring/order-4": MergeVerdict.GIVEN_UP,
    }
    restore(paths, plan, "x", clock)
    states = {one.order_id: (one.state, one.panel_order_id) for one in attempts_of(paths).values()}
    assert states == {
        "order-1": (AttemptState.REFUSED, None),
        "order-2": (AttemptState.IN_DOUBT, None),
        "order-3": (AttemptState.PLACED, "p3"),
        "order-4": (AttemptState.ABANDONED, None),
    }
    assert verify(paths).findings == ()


def test_a_copy_of_an_older_schema_is_brought_up_to_date(grown, paths, clock):
    connection = sqlite3.connect(grown, isolation_level=None)
    for name in (
        "evidence",
        "decisions",
        "refills",
        "cancels",
        "service_history",
        "balance_labels",
        "protections",
        "lacking",
        "status_calls",
        "repeated_services",
        "saved_plans",
    ):
        connection.execute(f"DROP TABLE IF EXISTS {name}")
    for (name,) in connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name NOT LIKE 'attempts_%'"
    ).fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute("ALTER TABLE attempts DROP COLUMN final_at")
    connection.execute("UPDATE alembic_version SET version_num = '0001'")
    connection.close()
    restore(paths, plan_restore(paths, grown), "x", clock)
    assert verify(paths).findings == ()


def test_a_kill_between_the_files_leaves_a_state_that_is_refused(grown, paths, lock, clock, monkeypatch):
    """The database is replaced before the lineage file: until both agree, nothing is bought."""

    class Killed(BaseException):
        pass

    def die(*_):
        raise Killed

    monkeypatch.setattr("runner.store.recovery.restore.write_lineage", die)
    plan = plan_restore(paths, grown)
    with pytest.raises(Killed):
        restore(paths, plan, "x", clock)
    with pytest.raises(StateRefused, match="another lineage"):
        open_writer(paths, lock, clock)
    monkeypatch.undo()
    again = plan_restore(paths, grown)
    restore(paths, again, "x", clock)
    assert check(paths) is None
    assert json.loads(paths.lineage.read_text())["lineage"] == again.after.lineage


def test_of_a_damaged_state_all_that_can_be_read_is_carried_over(writer, paths, clock):
    copy_me = writer.commit([a_mark("first")])
    writer.commit([a_settle(copy_me[0], placed("p-first"))])
    copy = backup(paths, clock)
    ids = writer.commit([a_mark(n, link=f"https://example.com/{n}/{'x' * 400}") for n in range(200)])
    writer.commit([a_settle(one, placed(f"p{one}")) for one in ids])
    writer.commit([EndRun("run-1", 0, NOW)])
    writer.close()
    content = bytearray(paths.db.read_bytes())
    place = content.index(f"https://example.com/100/{'x' * 400}".encode()) // 4096 * 4096
    content[place : place + 4096] = b"\x37" * 4096
    paths.db.write_bytes(content)
    plan = plan_restore(paths, copy)
    assert not plan.present_was_read
    assert 150 < len(plan.merged.carried) < 200
    assert {"spring/order-0", "spring/order-199"} <= set(told(plan))
    restore(paths, plan, "x", clock)
    assert sum(one.state is AttemptState.IN_DOUBT for one in attempts_of(paths).values()) == len(plan.merged.carried)
    assert verify(paths).findings == ()


def test_what_panels_said_after_the_copy_was_made_is_carried_over(writer, paths, clock):
    ids = writer.commit([a_mark(n) for n in (1, 2)])
    writer.commit([a_settle(ids[0], placed("p1")), a_settle(ids[1], placed("p2"))])
    pending, done = LiveStatus.PENDING, LiveStatus.COMPLETED

    def seen(attempt_id, status, hours):
        at = NOW + timedelta(hours=hours)
        return StatusSeen(attempt_id, status, status.value, Decimal("0.90"), 10, 0, "USD", at)

    writer.commit([SeeStatuses([seen(ids[0], pending, 1), seen(ids[1], done, 1)])])
    copy = backup(paths, clock)
    writer.commit([SeeStatuses([seen(ids[0], done, 2), seen(ids[1], done, 2)]), EndRun("run-1", 0, NOW)])
    known = attempts_of(paths)
    writer.close()
    restore(paths, plan_restore(paths, copy), "x", clock)
    assert attempts_of(paths) == known
    assert known[ids[0]].final_at == NOW + timedelta(hours=2), "or its refill window would begin anew"
