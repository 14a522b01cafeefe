"""The simulated panel over HTTP: one request in, one JSON answer out, with the fault switches in between."""

import asyncio
import json
from weakref import WeakKeyDictionary

from aiohttp import web

from runner.core.values.clock import Clock
from runner.sandbox.book import Book
from runner.sandbox.calls import INCORRECT_REQUEST, Calls
from runner.sandbox.control import Control
from runner.sandbox.distort import ELSEWHERE, JSON_TYPE, hang_up, json_answer, play
from runner.sandbox.faults import FaultBoard, FaultKind
from runner.sandbox.reading import fields_of
from runner.sandbox.settings import SandboxSettings

API = "/api/v2"
CONTROL = "/_control/"
# Anything on the way may repeat a GET (a browser, a proxy, a preview of a link), so that it only ever reads here.
_READS = frozenset({"services", "balance", "status", "refill_status"})
_POST_ONLY = "Incorrect request method: this action takes POST only"


class PanelApp:
    """Answers every HTTP request of one panel; give `handle` to `aiohttp.web.Server`.

    The low-level server without router and middlewares: they would cost a third of an answer.
    """

    def __init__(self, *, book: Book, settings: SandboxSettings, faults: FaultBoard, clock: Clock) -> None:
        self._book = book
        self._settings = settings
        self._faults = faults
        self._clock = clock
        self._calls = Calls(book, settings)
        self._control = Control(book=book, faults=faults) if settings.control else None
        self._answered: WeakKeyDictionary[asyncio.Transport, int] = WeakKeyDictionary()  # on each connection

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        path, _, query = request.raw_path.partition("?")  # `request.path` builds a URL first
        if path == API:
            return await self._api(request, query)
        if path == ELSEWHERE:
            self._book.counts["elsewhere"] += 1
            return json_answer({"error": "Moved"})
        if self._control is not None and path.startswith(CONTROL):
            return await self._control.handle(request, path.removeprefix(CONTROL))
        return web.Response(text="Not Found", status=404)

    async def _api(self, request: web.BaseRequest, query: str) -> web.StreamResponse:
        form = await fields_of(request, query)
        action = "unknown" if form is None else self._calls.name_of(form)
        self._book.counts[action] += 1
        if self._settings.latency:
            await self._clock.sleep(self._settings.latency)
        response = await self._answer(request, form, action)
        if self._settings.connection_requests is not None and self._is_last(request):
            await hang_up(request, response, self._settings.connection_delay)
        return response

    def _is_last(self, request: web.BaseRequest) -> bool:
        """True if the connection has had all the answers that it is to have."""
        if request.transport is None:
            return False
        answered = self._answered[request.transport] = self._answered.get(request.transport, 0) + 1
        return answered == self._settings.connection_requests

    async def _answer(self, request: web.BaseRequest, form: dict[str, str] | None, action: str) -> web.StreamResponse:
        if form is None:
            return json_answer({"error": INCORRECT_REQUEST})
        if request.method != "POST" and action not in _READS:
            return json_answer({"error": _POST_ONLY})
        if self._faults:
            return await self._faulty(request, form, action)
        return web.Response(body=json.dumps(self._calls.answer(form)).encode(), content_type=JSON_TYPE)

    async def _faulty(self, request: web.BaseRequest, form: dict[str, str], action: str) -> web.StreamResponse:
        delay, fault = self._faults.draw(action)
        if delay:
            await self._clock.sleep(delay)
        if fault is None:
            return json_answer(self._calls.answer(form))
        if fault.kind is FaultKind.LATE_PLACING and action == "add":
            # In a panel that stands still each second counts as a minute of its hand-moved clock.
            self._calls.take_late(form, fault.seconds * (self._book.speed or 1.0))
        answer = self._calls.answer(form) if fault.carries_out else {"error": INCORRECT_REQUEST}
        return await play(request, fault, json.dumps(answer).encode(), self._clock)
