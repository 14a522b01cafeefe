"""Spaces the starts of one kind of call on one panel. Time is an argument."""

import asyncio
from datetime import datetime, timedelta
from typing import NamedTuple

from runner.core.values.clock import Clock

MINUTE = 60.0
PAUSE = 10.0  # seconds without calls after a rate-limit answer that names no time
PATIENCE = 600.0  # seconds that calls wait for a panel, one pause after the other, before they are given up
SLOWEST = 1.0  # calls per minute
_SAME = 1.0  # seconds by which one pause must be longer than another to be news


class Pause(NamedTuple):
    """What became of a rate-limit answer."""

    per_minute: float  # the rate from now on
    until: datetime  # no call starts before
    is_news: bool  # False: a pause that lasts as long is under way
    is_too_long: bool  # longer than the patience: calls are given up instead


class OutOfPatience(Exception):  # named after what happened
    """No call may start within the patience; not before `until`."""

    def __init__(self, until: datetime) -> None:
        super().__init__(until)
        self.until = until


class Limiter:
    """Lets calls start evenly spaced, so that no minute holds more than `per_minute`; None lets all start at once."""

    def __init__(self, per_minute: float | None, clock: Clock, patience: float = PATIENCE) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._patience = patience
        self._since: float | None = None  # when the first of the pauses began that followed one another
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
        """Return when one more call may start; safe to cancel. Raises `OutOfPatience`."""
        if self.turn_now():
            return
        async with self._lock:
            # Spaced from the last real start, not from a timetable: a late start must not let two others close up.
            while (wait := self._next() - self._clock.monotonic()) > 0:
                if self._is_too_long:
                    raise OutOfPatience(self._clock.now() + timedelta(seconds=wait))
                await self._clock.sleep(wait)
            self._last = self._clock.monotonic()
            self._count_start(self._last)

    def slow_down(self, retry_after: float | None) -> Pause:
        """Obey a rate-limit answer: no start for `retry_after` seconds, then half the rate.

        Answers to calls that were in flight together count as one: during the pause it only gets longer.
        """
        now = self._clock.monotonic()
        pausing = now < self._not_before
        former = max(self._not_before, now)
        pause = PAUSE if retry_after is None else max(retry_after, 1.0)
        self._not_before = max(self._not_before, now + pause)
        if self._since is None:
            self._since = now
        if self.per_minute is None or not pausing:
            rate = self._observed(now, pause) if self.per_minute is None else self.per_minute
            self.per_minute = max(rate / 2, SLOWEST)
            self._spacing = MINUTE / self.per_minute
        return Pause(
            per_minute=self.per_minute,
            until=self._clock.now() + timedelta(seconds=self._not_before - now),
            is_news=not pausing or self._not_before - former >= _SAME,
            is_too_long=self._is_too_long,
        )

    def went_through(self) -> None:
        """The panel answered a call: waiting starts to be counted anew."""
        self._since = None

    @property
    def _is_too_long(self) -> bool:
        return self._since is not None and self._not_before - self._since > self._patience

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
