"""The short form of the search over refills and cancels; `make crash` runs the long one."""

import pytest

from tests.crash.books import HOUR
from tests.crash.harness import campaign
from tests.crash.promises import BrokenPromise
from tests.crash.upkeep_mutants import UPKEEP_MUTANTS
from tests.crash.upkeep_search import DROP, SCRIPTS, UpkeepSearch
from tests.crash.upkeep_world import UpkeepFault
from tests.crash.world import When


@pytest.fixture
def search(fast_folder, template) -> UpkeepSearch:
    return UpkeepSearch(fast_folder / "upkeep", template)


def test_no_crash_from_the_first_request_for_refills_or_cancels_on_breaks_a_promise(search):
    search.cuts_at_requests(seed=1)
    assert search.tally.crashes > 20
    assert search.tally.refills > 40
    assert search.tally.cancels > 30


def test_no_crash_during_the_recovery_from_such_a_crash_breaks_a_promise(search):
    search.pairs_of_cuts(seed=2, step=6)
    assert search.tally.crashes > 10


def test_no_fault_of_the_panel_in_refills_and_cancels_breaks_a_promise(search):
    search.single_faults()
    assert len(search.tally.faults) == len(UpkeepFault)


def test_no_mixture_of_faults_crashes_and_counts_files_breaks_a_promise(search):
    search.faults_and_cuts(range(20))
    assert search.tally.histories == 20


def test_two_runs_at_once_ask_for_no_refill_twice_not_even_when_the_lock_is_deleted(search):
    search.two_runs(range(8))
    search.two_runs(range(959, 960))  # the second gives up a request of the first that is still on its way
    assert search.tally.refills > 20


def test_with_a_counts_file_nothing_is_asked_for_before_it_shows_a_drop(search):
    world, wanted = search.placed_world(1, {}), campaign(refill=DROP)
    asked = []
    for hour in (1.2, 0.4):
        world.clock.wait_until(world.clock.monotonic() + hour * HOUR)
        assert world.run(wanted).code == 0
        asked.append(len(world.panel.upkeep.asked))
    assert asked[0] == 0
    assert asked[1] > 0


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_same_seed_gives_the_same_trace(search, script):
    def traces() -> list[list[str]]:
        ends = search.history(7, script, {0: ((11, When.AFTER),)}, {2: UpkeepFault.LOST_AFTER})
        return [end.trace for end in ends]

    first, second = traces(), traces()
    assert first == second
    assert len(first) > len(script)


@pytest.mark.parametrize("name", UPKEEP_MUTANTS)
def test_the_search_finds_the_planted_bug(name, fast_folder, template, monkeypatch):
    world = UPKEEP_MUTANTS[name](monkeypatch)
    with pytest.raises(BrokenPromise):
        UpkeepSearch(fast_folder / "upkeep", template, **world).short()
