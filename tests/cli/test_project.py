"""Which folder is the project, and how its paths are written from where one stands."""

import os
from pathlib import Path

import pytest

from runner.cli.arguments import project
from runner.core.errors import UsageError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "ours" / "deep" / "er").mkdir(parents=True)
    (tmp_path / "ours" / "panels.yaml").touch()
    monkeypatch.chdir(tmp_path / "ours" / "deep" / "er")
    return tmp_path / "ours"


def test_it_is_the_nearest_folder_with_panels_or_campaigns(folder, monkeypatch):
    assert project.project() == Path("../..")
    (folder / "deep" / "campaigns").mkdir()
    assert project.project() == Path("..")
    monkeypatch.chdir(folder)
    assert project.project() == Path()


def test_where_there_is_none_it_is_where_one_stands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert project.project() == Path()


def test_a_file_named_campaigns_and_a_folder_named_panels_are_no_marks(folder):
    (folder / "deep" / "campaigns").touch()
    (folder / "deep" / "er" / "panels.yaml").mkdir()
    assert project.project() == Path("../..")


def test_what_somebody_else_left_above_is_no_mark(folder, monkeypatch):
    """A panels.yaml in /tmp must not be sent a key."""
    found = os.stat_result((0o100644, 1, 1, 1, 4711, 4711, 0, 0, 0, 0))
    real = Path.stat
    monkeypatch.setattr(Path, "stat", lambda path, **how: found if path.name == "panels.yaml" else real(path, **how))
    assert project.project() == Path()
    monkeypatch.chdir(folder)
    assert project.project() == Path()


def test_paths_of_plans_are_the_same_wherever_one_stands(folder, monkeypatch):
    assert project.in_project("../../campaigns/a.yaml") == "campaigns/a.yaml"
    assert project.from_here("campaigns/a.yaml") == "../../campaigns/a.yaml"
    assert project.in_project("/elsewhere/a.yaml") == "/elsewhere/a.yaml"
    assert project.from_here("/elsewhere/a.yaml") == "/elsewhere/a.yaml"
    monkeypatch.chdir(folder / "deep")
    assert project.in_project("../campaigns/a.yaml") == "campaigns/a.yaml"


def test_the_homes_of_files_are_the_states_of_their_projects(folder, tmp_path):
    (tmp_path / "theirs" / "campaigns").mkdir(parents=True)
    found = project.homes([tmp_path / "theirs" / "campaigns" / "a.yaml", "b.yaml", "/no/such/folder/c.yaml"])
    assert found == [Path("../../state"), Path("../../../theirs/state")]


def test_a_folder_that_is_none_is_a_usage_error(folder):
    with pytest.raises(UsageError, match="-C nowhere"):
        project._stand_in(_context(), None, "nowhere")


def _context():
    import click

    return click.Context(click.Command("apply"))
