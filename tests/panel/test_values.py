from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.core.attempts import LiveStatus
from runner.panel.parse.values import fold_status, fold_type, read_amount, read_balance, read_flag, read_id, read_whole


@pytest.mark.parametrize(
    ("value", "order_id"),
    [
        (23501, "23501"),
        ("23501", "23501"),
        ("ord_7f-A.9", "ord_7f-A.9"),
        ("x" * 64, "x" * 64),
        *[(bad, None) for bad in (True, False, None, 0, -5, Decimal("1.5"), [], [5], {}, {"id": 5}, 10**64)],
        *[
            (bad, None)
            for bad in ("", "0", "000", "-5", "a b", "a\tb", "1,2", "x" * 65, "null", "False", "error", "\u200b1")
        ],
    ],
)
def test_an_id_is_a_positive_int_or_a_short_printable_text(value, order_id):
    assert read_id(value) == order_id


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        ("0.27819", Decimal("0.27819")),
        (" 8 ", Decimal(8)),
        (5, Decimal(5)),
        (Decimal("1e-3"), Decimal("0.001")),
        ("9.0E-5", Decimal("0.00009")),
        ("-1.5", Decimal("-1.5")),
        *[
            (bad, None)
            for bad in ("", "N/A", "1,000", "1_000", "NaN", "Infinity", "1e999", "$5", True, None, [], "\u0661")
        ],
    ],
)
def test_an_amount_is_a_finite_number_in_any_writing(value, amount):
    assert read_amount(value) == amount


@pytest.mark.parametrize(
    ("value", "whole"),
    [
        ("157", 157),
        (157, 157),
        ("-20", -20),
        (-20, -20),
        ("157.0", 157),
        (Decimal("157.00"), 157),
        *[
            (bad, None)
            for bad in ("+2", "Unknown", "", None, True, "1.5", Decimal("1.5"), 10**18, 10**400, "1" * 19, {})
        ],
    ],
)
def test_a_whole_number_fits_the_state_or_says_nothing(value, whole):
    assert read_whole(value) == whole


@pytest.mark.parametrize(
    ("value", "flag"),
    [
        (True, True),
        (1, True),
        ("1", True),
        ("true", True),
        (False, False),
        (0, False),
        ("0", False),
        ("False", False),
        (None, None),
        ("", None),
        ("maybe", None),
        (2, None),
        ([], None),
    ],
)
def test_a_flag_may_be_unknown(value, flag):
    assert read_flag(value) is flag


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("Pending", LiveStatus.PENDING),
        ("awaiting_approval", LiveStatus.PENDING),
        ("creating", LiveStatus.PENDING),
        ("Processing", LiveStatus.PROCESSING),
        ("In progress", LiveStatus.IN_PROGRESS),
        ("in-progress", LiveStatus.IN_PROGRESS),
        ("INPROGRESS", LiveStatus.IN_PROGRESS),
        ("In progess", LiveStatus.IN_PROGRESS),
        ("active", LiveStatus.IN_PROGRESS),
        ("Completed", LiveStatus.COMPLETED),
        ("complete", LiveStatus.COMPLETED),
        ("success", LiveStatus.COMPLETED),
        ("Partial", LiveStatus.PARTIAL),
        ("Canceled", LiveStatus.CANCELED),
        ("cancelled", LiveStatus.CANCELED),
        ("cancel", LiveStatus.CANCELED),
        ("refunds", LiveStatus.REFUNDED),
        ("Fail", LiveStatus.FAILED),
        ("error", LiveStatus.FAILED),
        *zip(range(6), list(LiveStatus)[:2] + list(LiveStatus)[3:7], strict=True),
        ("2", LiveStatus.COMPLETED),
        *[(odd, LiveStatus.UNKNOWN) for odd in ("Teleporting", "", None, True, 6, -1, 10**400, Decimal(2), [], {})],
    ],
)
def test_status_words_fold(word, status):
    assert fold_status(word) is status


def test_service_types_fold():
    assert fold_type("Custom_Comments-Package ") == "custom comments package"
    assert fold_type("DEFAULT") == "default"


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1,234.56", "1234.56"),
        ("1.234,56", "1234.56"),
        ("1 234,56", "1234.56"),
        ("1\N{NO-BREAK SPACE}234.56", "1234.56"),
        ("1'234.50", "1234.50"),
        ("1,234,567", "1234567"),
        ("1.234.567", "1234567"),
        ("1,234,567.891", "1234567.891"),
        ("1 234", "1234"),
        ("-1,234.56", "-1234.56"),
        ("-12.50", "-12.50"),
        ("12,5", "12.5"),
        ("0,125", "0.125"),
        ("1234,567", "1234.567"),
        ("1.234", "1.234"),  # as the protocol writes it
        (" 100.84292 ", "100.84292"),
    ],
)
def test_a_balance_with_thousands_separators_is_read_where_it_can_mean_one_thing(text, amount):
    assert read_balance(text) == Decimal(amount)


@pytest.mark.parametrize(
    "text",
    [
        "1,234",
        "12,34.56",
        "1,234,56",
        "1,,234.5",
        "01,234.5",
        "1,234.567,8",
        "1.234.56",
        "(1,234.56)",
        "$5",
        "",
        ",5",
        "1,234.",
    ],
)
def test_a_balance_that_may_mean_two_things_or_none_is_unknown(text):
    assert read_balance(text) is None


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=2))
def test_a_balance_is_the_same_however_its_thousands_are_separated(amount):
    english = f"{amount:,}"
    for written in (str(amount), english, english.translate(str.maketrans(",.", ".,")), english.replace(",", " ")):
        assert read_balance(written) == amount
