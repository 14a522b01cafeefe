"""Two paths to one state: never two runs side by side, never two halves of it, nothing bought twice."""

import shutil
import signal
from pathlib import Path

import pytest

from tests.acceptance.project import Project, post
from tests.acceptance.served import Served


@pytest.fixture
def twins(project: Project, served_sandbox: Served, tmp_path: Path) -> tuple[Project, Project]:
    """Two projects with the same campaign; the first has bought two orders, and six more are listed in both."""
    project.campaign([post(1), post(2)])
    assert project.run("apply", "--yes").code == 0
    other = Project(tmp_path / "other")
    other.panels(served_sandbox.url)
    for one in (project, other):
        one.campaign([post(number) for number in range(1, 9)])
    return project, other


def assert_two(served: Served) -> None:
    assert sorted(served.links().values()) == [1, 1]


def test_a_hard_linked_database_is_refused_from_both_sides(twins, served_sandbox):
    project, other = twins
    shutil.rmtree(other.state.parent)
    other.state.parent.mkdir(mode=0o700)
    other.state.hardlink_to(project.state)
    for one in twins:
        for command in (
            ["apply", "--yes"],
            ["plan"],
            ["plan", "--no-refresh"],
            ["status"],
            ["state", "list"],
            ["doubt", "list"],
        ):
            ran = one.run(*command)
            assert ran.code == 12, command
            assert "state/runner.db has 2 names" in ran.err
        ran = one.run("state", "verify")
        assert ran.code == 12
        assert "has 2 names" in ran.out
    assert_two(served_sandbox)
    other.state.unlink()
    ran = project.run("apply", "--yes", "--format", "json")
    assert (ran.code, ran.json["placed"]) == (0, 6)


def test_a_hard_link_that_is_made_during_a_run_gives_nobody_a_second_run(twins, serve):
    project, other = twins
    served = serve("--latency", "0.5")
    for one in twins:
        one.panels(served.url)
    shutil.rmtree(other.state.parent)
    other.state.parent.mkdir(mode=0o700)
    running = project.start("apply", "--yes", "-q", "--format", "jsonl", "--parallel", "1")
    assert running.stdout is not None
    while '"settled"' not in running.stdout.readline():
        assert running.poll() is None
    other.state.hardlink_to(project.state)
    assert other.run("apply", "--yes").code == 12
    running.communicate(timeout=60)
    assert set(served.links().values()) == {1}


@pytest.mark.parametrize("what", ["file", "folder", "relative", "chain"])
def test_symlinks_meet_at_one_lock(twins, served_sandbox, what):
    project, other = twins
    shutil.rmtree(other.state.parent)
    if what == "folder":
        other.state.parent.symlink_to(project.state.parent)
    else:
        other.state.parent.mkdir(mode=0o700)
        target = Path("../../project/state/runner.db") if what == "relative" else project.state
        if what == "chain":
            (other.root / "link.db").symlink_to(project.state)
            target = other.root / "link.db"
        other.state.symlink_to(target)
    served_sandbox.fault({"kind": "latency", "action": "balance", "seconds": 20})
    holder = project.start("apply", "--yes", "-q", "--format", "jsonl")
    assert holder.stdout is not None
    assert "run_started" in holder.stdout.readline()
    for spelling in ([], ["--state", "../other/state/runner.db"], ["--state", str(other.state)]):
        ran = other.run("apply", "--yes", *spelling)
        assert ran.code == 12
        assert "is locked by `apply`" in ran.err
    assert_two(served_sandbox)
    holder.send_signal(signal.SIGTERM)
    holder.communicate(timeout=30)
    served_sandbox.fault()
    assert other.run("apply", "--yes").code == 0
    assert project.run("apply", "--yes").code == 0
    assert sorted(served_sandbox.links().values()) == [1] * 8
