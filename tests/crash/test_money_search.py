"""Money that moves between two adds of one run, in the short form; `make crash` runs the long one."""

import pytest

from tests.crash.money_mutants import MONEY_MUTANTS
from tests.crash.money_search import MoneySearch
from tests.crash.promises import BrokenPromise


@pytest.fixture
def money(fast_folder, template) -> MoneySearch:
    return MoneySearch(fast_folder / "money", template)


def test_no_move_of_prices_charges_balance_or_currency_breaks_a_promise(money):
    money.told()
    assert len(money.moves) >= 15


def test_no_mixture_of_moves_crashes_and_signals_breaks_a_promise(money):
    money.random_histories(range(60))
    assert money.tally.histories == 60
    assert money.tally.crashes > 5


@pytest.mark.parametrize("name", MONEY_MUTANTS)
def test_the_search_finds_the_missing_defence(name, fast_folder, template, monkeypatch):
    world = MONEY_MUTANTS[name](monkeypatch)
    search = MoneySearch(fast_folder / "money", template, **world)
    with pytest.raises(BrokenPromise):
        search.short()
