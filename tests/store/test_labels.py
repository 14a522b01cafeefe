"""Labels and looks at balances: recorded in their place, kept as they were made, carried over, and read back."""

import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from decimal import Decimal

import pytest

from runner.core.attempts import Outcome, OutcomeKind, Phase
from runner.core.catalogue import Balance, BalanceLabel, BalanceSeen
from runner.core.operations import EndRun, LabelBalance, SeeBalance
from runner.planning.accounting.ledger import make_ledger
from runner.store.disk.paths import StatePaths
from runner.store.read.balance_looks import read_ends, read_readings
from runner.store.read.doubts import read_kept
from runner.store.read.runs import read_runs
from runner.store.read.snapshot import read_state
from runner.store.recovery.restore import plan_restore, restore
from runner.store.recovery.verify import verify
from runner.store.schema.migrate import PACKAGED, History, ensure_schema
from runner.store.startup.backup import backup
from runner.store.startup.opening import engine_of
from tests.store.making import NOW, a_mark, a_settle, placed, raw

HOUR = timedelta(hours=1)
LOST = Outcome(OutcomeKind.IN_DOUBT, message="reset", phase=Phase.SENDING)


def a_look(amount="10.00", at=NOW, currency="USD", panel="sandbox"):
    return SeeBalance(BalanceSeen(panel=panel, balance=Balance(amount=Decimal(amount), currency=currency), seen_at=at))


def a_label(amount="50.00", reading=1, **changes):
    label = BalanceLabel("sandbox", "top-up", Decimal(amount), "USD", reading, NOW, "anna", "build-1", NOW)
    return LabelBalance(label._replace(**changes))


def bought(writer, order):
    (attempt,) = writer.commit([a_mark(order)])
    writer.commit([a_settle(attempt, placed(f"p{order}"))])


def test_a_label_is_read_back_as_it_was_made(writer, paths):
    writer.commit([a_look(), a_label()])
    assert read_state(paths).labels == [a_label().label]


@pytest.mark.parametrize("change", ["DELETE FROM balance_labels", "UPDATE balance_labels SET amount = '1'"])
def test_a_label_stays_as_it_was_made(writer, paths, change):
    writer.commit([a_look(), a_label()])
    with pytest.raises(sqlite3.IntegrityError, match="stays as it was made"):
        raw(paths, change)


def test_each_look_knows_its_place_among_the_marks(writer, paths):
    writer.commit([a_look("10.00")])
    bought(writer, 1)
    bought(writer, 2)
    writer.commit([a_look("9.00", NOW - HOUR)])  # the clock was put back
    recorded = read_state(paths)
    places = [(one.number, one.last_attempt) for one in read_readings(paths, "sandbox")]
    assert places == [(1, 0), (2, 2)]
    assert (recorded.first_balances["sandbox"].last_attempt, recorded.last_balances["sandbox"].last_attempt) == (0, 2)
    assert make_ledger(recorded).unexplained == Decimal("-0.80")  # 1.80 reserved, 1.00 gone


def test_runs_of_several_orders_are_known_by_their_first_and_last_look(writer, paths):
    writer.commit([a_look("12.00"), a_look("11.00")])  # of no run
    bought(writer, 1)
    writer.commit([a_look("10.00"), a_look("9.00", panel="other"), a_look("9.50")])
    assert read_state(paths).run_looks == {}  # one order
    bought(writer, 2)
    writer.commit([a_look("9.00", currency=None)])
    looks = read_state(paths).run_looks
    assert looks.keys() == {"sandbox"}  # the other panel was looked at once
    ((run_id, (first, last)),) = looks["sandbox"].items()
    assert (run_id, first.number, last.number) == ("run-1", 3, 6)
    assert (first.balance.amount, last.balance.amount, last.balance.currency) == (
        Decimal("10.00"),
        Decimal("9.00"),
        "USD",
    )


def test_the_look_before_a_doubt_is_the_one_before_its_mark_and_not_before_its_time(writer, paths):
    writer.commit([a_look("10.00", NOW - HOUR), a_look("9.00", NOW + HOUR)])
    (attempt,) = writer.commit([a_mark(1)])  # dated before the second look, and marked after it
    writer.commit([a_settle(attempt, LOST), a_look("8.00", NOW - 2 * HOUR)])
    before = read_kept(paths, [attempt])[attempt].balance_before
    assert before is not None
    assert before.balance.amount == Decimal("9.00")


def test_a_look_without_a_currency_is_in_the_one_that_was_named_before_or_after(writer, paths):
    writer.commit([a_look(currency=None), a_look(), a_look(currency=None), a_look(currency=None, panel="mute")])
    recorded = read_state(paths)
    assert [one.balance.currency for one in read_readings(paths, "sandbox")] == ["USD"] * 3
    assert recorded.first_balances["sandbox"].balance.currency == "USD"
    assert recorded.last_balances["mute"].balance.currency is None
    assert recorded.currency_changes == {}


def test_changes_of_currency_are_known_by_the_first_look_at_each(writer, paths):
    several = ["USD", "USD", None, "EUR", "EUR", "USD"]
    writer.commit([a_look(str(number), currency=word) for number, word in enumerate(several)])
    writer.commit([a_look(panel="other")])
    (changes,) = read_state(paths).currency_changes.values()
    assert [(one.balance.currency, one.number) for one in changes] == [("USD", 1), ("EUR", 4), ("USD", 6)]


def test_the_ends_of_a_period_are_the_looks_inside_it(writer, paths):
    writer.commit([a_look(str(hours), NOW + hours * HOUR) for hours in range(6)])
    first, last = read_ends(paths, NOW + HOUR, NOW + 4 * HOUR)
    assert (first["sandbox"].balance.amount, last["sandbox"].balance.amount) == (1, 3)
    assert read_ends(paths, NOW + 99 * HOUR, None) == ({}, {})
    assert read_ends(StatePaths.at(paths.db.parent / "none" / "runner.db"), None, None) == ({}, {})


def test_an_older_state_keeps_its_balances_and_is_read_before_and_after_it_is_brought_up_to_date(tmp_path):
    scripts = tmp_path / "scripts"
    shutil.copytree(PACKAGED.scripts, scripts, ignore=shutil.ignore_patterns("__pycache__", "v000[5-9]*"))
    older = StatePaths.at(tmp_path / "state" / "runner.db")
    older.db.parent.mkdir()
    ensure_schema(engine_of(older.db), lambda: None, History(scripts, PACKAGED.revisions[:4]))
    raw(older, "INSERT INTO meta VALUES ('lineage', 'L'), ('serial', '1')")
    raw(older, "INSERT INTO balances VALUES (7, 'sandbox', '10.00', 'USD', '2026-01-01T00:00:00.000Z', NULL)")
    before = read_state(older)
    assert (before.labels, before.last_balances["sandbox"].last_attempt) == ([], None)
    assert read_readings(older, "sandbox")[0].number == 7
    ensure_schema(engine_of(older.db), lambda: None)
    after = read_state(older)
    assert after.last_balances == before.last_balances
    assert (after.last_balances["sandbox"].number, after.last_balances["sandbox"].last_attempt) == (7, None)
    with closing(sqlite3.connect(older.db)) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_labels_and_their_looks_outlive_the_restoration_of_an_older_copy(writer, paths, clock):
    bought(writer, 1)
    writer.commit([a_look("10.00"), a_label("3.00", text="known to both")])
    copy = backup(paths, clock)
    writer.commit([a_look("60.00", NOW + HOUR), a_label("50.00", reading=2, at=NOW + HOUR)])
    writer.commit([a_label("-1.00", reading=1, text="about an older look")])
    writer.commit([EndRun("run-1", 0, NOW)])
    writer.close()
    restore(paths, plan_restore(paths, copy), "x", clock)
    assert verify(paths).findings == ()
    labels = read_state(paths).labels
    assert [(one.text, one.amount, one.reading) for one in labels] == [
        ("known to both", Decimal("3.00"), 1),
        ("top-up", Decimal("50.00"), 2),
        ("about an older look", Decimal("-1.00"), 1),
    ]
    assert [one.last_attempt for one in read_readings(paths, "sandbox")] == [1, 1]


def test_a_label_about_no_look_is_refused(writer):
    (refused,) = writer.commit([a_label(reading=99)])
    assert isinstance(refused, Exception)
    assert writer.commit([a_look()]) == [None]


def test_runs_are_read_with_their_ends(writer, paths):
    writer.commit([EndRun("run-1", 15, NOW + HOUR)])
    (run,) = read_runs(paths)
    assert run == ("run-1", "apply", NOW, NOW + HOUR, 15)
    assert read_runs(StatePaths.at(paths.db.parent / "none.db")) == []
