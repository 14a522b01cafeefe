"""Moments as people write them."""

from datetime import UTC, datetime, timedelta

import pytest

from runner.cli.arguments.periods import read_period
from runner.core.errors import ExitCode, UsageError

NOW = datetime(2026, 11, 22, 18, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T08:30", datetime(2026, 11, 1, 8, 30, tzinfo=UTC)),
        ("2026-11-01T08:30:00Z", datetime(2026, 11, 1, 8, 30, tzinfo=UTC)),
        ("2026-11-01T08:30+02:00", datetime(2026, 11, 1, 6, 30, tzinfo=UTC)),
        ("7d", NOW - timedelta(days=7)),
        ("24h", NOW - timedelta(hours=24)),
        ("90m", NOW - timedelta(minutes=90)),
        ("2w", NOW - timedelta(weeks=2)),
    ],
)
def test_since_is_a_day_a_time_or_so_long_ago(text, moment):
    period = read_period(text, None, NOW)
    assert period is not None
    assert (period.since, period.until) == (moment, None)


def test_until_a_day_holds_the_whole_day_and_until_a_time_ends_there():
    day, time = read_period(None, "2026-11-30", NOW), read_period(None, "2026-11-30T00:00", NOW)
    assert day is not None
    assert time is not None
    assert (day.until, time.until) == (datetime(2026, 12, 1, tzinfo=UTC), datetime(2026, 11, 30, tzinfo=UTC))
    assert read_period("2026-11-30", "2026-11-30", NOW) is not None


def test_no_option_is_no_period():
    assert read_period(None, None, NOW) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-13-01",
        "7",
        "7y",
        "-7d",
        "999999w",
        "9999999d",
        "2026-11-01T25:00",
        "\u0667d",
        "9999-12-31",
    ],
)
def test_what_is_no_moment_ends_as_one_line(text):
    with pytest.raises(UsageError) as refused:
        read_period(None, text, NOW)
    assert refused.value.code is ExitCode.USAGE
    assert "\n" not in refused.value.message
    assert "--until" in refused.value.message


@pytest.mark.parametrize(
    ("since", "until"), [("2026-11-02", "2026-11-01"), ("1h", "2h"), ("2026-11-01", "2026-11-01T00:00")]
)
def test_a_period_that_ends_before_it_begins_is_refused(since, until):
    with pytest.raises(UsageError, match="is not before"):
        read_period(since, until, NOW)
