"""Connections to the database, by plain sqlite3: readers do without SQLAlchemy, which takes 0.45 s to import.

SQLite before 3.51.3 can lose committed pages when two connections checkpoint at once, and Python ships older ones: the
journal's connection is the only one that may.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from runner.core.errors import StateRefused
from runner.core.values.links import page_key
from runner.store.disk.error_texts import reason_of
from runner.store.disk.location_checks import refuse_second_names
from runner.store.disk.paths import StatePaths

# Writes that the file system did not take. An error of fsync is not among them: nothing may be tried again after one.
NO_SPACE = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE})

# What a damaged database makes a read raise. The driver decodes SQLite's complaint, which may quote what is damaged.
UNREADABLE = (sqlite3.Error, UnicodeDecodeError)

# What a word, time or amount makes our own reading of a row raise, if no version of ours has written it.
NOT_OURS = (KeyError, ValueError, ArithmeticError, TypeError, AttributeError)

_READER_PATIENCE = 5.0  # seconds; readers of a WAL wait only while it is recovered
_WRITER_PATIENCE = 10.0  # seconds; only somebody's shell can keep us waiting, as the lock keeps runs apart


def connect_writer(db: Path) -> sqlite3.Connection:
    """A connection whose commits are durable. It begins no transaction by itself: every one begins with BEGIN IMMEDIATE."""
    connection = sqlite3.connect(db, timeout=_WRITER_PATIENCE, isolation_level=None)
    # No checkpoint behind our back: the writer makes them, so that any other write to the file is somebody else's.
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "wal_autocheckpoint = 0"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def connect_reader(paths: StatePaths) -> sqlite3.Connection:
    """A connection that can't write; sqlite3.Error if there is no database."""
    connection = sqlite3.connect(
        f"file:{quote(str(paths.db.absolute()))}?mode=ro", uri=True, timeout=_READER_PATIENCE, isolation_level=None
    )
    connection.execute("PRAGMA query_only = ON")
    return connection


def knowing_pages(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Return the connection, whose statements can ask for `page_key(link)` now: a state holds links as they were written."""
    connection.create_function("page_key", 1, page_key, deterministic=True)
    return connection


@contextmanager
def reading(paths: StatePaths) -> Iterator[sqlite3.Connection]:
    """One read transaction: all that is read inside is of one moment. Raises StateRefused if the database can't be read."""
    refuse_second_names(paths)
    try:
        with closing(connect_reader(paths)) as connection:
            connection.execute("BEGIN")
            yield connection
    except UNREADABLE as error:
        raise unreadable(paths, error) from error


def unreadable(paths: StatePaths, error: Exception) -> StateRefused:
    """The refusal for a database that is damaged, is none, can't be opened, or is busy."""
    code = getattr(error, "sqlite_errorcode", 0)
    if code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StateRefused(
            f"the state {paths.db} is being written by another program",
            "close it (a database shell with an open transaction?), then run again",
        )
    if code in NO_SPACE:
        return StateRefused(
            f"there is no space left for the state {paths.db}: {reason_of(error)}", "free some space; nothing was sent"
        )
    return StateRefused(
        f"the state {paths.db} can't be read: {reason_of(error)}",
        f"restore the newest copy: runner state restore {paths.backups / 'runner-….db'}; do not delete lineage.json",
    )


def holds_tables(connection: sqlite3.Connection, db: Path) -> bool:
    """True for a state, False for an empty file; raises StateRefused for somebody else's database."""
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not names:
        return False
    if not {"alembic_version", "meta", "attempts"} <= names:
        raise StateRefused(f"{db} is a database, but not a state of the runner", "name another file with --state")
    return True
