import asyncio
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.core.values.clock import ManualClock
from runner.panel.transport.rate_limit import PATIENCE, PAUSE, Limiter, OutOfPatience


async def starts(limiter, clock, number):
    seen = []

    async def one():
        await limiter.turn()
        seen.append(clock.monotonic())

    await asyncio.gather(*(one() for _ in range(number)))
    return seen


async def test_without_a_limit_all_start_at_once():
    clock = ManualClock()
    assert await starts(Limiter(None, clock), clock, 50) == [0.0] * 50


async def test_starts_are_evenly_spaced():
    clock = ManualClock()
    assert await starts(Limiter(60, clock), clock, 5) == [0.0, 1.0, 2.0, 3.0, 4.0]


async def test_a_late_start_does_not_let_two_others_close_up():
    clock = ManualClock()
    limiter = Limiter(60, clock)
    await limiter.turn()
    clock.advance(1.9)
    assert await starts(limiter, clock, 2) == [1.9, 2.9]


@settings(max_examples=40, deadline=None)
@given(rate=st.integers(1, 300), pauses=st.lists(st.floats(0, 30), max_size=30))
def test_no_minute_holds_more_than_the_rate(rate, pauses):
    async def run():
        clock = ManualClock()
        limiter = Limiter(rate, clock)
        seen = []
        for pause in [*pauses, *[0.0] * rate * 2]:
            clock.advance(pause)
            await limiter.turn()
            seen.append(clock.monotonic())
        return seen

    seen = asyncio.run(run())
    for first, beyond in zip(seen, seen[rate:], strict=False):
        assert beyond - first >= 60 - 1e-6


async def test_slowing_down_waits_and_halves_the_rate():
    clock = ManualClock()
    limiter = Limiter(60, clock)
    await limiter.turn()
    assert limiter.slow_down(30).per_minute == 30
    assert await starts(limiter, clock, 3) == [30.0, 32.0, 34.0]
    assert limiter.slow_down(None).per_minute == 15
    assert await starts(limiter, clock, 2) == [34 + PAUSE, 38 + PAUSE]


async def test_answers_to_calls_in_flight_together_lower_the_rate_once():
    clock = ManualClock()
    limiter = Limiter(60, clock)
    pauses = [limiter.slow_down(5), limiter.slow_down(None), limiter.slow_down(7)]
    assert [pause.per_minute for pause in pauses] == [30, 30, 30]
    assert [pause.is_news for pause in pauses] == [True, True, False], "a shorter pause inside a longer one is no news"
    assert await starts(limiter, clock, 1) == [PAUSE]


async def test_an_undeclared_rate_is_lowered_from_what_was_observed():
    clock = ManualClock()
    limiter = Limiter(None, clock)
    await starts(limiter, clock, 40)
    clock.advance(20)
    assert limiter.slow_down(10).per_minute == 40  # 40 in 30 seconds, halved
    idle = Limiter(None, clock)
    assert idle.slow_down(1).per_minute == 1


@pytest.mark.parametrize(("asked", "waited"), [(0, 1.0), (-5, 1.0), (599, 599.0)])
async def test_odd_waits_are_kept_within_reason(asked, waited):
    clock = ManualClock()
    limiter = Limiter(60, clock)
    limiter.slow_down(asked)
    assert await starts(limiter, clock, 1) == [waited]


async def test_the_rate_never_falls_below_one_a_minute():
    clock = ManualClock()
    limiter = Limiter(3, clock)
    for _ in range(5):
        rate = limiter.slow_down(1).per_minute
        clock.advance(2)
    assert rate == 1


async def test_a_slow_down_reaches_those_who_wait_already():
    clock = ManualClock()
    limiter = Limiter(60, clock)
    await limiter.turn()

    class Meddling(ManualClock):
        async def sleep(self, seconds):
            if not slowed:
                slowed.append(limiter.slow_down(20))
            await super().sleep(seconds)

    slowed = []
    limiter._clock = meddling = Meddling()
    await limiter.turn()
    assert meddling.monotonic() == 20.0


async def test_a_cancelled_turn_leaves_the_others_theirs():
    class Stuck(ManualClock):
        async def sleep(self, seconds):
            await asyncio.sleep(0.01)
            await super().sleep(seconds)

    clock = Stuck()
    limiter = Limiter(60, clock)
    await limiter.turn()
    waiting = [asyncio.create_task(limiter.turn()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert clock.monotonic() == 2.0


async def test_a_short_pause_after_a_few_quick_starts_does_not_make_a_crawl():
    clock = ManualClock()
    limiter = Limiter(None, clock)
    await starts(limiter, clock, 4)
    assert limiter.slow_down(1).per_minute == 120


@pytest.mark.parametrize("asked", [PATIENCE + 1, 86_400 * 365.0, 3e9])
async def test_a_pause_beyond_the_patience_is_not_slept_through(asked):
    clock = ManualClock()
    limiter = Limiter(60, clock)
    pause = limiter.slow_down(asked)
    assert pause.is_too_long
    assert pause.until == clock.now() + timedelta(seconds=asked)
    with pytest.raises(OutOfPatience) as raised:
        await limiter.turn()
    assert raised.value.until == pause.until
    assert clock.monotonic() == 0


async def test_who_waits_already_gives_up_with_the_others():
    class Slow(ManualClock):
        async def sleep(self, seconds):
            await asyncio.sleep(0.01)
            await super().sleep(seconds)

    limiter = Limiter(60, Slow())
    await limiter.turn()
    waiting = [asyncio.create_task(limiter.turn()) for _ in range(3)]
    await asyncio.sleep(0)
    limiter.slow_down(86_400)
    results = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 5)
    assert all(isinstance(result, OutOfPatience) for result in results)


async def test_pauses_that_follow_one_another_use_up_one_patience():
    clock = ManualClock()
    limiter = Limiter(60, clock, patience=100)
    assert not limiter.slow_down(60).is_too_long
    await limiter.turn()
    assert limiter.slow_down(60).is_too_long


async def test_a_call_that_goes_through_renews_the_patience():
    clock = ManualClock()
    limiter = Limiter(60, clock, patience=100)
    for _ in range(5):
        assert not limiter.slow_down(60).is_too_long
        await limiter.turn()
        limiter.went_through()
