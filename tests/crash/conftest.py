import asyncio
import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from runner.core.values.clock import SystemClock
from runner.store.disk.lock import acquire
from runner.store.disk.paths import StatePaths
from runner.store.startup.opening import open_writer
from tests.crash.search import Search


@pytest.fixture(scope="session")
def fast_folder() -> Iterator[Path]:
    """A folder in memory where the machine has one: the search models the disk itself."""
    shared = "/dev/shm"
    with tempfile.TemporaryDirectory(dir=shared if os.access(shared, os.W_OK) else None) as folder:
        yield Path(folder)


async def make_template(folder: Path) -> Path:
    """A fresh state in `folder`."""
    paths, clock = replace(StatePaths.at(folder / "template" / "runner.db"), marks=None), SystemClock()
    with await acquire(paths, "template", clock) as lock:
        open_writer(paths, lock, clock).writer.close()
    return paths.db.parent


@pytest.fixture(scope="session")
def template(fast_folder: Path) -> Path:
    """A fresh state, made once and copied for every history."""
    return asyncio.run(make_template(fast_folder))


@pytest.fixture
def search(fast_folder: Path, template: Path) -> Search:
    return Search(fast_folder / "world", template)
