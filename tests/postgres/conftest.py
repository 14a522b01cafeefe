from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.core.values.clock import ManualClock, SystemClock
from runner.store.disk.paths import StatePaths, make_directory
from runner.store.write.spill_file import SpillFile
from tests.acceptance.conftest import bare_project, serve  # noqa: F401  # fixtures
from tests.postgres.fixtures import cluster, project  # noqa: F401  # fixtures
from tests.store.conftest import begun, lock, open_one, paths, writer  # noqa: F401  # fixtures

pytest.importorskip("psycopg", reason="needs the extra `postgres`")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def real_clock() -> SystemClock:
    return SystemClock()


@pytest.fixture
def spill(tmp_path: Path) -> Iterator[SpillFile]:
    beside = StatePaths.at(tmp_path / "state" / "runner.db")
    make_directory(beside.db.parent)
    one = SpillFile(beside)
    yield one
    one.close()
