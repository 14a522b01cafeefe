"""The engine's journal, simulated: the real writer, but no thread, and a commit may be cut before, within or after it."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from runner.core.attempts import Attempt
from runner.core.errors import RunnerError
from runner.core.refills import CancelRequest, RefillSeen, RefillSettled
from runner.core.snapshot import Recorded
from runner.store.operations.kinds import (
    AskRefills,
    BeginRun,
    CountStatusCalls,
    DoubtLeftOvers,
    EndRun,
    Import,
    Mark,
    NoteLacking,
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
from runner.store.write.writer import Writer
from tests.crash.loop import SimulatedLoop
from tests.crash.world import Crash, Ports, When

if TYPE_CHECKING:
    from tests.crash.harness import World


class SimulatedJournal:
    """The engine's journal without its thread: what came in meanwhile is committed together, a little later."""

    def __init__(self, world: "World", writer: Writer, ports: Ports, loop: SimulatedLoop) -> None:
        self._world = world
        self._writer = writer
        self._ports = ports
        self._loop = loop
        self._queue: list[tuple[Operation, asyncio.Future[Any]]] = []

    def told(self, operation: Operation) -> "asyncio.Future[Any]":
        waiting = self._loop.create_future()
        if not self._queue:
            slowest = self._world.rng.choice((0.002, 0.002, 0.002, 0.03))  # seconds: a disk is slow now and then
            self._loop.call_later(self._world.rng.uniform(0.0, slowest), self._flush)
        self._queue.append((operation, waiting))
        return waiting

    def _flush(self) -> None:
        group, self._queue = self._queue, []
        batch = [operation for operation, _ in group]
        when = self._ports.cut("commit " + " ".join(type(one).__name__ for one in batch))
        if when is When.BEFORE:
            raise Crash
        results = self._writer.commit(batch)
        if when is When.TORN:
            self._world.disk.tear(self._world.rng)
            raise Crash
        if self._world.disk_is_synced:
            self._world.disk.sync()
            self._world.note_durable(
                [one for one, result in zip(batch, results, strict=True) if not isinstance(result, RunnerError)]
            )
        if when is When.AFTER:
            raise Crash
        for (_, waiting), result in zip(group, results, strict=True):
            if waiting.done():
                continue
            if isinstance(result, RunnerError):
                waiting.set_exception(result)
            else:
                waiting.set_result(result)

    async def begin_run(self, run_id: str, command: str, at: Any) -> None:
        await self.told(BeginRun(run_id, command, at))

    async def doubt_left_overs(self, at: Any) -> Sequence[Attempt]:
        return await self.told(DoubtLeftOvers(at))

    async def rename(self, moves: Any) -> int:
        return await self.told(Rename(moves))

    async def mark(self, attempt: Any, run_id: str, at: Any) -> int:
        return await self.told(Mark(attempt, run_id, at))

    def settle(self, attempt_id: int, outcome: Any, at: Any) -> "asyncio.Future[Any]":
        return self.told(Settle(attempt_id, outcome, at))

    async def see_statuses(self, seen: Any) -> None:
        await self.told(SeeStatuses(seen))

    async def see_catalogue(self, catalogue: Any) -> None:
        await self.told(SeeCatalogue(catalogue))

    async def see_balance(self, seen: Any) -> None:
        await self.told(SeeBalance(seen))

    async def ask_refills(self, attempt_ids: Sequence[int], at: Any) -> Sequence[int]:
        return await self.told(AskRefills(attempt_ids, at))

    async def settle_refills(self, settled: Sequence[RefillSettled], at: Any) -> None:
        await self.told(SettleRefills(settled, at))

    async def see_refills(self, seen: Sequence[RefillSeen]) -> None:
        await self.told(SeeRefills(seen))

    async def see_cancels(self, requests: Sequence[CancelRequest]) -> None:
        await self.told(SeeCancels(requests))

    async def protect(self, orders: Any, at: Any) -> None:
        await self.told(Protect(orders, at))

    async def unprotect(self, orders: Any) -> None:
        await self.told(Unprotect(orders))

    async def note_lacking(self, panel: str, abilities: Any, at: Any) -> None:
        await self.told(NoteLacking(panel, abilities, at))

    async def count_status_calls(self, panel: str, day: Any, calls: int) -> None:
        await self.told(CountStatusCalls(panel, day, calls))

    async def import_order(self, attempt: Any, panel_order_id: str, message: str, run_id: str, at: Any) -> int:
        return await self.told(Import(attempt, panel_order_id, message, run_id, at))

    async def end_run(self, run_id: str, exit_code: int, at: Any) -> None:
        await self.told(EndRun(run_id, exit_code, at))

    async def recorded(self) -> Recorded:
        if self._ports.cut("read") is not None:
            raise Crash
        return read_state(self._world.paths)
