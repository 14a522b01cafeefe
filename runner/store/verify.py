"""Looks the whole state over: the file, the tables, the guards in them, the lineage, and who may read it. Changes nothing."""

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from runner.core.errors import StateRefused
from runner.store.ballast import SIZE
from runner.store.emergency import SLOT
from runner.store.lineage import compare, found, noted, noted_run, refuse_astray
from runner.store.lock import is_free
from runner.store.migrate import ensure_schema
from runner.store.paths import PRIVATE_DIRECTORY, PRIVATE_FILE, StatePaths
from runner.store.place import files_of, refuse_unsafe_place
from runner.store.reading import holds_tables, knowing_pages, reading, revision
from runner.store.revisions import HEAD, refuse_unknown
from runner.store.unclean import is_in_use, lost_wal

_MOST = 5  # findings of one kind that are told
_RESTORE = "restore a copy that is whole: runner state restore FILE"
_OPEN = "state <> 'refused' AND state <> 'not_sent'"

# What must not be there, though the schema forbids it: a hand with a database shell can switch the schema off.
_NEVER = (
    ("a placed attempt has no panel order id", "SELECT id FROM attempts WHERE state = 'placed' AND panel_order_id IS NULL"),
    (
        "an attempt that bought nothing has a panel order id",
        "SELECT id FROM attempts WHERE panel_order_id IS NOT NULL AND state IN ('sending', 'refused', 'not_sent')",
    ),
    (
        "an order has two open attempts of one kind and slot",
        f"SELECT max(id) FROM attempts WHERE {_OPEN} GROUP BY campaign, order_id, kind, slot HAVING count(*) > 1",  # noqa: S608  # our own text
    ),
    (
        "two attempts for one service and link are unsettled",
        (
            "SELECT max(id) FROM attempts WHERE state IN ('sending', 'in_doubt') "
            "GROUP BY panel, service, page_key(link) HAVING count(*) > 1"
        ),
    ),
    (
        "two attempts own one panel order",
        "SELECT max(id) FROM attempts WHERE panel_order_id IS NOT NULL GROUP BY panel, panel_order_id HAVING count(*) > 1",
    ),
    ("an attempt is of an unknown run", "SELECT id FROM attempts WHERE run_id NOT IN (SELECT id FROM runs)"),
    ("a settled attempt has no time of settling", f"SELECT id FROM attempts WHERE state <> 'sending' AND settled_at IS NULL"),  # noqa: F541
    ("an attempt ordered nothing", "SELECT id FROM attempts WHERE quantity < 1 OR runs < 1"),
)  # fmt: skip


class Finding(NamedTuple):
    """One thing that is wrong, and what to do."""

    what: str
    next_step: str


class Verified(NamedTuple):
    """What was looked at, and what is wrong with it; no findings: all is well."""

    checks: tuple[str, ...]
    findings: tuple[Finding, ...]
    attempts: int
    lineage: str
    serial: int


def verify(paths: StatePaths) -> Verified:
    """Every check that the state can be put to. StateRefused only if there is no database to look at."""
    if not paths.db.exists():
        compare(paths, noted(paths), None)
        return Verified((), (), 0, "", 0)
    findings = [*_place(paths), *_privacy(paths), *_reserves(paths)]
    attempts, lineage, serial = 0, "", 0
    lock_was_free, had_wal = is_free(paths), _size(paths.wal) > 0
    try:
        with reading(paths) as connection:
            if not holds_tables(connection, paths):
                findings.append(Finding(f"{paths.db} is empty", _RESTORE))
            else:
                if lock_was_free and not had_wal and is_in_use(connection):
                    refusal = lost_wal(paths)
                    findings.append(Finding(refusal.message, refusal.hint))
                findings += _database(connection)
                known = found(connection, paths)
                findings += _lineage(paths, connection)
                lineage, serial = known or ("", 0)
                (attempts,) = connection.execute("SELECT count(*) FROM attempts").fetchone()
    except StateRefused as refusal:
        findings.append(Finding(refusal.message, refusal.hint))
    checks = ("place", "owner and permissions", "ballast and emergency file", "pages", "foreign keys", "tables, indexes, triggers", "purchases", "lineage and serial")  # fmt: skip
    return Verified(checks, tuple(dict.fromkeys(findings)), attempts, lineage, serial)


def damage_in(connection: sqlite3.Connection) -> list[Finding]:
    """What is wrong with the pages and the foreign keys of a database."""
    try:
        pages = [str(row[0]) for row in connection.execute(f"PRAGMA integrity_check({_MOST})")]
        keys = connection.execute("PRAGMA foreign_key_check").fetchmany(_MOST)
    except sqlite3.DatabaseError as error:
        return [Finding(f"the database is damaged: {error}", _RESTORE)]
    findings = [Finding(f"the database is damaged: {text}", _RESTORE) for text in pages if text != "ok"]
    return findings + [
        Finding(f"{table} row {row} refers to nothing in {parent}", _RESTORE) for table, row, parent, _ in keys
    ]


def _database(connection: sqlite3.Connection) -> Iterator[Finding]:
    damage = damage_in(connection)
    yield from damage
    if damage:
        return
    present = revision(connection)
    refuse_unknown(present)
    if present == HEAD:
        yield from _schema(connection)
    for what, rows in _NEVER:
        for (attempt_id,) in knowing_pages(connection).execute(rows).fetchmany(_MOST):
            yield Finding(
                f"attempt {attempt_id}: {what}",
                f"look at it with runner state list; if it is not your doing, {_RESTORE}",
            )


def _schema(connection: sqlite3.Connection) -> Iterator[Finding]:
    """Every table, index and trigger, word for word as the migrations make them in an empty database."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        engine = create_engine("sqlite+pysqlite://", creator=lambda: fresh, poolclass=StaticPool)
        ensure_schema(engine, lambda: None)
        expected = _definitions(fresh)
    there = _definitions(connection)
    for name, (kind, sql) in expected.items():
        if name not in there:
            yield Finding(f"the {kind} {name} is missing", _RESTORE)
        elif there[name] != (kind, sql):
            yield Finding(f"the {kind} {name} is not as the runner made it", _RESTORE)


def _definitions(connection: sqlite3.Connection) -> dict[str, tuple[str, str]]:
    rows = connection.execute("SELECT name, type, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name")
    return {name: (kind, " ".join(sql.split())) for name, kind, sql in rows}


def _lineage(paths: StatePaths, connection: sqlite3.Connection) -> Iterator[Finding]:
    try:
        in_file, in_database = noted(paths), found(connection, paths)
        compare(paths, in_file, in_database)
        if in_database is not None:
            refuse_astray(paths, connection, noted_run(paths))
    except StateRefused as refusal:
        yield Finding(refusal.message, refusal.hint)
        return
    if in_database is None:
        yield Finding(f"{paths.db} does not say of which lineage it is", _RESTORE)
    elif in_file is None:
        yield Finding(
            f"{paths.lineage} is missing", "bring it back from git, or let the next apply write it anew; commit it"
        )


def _place(paths: StatePaths) -> Iterator[Finding]:
    try:
        refuse_unsafe_place(paths)
    except StateRefused as refusal:
        yield Finding(refusal.message, refusal.hint)


def _privacy(paths: StatePaths) -> Iterator[Finding]:
    copies = sorted(paths.backups.glob("runner-*.db")) if paths.backups.is_dir() else []
    for path in (*files_of(paths), *copies):
        if not path.exists():
            continue
        allowed = PRIVATE_DIRECTORY if path.is_dir() else PRIVATE_FILE
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & ~allowed:
            yield Finding(f"{path} can be used by others (mode {mode:04o})", f"chmod {allowed:o} {path}")
        elif not os.access(path, os.R_OK | os.W_OK):
            yield Finding(f"{path} can't be read and written (mode {mode:04o})", f"chmod {allowed:o} {path}")


def _reserves(paths: StatePaths) -> Iterator[Finding]:
    if paths.ballast.exists() and _size(paths.ballast) != SIZE:
        yield Finding(f"{paths.ballast} is not {SIZE} bytes long", "free some space; the next apply makes it anew")
    try:
        text = paths.emergency.read_bytes()
    except OSError:
        return
    lines = [text[place : place + SLOT] for place in range(0, len(text), SLOT)]
    if noted_there := sum(1 for line in lines if line.strip()):
        yield Finding(
            f"{paths.emergency} holds {noted_there} outcome(s) that the database did not take",
            "runner apply (or status --refresh) carries them over at its start; what stays is told there",
        )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
