"""Verifies the whole state: file, tables, triggers, lineage, permissions. Changes nothing."""

import os
import sqlite3
import stat
from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from runner.core.errors import StateRefused
from runner.store.connection import holds_tables, knowing_pages, reading
from runner.store.disk.ballast import SIZE
from runner.store.disk.location_checks import files_of, refuse_unsafe_place
from runner.store.disk.lock import is_free
from runner.store.disk.paths import PRIVATE_DIRECTORY, PRIVATE_FILE, StatePaths
from runner.store.integrity.database_check import broken_rules_in, storage_damage_of
from runner.store.integrity.lineage import Lineage, found
from runner.store.integrity.progress_evidence import Evidence, gather, refuse_if_behind, refuse_if_lost
from runner.store.integrity.startup_check import (
    MARKED,
    is_noted,
    look_beside,
    missing_rows,
    refuse_damaged_log,
    refuse_unless_sealed,
    seals_for,
)
from runner.store.read.snapshot import read_state
from runner.store.schema.migrate import empty_state
from runner.store.schema.revisions import HEAD, refuse_unknown, revision
from runner.store.write.spill_file import SLOT

_CHECKS = ("place", "owner and permissions", "ballast and emergency file", "write-ahead log", "pages and indexes", "foreign keys", "tables, indexes, triggers", "purchases", "lineage and serial")  # fmt: skip
_MOST = 5  # findings of one kind that are told
_RESTORE = "restore a copy that is whole: runner state restore FILE"
_NEXT_RUN = "the next run writes it anew, if the last one came to its end; else bring it back"
_OPEN = "state <> 'refused' AND state <> 'not_sent'"

# What must not be there, though the schema forbids it: a hand with a database shell can switch the schema off.
NEVER = (
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
        refuse_if_lost(paths, gather(paths))
        return Verified((), (), 0, "", 0)
    findings: list[Finding] = []
    with told(findings):
        refuse_unsafe_place(paths)
    findings += [*_privacy(paths), *_reserves(paths)]
    attempts, lineage, serial = 0, "", 0
    is_at_rest = is_free(paths)  # else a run is writing, and what lies beside the database is on its way
    evidence: Evidence | None = None
    seals: Container[str] = ()
    with told(findings):
        left = look_beside(paths)
        evidence = left.evidence
        with reading(paths) as connection:
            if not holds_tables(connection, paths.db):
                findings.append(Finding(f"{paths.db} is empty", _RESTORE))
            else:
                if is_at_rest:
                    with told(findings):
                        refuse_damaged_log(paths, left.log)
                    if missing := missing_rows(connection, evidence, found(connection, paths)):
                        findings.append(Finding(f"the database is damaged: {missing}", _RESTORE))
                    with told(findings):
                        seals = seals_for(paths, left, connection, found(connection, paths))
                findings += _database(connection)
                known = found(connection, paths)
                with told(findings):
                    findings += _evidence(paths, evidence, refuse_if_behind(paths, evidence, connection), connection)
                lineage, serial = known or ("", 0)
                (attempts,) = connection.execute("SELECT count(*) FROM attempts").fetchone()
        if seals:
            with told(findings):
                refuse_unless_sealed(paths, seals)
        read_state(paths)  # every word, time and amount
    checks = (*_CHECKS, _marks_words(evidence))
    return Verified(checks, tuple(dict.fromkeys(findings)), attempts, lineage, serial)


@contextmanager
def told(findings: list[Finding]) -> Iterator[None]:
    """A refusal becomes a finding."""
    try:
        yield
    except StateRefused as refusal:
        findings.append(Finding(refusal.message, refusal.hint))


def _marks_words(evidence: Evidence | None) -> str:
    """Which marks the state was compared with."""
    places = [] if evidence is None else [str(one.path) for one in evidence.witnesses]
    return f"high-water marks ({' and '.join(places) or 'none there is'})"


def _database(connection: sqlite3.Connection) -> Iterator[Finding]:
    damage = storage_damage_of(connection, _MOST)
    for text in damage or broken_rules_in(connection):
        yield Finding(f"the database is damaged: {text}", _RESTORE)
    if damage:
        return
    present = revision(connection)
    refuse_unknown(present)
    if present == HEAD:
        yield from _schema(connection)
    for what, rows in NEVER:
        for (attempt_id,) in knowing_pages(connection).execute(rows).fetchmany(_MOST):
            yield Finding(
                f"attempt {attempt_id}: {what}",
                f"look at it with runner state list; if it is not your doing, {_RESTORE}",
            )


def _schema(connection: sqlite3.Connection) -> Iterator[Finding]:
    """Every table, index and trigger, word for word as the migrations make them in an empty database."""
    with empty_state() as fresh:
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


def _evidence(
    paths: StatePaths, evidence: Evidence, present: Lineage | None, connection: sqlite3.Connection
) -> Iterator[Finding]:
    if present is None:
        yield Finding(f"{paths.db} does not say of which lineage it is", _RESTORE)
        return
    if evidence.noted is None:
        yield Finding(
            f"{paths.lineage} is missing", "bring it back from git, or let the next apply write it anew; commit it"
        )
    for place in (evidence.beside, evidence.outside):
        if place is not None and place.trouble:
            yield Finding(f"the high-water mark {place.path} can't be read: {place.trouble}", _NEXT_RUN)
    if evidence.beside.mark is None and not evidence.beside.trouble and is_noted(connection, MARKED):
        yield Finding(f"the high-water mark {evidence.beside.path} is missing", _NEXT_RUN)


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
        text = paths.spill_file.read_bytes()
    except OSError:
        return
    lines = [text[place : place + SLOT] for place in range(0, len(text), SLOT)]
    if noted_there := sum(1 for line in lines if line.strip()):
        yield Finding(
            f"{paths.spill_file} holds {noted_there} outcome(s) that the database did not take",
            "runner apply (or status --refresh) carries them over at its start; what stays is told there",
        )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
