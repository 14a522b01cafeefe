"""Without its state, or with an older copy of it, the runner refuses to buy."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

from runner.core.errors import ExitCode, StateRefused
from runner.core.operations import BeginRun, EndRun
from runner.core.snapshot import Recorded
from runner.store.integrity.lineage import Lineage, noted, write_lineage
from runner.store.integrity.progress_evidence import check
from runner.store.read.snapshot import read_state
from runner.store.recovery.restore import plan_restore, restore
from runner.store.startup.backup import backup
from runner.store.startup.opening import open_writer
from tests.store.making import NOW, a_mark, attempts_of


@pytest.fixture
def refused_everywhere(paths, lock, clock):
    """Asserts that checking, reading and opening refuse alike; the refusal."""

    def look(match):
        for ask in (check, read_state, lambda paths: open_writer(paths, lock, clock)):
            with pytest.raises(StateRefused, match=match) as refusal:
                ask(paths)
            assert refusal.value.code is ExitCode.STATE
            assert refusal.value.hint
        return refusal.value

    return look


@pytest.fixture
def bought(writer, paths):
    """A state that has seen a purchase, closed."""
    writer.commit([a_mark()])
    writer.commit([EndRun("run-1", 0, NOW)])
    writer.close()
    return paths


def test_a_fresh_project_is_empty_and_reading_it_creates_nothing(paths):
    assert check(paths) is None
    assert read_state(paths) == Recorded()
    assert not paths.db.parent.exists()


def test_the_first_opening_notes_its_lineage_down(paths, open_one):
    open_one()
    assert noted(paths).serial == 0
    assert read_state(paths).lineage == noted(paths).lineage


def test_a_missing_database_is_refused_once_something_is_known_of_it(bought, refused_everywhere):
    bought.db.unlink()
    assert "backups" in refused_everywhere("is missing").hint


def test_an_empty_database_is_as_bad_as_none(bought, refused_everywhere):
    bought.db.write_bytes(b"")
    refused_everywhere("missing or empty")


def test_a_foreign_database_is_refused(bought, refused_everywhere):
    write_lineage(bought, Lineage("somebody-else", 0))
    refused_everywhere("another lineage")


def test_a_restored_backup_is_refused_as_old(writer, paths, clock, refused_everywhere):
    writer.commit([a_mark(1)])
    copy = backup(paths, clock)
    writer.commit([BeginRun("run-2", "apply", NOW)])
    writer.commit([a_mark(2)])
    writer.close()
    for file in (paths.db, *paths.db.parent.glob("runner.db-*")):
        file.unlink()
    shutil.copy(copy, paths.db)
    refusal = refused_everywhere("is an old copy")
    assert f"runner state restore {paths.db} --accept-loss" in refusal.hint


def test_a_copy_that_went_its_own_way_is_refused_however_high_its_serial_is(
    writer, paths, clock, lock, refused_everywhere
):
    writer.commit([a_mark(1)])
    copy = backup(paths, clock)
    writer.commit([BeginRun("run-2", "apply", NOW)])
    writer.commit([a_mark(2)])
    writer.commit([EndRun("run-2", 0, NOW)])
    writer.close()
    theirs = paths.lineage.read_text()
    shutil.copy(copy, paths.db)
    paths.lineage.unlink()
    paths.high_water.unlink()
    astray = open_writer(replace(paths, marks=None), lock, clock).writer  # on another machine
    for number in range(9):
        astray.commit([BeginRun(f"look-{number}", "status", NOW)])
    astray.close()
    paths.lineage.write_text(theirs)
    assert "--accept-loss" in refused_everywhere("went its own way: it does not know run run-2").hint
    plan = plan_restore(paths, paths.db)
    assert plan.loses
    restore(paths, plan, "the other one is lost", clock)
    assert check(paths) is None
    assert noted(paths).lineage.endswith(".e2")


def test_setting_the_serial_back_by_hand_accepts_an_old_copy_only_where_no_mark_tells_of_more(
    writer, paths, clock, lock
):
    writer.commit([a_mark(1)])
    copy = backup(paths, clock)
    serial = writer.lineage.serial
    writer.commit([BeginRun("run-2", "apply", NOW)])
    writer.close()
    shutil.copy(copy, paths.db)
    paths.lineage.write_text(json.dumps(json.loads(paths.lineage.read_text()) | {"serial": serial}))
    with pytest.raises(StateRefused, match="is behind"):
        open_writer(paths, lock, clock)
    paths.high_water.unlink()
    open_writer(replace(paths, marks=None), lock, clock).writer.close()
    assert len(attempts_of(replace(paths, marks=None))) == 1


def test_a_lost_lineage_file_is_written_anew_and_told(bought, open_one, lock, clock):
    known = noted(bought)
    bought.lineage.unlink()
    assert "written anew" in check(bought)
    assert not bought.lineage.exists()  # a check does not write
    opened = open_writer(bought, lock, clock)
    opened.writer.close()
    assert "written anew" in opened.note
    assert noted(bought) == known
    assert check(bought) is None


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "7", '{"lineage": "x"}', '{"lineage": "x", "serial": "7"}', '{"lineage": 1, "serial": 7}',
     '{"lineage": "x", "serial": true}', "<<<<<<< HEAD", "[" * 100_000],
)  # fmt: skip
def test_a_damaged_lineage_file_is_refused(bought, refused_everywhere, text):
    bought.lineage.write_text(text)
    assert "git" in refused_everywhere("lineage.json can't be used").hint


def test_a_linked_lineage_file_stays_a_link(bought, tmp_path, open_one):
    bought.lineage.rename(tmp_path / "kept.json")
    bought.lineage.symlink_to(tmp_path / "kept.json")
    open_one().commit([BeginRun("run-2", "apply", NOW)])
    assert bought.lineage.is_symlink()
    assert json.loads((tmp_path / "kept.json").read_text())["serial"] == read_state(bought).serial


def test_a_lineage_file_that_can_not_be_written_fails_the_run_before_it_sends(writer, paths):
    paths.lineage.unlink()
    paths.lineage.mkdir()
    (result,) = writer.commit([BeginRun("run-2", "apply", NOW)])
    assert isinstance(result, StateRefused)
    assert "lineage.json" in result.message
    assert [path.name for path in paths.db.parent.glob(".*")] == []


def test_the_lineage_file_says_what_it_is_for(bought):
    assert "Commit this file" in json.loads(bought.lineage.read_text())["note"]


KILLED_WHILE_NOTING = """
import os, pathlib, sys
from runner.store.integrity.lineage import Lineage, write_lineage
from runner.store.disk.paths import StatePaths
pathlib.Path.replace = lambda *_: os._exit(9)
write_lineage(StatePaths.at(sys.argv[1]), Lineage("x", 10**6))
"""


def test_a_kill_while_noting_down_leaves_the_former_file(bought):
    before = bought.lineage.read_bytes()
    assert subprocess.run([sys.executable, "-c", KILLED_WHILE_NOTING, bought.db], check=False).returncode == 9
    assert bought.lineage.read_bytes() == before
    assert check(bought) is None
