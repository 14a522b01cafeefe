from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from runner.core.values.clock import ManualClock, SystemClock, from_text, to_text


@given(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1)))  # noqa: DTZ001  # made aware below
def test_a_moment_survives_its_text_to_the_millisecond(moment):
    moment = moment.replace(tzinfo=UTC)
    assert abs(from_text(to_text(moment)) - moment) < timedelta(milliseconds=1)


def test_texts_are_in_utc_and_sort_in_time_order():
    noon = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    assert to_text(noon) == "2026-03-01T10:00:00.000Z"
    assert to_text(noon) < to_text(noon + timedelta(milliseconds=1))


async def test_sleeping_on_a_manual_clock_moves_it_and_nothing_else_does():
    clock = ManualClock()
    before = clock.now()
    await clock.sleep(90)
    assert (clock.now() - before, clock.monotonic()) == (timedelta(seconds=90), 90)


def test_the_system_clock_knows_its_zone():
    assert SystemClock().now().tzinfo is UTC
