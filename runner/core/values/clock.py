"""Clocks and times: UTC for records, monotonic seconds for waiting."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


def awake_or_asleep() -> float:
    """Monotonic seconds that go on while the machine sleeps: `time.monotonic()` stands still under a closed lid."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Clock(Protocol):
    """The clock port of the engine: current time, elapsed time, sleeping."""

    def now(self) -> datetime:
        """The present moment, timezone-aware, UTC."""

    def monotonic(self) -> float:
        """Seconds that never run backwards; only differences mean anything."""

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds` of this clock."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present moment, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since the machine started, those that it slept included where the system counts them (Linux)."""
        return awake_or_asleep()

    async def sleep(self, seconds: float) -> None:
        """`asyncio.sleep()`."""
        import asyncio  # 40 ms to import, and whoever sleeps has it already

        await asyncio.sleep(seconds)


class ManualClock:
    """A clock that moves only when told to, or when somebody sleeps on it; for tests and rehearsals."""

    def __init__(self, start: datetime | None = None) -> None:
        self._now = start or datetime(2026, 1, 1, tzinfo=UTC)
        self._elapsed = 0.0

    def now(self) -> datetime:
        """The moment it was last moved to, UTC."""
        return self._now

    def monotonic(self) -> float:
        """Seconds it was moved by since it was made."""
        return self._elapsed

    def advance(self, seconds: float) -> None:
        """Move forward by `seconds`."""
        self._now += timedelta(seconds=seconds)
        self._elapsed += seconds

    async def sleep(self, seconds: float) -> None:
        """Move forward at once, and let other tasks run."""
        import asyncio

        self.advance(max(seconds, 0.0))
        await asyncio.sleep(0)


def to_text(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and `Z`: sorts as text in time order."""
    at = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    date = f"{at.year:04}-{at.month:02}-{at.day:02}"  # by hand in half of isoformat's time: each order is told of twice
    return f"{date}T{at.hour:02}:{at.minute:02}:{at.second:02}.{at.microsecond // 1000:03}Z"


def as_recorded(moment: datetime) -> datetime:
    """The moment as it comes back from a record: in whole milliseconds."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def from_text(text: str) -> datetime:
    """The moment that `to_text` wrote."""
    return datetime.fromisoformat(text)


def to_the_minute(moment: datetime) -> str:
    """`2026-03-01 12:00 UTC`."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def to_the_second(moment: datetime) -> str:
    """`2026-03-01 12:00:07 UTC`."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
