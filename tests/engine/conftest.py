from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from runner.core.events import Event
from runner.core.operations import BeginRun
from runner.core.values.clock import ManualClock
from runner.engine.session import Session
from runner.store.disk.lock import acquire
from runner.store.disk.paths import StatePaths
from runner.store.journal import Journal, open_journal
from runner.store.postgres.address import parse
from runner.store.startup.shared import acquire_shared
from runner.store.state import SharedState, State
from tests.engine.simulated import SimulatedPanel
from tests.postgres.fixtures import cluster, project  # noqa: F401  # fixtures


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def panel(clock: ManualClock) -> SimulatedPanel:
    return SimulatedPanel(clock=clock)


@pytest.fixture
def events() -> list[Event]:
    return []


Opener = Callable[..., AbstractAsyncContextManager[Session]]


@pytest.fixture(params=["sqlite", "postgresql"])
def kept_in(request: pytest.FixtureRequest, tmp_path: Path) -> State:
    """Where the state of a test is; what is proven of runs holds wherever that is."""
    paths = StatePaths.at(tmp_path / "state" / "runner.db")
    if request.param == "sqlite":
        return paths
    server = request.getfixturevalue("cluster")
    return SharedState(parse(server.url(request.getfixturevalue("project"))), paths)


@pytest.fixture
def open_run(kept_in: State, clock: ManualClock, panel: SimulatedPanel, events: list[Event]) -> Opener:
    """Open a run over one state in a real database; several in turn are several runs of the program."""
    runs = iter(range(1000))

    @asynccontextmanager
    async def opened(*panels: SimulatedPanel) -> AsyncIterator[Session]:
        known = {one.profile.name: one for one in panels or (panel,)}
        async with journal_of(kept_in, known, clock) as journal:
            run_id = f"run-{next(runs)}"
            await journal.record(BeginRun(run_id, "apply", clock.now()))
            yield Session(run_id=run_id, journal=journal, panels=known, clock=clock, listen=events.append)

    return opened


@asynccontextmanager
async def journal_of(state: State, panels: Collection[str], clock: ManualClock) -> AsyncIterator[Journal]:
    if isinstance(state, StatePaths):
        with await acquire(state, "apply", clock) as lock:
            async with open_journal(state, lock, clock) as journal:
                yield journal
    else:
        accounts = {panel: f"https://{panel}.example#{state.address.schema}" for panel in panels}
        with await acquire_shared(state, accounts, "apply", clock) as lock:
            async with open_journal(state, lock, clock) as journal:
                yield journal
