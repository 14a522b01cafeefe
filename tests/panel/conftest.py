"""A panel of raw bytes on loopback: says exactly what a test tells it to, and remembers what it was sent."""

import asyncio
import json
import random
import socket
import ssl
import struct
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qsl

import pytest

from runner.core.attempts import OutcomeKind
from runner.core.orders import PanelProfile
from runner.core.values.clock import ManualClock
from runner.core.values.text import Secret
from runner.panel import forms
from runner.panel.client import PanelClient
from runner.panel.exchange import Exchange
from runner.panel.parse.outcome import classify_add
from runner.panel.retry import OnPause, nobody_waits
from runner.panel.transport.http import SMALL, HttpTransport

KEY = "s3cr3t/key+0123456789abcdef"
ADD = forms.add(service="1", link="https://example.com/p?a=1&b=ü+%", quantity=100, runs=None, interval=None)


@dataclass(frozen=True)
class Reply:
    data: bytes = b""
    close: bool = False  # after writing
    reset: bool = False  # close with RST
    unread: bool = False  # before reading the request
    delay: float = 0.0  # before writing


@dataclass
class RawPanel:
    replies: list[Reply]
    url: str = ""
    connections: int = 0
    heads: list[str] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while self.replies:
                if self.replies[0].unread:
                    self.replies.pop(0)
                    break
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = int(head.lower().split("content-length:")[1].split("\r\n")[0])
                body = await reader.readexactly(length)
                self.heads.append(head)
                self.bodies.append(body)
                self.forms.append(dict(parse_qsl(body.decode(), keep_blank_values=True)))
                reply = self.replies.pop(0)
                await asyncio.sleep(reply.delay)
                writer.write(reply.data)
                await writer.drain()
                if reply.reset:
                    linger = struct.pack("ii", 1, 0)
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                if reply.close or reply.reset:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def http(body: str | bytes, status: int = 200, **headers: str) -> Reply:
    raw = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(raw)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return Reply("\r\n".join([*lines, "", ""]).encode() + raw)


@pytest.fixture
def say() -> SimpleNamespace:
    return SimpleNamespace(http=http, Reply=Reply, KEY=KEY)


@pytest.fixture
async def serve() -> AsyncIterator[Callable]:
    async with AsyncExitStack() as stack:

        async def start(*replies: Reply, tls: ssl.SSLContext | None = None) -> RawPanel:
            panel = RawPanel(list(replies))
            server = await asyncio.start_server(panel.talk, "127.0.0.1", 0, ssl=tls, limit=2**24)
            stack.callback(server.close)
            port = server.sockets[0].getsockname()[1]
            panel.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}/api/v2"
            return panel

        yield start


@pytest.fixture
def profile_of() -> Callable:
    def make(url: str, **changes: object) -> PanelProfile:
        facts = {"name": "testpanel", "url": url, "key": Secret(KEY), "connect_timeout": 5.0, "read_timeout": 5.0}
        return PanelProfile(**(facts | changes))

    return make


@pytest.fixture
async def client_of(profile_of) -> AsyncIterator[Callable]:
    async with AsyncExitStack() as stack:

        async def make(
            url: str, *, clock: ManualClock | None = None, on_pause: OnPause = nobody_waits, **changes: object
        ) -> PanelClient:
            client = PanelClient(
                profile_of(url, **changes),
                Secret(KEY),
                clock=clock or ManualClock(),
                rng=random.Random(7),
                on_pause=on_pause,
            )
            stack.push_async_callback(client.close)
            return client

        yield make


@pytest.fixture(scope="session")
def self_signed(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    folder: Path = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    subprocess.run(
        [*command, "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


@pytest.fixture
async def send(profile_of: Callable[..., PanelProfile]) -> AsyncIterator[Callable[..., Awaitable[Exchange]]]:
    """Sends one order form to a URL, each time by a transport of its own."""
    async with AsyncExitStack() as opened:

        async def once(url: str, cap: int = SMALL, **changes: object) -> Exchange:
            transport = HttpTransport(profile_of(url, **changes), Secret(KEY))
            opened.push_async_callback(transport.close)
            return await transport.send(ADD, cap)

        yield once


def proof(exchange: Exchange) -> OutcomeKind:
    """What an answer to an order form, or the lack of one, proves."""
    return classify_add(exchange, (), (), str).kind


@pytest.fixture
def answer(say: SimpleNamespace) -> Callable[..., Reply]:
    """A reply with a JSON body."""
    return lambda body, status=200, **headers: say.http(json.dumps(body), status, **headers)
