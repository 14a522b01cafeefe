"""What a panel listed when, and when somebody looked at it."""

import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from runner.core.catalogue import Catalogue, Service
from runner.core.operations import BeginRun, EndRun, SeeCatalogue
from runner.store.disk.paths import StatePaths
from runner.store.operations.price_history import price_history
from runner.store.schema.migrate import PACKAGED, History, ensure_schema
from runner.store.schema.revisions import REVISIONS
from runner.store.startup.opening import engine_of
from tests.store.making import NOW, raw


def service(service_id="1", **changes):
    facts = {"name": "Followers", "type": "default", "category": "", "rate": Decimal("0.90"), "min": 50, "max": 10000}
    flags = {"refill": True, "cancel": None, "dripfeed": False}
    return Service(id=service_id, **(facts | flags | changes))


def listed(hours, *services, panel="sandbox"):
    return Catalogue(panel=panel, services={one.id: one for one in services}, fetched_at=NOW + timedelta(hours=hours))


async def test_a_service_is_noted_when_first_seen_and_each_time_it_is_listed_otherwise(journal, paths):
    for hours, rate in ((0, "0.90"), (1, "0.90"), (2, "0.95"), (3, "0.95")):
        await journal.record(SeeCatalogue(listed(hours, service(rate=Decimal(rate)), service("2"))))
    await journal.record(SeeCatalogue(listed(4, service("2"))))
    await journal.record(SeeCatalogue(listed(5, service("2"), service(name="Likes"))))
    history = price_history(paths)
    assert [
        (one.seen_at - NOW, one.service.rate, one.service.name, one.is_listed) for one in history["sandbox", "1"]
    ] == [
        (timedelta(hours=0), Decimal("0.90"), "Followers", True),
        (timedelta(hours=2), Decimal("0.95"), "Followers", True),
        (timedelta(hours=4), Decimal("0.95"), "Followers", False),
        (timedelta(hours=5), Decimal("0.90"), "Likes", True),
    ]
    assert [one.service for one in history["sandbox", "2"]] == [service("2")]


async def test_only_services_that_ever_changed_are_read_with_the_state(journal):
    await journal.record(SeeCatalogue(listed(0, service(), service("2"))))
    assert (await journal.recorded()).service_changes == {}
    await journal.record(SeeCatalogue(listed(1, service(refill=None), service("2"))))
    changes = (await journal.recorded()).service_changes
    assert list(changes) == [("sandbox", "1")]
    assert [one.service.refill for one in changes["sandbox", "1"]] == [True, None]


async def test_panels_do_not_share_a_history(journal):
    await journal.record(SeeCatalogue(listed(0, service())))
    await journal.record(SeeCatalogue(listed(1, service(rate=Decimal(9)), panel="other")))
    assert (await journal.recorded()).service_changes == {}


async def test_only_a_plan_that_ended_counts_as_a_look(journal):
    assert (await journal.recorded()).looked_at is None
    for hours, command, code in ((1, "plan", 11), (2, "apply", 0), (3, "plan", 13), (4, "what-if", 0)):
        at = NOW + timedelta(hours=hours)
        await journal.record(BeginRun(f"run-of-{hours}", command, at))
        await journal.record(EndRun(f"run-of-{hours}", code, at + timedelta(minutes=1)))
    await journal.record(BeginRun("run-killed", "plan", NOW + timedelta(hours=5)))
    assert (await journal.recorded()).looked_at == NOW + timedelta(hours=1, minutes=1)


def test_without_a_state_there_is_no_history(tmp_path):
    assert price_history(StatePaths.at(tmp_path / "none" / "runner.db")) == {}


def test_a_state_of_before_begins_its_history_with_the_lists_that_are_remembered(tmp_path):
    scripts = Path(
        shutil.copytree(PACKAGED.scripts, tmp_path / "migrations", ignore=shutil.ignore_patterns("__pycache__"))
    )
    for step in (scripts / "versions").glob("v*.py"):
        if step.name >= "v0004":
            step.unlink()
    db = tmp_path / "runner.db"
    ensure_schema(engine_of(db), lambda: None, History(scripts, REVISIONS[:3]))
    of_before = StatePaths.at(db)
    raw(of_before, "INSERT INTO catalogues VALUES ('sandbox', '2026-01-01T00:00:00.000Z')")
    raw(
        of_before,
        "INSERT INTO services VALUES "
        "('sandbox', '7', 'Likes', 'default', '', '0.10', 1, 9, 1, NULL, 0, '2026-01-01T00:00:00.000Z')",
    )
    ensure_schema(engine_of(db), lambda: None)
    with closing(sqlite3.connect(db)) as reader:
        rows = reader.execute("SELECT panel, service, seen_at, is_listed, rate, refill FROM service_history").fetchall()
    assert rows == [("sandbox", "7", "2026-01-01T00:00:00.000Z", 1, "0.10", 1)]
