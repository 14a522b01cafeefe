"""Sends one form and says how far it got. The only place that opens sockets and that puts the key into a request.

Nothing here retries, follows a redirect, keeps a cookie or reads the environment, and nothing here knows what an
answer means.
"""

import logging
import time
from contextvars import ContextVar
from typing import Protocol
from urllib.parse import quote_plus

import aiohttp
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from multidict import CIMultiDictProxy

from runner import __version__
from runner.core.attempts import Phase
from runner.core.orders import PanelProfile
from runner.core.text import Secret
from runner.panel.exchange import KEPT_HEADERS, Answer, Exchange, TransportFailure
from runner.panel.forms import Form
from runner.panel.redact import EXCERPT, Redactor, said

log = logging.getLogger("runner.panel")

SMALL = 1024 * 1024  # bytes of an answer, after decompression
LARGE = 64 * SMALL  # of a service list
# Below the five seconds after which Apache closes an idle connection: a form sent into a closing one is a doubt.
KEEP_ALIVE = 3.0
_BROKEN_OFF = 80  # characters of a cut-off answer that are shown
_ASCII_QUOTED = {code: quote_plus(chr(code)) for code in range(128)}


class Transport(Protocol):
    """What the client needs of the network."""

    async def send(self, form: Form, cap: int = SMALL) -> Exchange:
        """Send `form` with the key, once; never raises for what the network does."""

    async def close(self) -> None:
        """Give the connections back."""


class _Progress:
    """How far one request got; written while it runs."""

    __slots__ = ("has_connected", "phase", "received", "start", "status")

    def __init__(self) -> None:
        self.has_connected = False
        self.phase = Phase.QUEUED
        self.status: int | None = None
        self.received = 0
        self.start = b""


_progress: ContextVar[_Progress] = ContextVar("_progress")


class _OnceConnector(aiohttp.TCPConnector):
    """Gives each request one connection, once, and notes in its progress when it has it.

    aiohttp writes to a connection only after `connect()` returned it. The same could be had from its tracing hooks,
    at 10 % more CPU a request; and a hook could not refuse a second connection.
    """

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  # aiohttp's signature
    ) -> Connection:
        """Wait for a free connection, or make one: DNS, TCP and TLS."""
        progress = _progress.get()
        if progress.has_connected:
            raise aiohttp.ClientConnectionError("a form is not sent a second time")
        progress.has_connected = True
        progress.phase = Phase.CONNECTING
        connection = await super().connect(req, traces, timeout)
        progress.phase = Phase.SENDING
        return connection


class HttpTransport:
    """One aiohttp session to one panel's URL.

    `send()` shares nothing between calls: whoever must not lose the outcome when cancelled runs it in a task of its
    own and awaits that through `asyncio.shield`. A cancelled `send()` itself raises CancelledError, and the request
    may or may not have left.
    """

    def __init__(self, profile: PanelProfile, key: Secret) -> None:
        self._profile = profile
        self._redact = Redactor(key)
        self._form_start = _encoded([("key", key.reveal())]) + b"&"
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    async def send(self, form: Form, cap: int = SMALL) -> Exchange:
        """The answer, or how far the request got. At most `cap` bytes of body are kept."""
        progress = _Progress()
        began = time.perf_counter()
        exchange: Exchange
        try:
            exchange = await self._exchange(form, cap, progress)
        except Exception as error:  # noqa: BLE001  # whatever the library raises: what happened is in `progress`
            exchange = self._failure(error, progress)
        if log.isEnabledFor(logging.DEBUG):
            milliseconds = (time.perf_counter() - began) * 1000
            log.debug(
                "%s %s: %s, HTTP %s, %d bytes, %.1f ms",
                self._profile.name,
                form[0][1],
                progress.phase.value,
                progress.status,
                progress.received,
                milliseconds,
            )
        return exchange

    async def _exchange(self, form: Form, cap: int, progress: _Progress) -> Answer:
        body = self._form_start + _encoded(form)
        session = self._session or self._open()
        _progress.set(progress)
        progress.phase = Phase.SENDING  # unless the connector says better: silence is no proof that nothing left
        # Not `async with`: leaving it may raise after the whole answer was read, and lose it.
        response = await session.post(self._profile.url, data=body, allow_redirects=False)
        try:
            progress.phase = Phase.ANSWERING
            progress.status = response.status
            chunks, content = [], response.content
            # Counted as it arrives, after decompression; the library inflates no more than its buffer at once.
            while not content.at_eof() and (chunk := await content.readany()):
                chunks.append(chunk)
                progress.received += len(chunk)
                progress.start = progress.start or chunk
                if progress.received > cap:
                    break
        finally:
            response.close()  # keeps the connection if the answer was read to its end
        whole = progress.received <= cap
        text = _decoded(b"".join(chunks)[:cap], response.charset)
        if whole:
            progress.phase = Phase.ANSWERED
        return Answer(response.status, _kept(response.headers), text, whole, progress.received)

    def _failure(self, error: Exception, progress: _Progress) -> TransportFailure:
        what = said(str(error) or type(error).__name__, self._redact, 200)
        answer = said(progress.start.decode(errors="replace"), self._redact, EXCERPT)
        if progress.start:
            start = said(progress.start.decode(errors="replace"), self._redact, _BROKEN_OFF)
            what = f"{what}; the answer broke off after {progress.received} bytes: {start}"
        return TransportFailure(
            phase=progress.phase,
            message=what,
            bytes_received=progress.received,
            http_status=progress.status,
            answer=answer,
        )

    def _open(self) -> aiohttp.ClientSession:
        """The session, made on first use: it belongs to the running loop."""
        if self._closed:
            raise RuntimeError("the client is closed")
        profile = self._profile
        self._session = aiohttp.ClientSession(
            connector=_OnceConnector(limit=profile.parallel_add + profile.parallel_read, keepalive_timeout=KEEP_ALIVE),
            timeout=aiohttp.ClientTimeout(
                # The whole request, connecting included. No timer of its own for reading: it costs 5 us a request.
                total=profile.read_timeout,
                connect=profile.connect_timeout,
            ),
            headers={
                "User-Agent": f"bulk-order-runner/{__version__}",
                "Accept": "application/json",
                "Content-Type": "application/x-www-form-urlencoded",
            },
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )
        return self._session

    async def close(self) -> None:
        """Close the connections; a later `send` is a failure in Phase.QUEUED."""
        self._closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.close()


def _encoded(form: Form) -> bytes:
    """The form as `urlencode` writes it, at a quarter of its time. Names need no escaping."""
    return "&".join([f"{name}={_quoted(value)}" for name, value in form]).encode("ascii")


def _quoted(value: str) -> str:
    if not value.isascii():
        return quote_plus(value)
    return value if value.isalnum() else value.translate(_ASCII_QUOTED)


def _kept(headers: CIMultiDictProxy[str]) -> dict[str, str]:
    return {name: value for name in KEPT_HEADERS if (value := headers.get(name)) is not None}


def _decoded(body: bytes, charset: str | None) -> str:
    """The body as text by the declared charset where Python knows it as one, else by UTF-8; never fails."""
    try:
        return body.decode(charset or "utf-8", errors="replace")
    except (LookupError, ValueError):
        return body.decode("utf-8", errors="replace")
