"""The short form of the search; `make crash` runs the long one."""

import pytest

from tests.crash.harness import World, campaign
from tests.crash.mutants import MUTANTS, forgetful_planner
from tests.crash.promises import BrokenPromise
from tests.crash.search import Search, single_faults
from tests.crash.world import When


def test_no_crash_at_any_call_of_a_run_breaks_a_promise(search):
    search.every_cut(seed=1)
    assert search.tally.crashes > 50


def test_no_crash_during_the_recovery_from_a_crash_breaks_a_promise(search):
    search.pairs_of_cuts(seed=2, step=5)
    assert search.tally.crashes > 40


def test_no_fault_of_the_panel_breaks_a_promise(search):
    for faults in single_faults():
        search.history(3, faults=faults)
    assert search.tally.doubts >= 4 * 7


def test_no_mixture_of_faults_and_crashes_breaks_a_promise(search):
    search.faults_and_cuts(range(60))
    assert search.tally.histories == 60


def test_two_runs_at_once_break_no_promise_not_even_when_the_lock_is_deleted(search):
    search.two_runs(range(30))
    assert search.tally.rivals == 30


def test_the_same_seed_gives_the_same_trace(fast_folder, template):
    def traces() -> list[list[str]]:
        world = World(fast_folder / "world", template, seed=7)
        return [world.run(campaign(), 13, When.AFTER).trace, world.run(campaign()).trace]

    assert traces() == traces()


def test_the_database_alone_refuses_what_a_forgetful_planner_would_buy_twice(search, monkeypatch):
    forgetful_planner(monkeypatch)
    search.history(5)


@pytest.mark.parametrize("name", MUTANTS)
def test_the_search_finds_the_planted_bug(name, fast_folder, template, monkeypatch):
    world = MUTANTS[name](monkeypatch)
    search = Search(fast_folder / "world", template, **world)
    with pytest.raises(BrokenPromise):
        search.short()
