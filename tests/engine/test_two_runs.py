"""Two runs, or two copies of one state: the one that lost its right to write stops before its next mark."""

import asyncio
import shutil
from dataclasses import replace

import pytest

from runner.core.attempts import OutcomeKind
from runner.core.errors import ExitCode, StateLocked, StateRefused
from runner.core.operations import BeginRun
from runner.engine.run import PlanRequest, apply
from runner.engine.session import Session
from runner.store.disk.lock import acquire
from runner.store.disk.paths import StatePaths
from runner.store.journal import open_journal
from tests.engine.simulated import SimulatedPanel, campaign
from tests.engine.test_apply import run, yes


@pytest.fixture
def paths(tmp_path):
    return StatePaths.at(tmp_path / "state" / "runner.db")


@pytest.fixture
def kept_in(paths):
    """Locks and damages of files: what a server does about two runs is in tests/postgres."""
    return paths


def replace_lock(paths):
    paths.lock.unlink()
    paths.lock.touch()


def copy_back(paths):
    """As `cp backup runner.db` would: the same file with older content."""
    paths.db.write_bytes((paths.db.parent / "older.db").read_bytes())


def move_back(paths):
    """As `mv backup runner.db` would: another file."""
    shutil.copy(paths.db.parent / "older.db", paths.db.parent / "again.db")
    (paths.db.parent / "again.db").replace(paths.db)


def delete(paths):
    paths.db.unlink()


def delete_wal(paths):
    paths.wal.unlink()


@pytest.mark.parametrize("meddle", [replace_lock, copy_back, move_back, delete, delete_wal])
async def test_a_run_whose_state_was_taken_from_it_sends_nothing_after(open_run, clock, paths, meddle):
    panel = SimulatedPanel(clock=clock, parallel=1)
    async with open_run(panel) as session:
        await run(session, campaign(1))
    shutil.copy(paths.db, paths.db.parent / "older.db")
    adds_at = []
    sell = panel.sell

    def then_meddle(attempt):
        outcome = sell(attempt)
        if len(panel.sold) == 4:
            meddle(paths)
            adds_at.append(panel.adds)
        return outcome

    panel.sell = then_meddle
    async with open_run(panel) as session:
        result = await run(session, campaign(20))
    assert adds_at == [4]
    assert panel.adds == 4, "something was sent after the state was lost"
    assert result.exit_code is ExitCode.IN_DOUBT
    assert any("23504" in one.message and "keep this line" in one.message for one in result.orders)
    assert all("noted in" in one.message for one in result.orders if one.outcome is OutcomeKind.IN_DOUBT)


async def test_what_a_run_could_not_record_any_more_is_known_to_the_next_one(open_run, clock, paths):
    panel = SimulatedPanel(clock=clock, parallel=1)
    sell = panel.sell

    def then_meddle(attempt):
        if len(panel.sold) == 2:
            replace_lock(paths)
        return sell(attempt)

    panel.sell = then_meddle
    async with open_run(panel) as session:
        first = await run(session, campaign(5))
    panel.sell = sell
    async with open_run(panel) as session:
        second = await run(session, campaign(5))
    assert (first.exit_code, second.exit_code) == (ExitCode.IN_DOUBT, ExitCode.OK)
    assert sorted(panel.links) == sorted(one.link for one in campaign(5).orders)


async def test_of_two_runs_with_one_state_the_second_does_not_begin(open_run, clock, paths):
    async with open_run():
        with pytest.raises(StateRefused, match="locked by"):
            await acquire(paths, "apply", clock)


async def test_two_writers_after_a_broken_lock_never_both_send_one_order(clock, tmp_path, paths):
    """Both have the database open, as if the lock file had been deleted: the serial lets only one go on.

    A user without a home, so that no mark outside of the folder keeps the second one from opening it.
    """
    paths = replace(paths, marks=None)
    one, two = SimulatedPanel("sim", clock=clock, parallel=1), SimulatedPanel("sim", clock=clock, parallel=1)
    wish = PlanRequest(campaigns=[campaign(10)])
    with await acquire(paths, "apply", clock) as first_lock:
        async with open_journal(paths, first_lock, clock) as first:
            await first.record(BeginRun("run-a", "apply", clock.now()))
            paths.lock.unlink()
            with pytest.raises(StateLocked):  # the database itself is locked too
                await acquire(paths, "apply", clock)
            first_lock.let_go_of_database()
            with await acquire(paths, "apply", clock) as second_lock:
                async with open_journal(paths, second_lock, clock) as second:
                    await second.record(BeginRun("run-b", "apply", clock.now()))
                    sessions = [
                        Session(run_id=name, journal=journal, panels={"sim": panel}, clock=clock)
                        for name, journal, panel in (("run-a", first, one), ("run-b", second, two))
                    ]
                    ended = await asyncio.gather(*(apply(each, wish, yes) for each in sessions), return_exceptions=True)
    assert isinstance(ended[0], StateRefused)
    assert (one.adds, two.adds) == (0, 10)
