"""A server for the tests of one process, and a name on it for each test."""

import itertools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres.cluster import Cluster, binaries

NAMES = itertools.count()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    programs = binaries()
    if programs is None:
        if os.environ.get("RUNNER_GATE"):
            pytest.fail("no PostgreSQL server is installed (Debian: apt install postgresql)")
        pytest.skip("no PostgreSQL server is installed (Debian: apt install postgresql)")
    with tempfile.TemporaryDirectory(prefix="runner-pg-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        one = Cluster(Path(folder) / "cluster", programs)
        one.make()
        one.start()
        yield one
        one.stop("immediate")


@pytest.fixture
def project() -> str:
    """A name that no other test uses."""
    return f"shop_{os.getpid()}_{next(NAMES)}"
