"""Counts calls of one kind by UTC day, earlier runs included."""

from collections.abc import Mapping
from datetime import UTC, date

from runner.core.values.clock import Clock
from runner.panel.transport.rate_limit import PATIENCE, Limiter


class CountingLimiter(Limiter):
    """A limiter that knows how many calls of the present UTC day are left. It holds none back: callers ask first."""

    def __init__(self, per_minute: float | None, clock: Clock, per_day: int | None, patience: float = PATIENCE) -> None:
        super().__init__(per_minute, clock, patience)
        self._per_day = per_day
        self._before: dict[date, int] = {}  # recorded
        self._new: dict[date, int] = {}  # not recorded yet

    def remember(self, calls: Mapping[date, int]) -> None:
        """Count calls that earlier runs made."""
        self._before = dict(calls)

    def left(self) -> int | None:
        """Calls that may still begin today; None: there is no limit."""
        if self._per_day is None:
            return None
        today = self._today()
        return max(0, self._per_day - self._before.get(today, 0) - self._new.get(today, 0))

    def take_new(self) -> Mapping[date, int]:
        """Calls begun since the last time this was asked, by day, to be recorded; none where the day has no limit."""
        new, self._new = self._new, {}
        for day, calls in new.items():
            self._before[day] = self._before.get(day, 0) + calls
        return new

    def _count_start(self, now: float) -> None:
        super()._count_start(now)
        if self._per_day is not None:
            today = self._today()
            self._new[today] = self._new.get(today, 0) + 1

    def _today(self) -> date:
        return self._clock.now().astimezone(UTC).date()
