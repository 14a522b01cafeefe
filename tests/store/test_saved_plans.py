"""Saved plans in the state: known by their digest, used once, never after they expired, not even in an older copy."""

import sqlite3
from datetime import timedelta

import pytest

from runner.core.errors import PlanStale
from runner.core.operations import EndRun, KeepPlan, UsePlan
from runner.core.snapshot import KeptPlan
from runner.store.disk.paths import StatePaths
from runner.store.operations.saved_plans import kept_plan
from runner.store.recovery.restore import plan_restore, restore
from runner.store.recovery.verify import verify
from runner.store.startup.backup import backup
from tests.store.making import NOW, a_mark, a_settle, placed, raw
from tests.store.test_long_lives import older

WEEK = timedelta(days=7)


def keep(digest="d1"):
    return KeepPlan(digest, "run-1", NOW, NOW + WEEK)


def use(digest="d1", at=NOW):
    return UsePlan(digest, "run-1", at)


def test_a_kept_plan_is_used_once(writer, paths):
    assert writer.commit([keep()]) == [None]
    assert kept_plan(paths, "d1") == KeptPlan("run-1", NOW + WEEK, None, None, None, 0)
    assert writer.commit([use()]) == [None]
    (attempt,) = writer.commit([a_mark(1)])
    writer.commit([a_settle(attempt, placed("p1"))])
    assert kept_plan(paths, "d1") == KeptPlan("run-1", NOW + WEEK, "run-1", NOW, None, 1)
    (again,) = writer.commit([use()])
    assert isinstance(again, PlanStale)


@pytest.mark.parametrize("wish", [use("unknown"), use(at=NOW + WEEK)])
def test_an_unknown_or_expired_plan_is_not_used_and_the_journal_goes_on(writer, paths, wish):
    writer.commit([keep()])
    (refused,) = writer.commit([wish])
    assert isinstance(refused, PlanStale)
    assert writer.commit([use(at=NOW + WEEK - timedelta(seconds=1))]) == [None]


@pytest.mark.parametrize("statement", ["UPDATE saved_plans SET used_by = NULL", "DELETE FROM saved_plans"])
def test_the_database_itself_refuses_to_forget_that_a_plan_was_used(writer, paths, statement):
    writer.commit([keep(), use()])
    with pytest.raises(sqlite3.IntegrityError, match="saved plan"):
        raw(paths, statement)


def test_a_state_of_before_knows_no_plan_and_is_read(tmp_path):
    assert kept_plan(StatePaths.at(older(tmp_path, 7)), "d1") is None


def test_a_plan_that_was_used_is_used_in_a_restored_copy_too(writer, paths, clock):
    (attempt,) = writer.commit([a_mark(1)])
    writer.commit([a_settle(attempt, placed("p1")), keep("d1")])
    copy = backup(paths, clock)
    writer.commit([keep("d2"), use("d1")])
    writer.commit([EndRun("run-1", 0, NOW)])
    writer.close()
    restore(paths, plan_restore(paths, copy), "x", clock)
    assert verify(paths).findings == ()
    used, free = kept_plan(paths, "d1"), kept_plan(paths, "d2")
    assert used is not None
    assert used.used_by == "run-1"
    assert free is not None
    assert free.used_by is None
