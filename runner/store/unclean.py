"""What a start must look at when the last run did not end by itself: is the state whole, and is all of it there?

A note in the database says that a run has it open. A clean end takes the note back, in the same file.
"""

import sqlite3

from sqlalchemy import Connection

from runner.core.errors import StateRefused
from runner.store.paths import StatePaths
from runner.store.reading import holds_tables, reading, unreadable

IN_USE = "in_use"  # a key of `meta`
_NOTE = "INSERT INTO meta (key, value) VALUES (?, 'yes') ON CONFLICT (key) DO NOTHING"


def note_in_use(connection: Connection) -> None:
    """Inside a transaction: from now on the state is being written."""
    connection.exec_driver_sql(_NOTE, (IN_USE,))


def note_clean(connection: Connection) -> None:
    """Inside a transaction, the last one: what is in the state is all there is."""
    connection.exec_driver_sql("DELETE FROM meta WHERE key = ?", (IN_USE,))


def is_in_use(connection: sqlite3.Connection) -> bool:
    """True if a run has the state open, or did not close it."""
    return connection.execute("SELECT 1 FROM meta WHERE key = ?", (IN_USE,)).fetchone() is not None


def refuse_if_unsound(paths: StatePaths) -> None:
    """StateRefused if the last run stopped uncleanly and left the database damaged, or without its last commits.

    Call it with the lock held. Costs a read of the whole database, only after an unclean stop.
    """
    if not paths.db.exists():
        return
    has_wal = _holds_something(paths)  # before the database is opened, which may make an empty one
    with reading(paths) as connection:
        if not holds_tables(connection, paths) or not is_in_use(connection):
            return
        if not has_wal:
            raise lost_wal(paths)
        damage = damage_of(connection)
    if damage:
        raise unreadable(paths, ValueError(f"it is damaged: {damage}"))


def lost_wal(paths: StatePaths) -> StateRefused:
    """The refusal for a database whose last commits were in a file that is gone."""
    return StateRefused(
        f"the last run with {paths.db} broke off, and {paths.wal.name}, which held its last records, is missing or empty: "
        "what they say was bought would be bought again",
        f"bring {paths.wal.name} back beside the database. If a database tool has folded it in, or it is lost for good, "
        f"look through the panel's own order list, then: runner state restore {paths.db} --accept-loss --reason '…'",
    )


def damage_of(connection: sqlite3.Connection) -> str:
    """What `PRAGMA quick_check` finds first; empty if nothing."""
    try:
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        return str(error)
    return "" if found == "ok" else str(found)


def _holds_something(paths: StatePaths) -> bool:
    try:
        return paths.wal.stat().st_size > 0
    except OSError:
        return False
