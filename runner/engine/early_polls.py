"""Polls what a run buys while it still buys: a hundred at a time, so that the end of a large run need not wait for it.

Only reads, and only what will be read anyway: a poll that fails leaves its orders to the poll after the last purchase.
"""

import asyncio
from itertools import islice

from runner.core.attempts import BATCH
from runner.core.errors import RunnerError
from runner.core.events import EventType
from runner.engine.ports import Panel
from runner.engine.session import Session


class EarlyPolls:
    """The full batches among the orders that one panel gave ids to in one run."""

    def __init__(self, session: Session, panel: Panel) -> None:
        self._session = session
        self._panel = panel
        self._next: dict[str, int] = {}  # in no batch yet
        self._polling: set[asyncio.Task[None]] = set()
        self._has_failed = False
        self.left: dict[str, int] = {}  # panel order id -> attempt id, of all whose status was not seen

    def note(self, panel_order_id: str, attempt_id: int) -> None:
        """An order is placed and its outcome durable; polls a batch if one is full and a call is free."""
        self.left[panel_order_id] = self._next[panel_order_id] = attempt_id
        if len(self._next) < BATCH or len(self._polling) >= self._panel.profile.parallel_read or self._is_over:
            return
        if self._panel.polls_left() == 0:  # the day's calls are used up: the last poll tells of it
            return
        batch = dict(islice(self._next.items(), BATCH))
        for order_id in batch:
            del self._next[order_id]
        task = asyncio.ensure_future(self._poll(batch))
        self._polling.add(task)
        task.add_done_callback(self._polling.discard)

    async def close(self) -> None:
        """Wait for the calls under way; once the run is to end, cut them off."""
        polling = tuple(self._polling)
        if self._is_over:
            for task in polling:
                task.cancel()
        for failure in await asyncio.gather(*polling, return_exceptions=True):
            if isinstance(failure, Exception):
                raise failure

    @property
    def _is_over(self) -> bool:
        return self._has_failed or self._session.stop.requested

    async def _poll(self, batch: dict[str, int]) -> None:
        try:
            seen = await self._panel.statuses(batch, self._session.clock.now())
            await self._session.journal.see_statuses(seen)
        except RunnerError:  # the panel or the state fails: the purchases or the last poll find the same, and tell it
            self._has_failed = True
            return
        for order_id in batch:
            del self.left[order_id]
        name = self._panel.profile.name
        self._session.tell(EventType.STATUSES, panel=name, asked=len(batch), answered=len(seen))
        for remark in self._session.words.of_new_orders(seen, name):
            self._session.tell(EventType.NOTE, message=remark.message)
