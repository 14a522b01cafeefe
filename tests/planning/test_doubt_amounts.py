"""Whether an unexplained amount is the money of orders in doubt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.core.attempts import AttemptState
from runner.planning.accounting.doubt_amounts import NOTHING, doubted
from tests.planning.builders import D, an_attempt, an_order

CENT = D("0.005")


def doubts(*prices):
    return [
        an_attempt(an_order(f"o{place}"), AttemptState.IN_DOUBT, expected_charge=D(price))
        for place, price in enumerate(prices)
    ]


@pytest.mark.parametrize(
    ("gone", "prices", "orders", "amount"),
    [
        ("0.90", ["0.90"], ["o0"], "0.90"),
        ("0.90", ["0.45", "0.90"], ["o1"], "0.90"),
        ("1.35", ["0.45", "0.90"], ["o0", "o1"], "1.35"),
        ("0.904", ["0.90"], ["o0"], "0.90"),
        ("0.18", ["0.09"] * 12, ["o0", "o1"], "0.18"),
        ("1.08", ["0.09"] * 12, [f"o{number}" for number in range(12)], "1.08"),
    ],
)
def test_an_amount_that_is_the_price_of_doubts_is_theirs(gone, prices, orders, amount):
    found = doubted(D(gone), doubts(*prices), CENT)
    assert (found.orders, found.amount, found.is_likely) == (tuple(f"spring/{one}" for one in orders), D(amount), True)


def test_doubts_may_be_a_part_of_what_is_more():
    found = doubted(D("5.00"), doubts("0.45", "0.90"), CENT)
    assert (found.orders, found.amount, found.is_likely) == (("spring/o0", "spring/o1"), D("1.35"), False)


@pytest.mark.parametrize(
    ("gone", "prices"),
    [(None, ["0.90"]), ("0", ["0.90"]), ("-0.90", ["0.90"]), ("0.90", []), ("0.50", ["0.90"]), ("0.10", ["0.09"] * 12)],
)
def test_anything_else_is_other_money(gone, prices):
    assert doubted(None if gone is None else D(gone), doubts(*prices), CENT) == NOTHING


@given(st.lists(st.decimals("0.01", "9.99", places=2), min_size=1, max_size=15), st.decimals("0.01", "99.99", places=2))
def test_never_more_is_theirs_than_is_gone(prices, gone):
    found = doubted(gone, doubts(*prices), CENT)
    assert found.amount <= gone + CENT
