"""How long a panel asks to wait, in every dress that it is written in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.panel.parse.retry_after import LONGEST, asked_to_wait

DATE = "Wed, 21 Oct 2026 07:28:00 GMT"
SENT = 1792567680  # the same moment, seconds since 1970


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30.0),
        (" 30 ", 30.0),
        ("1.5", 1.5),
        ("0", 0.0),
        ("-3", 0.0),
        ("31536000", 31536000.0),
        ("Wed, 21 Oct 2026 07:29:30 GMT", 90.0),
        ("Wed, 21 Oct 2020 07:29:30 GMT", 0.0),
        ("Thu, 21 Oct 2027 07:28:00 GMT", 31536000.0),
        ("2026-10-21T07:29:30Z", 90.0),
        ("2026-10-21T07:29:30+00:00", 90.0),
        ("2026-10-21T07:27:30Z", 0.0),
        (str(SENT + 60), 60.0),
        (str((SENT + 60) * 1000), 60.0),
        (str(SENT - 60), 0.0),
        ("9" * 19, LONGEST),
        ("9" * 40, LONGEST),
        ("9" * 5000, LONGEST),
        ("1e12", 0.0),
        ("NaN", None),
        ("nan", None),
        ("inf", None),
        ("Infinity", None),
        ("1e999", None),
        ("soon", None),
        ("", None),
        ("0x10", None),
        ("١٢", None),
    ],
)
@pytest.mark.parametrize("name", ["retry-after", "x-ratelimit-reset", "x-rate-limit-reset", "ratelimit-reset"])
def test_a_header_says_how_long(name, text, seconds):
    assert asked_to_wait({name: text, "date": DATE}) == seconds


@pytest.mark.parametrize("text", ["Wed, 21 Oct 2026 07:29:30 GMT", str(SENT + 60), "2026-10-21T07:29:30Z"])
def test_a_moment_without_the_servers_own_clock_says_nothing(text):
    assert asked_to_wait({"retry-after": text}) is None


def test_retry_after_wins_over_a_reset_and_what_says_nothing_is_passed_over():
    assert asked_to_wait({"retry-after": "5", "x-ratelimit-reset": "50"}) == 5
    assert asked_to_wait({"retry-after": "soon", "x-ratelimit-reset": "50"}) == 50


def test_a_reset_alone_asks_nobody_to_wait_who_was_not_limited():
    """Many panels send it with every answer."""
    assert asked_to_wait({"x-ratelimit-reset": "50"}, is_rate_limit=False) is None
    assert asked_to_wait({"retry-after": "50"}, is_rate_limit=False) == 50


@given(text=st.text() | st.integers().map(str) | st.floats().map(str), date=st.text() | st.just(DATE))
def test_whatever_stands_there_the_wait_is_a_number_of_seconds_or_none(text, date):
    seconds = asked_to_wait({"retry-after": text, "date": date})
    assert seconds is None or 0 <= seconds <= LONGEST
