"""The journal for coroutines: groups what they record into commits, in the order in which it was told.

Satisfies the engine's `Journal` port. A method that returns has committed; cancelling its caller changes nothing.

It commits on the loop's own thread. A writer's thread beside it was measured to cost 130 us an order more: SQLite's
driver gives the interpreter lock away at every row, and the two threads then wait for each other. What the loop can't
do meanwhile (one fdatasync for a few orders, for some fifty when busy: `group_size`) it does right after.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from typing import Any

from runner.core.attempts import Attempt, NewAttempt, Outcome, StatusSeen
from runner.core.catalogue import BalanceLabel, BalanceSeen, Catalogue
from runner.core.doubts import Decision
from runner.core.errors import JournalBroken, RunnerError
from runner.core.refills import CancelRequest, RefillSeen, RefillSettled
from runner.core.snapshot import Recorded
from runner.core.values.clock import Clock
from runner.store.disk.lock import StateLock
from runner.store.disk.paths import StatePaths
from runner.store.operations.kinds import (
    Abandon,
    Adopt,
    AskRefills,
    BeginRun,
    CountStatusCalls,
    DoubtLeftOvers,
    EndRun,
    Import,
    LabelBalance,
    Mark,
    NoteLacking,
    NotPlaced,
    Operation,
    Protect,
    Rename,
    SeeBalance,
    SeeCancels,
    SeeCatalogue,
    SeeRefills,
    SeeStatuses,
    Settle,
    SettleRefills,
    Unprotect,
)
from runner.store.read.snapshot import read_state
from runner.store.startup.opening import open_writer
from runner.store.write.group_size import GroupSize
from runner.store.write.writer import Writer

_Waiting = asyncio.Future[Any]  # of an Answer; each method knows its own


class Journal:
    """The record of one state, open for writing. Made by `open_journal`; used from one event loop."""

    def __init__(self, writer: Writer, paths: StatePaths, note: str | None) -> None:
        self.note = note  # worth showing to the user, or None
        self._writer = writer
        self._paths = paths
        self._loop = asyncio.get_running_loop()
        self._pending: list[tuple[Operation, _Waiting]] = []
        self._pending_a_turn_ago = 0
        self._calm_turns = 0  # since the last one that told something
        self._size = GroupSize()
        self._closed = False

    async def begin_run(self, run_id: str, command: str, at: datetime) -> None:
        """Open a run: the serial grows and the lineage file's high-water mark with it."""
        await self._enqueue(BeginRun(run_id, command, at))

    async def doubt_left_overs(self, at: datetime) -> Sequence[Attempt]:
        """Turn every attempt left in `sending` by an earlier run into `in_doubt`; what was turned."""
        turned: list[Attempt] = await self._enqueue(DoubtLeftOvers(at))
        return turned

    async def rename(self, moves: Sequence[tuple[str, str, str]]) -> int:
        """Give attempts of (campaign, former id) the new id, move by move; rows renamed.

        RenameRefused, and nothing renamed, if a former id and its new id both have attempts.
        """
        renamed: int = await self._enqueue(Rename(moves))
        return renamed

    async def mark(self, attempt: NewAttempt, run_id: str, at: datetime) -> int:
        """Record that `attempt` is about to be sent; its id, once that is durable. MarkRefused if it may not be sent."""
        attempt_id: int = await self._enqueue(Mark(attempt, run_id, at))
        return attempt_id

    def settle(self, attempt_id: int, outcome: Outcome, at: datetime) -> Awaitable[None]:
        """Record what the answer proved, once, for an attempt in `sending`; SettleRefused if that can't be true.

        Told at the call, so that it commits before any mark told later, or with it; durable when awaited.
        """
        return self._enqueue(Settle(attempt_id, outcome, at))

    async def adopt(self, attempt_id: int, panel_order_id: str, decision: Decision) -> bool:
        """Settle a doubt as placed; False if that was decided already. DecisionRefused if it is not in doubt."""
        return bool(await self._enqueue(Adopt(attempt_id, panel_order_id, decision)))

    async def not_placed(self, attempt_id: int, decision: Decision) -> bool:
        """Settle a doubt as never placed: a later apply buys it. False and DecisionRefused as with `adopt`."""
        return bool(await self._enqueue(NotPlaced(attempt_id, decision)))

    async def abandon(self, attempt_id: int, decision: Decision) -> bool:
        """Give a doubt up: it counts as spent and is never bought again. False and DecisionRefused as with `adopt`."""
        return bool(await self._enqueue(Abandon(attempt_id, decision)))

    async def see_statuses(self, seen: Sequence[StatusSeen]) -> None:
        """Record one batch of statuses."""
        await self._enqueue(SeeStatuses(seen))

    async def see_catalogue(self, catalogue: Catalogue) -> None:
        """Replace the remembered catalogue of a panel."""
        await self._enqueue(SeeCatalogue(catalogue))

    async def see_balance(self, seen: BalanceSeen) -> None:
        """Append a balance."""
        await self._enqueue(SeeBalance(seen))

    async def label_balance(self, label: BalanceLabel) -> None:
        """Append a person's word on why a balance moved."""
        await self._enqueue(LabelBalance(label))

    async def ask_refills(self, attempt_ids: Sequence[int], at: datetime) -> Sequence[int]:
        """Record that refills are about to be asked for; their ids. StateRefused, for all, if one of them is open."""
        ids: list[int] = await self._enqueue(AskRefills(attempt_ids, at))
        return ids

    async def settle_refills(self, settled: Sequence[RefillSettled], at: datetime) -> None:
        """Record the answers to requests in `asking`, once; StateRefused, for all, if one is not."""
        await self._enqueue(SettleRefills(settled, at))

    async def see_refills(self, seen: Sequence[RefillSeen]) -> None:
        """Record one batch of refill statuses."""
        await self._enqueue(SeeRefills(seen))

    async def see_cancels(self, requests: Sequence[CancelRequest]) -> None:
        """Record cancellations that were asked for, with their answers."""
        await self._enqueue(SeeCancels(requests))

    async def protect(self, orders: Sequence[tuple[str, str]], at: datetime) -> None:
        """Record orders, (campaign, order id), as protected; those that are stay so since when they are."""
        await self._enqueue(Protect(orders, at))

    async def unprotect(self, orders: Sequence[tuple[str, str]]) -> None:
        """Forget that orders, (campaign, order id), were protected."""
        await self._enqueue(Unprotect(orders))

    async def note_lacking(self, panel: str, abilities: Sequence[str], at: datetime) -> None:
        """Record what a panel showed not to be able to do."""
        await self._enqueue(NoteLacking(panel, abilities, at))

    async def count_status_calls(self, panel: str, day: date, calls: int) -> None:
        """Add status calls made on a UTC day."""
        await self._enqueue(CountStatusCalls(panel, day, calls))

    async def import_order(
        self, attempt: NewAttempt, panel_order_id: str, message: str, run_id: str, at: datetime
    ) -> int:
        """Record an order that was bought elsewhere as placed; its attempt's id. StateRefused if either is taken."""
        attempt_id: int = await self._enqueue(Import(attempt, panel_order_id, message, run_id, at))
        return attempt_id

    async def end_run(self, run_id: str, exit_code: int, at: datetime) -> None:
        """Close a run and note the high-water mark in the lineage file."""
        await self._enqueue(EndRun(run_id, exit_code, at))

    async def recorded(self) -> Recorded:
        """Everything committed so far, through a connection that only reads."""
        return await asyncio.to_thread(read_state, self._paths)

    async def close(self) -> None:
        """Commit what was told so far, then let go of the database; harmless when done twice."""
        if not self._closed:
            self._closed = True
            while self._pending:
                self._commit()
            self._writer.close()

    def _enqueue(self, operation: Operation) -> _Waiting:
        if self._closed:
            raise JournalBroken("the journal is closed")
        waiting = self._loop.create_future()
        if not self._pending:
            self._loop.call_soon(self._commit_when_calm)
        self._pending.append((operation, waiting))
        return waiting

    def _commit_when_calm(self) -> None:
        """Commit once the loop told nothing new, or enough for a group; what is more goes into the next one."""
        told = len(self._pending)
        if told == 0:  # closed in the meantime, which committed it
            return
        self._calm_turns = 0 if told > self._pending_a_turn_ago else self._calm_turns + 1
        if told < self._size.limit and self._calm_turns < self._size.calm:
            self._pending_a_turn_ago = told
            self._loop.call_soon(self._commit_when_calm)
            return
        self._commit()

    def _commit(self) -> None:
        self._pending_a_turn_ago = self._calm_turns = 0
        self._size.before_commit()
        most = self._size.limit
        group, self._pending = self._pending[:most], self._pending[most:]
        results = self._writer.commit([operation for operation, _ in group])
        self._size.after_commit()
        for (_, waiting), result in zip(group, results, strict=True):
            if waiting.done():  # its caller was cancelled; the record stands
                continue
            if isinstance(result, RunnerError):
                waiting.set_exception(result)
            else:
                waiting.set_result(result)
        if self._pending:  # after those who wait were woken: they go on before the next commit
            self._loop.call_soon(self._commit_when_calm)


@asynccontextmanager
async def open_journal(
    paths: StatePaths, lock: StateLock, clock: Clock, *, begins: bool = False
) -> AsyncIterator[Journal]:
    """The journal of this state for the time of the block, under a lock that is held; StateRefused if it may not be written.

    `begins`: from now on the state counts as begun for real panels (`store.startup.first_start`).
    """
    opened = open_writer(paths, lock, clock, begins=begins)
    journal = Journal(opened.writer, paths, opened.note)
    try:
        yield journal
    finally:
        await journal.close()
