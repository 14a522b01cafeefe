"""A deterministic event loop: virtual time, no sockets, no threads, and a seeded order among tasks that are ready."""

import asyncio
import random
from collections.abc import Coroutine
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")


class Deadlock(AssertionError):
    """Every task waits and nothing will ever wake one."""


class SimulatedLoop(asyncio.BaseEventLoop):
    """Its own selector: waiting for a moment moves the time there. Same seed, same order of steps."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seconds = 0.0
        self._order = random.Random(seed)
        self._selector = self
        self.mistakes: list[Exception] = []
        self.set_exception_handler(self._keep_mistakes)

    def _keep_mistakes(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A crash leaves tasks that nobody asks. But a callback that could not even be called is a fault of ours."""
        error = context.get("exception")
        if isinstance(error, TypeError | NameError | AttributeError):
            self.mistakes.append(error)

    def time(self) -> float:
        return self._seconds

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise Deadlock
        self._seconds += timeout
        return []

    def _process_events(self, event_list: list[Any]) -> None:
        """No sockets, so no events."""

    def _write_to_self(self) -> None:
        """No threads, so nobody to wake."""

    def _run_once(self) -> None:
        ready = list(self._ready)
        self._order.shuffle(ready)
        self._ready.clear()
        self._ready.extend(ready)
        super()._run_once()

    def close(self) -> None:
        """Forget what a crash left behind, without letting it run or complain."""
        for task in asyncio.all_tasks(self):
            task._log_destroy_pending = False
            with suppress(BaseException):  # its handlers reach for a world that is gone
                task.get_coro().close()  # type: ignore[union-attr]
        self._ready.clear()
        self._scheduled.clear()
        super().close()


class SimulatedClock:
    """The loop's virtual time, as the engine sees it; goes on over restarts."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self._loop: SimulatedLoop | None = None
        self._base = 0.0

    def attach(self, loop: SimulatedLoop) -> None:
        self._loop, self._base = loop, self.elapsed

    def monotonic(self) -> float:
        if self._loop is not None:
            self.elapsed = self._base + self._loop.time()
        return self.elapsed

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.monotonic())

    def wait_until(self, moment: float) -> None:
        """While no program runs: let the time pass to `moment`, in seconds of `monotonic`."""
        self.elapsed = max(self.monotonic(), moment)
        self._loop = None

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def run_on(loop: SimulatedLoop, main: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` on this loop; what a crash leaves behind never runs again."""
    try:
        return loop.run_until_complete(main)
    finally:
        loop.close()
        if loop.mistakes:  # no broken promise: a planted bug that fails like this was not found
            raise RuntimeError("code under the loop is wrong in itself") from loop.mistakes[0]
