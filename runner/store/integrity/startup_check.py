"""Checks at the start of a run that the state is whole, and that all of it is there.

Content decides, not which files there are. A note in the database says that a run has it open; a clean end takes the
note back, and seals the file (`sealing`). Where there is no seal, every page is looked at.
"""

import sqlite3
from collections.abc import Container
from typing import NamedTuple

from sqlalchemy import Connection

from runner.core.errors import StateRefused
from runner.store.connection import holds_tables, reading, unreadable
from runner.store.disk.error_texts import reason_of
from runner.store.disk.paths import StatePaths
from runner.store.integrity.database_check import damage_of
from runner.store.integrity.lineage import Lineage
from runner.store.integrity.progress_evidence import Evidence, gather, refuse_if_behind
from runner.store.integrity.sealing import seal_of
from runner.store.integrity.wal import LogReading, read_log

IN_USE = "in_use"  # a key of `meta`: a run has the state open, or did not close it
MARKED = "high_water"  # another: from then on there is a high-water mark beside the database


def note(connection: Connection, *keys: str) -> None:
    """Inside a transaction: have the database bear these notes, keys of `meta`."""
    for key in keys:
        connection.exec_driver_sql(
            "INSERT INTO meta (key, value) VALUES (?, 'yes') ON CONFLICT (key) DO NOTHING", (key,)
        )


def note_clean(connection: Connection) -> None:
    """Inside a transaction, the last one: what is in the state is all there is."""
    connection.exec_driver_sql("DELETE FROM meta WHERE key = ?", (IN_USE,))


def is_noted(connection: sqlite3.Connection, key: str) -> bool:
    """True if the database bears this note."""
    return connection.execute("SELECT 1 FROM meta WHERE key = ?", (key,)).fetchone() is not None


def refuse_if_unsound(paths: StatePaths) -> Lineage | None:
    """Return the lineage of a sound database; None if it is empty.

    Raises StateRefused if it is damaged, or does not hold all that is known of it.

    Call it with the lock held. Costs a read of the database file; after an unclean stop, a look at every page and
    entry.
    """
    if not paths.db.exists():
        return None
    left = look_beside(paths)
    refuse_damaged_log(paths, left.log)
    with reading(paths) as connection:
        if not holds_tables(connection, paths.db):
            return None
        present = refuse_if_behind(paths, left.evidence, connection)
        seals = seals_for(paths, left, connection, present)
        damage = "" if seals else missing_rows(connection, left.evidence, present) or damage_of(connection)
    if seals:
        refuse_unless_sealed(paths, seals)
    if damage:
        raise unreadable(paths, ValueError(f"it is damaged: {damage}"))
    return present


class Left(NamedTuple):
    """What lies beside a database that no run has open."""

    log: LogReading
    evidence: Evidence


def look_beside(paths: StatePaths) -> Left:
    """Call it before the database is opened, which may make an empty log. Raises StateRefused for what can't be read."""
    return Left(_log(paths), gather(paths))


def seals_for(paths: StatePaths, left: Left, connection: sqlite3.Connection, present: Lineage | None) -> frozenset[str]:
    """The seals of which the database file must bear one; none after a run that broke off, or where no mark has one.

    Raises StateRefused if a run broke off, and nothing tells how far it had come.
    """
    if is_noted(connection, IN_USE) or left.log.holds_something:
        _refuse_without_a_mark(paths, left, connection, present)
        return frozenset()
    # Two copies that never went on have two seals at one serial: each its own.
    return frozenset(one.mark.seal for one in left.evidence.witnesses if one.mark.seal and one.mark.lineage == present)


def _log(paths: StatePaths) -> LogReading:
    try:
        return read_log(paths.wal)
    except OSError as error:
        raise StateRefused(
            f"{paths.wal} can't be read: {reason_of(error)}", "it is a part of the state: make it readable"
        ) from error


def refuse_damaged_log(paths: StatePaths, log: LogReading) -> None:
    """Raise StateRefused if records that were on the disk once lie in the log behind damage, where SQLite does not see them."""
    if not log.loses:
        return
    hidden = f"{log.hidden} commits" if log.hidden > 1 else "what was committed"
    raise StateRefused(
        f"{paths.wal} is damaged at byte {log.damaged_at}: SQLite reads nothing after that, and {hidden} of the last run "
        "would be missing; what they say was bought would be bought again",
        f"bring back a whole {paths.wal.name}, or restore the newest copy: runner state restore "
        f"{paths.backups / 'runner-….db'}; what can still be read is carried over",
    )


def _refuse_without_a_mark(
    paths: StatePaths, left: Left, connection: sqlite3.Connection, present: Lineage | None
) -> None:
    """After an unclean stop a mark must say that all is there. States from before there were marks need their log."""
    evidence = left.evidence
    if evidence.tells_of_the_last_run(present):
        return
    if is_noted(connection, MARKED):
        trouble = evidence.beside.trouble or ("it is missing" if evidence.beside.mark is None else "it is an older one")
        raise StateRefused(
            f"the last run with {paths.db} broke off, and nothing tells how far it had come: {evidence.beside.path}: "
            f"{trouble}",
            f"bring {evidence.beside.path.name} back. If it is lost, look through the panel's own order list, then: "
            f"runner state restore {paths.db} --accept-loss --reason '…'",
        )
    if is_noted(connection, IN_USE) and not left.log.holds_something:
        raise lost_wal(paths)


def lost_wal(paths: StatePaths) -> StateRefused:
    """The refusal for a database of an earlier version, whose last commits were in a file that is gone."""
    return StateRefused(
        f"the last run with {paths.db} broke off, and {paths.wal.name}, which held its last records, is missing or empty: "
        "what they say was bought would be bought again",
        f"bring {paths.wal.name} back beside the database. If a database tool has folded it in, or it is lost for good, "
        f"look through the panel's own order list, then: runner state restore {paths.db} --accept-loss --reason '…'",
    )


def refuse_unless_sealed(paths: StatePaths, seals: Container[str]) -> None:
    """Raise StateRefused unless every bit of the database file is as a clean end left it.

    Call it with no connection open: SQLite's locks on a file go as soon as their process closes any descriptor of it.
    """
    try:
        is_whole = seal_of(paths) in seals
    except OSError as error:
        raise unreadable(paths, error) from error
    if not is_whole:
        raise StateRefused(
            f"the state {paths.db} is not as the last run left it: it is damaged, or another program has written to it",
            f"restore the newest copy: runner state restore {paths.backups / 'runner-….db'}; if you have changed it "
            f"yourself and want to keep that: runner state restore {paths.db} --accept-loss --reason '…'",
        )


def missing_rows(connection: sqlite3.Connection, evidence: Evidence, present: Lineage | None) -> str:
    """Say how many attempts are missing from between the others; empty if none. Gaps that a witness knows of are no loss."""
    attempts, newest = connection.execute("SELECT count(*), coalesce(max(id), 0) FROM attempts").fetchone()
    for _, mark, _ in evidence.witnesses:
        gaps = (0 if mark.newest is None else mark.newest.id) - mark.attempts
        missing = newest - attempts - gaps
        if present is not None and mark.lineage.lineage == present.lineage and missing > 0:
            return f"{missing:,} attempt(s) are missing between the others"
    return ""
