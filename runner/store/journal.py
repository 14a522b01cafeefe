"""The journal for coroutines: groups what they record into commits, in the order in which it was told.

Satisfies the engine's `Journal` port. What was awaited has committed; cancelling its caller changes nothing.

It commits on the loop's own thread. A writer's thread beside it was measured to cost 130 us an order more: SQLite's
driver gives the interpreter lock away at every row, and the two threads then wait for each other. What the loop can't
do meanwhile (one fdatasync for a few orders, for some fifty when busy: `group_size`) it does right after.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from runner.core.errors import JournalBroken, RunnerError
from runner.core.operations import Operation
from runner.core.snapshot import Recorded
from runner.core.values.clock import Clock, awake_or_asleep
from runner.store.disk.lock import StateLock, acquire
from runner.store.disk.paths import StatePaths
from runner.store.read.snapshot import read_state
from runner.store.startup.opening import open_writer
from runner.store.state import SharedState, State
from runner.store.write.carry_out import Answer
from runner.store.write.group_size import SMALL, SMALL_ON_SERVER, GroupSize

if TYPE_CHECKING:  # psycopg is an extra
    from runner.store.startup.shared import SharedLock

    Lock = StateLock | SharedLock


class GroupWriter(Protocol):
    """Carries out groups of operations, each group in one durable transaction."""

    def commit(self, batch: Sequence[Operation], /) -> Sequence[Answer | RunnerError]:
        """One result for each operation, in their order: its answer, or the error its caller must see. Never raises."""

    def close(self) -> None:
        """End; harmless when done twice."""


_Waiting = asyncio.Future[Any]  # of what the operation answers: the port says which


class Journal:
    """The record of one state, open for writing. Made by `open_journal`; used from one event loop."""

    def __init__(
        self,
        writer: GroupWriter,
        read: Callable[[], Recorded],
        note: str | None,
        send_within: float = math.inf,
        small_group: int = SMALL,
    ) -> None:
        self.note = note  # worth showing to the user, or None
        self._writer = writer
        self._read = read
        self._send_within = send_within  # seconds
        self._loop = asyncio.get_running_loop()
        self._pending: list[tuple[Operation, _Waiting]] = []
        self._pending_a_turn_ago = 0
        self._calm_turns = 0  # since the last one that told something
        self._size = GroupSize(small=small_group)
        self._closed = False

    def record(self, operation: Operation) -> _Waiting:
        """Have an operation committed, after those told before; awaited, it is durable. What comes back: see the operation.

        Raises what the operation names, or `JournalBroken`.
        """
        if self._closed:
            raise JournalBroken("the journal is closed")
        waiting = self._loop.create_future()
        if not self._pending:
            self._loop.call_soon(self._commit_when_calm)
        self._pending.append((operation, waiting))
        return waiting

    def send_before(self) -> float:
        """Until when, by `awake_or_asleep`, what is told now may be sent; a file's lock is held however long that takes."""
        return awake_or_asleep() + self._send_within

    async def recorded(self) -> Recorded:
        """Everything committed so far, through a connection that only reads."""
        return await asyncio.to_thread(self._read)

    async def close(self) -> None:
        """Commit what was told so far, then let go of the database; harmless when done twice."""
        if not self._closed:
            self._closed = True
            while self._pending:
                self._commit()
            self._writer.close()

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


async def hold(
    state: State,
    accounts: Mapping[str, str],
    command: str,
    clock: Clock,
    timeout: float = 0.0,  # noqa: ASYNC109  # waits on the given clock, not the loop's
    *,
    all_known: bool = False,
) -> "Lock":
    """The right to write, waiting for it up to `timeout` seconds; StateLocked naming its holder otherwise.

    A file is locked as a whole; on a server `accounts` are, by the name of their panel (`core.values.accounts`), and with
    `all_known` all that the project's runs were the last to use.
    """
    if isinstance(state, SharedState):
        from runner.store.startup.shared import acquire_shared

        return await acquire_shared(state, accounts, command, clock, timeout, all_known=all_known)
    return await acquire(state, command, clock, timeout)


@asynccontextmanager
async def open_journal(state: State, lock: "Lock", clock: Clock, *, begins: bool = False) -> AsyncIterator[Journal]:
    """The journal of this state for the time of the block, under a lock that is held; StateRefused if it may not be written.

    `begins`: from now on the state counts as begun for real panels (`store.startup.first_start`).
    """
    writer, note = writer_of(state, lock, clock, begins=begins)
    journal = Journal(writer, partial(read_state, state), note, *_pace(state))
    try:
        yield journal
    finally:
        await journal.close()


def writer_of(state: State, lock: "Lock", clock: Clock, *, begins: bool = False) -> tuple[GroupWriter, str | None]:
    """The writer of this state, for whoever does without a journal, and what its user should be told; as `open_journal`."""
    if isinstance(state, StatePaths):
        if not isinstance(lock, StateLock):
            raise TypeError("a file is written under the lock of a file")
        return open_writer(state, lock, clock, begins=begins)
    from runner.store.startup.shared import open_shared_writer

    if isinstance(lock, StateLock):
        raise TypeError("a server is written under leases")
    return open_shared_writer(state, lock, clock, begins=begins)


def _pace(state: State) -> tuple[float, int]:
    """Within how many seconds of its mark an order may be sent, and what a small group of operations is."""
    if isinstance(state, StatePaths):
        return math.inf, SMALL
    from runner.store.postgres.leases import SEND_DEADLINE

    return SEND_DEADLINE, SMALL_ON_SERVER
