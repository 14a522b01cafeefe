"""`state verify` finds what is wrong, names it, and changes nothing."""

import sqlite3

import pytest

from runner.core.operations import EndRun
from runner.store.integrity.lineage import Lineage, noted, write_lineage
from runner.store.recovery.verify import verify
from runner.store.startup.backup import backup
from tests.store.making import IN_DOUBT, NOW, a_mark, a_settle, placed, raw


@pytest.fixture
def settled(writer, paths, clock):
    ids = writer.commit([a_mark(n) for n in (1, 2, 3)])
    writer.commit([a_settle(ids[0], placed("p1")), a_settle(ids[1], IN_DOUBT)])
    writer.commit([EndRun("run-1", 15, NOW)])
    backup(paths, clock)
    writer.close()
    return paths


def found(paths):
    verified = verify(paths)
    assert all(finding.next_step for finding in verified.findings)
    return " | ".join(finding.what for finding in verified.findings)


def test_a_whole_state_has_no_findings(settled):
    verified = verify(settled)
    assert verified.findings == ()
    assert (verified.attempts, verified.serial) == (3, noted(settled).serial)


def test_a_fresh_project_has_nothing_to_verify(paths):
    assert verify(paths).checks == ()
    assert not paths.db.parent.exists()


def test_a_state_that_a_run_is_writing_is_whole(writer, paths):
    writer.commit([a_mark(1)])
    assert found(paths) == ""


@pytest.mark.parametrize(
    ("hand", "finding"),
    [
        ("DROP TRIGGER attempts_that_may_have_bought_stay", "trigger attempts_that_may_have_bought_stay is missing"),
        ("DROP TRIGGER decisions_stand_delete", "trigger decisions_stand_delete is missing"),
        ("DROP INDEX one_open_attempt", "index one_open_attempt is missing"),
        ("DROP TABLE balances", "table balances is missing"),
        ("DELETE FROM meta WHERE key = 'serial'", "is missing or empty"),
        ("UPDATE meta SET value = '0' WHERE key = 'serial'", "old copy"),
        ("UPDATE attempts SET settled_at = NULL WHERE id = 1", "attempt 1: a settled attempt has no time"),
        ("UPDATE attempts SET quantity = 0 WHERE id = 1", "attempt 1: an attempt ordered nothing"),
    ],
)
def test_what_a_hand_has_changed_is_found(settled, hand, finding):
    raw(settled, hand)
    assert finding in found(settled)


@pytest.mark.parametrize(
    ("hand", "finding"),
    [
        ("UPDATE attempts SET panel_order_id = NULL WHERE id = 1", "a placed attempt has no panel order id"),
        ("UPDATE attempts SET panel_order_id = 'x' WHERE id = 3", "that bought nothing has a panel order id"),
        ("UPDATE attempts SET run_id = 'nobody' WHERE id = 1", "attempts row 1 refers to nothing in runs"),
    ],
)
def test_what_was_written_with_the_schema_switched_off_is_found(settled, hand, finding):
    connection = sqlite3.connect(settled.db, isolation_level=None)
    connection.execute("PRAGMA ignore_check_constraints = ON")
    connection.execute(hand)
    connection.close()
    assert finding in found(settled)


@pytest.mark.parametrize(
    ("index", "hand", "finding"),
    [
        ("one_open_attempt", "UPDATE attempts SET order_id = 'order-1' WHERE id = 2", "two open attempts"),
        ("one_unsettled_send", "UPDATE attempts SET link = (SELECT link FROM attempts WHERE id = 2) WHERE id = 3", "unsettled"),
        ("one_unsettled_send", "UPDATE attempts SET link = 'https://EXAMPLE.com/our-brand/p/%32#' WHERE id = 3", "unsettled"),
        ("one_owner_per_panel_order", "UPDATE attempts SET panel_order_id = 'p1' WHERE id = 2", "own one panel order"),
    ],
)  # fmt: skip
def test_twins_are_found(settled, index, hand, finding):
    raw(settled, f"DROP INDEX {index}")
    raw(settled, hand)
    assert finding in found(settled)


def test_a_damaged_page_is_found(settled):
    content = bytearray(settled.db.read_bytes())
    (root,) = raw(settled, "SELECT rootpage FROM sqlite_master WHERE name = 'one_open_attempt'")[0]
    content[(root - 1) * 4096 : root * 4096] = b"\x37" * 4096
    settled.db.write_bytes(content)
    assert "damaged" in found(settled)


def test_another_lineage_and_a_lost_lineage_file_are_found(settled):
    write_lineage(settled, Lineage("somebody-else", 1))
    assert "another lineage" in found(settled)
    settled.lineage.unlink()
    assert "lineage.json is missing" in found(settled)


@pytest.mark.parametrize("name", ["runner.db", "runner.lock", "ballast", "emergency.jsonl", "backups"])
def test_what_others_could_read_is_found(settled, name):
    path = settled.db.with_name(name)
    path.chmod(0o755 if path.is_dir() else 0o640)
    assert f"{name} can be used by others" in found(settled)


def test_a_directory_that_others_could_enter_is_found(settled):
    settled.db.parent.chmod(0o755)
    assert "can be used by others (mode 0755)" in found(settled)


def test_a_copy_that_others_could_read_is_found(settled):
    next(settled.backups.glob("*.db")).chmod(0o644)
    assert "can be used by others" in found(settled)


def test_a_short_ballast_is_found(settled):
    settled.ballast.write_bytes(b"")
    assert "ballast is not" in found(settled)
