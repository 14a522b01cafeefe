from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.core.values.remembered import Remembered
from runner.files.syntax.scalars import (
    OddNumber,
    duration,
    flag_cell,
    fraction,
    number_cell,
    per_minute,
    plain_text,
    plain_value,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("500", 500),
        ("-5", -5),
        ("9" * 18, int("9" * 18)),
        ("True", "True"),
        ("NULL", "NULL"),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("2024-01-01", "2024-01-01"),
        ("24h", "24h"),
        ("5%", "5%"),
        ("abc-1", "abc-1"),
        ("e3", "e3"),
        (".", "."),
        ("-", "-"),
        ("0.0.0", "0.0.0"),
        ("1,000", "1,000"),
        ("\u0665", "\u0665"),
    ],
)
def test_an_unquoted_value_means_what_it_looks_like(text, value):
    found = plain_value(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "010",
        "00",
        "-0",
        "+5",
        "0x1f",
        "0o17",
        "0b11",
        "1_000",
        "1:30",
        "190:20:30",
        "190:20:30.15",
        ".5",
        "5.",
        "1.5",
        "-1.5",
        "1e3",
        "1.5e-3",
        "1E3",
        ".inf",
        "-.inf",
        ".nan",
        "9" * 19,
        "0.0",
        "685_230.15",
    ],
)
def test_what_readers_disagree_on_is_an_odd_number_and_in_text_fields_itself(text):
    found = plain_value(text)
    assert isinstance(found, OddNumber)
    assert found.text == text
    assert plain_text(text) == text


@given(st.text("0123456789+-._:eExob~ntrufals", max_size=12))
def test_remembered_values_are_the_same_as_fresh_ones(text):
    values = Remembered(plain_value)
    for _ in range(2):
        found, fresh = values[text], plain_value(text)
        assert type(found) is type(fresh)
        assert repr(found) == repr(fresh)


@pytest.mark.parametrize(("cell", "value"), [("1000", 1000), (" 1000 ", 1000), ("", None), ("  ", None), ("0", 0)])
def test_cells_hold_plain_numbers(cell, value):
    assert number_cell(cell) == value


@pytest.mark.parametrize("cell", ["1,000", "1e3", "010", "1.0", "+1", "1 000", "true", "\u0661"])
def test_any_other_cell_is_an_odd_number(cell):
    assert isinstance(number_cell(cell), OddNumber)


def test_cells_hold_flags():
    assert (flag_cell("true"), flag_cell(" false "), flag_cell("")) == (True, False, None)
    assert isinstance(flag_cell("yes"), OddNumber)
    assert isinstance(flag_cell("null"), OddNumber)


def test_times_rates_and_percentages():
    assert duration("90s") == timedelta(seconds=90)
    assert duration("10m") == timedelta(minutes=10)
    assert duration("24h") == timedelta(hours=24)
    assert duration("30d") == timedelta(days=30)
    assert per_minute("60/min") == 60.0
    assert per_minute("2/s") == 120.0
    assert per_minute("600/h") == pytest.approx(10.0)
    assert fraction("0%") == 0
    assert fraction("2.5%") == Decimal("0.025")
