"""Chooses the connection of a request: one each, and for an order only one that is known to be alive."""

import math
import select
from collections import deque
from contextvars import ContextVar
from time import monotonic
from typing import TypeAlias

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from runner.core.attempts import Phase
from runner.core.values.clock import awake_or_asleep
from runner.panel.transport.failure_words import SECOND_TIME, TOO_LATE
from runner.panel.transport.keep_alive import LONGEST_IDLE, KeepAlive

# Below the five seconds after which Apache closes an idle connection.
KEEP_IDLE = 3.0
EVIDENCE = 8192  # bytes or characters that are kept of an answer that is no whole one
_Idle: TypeAlias = tuple[ResponseHandler, float]  # aiohttp's entry: since when it is idle
_REMEMBERED = 4  # times as many as may be open, before the closed ones are forgotten
_SOMETHING = select.POLLIN | select.POLLPRI | select.POLLHUP | select.POLLERR


class TimedForm(aiohttp.BytesPayload):
    """A form that is written in its time, or not at all.

    aiohttp writes, headers too, some turns of the loop after it has a connection: the program may stand still in between.
    """

    def __init__(self, form: bytes, progress: "Progress") -> None:
        super().__init__(form)
        self._progress = progress

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        """The first thing to be written."""
        if awake_or_asleep() > self._progress.send_before:
            self._progress.is_late, self._progress.phase = True, Phase.CONNECTING
            raise aiohttp.ClientError(TOO_LATE)
        await super().write_with_length(writer, content_length)


class Progress:
    """How far one request got; written while it runs."""

    __slots__ = (
        "has_connected",
        "is_late",
        "is_order",
        "is_reused",
        "phase",
        "received",
        "send_before",
        "start",
        "status",
    )

    def __init__(self, *, is_order: bool, send_before: float = math.inf) -> None:
        self.is_order = is_order  # never sent a second time: `add` and `refill`
        self.send_before = send_before  # by `awake_or_asleep`: later than that its mark may be somebody else's doubt
        self.has_connected = False
        self.is_late = False
        self.is_reused = False  # its connection has carried a request before
        self.phase = Phase.QUEUED
        self.status: int | None = None
        self.received = 0  # bytes of body, unpacked
        self.start = b""  # the first of them

    def take(self, chunk: bytes) -> None:
        """Count a piece of the body."""
        self.received += len(chunk)
        if len(self.start) < EVIDENCE:
            self.start += chunk[:EVIDENCE]


progress_of_task: ContextVar[Progress] = ContextVar("progress_of_task")


class CarefulConnector(aiohttp.TCPConnector):
    """Gives each request one connection, once, and notes in its progress when it has it.

    aiohttp writes to a connection only after `connect()` returned it. The same could be had from its tracing hooks,
    at 10 % more CPU a request; and a hook could not refuse a second connection.

    aiohttp gives out whatever it has not yet seen closed. Here an order goes out on a used connection only if nothing
    has arrived on that and `KeepAlive` knows that such ones live, else on a fresh one. No more than `limit` are open,
    idle ones included.
    """

    def __init__(self, keep_alive: KeepAlive, *, limit: int) -> None:
        super().__init__(limit=limit, keepalive_timeout=KEEP_IDLE)
        self._keep_alive = keep_alive
        self._lines: dict[ResponseHandler, _Line] = {}  # of the connections that are open, and of some that were

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  # aiohttp's signature
    ) -> Connection:
        """Wait for a free connection, or make one: DNS, TCP and TLS."""
        progress = progress_of_task.get()
        if progress.has_connected:
            raise aiohttp.ClientConnectionError(SECOND_TIME)
        progress.has_connected = True
        progress.phase = Phase.CONNECTING
        connection = await super().connect(req, traces, timeout)
        if (protocol := connection.protocol) is not None:
            line = self._line_of(protocol)
            progress.is_reused = line.answers > 0
            line.answers += 1
            if self._keep_alive.is_broken:
                protocol.force_close()
        progress.phase = Phase.SENDING
        return connection

    async def _get(self, key: ConnectionKey, traces: list[Trace]) -> Connection | None:  # noqa: ARG002  # aiohttp's signature
        """The idle connection to be used again; None: aiohttp makes a new one."""
        idle = self._conns.get(key)
        if idle is None:
            return None
        place = self._for_an_order(idle) if progress_of_task.get().is_order else self._for_a_read(idle)
        if place is not None:
            protocol, _ = idle[place]
            del idle[place]
            if not idle:
                del self._conns[key]
            self._acquired.add(protocol)
            return Connection(self, key, protocol, self._loop)
        if idle and len(idle) + len(self._acquired) >= self.limit:
            idle.pop()[0].close()  # the newest: the oldest one is soon known to live
        if not idle:
            del self._conns[key]
        return None

    def _for_an_order(self, idle: deque[_Idle]) -> int | None:
        """Return the place of the oldest idle connection that an order may go out on; None if there is none."""
        keep_alive, now = self._keep_alive, monotonic()
        most, longest = keep_alive.trusted
        earliest = now - longest
        # Nearly always it is the first, or the second behind one that is kept to tell how long the panel keeps them.
        for place in range(min(len(idle), 2)):
            protocol, since = idle[place]
            if since < earliest or (line := self._lines.get(protocol)) is None or line.answers > most:
                continue
            if protocol.is_connected() and not protocol.should_close and line.is_quiet():
                return place
        return self._searched(idle, now)

    def _searched(self, idle: deque[_Idle], now: float) -> int | None:
        """Do as `_for_an_order` with all that are idle; note in `KeepAlive` which live, and close those that are gone or of no use."""
        keep_alive, place = self._keep_alive, 0
        while len(idle) > 1 and now - idle[1][1] > LONGEST_IDLE:  # the one before it tells the same, and more
            idle[1][0].close()
            del idle[1]
        while place < len(idle):
            protocol, since = idle[place]
            seconds, line = now - since, self._line_of(protocol)
            is_trusted = keep_alive.may_carry_order(line.answers, seconds)
            if is_trusted or keep_alive.would_learn(line.answers, seconds):
                if self._is_gone(protocol, seconds):
                    del idle[place]
                    continue
                if line.is_quiet():
                    if not is_trusted:
                        keep_alive.see_open(line.answers, seconds)
                    if keep_alive.may_carry_order(line.answers, seconds):
                        return place
            place += 1
        return None

    def _for_a_read(self, idle: deque[_Idle]) -> int | None:
        """The place of the newest: the old ones go on telling how long this panel keeps them."""
        now = monotonic()
        for place in reversed(range(len(idle))):
            protocol, since = idle[place]
            # It may be closing: a request that meets that end would look like a broken promise.
            if now - since > KEEP_IDLE:
                protocol.close()
                del idle[place]
            elif self._is_gone(protocol, now - since):
                del idle[place]
            elif not self._keep_alive.is_broken and self._line_of(protocol).is_quiet():
                return place
        return None

    def _is_gone(self, protocol: ResponseHandler, seconds: float) -> bool:
        """True for what the panel closed, or sent something to that nobody had asked for."""
        if protocol.is_connected() and not protocol.should_close:
            return False
        protocol.close()
        self._keep_alive.see_closed(seconds)
        return True

    def _line_of(self, protocol: ResponseHandler) -> "_Line":
        line = self._lines.get(protocol)
        if line is None:
            if len(self._lines) >= _REMEMBERED * self.limit:
                self._lines = {one: known for one, known in self._lines.items() if one.is_connected()}
            line = self._lines[protocol] = _Line(protocol)
        return line


class _Line:
    """One connection: how many requests it carried, and a poll of its socket that bypasses the event loop."""

    __slots__ = ("_poll", "answers")

    def __init__(self, protocol: ResponseHandler) -> None:
        self.answers = 0  # requests that it carried, the present one included
        self._poll: select.poll | None = None
        connection = None if protocol.transport is None else protocol.transport.get_extra_info("socket")
        if connection is not None and connection.fileno() >= 0:
            self._poll = select.poll()
            self._poll.register(connection, _SOMETHING)

    def is_quiet(self) -> bool:
        """True if the socket holds nothing unread: neither data nor the end of the connection."""
        return self._poll is not None and not self._poll.poll(0)
