"""Sends one form and says how far it got. The only place that puts the key into a request, and has sockets opened for it.

Nothing here retries, follows a redirect, keeps a cookie or reads the environment, and nothing here knows what an
answer means.
"""

import logging
import math
import time
from codecs import IncrementalDecoder
from typing import Protocol
from urllib.parse import quote_plus

import aiohttp
from aiohttp import StreamReader
from multidict import CIMultiDictProxy

from runner import __version__
from runner.core.attempts import Phase
from runner.core.orders import PanelProfile
from runner.core.values.text import Secret
from runner.panel.exchange import KEPT_HEADERS, Answer, Exchange, TransportFailure
from runner.panel.forms import ONCE, Form
from runner.panel.redact import EXCERPT, Redactor, said
from runner.panel.transport.connections import EVIDENCE, CarefulConnector, Progress, TimedForm, progress_of_task
from runner.panel.transport.decoding import codec_of, decoder_for
from runner.panel.transport.failure_words import TOO_LATE, in_words
from runner.panel.transport.keep_alive import KeepAlive

log = logging.getLogger("runner.panel")

SMALL = 1024 * 1024  # bytes of an answer, after decompression
LARGE = 32 * SMALL  # of a service list; 10,000 services with a page of description each
_LAST = {"Connection": "close"}  # of the only request on its connection
_BROKEN_OFF = 80  # characters of a cut-off answer that are shown
_ASCII_QUOTED = {code: quote_plus(chr(code)) for code in range(128)}


class Transport(Protocol):
    """What the client needs of the network."""

    async def send(self, form: Form, cap: int = SMALL, *, send_before: float = math.inf) -> Exchange:
        """Send `form` with the key, once; never raises for what the network does.

        Nothing is written after `send_before`, by `awake_or_asleep`.
        """

    async def close(self) -> None:
        """Give the connections back."""


class HttpTransport:
    """One aiohttp session to one panel's URL.

    `send()` shares nothing between calls: whoever must not lose the outcome when cancelled runs it in a task of its
    own and awaits that through `asyncio.shield`. A cancelled `send()` itself raises CancelledError, and the request
    may or may not have left.
    """

    def __init__(self, profile: PanelProfile, key: Secret, keep_alive: KeepAlive | None = None) -> None:
        """`keep_alive` is what is known of this panel's connections; it grows."""
        self._profile = profile
        self._keep_alive = keep_alive or KeepAlive(is_broken=not profile.keep_alive)
        self._redact = Redactor(key)
        self._form_start = _encoded([("key", key.reveal())]) + b"&"
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    async def send(self, form: Form, cap: int = SMALL, *, send_before: float = math.inf) -> Exchange:
        """The answer, or how far the request got. At most `cap` bytes of body are kept."""
        progress = Progress(is_order=form[0][1] in ONCE, send_before=send_before)
        began = time.perf_counter()
        exchange: Exchange
        detail = ""
        try:
            exchange = await self._exchange(form, cap, progress)
        except Exception as error:  # noqa: BLE001  # whatever the library raises: what happened is in `progress`
            if (
                progress.is_reused
                and progress.status is None
                and not progress.is_late
                and isinstance(error, aiohttp.ClientConnectionError)
            ):
                self._keep_alive.see_lost()
            exchange = self._failure(error, progress)
            detail = f", {type(error).__name__}: {said(str(error), self._redact, 200)}"
        if log.isEnabledFor(logging.DEBUG):
            milliseconds = (time.perf_counter() - began) * 1000
            log.debug(
                "%s %s: %s, HTTP %s, %d bytes, %.1f ms%s",
                self._profile.name,
                form[0][1],
                progress.phase.value,
                progress.status,
                progress.received,
                milliseconds,
                detail,
            )
        return exchange

    async def _exchange(self, form: Form, cap: int, progress: Progress) -> Answer:
        body = self._form_start + _encoded(form)
        session = self._session or self._open()
        progress_of_task.set(progress)
        progress.phase = Phase.SENDING  # unless the connector says better: silence is no proof that nothing left
        # Not `async with`: leaving it may raise after the whole answer was read, and lose it.
        headers = _LAST if self._keep_alive.is_broken else None
        response = await session.post(
            self._profile.url, data=TimedForm(body, progress), headers=headers, allow_redirects=False
        )
        try:
            progress.phase = Phase.ANSWERING
            progress.status = response.status
            content = response.content
            chunk = b"" if content.at_eof() else await content.readany()
            progress.take(chunk)
            if content.at_eof():
                text = chunk.decode(codec_of(response.charset), errors="replace")
            else:
                text = await _read_on(content, decoder_for(response.charset), chunk, cap, progress)
        finally:
            response.close()  # keeps the connection if the answer was read to its end
        whole = progress.received <= cap
        if whole:
            progress.phase = Phase.ANSWERED
        else:
            text = text[: min(cap, EVIDENCE)]
        return Answer(response.status, _kept(response.headers), text, whole, progress.received)

    def _failure(self, error: Exception, progress: Progress) -> TransportFailure:
        has_answered = progress.phase is Phase.ANSWERING
        what = (
            TOO_LATE
            if progress.is_late
            else in_words(error, has_connected=progress.has_connected, has_answered=has_answered)
        )
        start = progress.start.decode(errors="replace")
        if start:
            begun = said(start, self._redact, _BROKEN_OFF)
            what = f"{what}; the answer broke off after {progress.received} bytes: {begun}"
        return TransportFailure(
            phase=progress.phase,
            message=what,
            bytes_received=progress.received,
            http_status=progress.status,
            answer=said(start, self._redact, EXCERPT),
        )

    def _open(self) -> aiohttp.ClientSession:
        """The session, made on first use: it belongs to the running loop."""
        if self._closed:
            raise RuntimeError("the client is closed")
        profile = self._profile
        self._session = aiohttp.ClientSession(
            connector=CarefulConnector(self._keep_alive, limit=profile.parallel_add + profile.parallel_read),
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


async def _read_on(
    content: StreamReader, decoder: IncrementalDecoder, chunk: bytes, cap: int, progress: Progress
) -> str:
    """The text of an answer that comes in pieces, of which `chunk` is the first; no further than just beyond `cap` bytes.

    Counted as it arrives, after decompression; the library inflates no more than its buffer at once. Turned into text
    at once too: the time-out counts while that goes on, and there is no second copy of a large body.
    """
    pieces = [decoder.decode(chunk)]
    while progress.received <= cap and not content.at_eof() and (chunk := await content.readany()):
        progress.take(chunk)
        pieces.append(decoder.decode(chunk))
    return "".join(pieces) + decoder.decode(b"", final=True)


def _encoded(form: Form) -> bytes:
    """The form as `urlencode` writes it, at a quarter of its time. Names need no escaping."""
    return "&".join([f"{name}={_quoted(value)}" for name, value in form]).encode("ascii")


def _quoted(value: str) -> str:
    if not value.isascii():
        return quote_plus(value)
    return value if value.isalnum() else value.translate(_ASCII_QUOTED)


def _kept(headers: CIMultiDictProxy[str]) -> dict[str, str]:
    return {name: value for name in KEPT_HEADERS if (value := headers.get(name)) is not None}
