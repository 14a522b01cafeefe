from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from runner.core.values.money import (
    expected_charge,
    for_people,
    parse_amount,
    parse_panel_number,
    places_of,
    plain,
    same_amount,
)


@pytest.mark.parametrize("text", ["250.00", "0", "-1.5", "0.27819"])
def test_amounts_as_people_write_them_are_exact(text):
    assert parse_amount(text) == Decimal(text)


@pytest.mark.parametrize("text", ["", "1e3", "+1", " 1", "1,000", ".5", "5.", "NaN", "Infinity", "1\n", "٣", "1" * 16])
def test_anything_else_is_no_amount(text):
    with pytest.raises(ValueError, match="not a decimal amount"):
        parse_amount(text)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("0.90", Decimal("0.90")),
        (8, Decimal(8)),
        ("1E-5", Decimal("0.00001")),
        (" 100.84292 ", Decimal("100.84292")),
        (True, None),
        (None, None),
        ("", None),
        ("N/A", None),
        ("NaN", None),
        ("Infinity", None),
        ("1e400", None),
        ([], None),
    ],
)
def test_numbers_of_panels_are_finite_or_unknown(value, number):
    assert parse_panel_number(value) == number


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("131.3", "131.30"),
        ("0.27819", "0.27819"),
        ("1E+3", "1000.00"),
        ("0", "0.00"),
        ("-0", "0.00"),
        ("5.000", "5.00"),
    ],
)
def test_plain_amounts_have_no_exponent_and_two_decimals_at_least(amount, text):
    assert plain(Decimal(amount)) == text


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=5))
def test_plain_loses_nothing(amount):
    assert Decimal(plain(amount)) == amount


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("1131.304", "1,131.304"),
        ("0.00012", "0.00012"),
        ("0.01234567891", "0.01234567891"),
        ("-0.5", "-0.50"),
        ("-1234567.8", "-1,234,567.80"),
        ("1E+4", "10,000.00"),
        ("-0.000", "0.00"),
    ],
)
def test_people_see_every_decimal_there_is_and_two_at_least(amount, text):
    assert for_people(Decimal(amount)) == text


def test_amounts_of_one_table_have_the_decimals_of_the_most_precise_one():
    amounts = [Decimal("2.85"), Decimal("0.004"), Decimal(7), Decimal("0.000"), None]
    assert places_of(amounts) == 3
    assert [for_people(one, 3) for one in amounts if one is not None] == ["2.850", "0.004", "7.000", "0.000"]
    assert places_of([]) == places_of([None]) == 2


@given(st.decimals(allow_nan=False, allow_infinity=False), st.integers(2, 40))
def test_no_amount_is_ever_rounded_for_people(amount, places):
    assume(abs(amount.adjusted()) < 30 and len(amount.as_tuple().digits) <= 60)
    assert Decimal(for_people(amount, places).replace(",", "")) == amount
    assert Decimal(plain(amount)) == amount


def test_sums_of_thirty_decimals_are_exact():
    least = Decimal(1).scaleb(-30)
    assert (Decimal(10) ** 15 + least) - Decimal(10) ** 15 == least
    assert plain(Decimal(10) ** 15 + least) == "1000000000000000.000000000000000000000000000001"


def test_a_drip_feed_is_expected_to_cost_every_run():
    assert expected_charge(Decimal("0.12"), 500, 4) == Decimal("0.24")
    assert expected_charge(Decimal("0.12"), 500, None) == Decimal("0.06")


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("0.27819", "0.28", True),
        ("0.27819", "0.278", True),
        ("0.27", "0.28", False),
        ("100", "100.005", True),
        ("10.00", "9.00", False),
        ("0", "0.00000", True),
    ],
)
def test_amounts_are_the_same_up_to_the_coarser_rounding(a, b, same):
    assert same_amount(Decimal(a), Decimal(b)) is same_amount(Decimal(b), Decimal(a)) is same
