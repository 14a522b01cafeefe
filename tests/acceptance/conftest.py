"""Fixtures: a sandbox panel in another process, and a project folder that orders on it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from tests.acceptance.own_panel import OwnPanel, own_panel
from tests.acceptance.project import Project
from tests.acceptance.served import Served, start_served

Serve = Callable[..., Served]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts a sandbox panel with the options given; it ends with the test."""
    numbers = count()
    with ExitStack() as stack:

        def started(*options: str, **env: str) -> Served:
            served = start_served(tmp_path / f"panel-{next(numbers)}" / "sandbox.db", *options, **env)
            stack.callback(served.stop)
            return served

        yield started


@pytest.fixture
def served_sandbox(serve: Serve) -> Served:
    """A sandbox panel that answers at once."""
    return serve()


@pytest.fixture
def own() -> Iterator[OwnPanel]:
    """A panel of the test's own, in this process."""
    with own_panel() as panel:
        yield panel


@pytest.fixture
def project(bare_project: Project, served_sandbox: Served) -> Project:
    """An empty project whose panel `served` is the served sandbox."""
    bare_project.panels(served_sandbox.url)
    return bare_project


@pytest.fixture
def bare_project(tmp_path: Path) -> Project:
    """A project without panels.yaml, for the built-in sandbox or a panel of the test's own."""
    return Project(tmp_path / "project")
