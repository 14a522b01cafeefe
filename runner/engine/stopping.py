"""How a run ends early: reads are cancelled at once, sends are drained. Knows nothing of signals."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from runner.core.errors import Interrupted


class Stop:
    """A request to end one run. `request()` is what a signal handler calls; safe to call again."""

    def __init__(self) -> None:
        self.requested = False
        self.in_flight = 0  # sends whose outcome is not recorded yet
        self._reading: asyncio.Task[object] | None = None
        self._wakers: set[Callable[[], None]] = set()

    def request(self) -> None:
        """End the run: cancel what only reads, let what was marked finish, mark nothing more."""
        self.requested = True
        if self._reading is not None:
            self._reading.cancel()
        for wake in tuple(self._wakers):
            wake()

    def on_request(self, wake: Callable[[], None]) -> None:
        """Have `wake` called when the run should end."""
        self._wakers.add(wake)

    @asynccontextmanager
    async def interruptible(self) -> AsyncIterator[None]:
        """Work inside may be cut off anywhere: it only reads. Raises `Interrupted` when it was."""
        self._refuse_if_requested()
        task = asyncio.current_task()
        self._reading = task
        try:
            yield
        except asyncio.CancelledError:
            if task is not None and self.requested:
                task.uncancel()
            self._refuse_if_requested()
            raise
        finally:
            self._reading = None

    def _refuse_if_requested(self) -> None:
        if self.requested:
            raise Interrupted("interrupted while reading; nothing more was sent")
