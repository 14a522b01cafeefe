"""The other side of the comparison: an aiohttp loop that sends what one apply sends, and records nothing.

Usage: URL ORDERS PARALLEL STATUS_CALLS; prints {wall, cpu} of the requests alone.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar
from urllib.parse import urlencode

import aiohttp

from benchmarks.orders import KEY, LINK, QUANTITY, SERVICE

_BATCH = 100
_FIRST = 4
_HEADERS = {"Content-Type": "application/x-www-form-urlencoded"}
Thing = TypeVar("Thing")


async def send_all(url: str, orders: int, parallel: int, status_calls: int) -> dict[str, float]:
    """Balance, catalogue, the orders, statuses of all in batches and of a few some more times, balance: `parallel` in flight."""
    connector = aiohttp.TCPConnector(limit=parallel)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def ask(**form: str) -> Any:
            body = urlencode({"key": KEY, **form}).encode()  # a dict would cost a form object of aiohttp's
            async with session.post(url, data=body, headers=_HEADERS, allow_redirects=False) as response:
                return json.loads(await response.read())

        async def add(number: int) -> None:
            form = {"service": SERVICE, "link": LINK.format(number), "quantity": str(QUANTITY)}
            answer = await ask(action="add", **form)
            placed.append(str(answer["order"]))

        async def status(ids: list[str]) -> None:
            await ask(action="status", orders=",".join(ids))

        placed: list[str] = []
        wall, cpu = time.perf_counter(), time.process_time()
        await ask(action="balance")
        await ask(action="services")
        await _in_flight(parallel, range(orders), add)
        batches = [placed[start : start + _BATCH] for start in range(0, len(placed), _BATCH)]
        # An apply looks at what the first orders were charged before many follow, in small batches: some calls more.
        few = [placed[:_FIRST]] * (status_calls - len(batches))
        await _in_flight(parallel, [*few, *batches], status)
        await ask(action="balance")
        return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


async def _in_flight(parallel: int, things: Iterable[Thing], send: Callable[[Thing], Awaitable[None]]) -> None:
    queue = iter(things)

    async def work() -> None:
        for thing in queue:
            await send(thing)

    await asyncio.gather(*(work() for _ in range(parallel)))


if __name__ == "__main__":
    print(json.dumps(asyncio.run(send_all(sys.argv[1], *map(int, sys.argv[2:])))))
