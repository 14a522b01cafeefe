"""The engine's journal, simulated: the real writer, but no thread, and a commit may be cut before, within or after it."""

import asyncio
import math
from typing import TYPE_CHECKING, Any

from runner.core.errors import RunnerError
from runner.core.operations import Operation
from runner.core.snapshot import Recorded
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

    def record(self, operation: Operation) -> "asyncio.Future[Any]":
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

    def send_before(self) -> float:
        return math.inf

    async def recorded(self) -> Recorded:
        if self._ports.cut("read") is not None:
            raise Crash
        return read_state(self._world.paths)
