"""Puts a faulty answer on the wire. Knows HTTP and faults, nothing of orders."""

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable, Mapping
from itertools import chain, repeat

from aiohttp import web

from runner.core.values.clock import Clock
from runner.sandbox.calls import ACTIVE_ORDER
from runner.sandbox.faults import Fault, FaultKind

ELSEWHERE = "/elsewhere"  # where redirects lead; nobody who is careful ever asks for it
JSON_TYPE = "application/json"
_HTML_TYPE = "text/html"
_LINGER_NOT = struct.pack("ii", 1, 0)  # close with RST instead of FIN
_BLANKS = 64 * 1024
_DRIBBLES = 10  # pieces of a slow body
_UNSENT = 64  # bytes announced and never sent

_PAGE = b"<!DOCTYPE html>\n<html><head><title>Just a moment...</title></head><body><h1>Please wait</h1></body></html>\n"
_WARNING = (
    b'<br />\n<b>Warning</b>:  Undefined array key "api" in <b>/var/www/panel/api.php</b> on line <b>214</b><br />\n'
)


def json_answer(answer: object, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """An ordinary JSON answer."""
    return web.Response(body=json.dumps(answer).encode(), status=status, content_type=JSON_TYPE, headers=headers)


def reset(request: web.BaseRequest) -> web.Response:
    """Reset the connection at once; what is returned can't reach anybody."""
    transport = request.transport
    if transport is not None:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        transport.abort()
    return web.Response()


async def hang_up(request: web.BaseRequest, response: web.StreamResponse, seconds: float) -> None:
    """Send the answer as if the connection were kept, and close it `seconds` later all the same."""
    transport = request.transport
    try:
        await response.prepare(request)
        await response.write_eof()
    except ConnectionError:
        return
    if transport is not None:
        asyncio.get_running_loop().call_later(seconds, transport.close)


async def _stream(
    request: web.BaseRequest,
    pieces: Iterable[bytes],
    *,
    announced: int | None = None,
    headers: Mapping[str, str] | None = None,
    pause: Callable[[], Awaitable[None]] | None = None,
) -> web.StreamResponse:
    """Send the pieces, each after a pause; `announced` is the Content-Length, without it the body goes in chunks."""
    response = web.StreamResponse(headers={"Content-Type": JSON_TYPE, **(headers or {})})
    if announced is None:
        response.enable_chunked_encoding()
    else:
        response.content_length = announced
    await response.prepare(request)
    for piece in pieces:
        if pause is not None:
            await pause()
        await response.write(piece)
    return response


async def _cut(request: web.BaseRequest, body: bytes, *, chunked: bool) -> web.StreamResponse:
    """Half of the body, then the end of the connection."""
    announced = None if chunked else len(body) + _UNSENT
    response = await _stream(request, [body[: max(len(body) // 2, 1)]], announced=announced)
    if request.transport is not None:
        request.transport.close()
    return response


async def _dribble(request: web.BaseRequest, body: bytes, seconds: float, clock: Clock) -> web.StreamResponse:
    step = -(-len(body) // _DRIBBLES)
    pieces = [body[start : start + step] for start in range(0, len(body), step)]
    return await _stream(request, pieces, announced=len(body), pause=lambda: clock.sleep(seconds / len(pieces)))


async def _repeat(request: web.BaseRequest, fault: Fault) -> web.StreamResponse:
    piece = (fault.text or "{}").encode()
    row = piece + b","
    rows = row * max(_BLANKS // len(row), 1)
    body = chain([b"["], repeat(rows, fault.size // len(rows)), [piece + b"]"])
    return await _stream(request, body, headers=fault.headers)


async def _trickle(request: web.BaseRequest, fault: Fault, clock: Clock) -> web.StreamResponse:
    piece = (fault.text or "{}").encode()
    pieces = repeat(piece, fault.size // len(piece))
    return await _stream(request, pieces, headers=fault.headers, pause=lambda: clock.sleep(fault.seconds))


async def _inflate(request: web.BaseRequest, body: bytes, size: int) -> web.StreamResponse:
    blanks = (b" " * min(_BLANKS, size - start) for start in range(0, size, _BLANKS))
    return await _stream(request, chain(blanks, [body]), announced=size + len(body))


def _plain(fault: Fault, body: bytes) -> web.Response | None:
    """The faulty answers that are complete HTTP responses."""
    status = fault.status or 200
    match fault.kind:
        case FaultKind.STATUS_5XX:
            return web.Response(text=fault.text or "Service Unavailable", status=fault.status or 503)
        case FaultKind.RATE_LIMIT if status == 200 and fault.status:  # noqa: PLR2004  # HTTP
            return json_answer({"error": "Rate limit exceeded"})
        case FaultKind.RATE_LIMIT:
            retry = {"Retry-After": f"{fault.seconds:g}"}
            return json_answer({"error": "Too many requests"}, status=fault.status or 429, headers=retry)
        case FaultKind.REDIRECT:
            return web.Response(status=fault.status or 307, headers={"Location": ELSEWHERE})
        case FaultKind.DUPLICATE_REFUSAL:
            return json_answer({"error": ACTIVE_ORDER}, status=status)
        case FaultKind.EMPTY_BODY:
            return web.Response(status=status, content_type=_HTML_TYPE)
        case FaultKind.HTML_BODY:
            return web.Response(body=_PAGE, status=status, content_type=_HTML_TYPE)
        case FaultKind.NOT_JSON:
            return web.Response(text=fault.text or "OK", status=status)
        case FaultKind.BOM_PREFIX:
            return web.Response(body=b"\xef\xbb\xbf" + body, status=status, content_type=_HTML_TYPE)
        case FaultKind.PHP_WARNING:
            return web.Response(body=_WARNING + body, status=status, content_type=_HTML_TYPE)
        case FaultKind.ID_ZERO:
            return json_answer({"order": 0}, status=status)
        case FaultKind.ERROR_AFTER_PLACING:
            text = fault.text or "Something went wrong, please try again later"
            return json_answer({"error": text}, status=status)
        case FaultKind.ANSWER:
            return web.Response(text=fault.text, status=status, content_type=JSON_TYPE)
        case _:
            return None


async def play(request: web.BaseRequest, fault: Fault, body: bytes, clock: Clock) -> web.StreamResponse:
    """Answer as the fault wants it; `body` is what the panel would have said. Never raises when the client hangs up."""
    response = _plain(fault, body)
    if response is not None:
        response.headers.update(fault.headers)
        return response
    try:
        match fault.kind:
            case FaultKind.TRUNCATED | FaultKind.CUT_CHUNK:
                return await _cut(request, body, chunked=fault.kind is FaultKind.CUT_CHUNK)
            case FaultKind.SLOW:
                return await _dribble(request, body, fault.seconds, clock)
            case FaultKind.REPEATED:
                return await _repeat(request, fault)
            case FaultKind.TRICKLE:
                return await _trickle(request, fault, clock)
            case FaultKind.HUGE_BODY:
                return await _inflate(request, body, fault.size)
            case _:  # RESET_BEFORE, RESET_AFTER, LATE_PLACING
                return reset(request)
    except ConnectionError:
        return web.Response()
