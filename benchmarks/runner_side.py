"""The runner's own engine, client and journal against the benchmark panel, measuring itself.

Usage: apply URL ORDERS PARALLEL STATE, or refresh URL PARALLEL STATE; prints {wall, cpu, ...}. Opening the state
(schema, lineage, lock) comes before the clock starts: it is paid once a run and not for each order.
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from benchmarks.opened import opened
from benchmarks.orders import ALLOWED, CAMPAIGN, KEY, LINK, PANEL, QUANTITY, SERVICE
from runner.core.errors import ExitCode
from runner.core.operations import BeginRun, EndRun
from runner.core.orders import Budget, Campaign, Order, PanelProfile, Policy
from runner.core.values.clock import SystemClock
from runner.core.values.text import Secret
from runner.engine.refresh import refresh
from runner.engine.run import PlanRequest, apply
from runner.engine.session import Session
from runner.panel.client import PanelClient


@asynccontextmanager
async def open_session(url: str, parallel: int, state: str) -> AsyncIterator[Session]:
    """As the command line opens it, without listeners and signals."""
    clock, key = SystemClock(), Secret(KEY)
    profile = PanelProfile(name=PANEL, url=url, key=key, parallel_add=parallel, parallel_read=parallel)
    run_id = f"benchmark-{clock.now().isoformat()}"
    async with AsyncExitStack() as stack:
        panel = PanelClient(profile, key, clock=clock, rng=random.Random(1))
        stack.push_async_callback(panel.close)
        journal = await stack.enter_async_context(opened(state, url, clock))
        await journal.record(BeginRun(run_id, "benchmark", clock.now()))
        yield Session(run_id=run_id, journal=journal, panels={PANEL: panel}, clock=clock)


def campaign(orders: int) -> Campaign:
    """The benchmark's orders, in memory."""
    return Campaign(
        name=CAMPAIGN,
        panel=PANEL,
        links=(ALLOWED,),
        budget=Budget(),
        policy=Policy(),
        orders=[
            Order(CAMPAIGN, f"order-{n}", SERVICE, LINK.format(n), QUANTITY, None, None, "bench.yaml", n + 1)
            for n in range(orders)
        ],
        moved={},
        removed=frozenset(),
        source="bench.yaml",
        digest="",
    )


async def measure_apply(url: str, orders: int, parallel: int, state: str) -> dict[str, float]:
    """One whole pass: refresh, plan, guards, marks, sends, outcomes, statuses, balance, ledger."""
    wish = PlanRequest(campaigns=[campaign(orders)])
    async with open_session(url, parallel, state) as session:
        wall, cpu = time.perf_counter(), time.process_time()
        result = await apply(session, wish, lambda _plan: True)
        await session.journal.record(EndRun(session.run_id, result.exit_code, session.clock.now()))
        took = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    if result.exit_code is not ExitCode.OK or result.placed != orders:
        raise SystemExit(f"{result.placed} of {orders} orders placed, exit code {result.exit_code}")
    return took


async def measure_refresh(url: str, parallel: int, state: str) -> dict[str, float]:
    """Catalogue, balance and the statuses of all live orders, recorded."""
    async with open_session(url, parallel, state) as session:
        recorded = await session.journal.recorded()
        live = sum(attempt.is_live for attempts in recorded.attempts.values() for attempt in attempts)
        wall, cpu = time.perf_counter(), time.process_time()
        await refresh(session, recorded)
        return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "live": live}


async def _main(what: str, url: str, *rest: str) -> None:
    if what == "apply":
        orders, parallel, state = rest
        print(json.dumps(await measure_apply(url, int(orders), int(parallel), state)))
    else:
        parallel, state = rest
        print(json.dumps(await measure_refresh(url, int(parallel), state)))


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
