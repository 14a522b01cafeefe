from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from runner.core.events import Event
from runner.core.operations import BeginRun
from runner.core.values.clock import ManualClock
from runner.engine.session import Session
from runner.store.disk.lock import acquire
from runner.store.disk.paths import StatePaths
from runner.store.journal import open_journal
from tests.engine.simulated import SimulatedPanel


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


@pytest.fixture
def open_run(tmp_path: Path, clock: ManualClock, panel: SimulatedPanel, events: list[Event]) -> Opener:
    """Open a run over one state in a real database; several in turn are several runs of the program."""
    paths = StatePaths.at(tmp_path / "state" / "runner.db")
    runs = iter(range(1000))

    @asynccontextmanager
    async def opened(*panels: SimulatedPanel) -> AsyncIterator[Session]:
        with await acquire(paths, "apply", clock) as lock:
            async with open_journal(paths, lock, clock) as journal:
                run_id = f"run-{next(runs)}"
                await journal.record(BeginRun(run_id, "apply", clock.now()))
                known = {one.profile.name: one for one in panels or (panel,)}
                yield Session(run_id=run_id, journal=journal, panels=known, clock=clock, listen=events.append)

    return opened
