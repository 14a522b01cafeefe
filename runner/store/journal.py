"""The durable record, for coroutines: one thread owns the writer, and commits together what has come in meanwhile.

Satisfies the engine's `Journal` port. A method that returns has committed; cancelling its caller changes nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from queue import SimpleQueue
from threading import Thread
from typing import Any

from runner.core.attempts import Attempt, NewAttempt, Outcome, StatusSeen
from runner.core.catalogue import BalanceSeen, Catalogue
from runner.core.clock import Clock
from runner.core.doubts import Decision
from runner.core.errors import JournalBroken, RunnerError
from runner.core.recorded import Recorded
from runner.core.upkeep import CancelRequest, RefillSeen, RefillSettled
from runner.store.journal_ops import Writer
from runner.store.lock import StateLock
from runner.store.opening import open_writer
from runner.store.operations import (
    Abandon,
    Adopt,
    BeginRun,
    DoubtLeftOvers,
    EndRun,
    Mark,
    NotPlaced,
    Operation,
    Rename,
    Result,
    SeeBalance,
    SeeCatalogue,
    SeeStatuses,
    Settle,
)
from runner.store.paths import StatePaths
from runner.store.queries import read_state
from runner.store.upkeep_operations import AskRefills, SeeCancels, SeeRefills, SettleRefills

_LARGEST_GROUP = 1000  # operations: bounds what one refused neighbour makes us repeat

_Waiting = asyncio.Future[Any]  # of an Answer; each method knows its own


class Journal:
    """The record of one state, open for writing. Made by `open_journal`; used from one event loop."""

    def __init__(self, writer: Writer, paths: StatePaths, note: str | None) -> None:
        self.note = note  # worth showing to the user, or None
        self._writer = writer
        self._paths = paths
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[tuple[Operation, _Waiting] | None] = SimpleQueue()
        self._closed = False
        # A daemon: a second Ctrl-C leaves at once, and what is not committed then is a doubt, as after a kill.
        self._thread = Thread(target=self._write, name="journal", daemon=True)
        self._thread.start()

    async def begin_run(self, run_id: str, command: str, at: datetime) -> None:
        """Open a run: the serial grows and the lineage file's high-water mark with it."""
        await self._told(BeginRun(run_id, command, at))

    async def doubt_left_overs(self, at: datetime) -> Sequence[Attempt]:
        """Turn every attempt left in `sending` by an earlier run into `in_doubt`; what was turned."""
        turned: list[Attempt] = await self._told(DoubtLeftOvers(at))
        return turned

    async def rename(self, moves: Sequence[tuple[str, str, str]]) -> int:
        """Give attempts of (campaign, former id) the new id, move by move; rows renamed.

        RenameRefused, and nothing renamed, if a former id and its new id both have attempts.
        """
        renamed: int = await self._told(Rename(moves))
        return renamed

    async def mark(self, attempt: NewAttempt, run_id: str, at: datetime) -> int:
        """Record that `attempt` is about to be sent; its id, once that is durable. MarkRefused if it may not be sent."""
        attempt_id: int = await self._told(Mark(attempt, run_id, at))
        return attempt_id

    def settle(self, attempt_id: int, outcome: Outcome, at: datetime) -> Awaitable[None]:
        """Record what the answer proved, once, for an attempt in `sending`; SettleRefused if that can't be true.

        Told at the call, so that it commits before any mark told later, or with it; durable when awaited.
        """
        return self._told(Settle(attempt_id, outcome, at))

    async def adopt(self, attempt_id: int, panel_order_id: str, decision: Decision) -> bool:
        """Settle a doubt as placed; False if that was decided already. DecisionRefused if it is not in doubt."""
        return bool(await self._told(Adopt(attempt_id, panel_order_id, decision)))

    async def not_placed(self, attempt_id: int, decision: Decision) -> bool:
        """Settle a doubt as never placed: a later apply buys it. False and DecisionRefused as with `adopt`."""
        return bool(await self._told(NotPlaced(attempt_id, decision)))

    async def abandon(self, attempt_id: int, decision: Decision) -> bool:
        """Give a doubt up: it counts as spent and is never bought again. False and DecisionRefused as with `adopt`."""
        return bool(await self._told(Abandon(attempt_id, decision)))

    async def see_statuses(self, seen: Sequence[StatusSeen]) -> None:
        """Record one batch of statuses."""
        await self._told(SeeStatuses(seen))

    async def see_catalogue(self, catalogue: Catalogue) -> None:
        """Replace the remembered catalogue of a panel."""
        await self._told(SeeCatalogue(catalogue))

    async def see_balance(self, seen: BalanceSeen) -> None:
        """Append a balance."""
        await self._told(SeeBalance(seen))

    async def ask_refills(self, attempt_ids: Sequence[int], at: datetime) -> Sequence[int]:
        """Record that refills are about to be asked for; their ids. StateRefused, for all, if one of them is open."""
        ids: list[int] = await self._told(AskRefills(attempt_ids, at))
        return ids

    async def settle_refills(self, settled: Sequence[RefillSettled], at: datetime) -> None:
        """Record the answers to requests in `asking`, once; StateRefused, for all, if one is not."""
        await self._told(SettleRefills(settled, at))

    async def see_refills(self, seen: Sequence[RefillSeen]) -> None:
        """Record one batch of refill statuses."""
        await self._told(SeeRefills(seen))

    async def see_cancels(self, requests: Sequence[CancelRequest]) -> None:
        """Record cancellations that were asked for, with their answers."""
        await self._told(SeeCancels(requests))

    async def end_run(self, run_id: str, exit_code: int, at: datetime) -> None:
        """Close a run and note the high-water mark in the lineage file."""
        await self._told(EndRun(run_id, exit_code, at))

    async def recorded(self) -> Recorded:
        """Everything committed so far, through a connection that only reads."""
        return await asyncio.to_thread(read_state, self._paths)

    async def close(self) -> None:
        """Commit what was told so far, then let go of the database; harmless when done twice."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _told(self, operation: Operation) -> _Waiting:
        if self._closed:
            raise JournalBroken("the journal is closed")
        waiting = self._loop.create_future()
        self._queue.put((operation, waiting))
        return waiting

    def _write(self) -> None:
        """The thread: whatever has come in while the last group was committed is the next group."""
        queue = self._queue
        going = True
        while going:
            group: list[tuple[Operation, _Waiting]] = []
            while going and len(group) < _LARGEST_GROUP and not (group and queue.empty()):
                told = queue.get()
                if told is None:
                    going = False
                else:
                    group.append(told)
            if group:
                results = self._writer.commit([operation for operation, _ in group])
                self._answer([(waiting, result) for (_, waiting), result in zip(group, results, strict=True)])
        self._writer.close()

    def _answer(self, answers: list[tuple[_Waiting, Result]]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(_resolve, answers)


def _resolve(answers: list[tuple[_Waiting, Result]]) -> None:
    for waiting, result in answers:
        if waiting.done():  # its caller was cancelled; the record stands
            continue
        if isinstance(result, RunnerError):
            waiting.set_exception(result)
        else:
            waiting.set_result(result)


@asynccontextmanager
async def open_journal(paths: StatePaths, lock: StateLock, clock: Clock) -> AsyncIterator[Journal]:
    """The journal of this state for the time of the block, under a lock that is held; StateRefused if it may not be written."""
    opened = open_writer(paths, lock, clock)
    journal = Journal(opened.writer, paths, opened.note)
    try:
        yield journal
    finally:
        await journal.close()
