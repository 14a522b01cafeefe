"""The short form: a few kills, every kind of damage. The long form is `make damage`."""

import pytest

from runner.store.integrity import progress_evidence as evidence_module
from tests.acceptance.project import Project
from tests.acceptance.served import start_served
from tests.damage.apply_loop import LATENCY, PARALLEL, ApplyLoop
from tests.damage.kinds import AFTER_A_KILL, AT_REST
from tests.damage.store_loop import Broken, StoreLoop


def test_every_kind_of_damage_after_a_kill_is_refused_or_loses_nothing(tmp_path):
    loop = StoreLoop(tmp_path / "writers", seed=1)
    loop.kill_once(at_rest=0)
    assert loop.tally.trials.total() == len(AFTER_A_KILL)
    assert loop.tally.refused.total() > 20


def test_every_kind_of_damage_at_rest_is_refused_or_loses_nothing(tmp_path):
    loop = StoreLoop(tmp_path / "writers", seed=1)
    loop.kill_once(after=0, at_rest=len(AT_REST))
    assert loop.tally.trials.total() == len(AT_REST)
    assert loop.tally.refused.total() > 15


def test_damage_after_a_killed_apply_buys_nothing_twice(tmp_path, home):
    served = start_served(tmp_path / "panel" / "sandbox.db", "--latency", str(LATENCY))
    try:
        project = Project(tmp_path / "project")
        project.panels(served.url, parallel={"add": PARALLEL, "read": 4})
        loop = ApplyLoop(project, served, home, seed=1)
        for _ in range(3):
            loop.kill_once(10)
    finally:
        served.stop()
    assert loop.tally.trials.total() > 3


def test_a_database_with_two_names_is_refused_by_either(tmp_path):
    loop = StoreLoop(tmp_path / "writers", seed=1)
    loop.kill_once(0, 0)
    loop.open_by_another_name()
    assert loop.tally.refused == {"two names": 2}


def forget_the_marks(patch):
    """As before there were any: nothing outside of the database tells how far it had come."""
    gather = evidence_module.gather

    def without_marks(paths):
        found = gather(paths)
        return found._replace(beside=found.beside._replace(mark=None), outside=None, witnesses=())

    for module in (
        "integrity.progress_evidence",
        "read.snapshot",
        "integrity.startup_check",
        "recovery.restore",
        "recovery.verify",
    ):
        patch.setattr(f"runner.store.{module}.gather", without_marks)
    patch.setattr("runner.store.integrity.startup_check.MARKED", "nothing")


def keep_no_outer_mark(patch):
    """A copy of the folder takes all the evidence along."""
    patch.setattr("runner.store.disk.paths.StatePaths.high_water_outside", lambda *_: None)


def trust_a_log_to_its_first_wrong_bit(patch):
    """And the marks with it: what SQLite reads is all there is."""
    forget_the_marks(patch)
    patch.setattr("runner.store.integrity.startup_check.refuse_damaged_log", lambda *_: None)


def take_a_missing_log_for_a_loss(patch):
    """Which files are there decides, not what the database holds."""
    from runner.store.integrity import startup_check as unclean

    look = unclean.seals_for

    def by_files(paths, left, connection, present):
        if unclean.is_noted(connection, unclean.IN_USE) and not left.log.holds_something:
            raise unclean.lost_wal(paths)
        return look(paths, left, connection, present)

    patch.setattr("runner.store.integrity.startup_check.seals_for", by_files)


def test_a_missing_count_of_names_is_found(tmp_path, monkeypatch):
    loop = StoreLoop(tmp_path / "writers", seed=1)
    loop.kill_once(0, 0)
    for module in ("disk.location_checks", "connection"):
        monkeypatch.setattr(f"runner.store.{module}.refuse_second_names", lambda _paths: None)
    with pytest.raises(Broken):
        loop.open_by_another_name()


def find_it(loop: StoreLoop) -> None:
    for _ in range(3):
        loop.kill_once()


@pytest.mark.parametrize(
    "plant",
    [forget_the_marks, keep_no_outer_mark, trust_a_log_to_its_first_wrong_bit, take_a_missing_log_for_a_loss],
)
def test_a_missing_defence_is_found(tmp_path, monkeypatch, plant):
    loop = StoreLoop(tmp_path / "writers", seed=2)
    with monkeypatch.context() as patch:
        plant(patch)
        with pytest.raises(Broken):
            find_it(loop)


@pytest.mark.parametrize(
    "planted",
    [
        "HighWaterMarks.move_on = lambda *_: None",  # the marks begin with the run, and do not move on with its commits
        "HighWaterMarks._write = lambda *_: None",  # they are made, and never written
    ],
)
def test_a_mark_that_is_not_written_is_found(tmp_path, planted):
    loop = StoreLoop(
        tmp_path / "writers", 2, f"from runner.store.integrity.high_water import HighWaterMarks\n{planted}\n"
    )
    with pytest.raises(Broken):
        find_it(loop)
