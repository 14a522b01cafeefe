"""Spaces the starts of one kind of call on one panel. Time is an argument; nothing here knows of requests."""

import asyncio

from runner.core.clock import Clock

MINUTE = 60.0
PAUSE = 10.0  # seconds without calls after a rate-limit answer that names no time
LONGEST = 3600.0  # seconds: a panel's word is obeyed up to an hour
SLOWEST = 1.0  # calls per minute


class Limiter:
    """Lets calls start evenly spaced, so that no minute holds more than `per_minute`; None lets all start at once."""

    __slots__ = ("_clock", "_count", "_former", "_last", "_lock", "_minute", "_not_before", "_spacing", "per_minute")

    def __init__(self, per_minute: float | None, clock: Clock) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._spacing = MINUTE / per_minute if per_minute else 0.0
        self._lock = asyncio.Lock()  # first come, first served; and only one sleeps
        self._last = float("-inf")  # the last start
        self._not_before = float("-inf")
        self._minute = float("-inf")  # when the present minute of counting began
        self._count = 0
        self._former = 0

    def turn_now(self) -> bool:
        """Take a turn if nothing spaces the calls; False: wait for `turn()`."""
        if self._spacing != 0.0:
            return False
        self._count_start(self._clock.monotonic())
        return True

    async def turn(self) -> None:
        """Return when one more call may start; safe to cancel."""
        if self.turn_now():
            return
        async with self._lock:
            # Spaced from the last real start, not from a timetable: a late start must not let two others close up.
            while (wait := self._next() - self._clock.monotonic()) > 0:
                await self._clock.sleep(wait)
            self._last = self._clock.monotonic()
            self._count_start(self._last)

    def slow_down(self, retry_after: float | None) -> float:
        """Obey a rate-limit answer: no start for `retry_after` seconds, then half the rate; the new one, per minute.

        Answers to calls that were in flight together count as one: during the pause it only gets longer.
        """
        now = self._clock.monotonic()
        pausing = now < self._not_before
        pause = PAUSE if retry_after is None else min(max(retry_after, 1.0), LONGEST)
        self._not_before = max(self._not_before, now + pause)
        if self.per_minute is None or not pausing:
            rate = self._observed(now, pause) if self.per_minute is None else self.per_minute
            self.per_minute = max(rate / 2, SLOWEST)
            self._spacing = MINUTE / self.per_minute
        return self.per_minute

    def _next(self) -> float:
        return max(self._last + self._spacing, self._not_before)

    def _count_start(self, now: float) -> None:
        if now - self._minute >= MINUTE:
            self._former = self._count if now - self._minute < 2 * MINUTE else 0
            self._minute, self._count = now, 0
        self._count += 1

    def _observed(self, now: float, pause: float) -> float:
        """Starts per minute that the panel took, over the time they took and the pause it wants for them."""
        counted = now - self._minute
        if counted >= MINUTE:
            return self._count if counted < 2 * MINUTE else 0
        return max(self._count * MINUTE / (counted + pause), self._former)
