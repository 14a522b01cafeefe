import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from runner.core.operations import BeginRun
from runner.core.values.clock import ManualClock
from runner.store.disk.lock import StateLock, acquire
from runner.store.disk.paths import StatePaths
from runner.store.journal import Journal, open_journal
from runner.store.startup.opening import open_writer
from runner.store.write.writer import Writer
from tests.store.making import NOW, a_mark, marks_of


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def paths(tmp_path: Path) -> StatePaths:
    return StatePaths.at(tmp_path / "state" / "runner.db")


@pytest.fixture
async def lock(paths: StatePaths, clock: ManualClock) -> AsyncIterator[StateLock]:
    with await acquire(paths, "runner apply", clock) as held:
        yield held


@pytest.fixture
async def journal(paths: StatePaths, lock: StateLock, clock: ManualClock) -> AsyncIterator[Journal]:
    """The journal of a new state with one run begun."""
    async with open_journal(paths, lock, clock) as one:
        await one.record(BeginRun("run-1", "apply", NOW))
        yield one


@pytest.fixture
def open_one(paths: StatePaths, lock: StateLock, clock: ManualClock) -> Iterator[Callable[[], Writer]]:
    """Opens the state; closes at the end whatever was opened."""
    opened = []

    def open_again() -> Writer:
        opened.append(open_writer(paths, lock, clock).writer)
        return opened[-1]

    yield open_again
    for writer in opened:
        writer.close()


@pytest.fixture(scope="session")
def begun(tmp_path_factory: pytest.TempPathFactory) -> StatePaths:
    """A closed state with one run begun, to be copied: migrating anew for every test takes 0.15 s."""
    paths = StatePaths.at(tmp_path_factory.mktemp("begun") / "runner.db")
    clock = ManualClock(NOW)
    with asyncio.run(acquire(paths, "runner apply", clock)) as lock:
        writer = open_writer(paths, lock, clock).writer
        assert writer.commit([BeginRun("run-1", "apply", NOW)]) == [None]
        writer.close()
    return paths


@pytest.fixture
def writer(begun: StatePaths, paths: StatePaths, open_one: Callable[[], Writer]) -> Writer:
    """A state with one run begun."""
    shutil.copy(begun.db, paths.db)
    shutil.copy(begun.lineage, paths.lineage)
    return open_one()


@pytest.fixture
def broken_off(writer: Writer, paths: StatePaths) -> StatePaths:
    """The files of a run that was killed after a checkpoint, as a crash would leave them, put in place of the run's own."""
    writer.commit([a_mark(1)])
    writer._fold()
    writer.commit([a_mark(2)])
    left = {path: path.read_bytes() for path in (paths.db, paths.wal, *marks_of(paths))}
    writer.close()
    for path, content in left.items():
        path.write_bytes(content)
        path.chmod(0o600)
    paths.shm.unlink(missing_ok=True)
    return paths
