"""What the state keeps of long lives: since when an order is final, what is protected, what panels lack, calls of a day."""

import shutil
import sqlite3
from contextlib import closing
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from runner.core.attempts import LiveStatus, StatusSeen
from runner.core.operations import (
    BeginRun,
    CountStatusCalls,
    Mark,
    NoteLacking,
    Protect,
    SeeStatuses,
    Settle,
    Unprotect,
)
from runner.store.disk.paths import StatePaths
from runner.store.operations.order_flags import BELIEVED_DAYS
from runner.store.read.panel_memory import read_panel_memory
from runner.store.read.snapshot import read_state
from runner.store.schema.migrate import PACKAGED, History, ensure_schema
from runner.store.schema.revisions import REVISIONS
from runner.store.startup.opening import engine_of
from tests.store.making import NOW, attempts_of, new_attempt, placed, raw

HOUR = timedelta(hours=1)
FINALS = [LiveStatus.COMPLETED, LiveStatus.PARTIAL, LiveStatus.CANCELED, LiveStatus.REFUNDED]
LIVES = [LiveStatus.PENDING, LiveStatus.PROCESSING, LiveStatus.IN_PROGRESS, LiveStatus.FAILED]


@pytest.fixture
async def journal(journal):
    await journal.record(Settle(await journal.record(Mark(new_attempt(), "run-1", NOW)), placed("p1"), NOW))
    return journal


async def looked(journal, paths, *statuses):
    """`final_at` in hours after each of several looks, an hour apart."""
    found = []
    for hours, status in enumerate(statuses):
        error = "" if status is not None else "Incorrect order ID"
        seen = StatusSeen(
            1, status or LiveStatus.UNKNOWN, "word", Decimal(1), None, None, "USD", NOW + hours * HOUR, error
        )
        await journal.record(SeeStatuses([seen]))
        at = attempts_of(paths)[1].final_at
        found.append(None if at is None else int((at - NOW) / HOUR))
    return found


@pytest.mark.parametrize("final", FINALS)
@pytest.mark.parametrize("live", LIVES)
async def test_an_order_is_final_since_it_was_first_seen_so(journal, paths, live, final):
    assert await looked(journal, paths, live, final, final, final) == [None, 1, 1, 1]


async def test_another_final_status_counts_anew_and_a_live_one_ends_it(journal, paths):
    completed, partial, live = LiveStatus.COMPLETED, LiveStatus.PARTIAL, LiveStatus.IN_PROGRESS
    assert await looked(journal, paths, completed, partial, partial, live, completed) == [0, 1, 1, None, 4]


async def test_a_look_that_tells_nothing_changes_nothing(journal, paths):
    completed, unknown, missing = LiveStatus.COMPLETED, LiveStatus.UNKNOWN, None
    assert await looked(journal, paths, completed, unknown, missing, completed) == [0, 0, 0, 0]
    assert await looked(journal, paths, LiveStatus.PENDING, unknown, missing) == [None, None, None]


async def test_protections_are_kept_until_they_are_taken_back(journal, paths):
    await journal.record(Protect([("spring", "a"), ("spring", "b")], NOW))
    await journal.record(Protect([("spring", "a")], NOW + HOUR))
    await journal.record(Unprotect([("spring", "b"), ("spring", "never")]))
    assert read_state(paths).protected == {("spring", "a")}


async def test_what_a_panel_lacks_is_believed_for_thirty_days_from_when_it_was_last_shown(journal, paths):
    await journal.record(NoteLacking("sandbox", ["cancel", "multi_status"], NOW))
    await journal.record(NoteLacking("other", ["refill"], NOW))
    await journal.record(NoteLacking("sandbox", ["cancel"], NOW + timedelta(days=10)))
    assert read_state(paths).lacking == {"sandbox": {"cancel", "multi_status"}, "other": {"refill"}}
    for days, lacking in (
        (BELIEVED_DAYS - 1, {"cancel", "multi_status"}),
        (BELIEVED_DAYS, {"cancel"}),
        (BELIEVED_DAYS + 10, set()),
    ):
        await journal.record(BeginRun(f"run-of-{days}", "apply", NOW + timedelta(days=days)))
        assert read_panel_memory(paths, "sandbox")[0] == lacking
    assert read_state(paths).lacking == {}


async def test_the_status_calls_of_a_day_add_up_and_only_the_last_day_is_read(journal, paths):
    first, second = date(2026, 1, 1), date(2026, 1, 2)
    for panel, day, calls in (
        ("sandbox", first, 5),
        ("sandbox", first, 7),
        ("other", first, 1),
        ("sandbox", second, 2),
    ):
        await journal.record(CountStatusCalls(panel, day, calls))
    assert read_state(paths).status_calls == {("sandbox", second): 2, ("other", first): 1}
    assert read_panel_memory(paths, "other") == (frozenset(), {first: 1})


def older(tmp_path: Path, revisions: int) -> Path:
    """A state as an earlier version left it, with a completed and a live order."""
    scripts = Path(
        shutil.copytree(PACKAGED.scripts, tmp_path / "migrations", ignore=shutil.ignore_patterns("__pycache__"))
    )
    for step in (scripts / "versions").glob("v*.py"):
        if step.name >= f"v{revisions + 1:04}":
            step.unlink()
    db = tmp_path / "state" / "runner.db"
    db.parent.mkdir()
    ensure_schema(engine_of(db), lambda: None, History(scripts, REVISIONS[:revisions]))
    paths = StatePaths.at(db)
    raw(paths, "INSERT INTO meta (key, value) VALUES ('lineage', 'l1'), ('serial', '7')")
    raw(paths, "INSERT INTO runs (id, command, started_at) VALUES ('run-1', 'apply', '2026-01-01T00:00:00.000Z')")
    for number, status in ((1, "completed"), (2, "in_progress")):
        raw(
            paths,
            "INSERT INTO attempts (campaign, order_id, kind, slot, panel, service, link, quantity, rate, "
            "expected_charge, state, run_id, marked_at, settled_at, panel_order_id, message, status, status_text, "
            f"checked_at, missing_in_a_row) VALUES ('spring', 'o{number}', 'initial', 0, 'sandbox', '1', "
            f"'https://example.com/{number}', 100, '1', '0.1', 'placed', 'run-1', '2026-01-01T00:00:00.000Z', "
            f"'2026-01-01T00:00:00.000Z', 'p{number}', '', '{status}', '', '2026-01-03T00:00:00.000Z', 0)",
        )
    return db


def test_a_state_of_before_tells_since_when_its_orders_are_final_by_their_last_look(tmp_path):
    db = older(tmp_path, 5)
    ensure_schema(engine_of(db), lambda: None)
    with closing(sqlite3.connect(db)) as reader:
        rows = reader.execute("SELECT order_id, final_at FROM attempts ORDER BY id").fetchall()
    assert rows == [("o1", "2026-01-03T00:00:00.000Z"), ("o2", None)]


def test_a_state_of_before_is_read_as_it_is(tmp_path):
    paths = StatePaths.at(older(tmp_path, 5))
    recorded = read_state(paths)
    assert [one.final_at for (one,) in recorded.attempts.values()] == [None, None]
    assert (recorded.protected, recorded.lacking, recorded.status_calls) == (frozenset(), {}, {})
