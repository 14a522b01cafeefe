"""A commit whose connection breaks anywhere, a run that is fenced at any moment; and bugs planted to see that this finds them."""

import pytest

from tests.postgres.crash.histories import BrokenPromise, Histories
from tests.postgres.crash.mutants import MUTANTS
from tests.postgres.crash.relay import Relay


@pytest.fixture
def histories(cluster, project, tmp_path):
    with Relay(cluster.port) as relay:
        one = Histories(cluster, project, tmp_path, relay)
        yield one
        one.close()


def test_a_commit_may_be_cut_off_before_and_after_everything_it_asks_for(histories):
    histories.every_cut()
    assert histories.tally["cut off"] >= 12


def test_what_is_done_about_a_cut_may_be_cut_off_too(histories):
    histories.pairs_of_cuts(step=9)
    assert histories.tally["cut off"] >= 16


@pytest.mark.slow
def test_every_pair_of_cuts(histories):
    histories.pairs_of_cuts(step=1)


def test_a_run_that_was_taken_over_neither_sends_nor_marks(histories):
    histories.every_takeover()


@pytest.mark.parametrize("name", MUTANTS)
def test_a_planted_bug_is_found(histories, name, monkeypatch):
    MUTANTS[name](monkeypatch)
    with pytest.raises(BrokenPromise):
        histories.short()
