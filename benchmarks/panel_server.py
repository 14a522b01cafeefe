"""A panel that does nothing but answer: documented shapes, an adjustable delay, no books. One process of its own.

Not the sandbox: that keeps its orders in SQLite, and its work would hide what the client costs. Usage: DELAY_MS; prints
its address, ends when its standard input is closed.
"""

import asyncio
import json
import sys
from collections import Counter
from urllib.parse import parse_qs

FIRST_ID = 23501
_SERVICES = 120  # no round number: a list of a hundred may be a page, and would be read on from
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
_BALANCE = b'{"balance": "99999999.84292", "currency": "USD"}'
_STATUS = {"charge": "0.45", "start_count": "3572", "status": "In progress", "remains": "157", "currency": "USD"}


def _catalogue() -> bytes:
    service = {"type": "Default", "category": "First Category", "rate": "0.90", "min": "50", "max": "10000"}
    flags = {"refill": True, "cancel": True}
    rows = [{"service": n, "name": f"Followers {n}", **service, **flags} for n in range(1, _SERVICES + 1)]
    return json.dumps(rows).encode()


class Desk:
    """What all connections share."""

    def __init__(self, delay: float) -> None:
        self.delay = delay  # seconds before each answer
        self._next_id = FIRST_ID
        self._counts: Counter[str] = Counter()
        self._catalogue = _catalogue()

    def answer(self, body: bytes) -> bytes:
        """The JSON for one form. The action `counts` tells how often each other was asked since the last time."""
        if b"action=add" in body:
            self._counts["add"] += 1
            self._next_id += 1
            return b'{"order": %d}' % (self._next_id - 1)
        form = parse_qs(body.decode())
        action = form["action"][0]
        if action == "counts":
            counts, self._counts = self._counts, Counter()
            return json.dumps(counts).encode()
        self._counts[action] += 1
        if action == "status":
            if "order" in form:
                return json.dumps(_STATUS).encode()
            return json.dumps(dict.fromkeys(form["orders"][0].split(","), _STATUS)).encode()
        return self._catalogue if action == "services" else _BALANCE


class Connection(asyncio.Protocol):
    """One keep-alive connection; the client waits for each answer before it asks again."""

    def __init__(self, desk: Desk, loop: asyncio.AbstractEventLoop) -> None:
        self._desk = desk
        self._loop = loop
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        received = self._received = self._received + data
        end = received.find(b"\r\n\r\n") + 4
        if end < 4:
            return
        head = received[:end].lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(received) < end + length:
            return
        self._received = b""
        body = self._desk.answer(received[end : end + length])
        answer = _HEAD % len(body) + body
        if self._desk.delay:
            self._loop.call_later(self._desk.delay, self._transport.write, answer)
        else:
            self._transport.write(answer)


async def serve(delay: float) -> None:
    """Until standard input is closed."""
    loop = asyncio.get_running_loop()
    desk = Desk(delay)
    server = await loop.create_server(lambda: Connection(desk, loop), "127.0.0.1", 0, backlog=512)
    closed = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), closed.set)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api/v2", flush=True)
    await closed.wait()


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1]) / 1000))
