"""Starts and stops a panel: inside a running loop, or as a process of its own."""

import asyncio
import ipaddress
import signal
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from runner.core.errors import UsageError
from runner.core.values.clock import Clock, SystemClock
from runner.sandbox.app import API, CONTROL, PanelApp
from runner.sandbox.book import Book
from runner.sandbox.faults import FaultBoard
from runner.sandbox.settings import SandboxSettings

_PATIENCE = 1.0  # seconds for answers on their way when the panel stops
_IDLE = 3630.0  # seconds until a connection ends for want of a request: aiohttp's own figure
_BACKLOG = 512


def check_loopback(host: str) -> str:
    """The host if it is this machine's loopback; raises UsageError otherwise: a simulation has no business on a network."""
    try:
        is_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise UsageError(f"the sandbox serves on loopback only, not on {host!r}", "use 127.0.0.1 or ::1")
    return "127.0.0.1" if host == "localhost" else host


class SandboxServer:
    """A panel for the length of an `async with`, on the caller's loop.

    Raises UsageError for a host that isn't loopback or a port that is taken, StateRefused for a book that can't be
    used.
    """

    def __init__(
        self,
        book_path: Path | str,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        settings: SandboxSettings | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._path = Path(book_path)
        self._host = check_loopback(host)
        self._port = port
        self._settings = settings or SandboxSettings()
        self._clock = clock or SystemClock()
        self.faults = FaultBoard(self._settings.seed)
        self._runner: web.ServerRunner | None = None
        self.book: Book

    @property
    def address(self) -> str:
        """`http://HOST:PORT`; the port is known once the panel runs."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    @property
    def url(self) -> str:
        """Where the API is."""
        return self.address + API

    @property
    def control_url(self) -> str:
        """Where the control calls are, if the settings allow them; ends with a slash."""
        return self.address + CONTROL

    async def __aenter__(self) -> Self:
        self.book = Book(self._path, settings=self._settings, clock=self._clock)
        try:
            app = PanelApp(book=self.book, settings=self._settings, faults=self.faults, clock=self._clock)
            handler = web.Server(app.handle, access_log=None, keepalive_timeout=self._settings.connection_idle or _IDLE)
            self._runner = web.ServerRunner(handler, shutdown_timeout=_PATIENCE)
            await self._runner.setup()
            await web.TCPSite(self._runner, self._host, self._port, backlog=_BACKLOG).start()
        except OSError as problem:
            await self._stop()
            raise UsageError(f"the sandbox can't listen on {self.address}: {problem.strerror}") from problem
        except BaseException:
            await self._stop()
            raise
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def _stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        self.book.close()


async def serve_forever(
    book_path: Path | str,
    *,
    port: int,
    host: str = "127.0.0.1",
    settings: SandboxSettings,
    announce: Callable[[str], None],
    clock: Clock | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; `announce` gets one line with the address once requests are taken."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    async with SandboxServer(book_path, port=port, host=host, settings=settings, clock=clock) as server:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        try:
            announce(f"sandbox panel at {server.url}")
            await stop.wait()
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
