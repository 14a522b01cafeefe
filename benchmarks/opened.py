"""Opens a state for writing, as the command line does: a file, or a project on a server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.orders import KEY, PANEL
from runner.core.values.clock import Clock
from runner.store.disk.paths import StatePaths
from runner.store.journal import Journal, hold, open_journal
from runner.store.postgres.address import is_address, parse
from runner.store.state import SharedState, State


@asynccontextmanager
async def opened(state: str, url: str, clock: Clock) -> AsyncIterator[Journal]:
    """The journal of a state at a path or an address, for purchases at `url`."""
    where: State
    accounts: dict[str, str] = {}
    if not is_address(state):
        where = StatePaths.at(state)
    else:
        from runner.core.values.accounts import account_of

        where = SharedState(parse(state), StatePaths.at(Path.cwd() / "shared" / "runner.db"))
        accounts = {PANEL: account_of(url, KEY)}
    with await hold(where, accounts, "benchmark", clock) as lock:
        async with open_journal(where, lock, clock) as journal:
            yield journal
