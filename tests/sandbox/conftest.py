"""A panel on a hand-moved clock, and a bare HTTP client that knows nothing of the runner's own."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from runner.core.values.clock import ManualClock
from runner.sandbox.faults import Fault
from runner.sandbox.serve import SandboxServer
from runner.sandbox.settings import SandboxSettings

KEY = "sandbox-key"


class Caller:
    """One panel with a raw session to it."""

    def __init__(self, server: SandboxServer, session: aiohttp.ClientSession, clock: ManualClock) -> None:
        self.server = server
        self.session = session
        self.clock = clock

    async def raw(self, body: str, **options: Any) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        async with self.session.post(self.server.url, data=body, headers=headers, **options) as answer:
            return answer.status, await answer.read()

    async def call(self, action: str, **fields: object) -> Any:
        form = {"key": KEY, "action": action} | {name: str(value) for name, value in fields.items()}
        async with self.session.post(self.server.url, data=form, allow_redirects=False) as answer:
            assert answer.status == 200
            assert answer.content_type == "application/json"
            return json.loads(await answer.read())

    async def add(
        self, service: int = 1, quantity: int = 100, link: str = "https://example.com/a", **more: object
    ) -> Any:
        return await self.call("add", service=service, quantity=quantity, link=link, **more)

    async def control(self, name: str, given: object = None) -> Any:
        method = "GET" if given is None else "POST"
        async with self.session.request(method, self.server.control_url + name, json=given) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def force(self, order: int, **given: object) -> Any:
        return await self.control(f"orders/{order}", given)

    def fault(self, **fault: Any) -> None:
        self.server.faults.replace([Fault.from_json(fault)])

    async def placed(self) -> list[Any]:
        return await self.control("orders")

    async def balance(self) -> str:
        return (await self.call("balance"))["balance"]


Opener = Callable[..., Any]


@pytest.fixture
def book_path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "sandbox.db"


@pytest.fixture
def opener(book_path: Path) -> Opener:
    """Opens a panel on the test's book: `async with opener(clock, speed=2.0) as caller`."""

    @asynccontextmanager
    async def open_panel(clock: ManualClock | None = None, **settings: Any) -> AsyncIterator[Caller]:
        clock = clock or ManualClock()
        chosen = SandboxSettings(**{"control": True, **settings})
        async with (
            SandboxServer(book_path, settings=chosen, clock=clock) as server,
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
        ):
            yield Caller(server, session, clock)

    return open_panel


@pytest.fixture
async def panel(opener: Opener) -> AsyncIterator[Caller]:
    async with opener() as caller:
        yield caller
