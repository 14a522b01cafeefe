"""Opens the state for writing: privately, in the right lineage, with the newest schema, and durably or not at all."""

import sqlite3
import uuid
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from runner.core.clock import Clock
from runner.core.errors import StateRefused
from runner.store import lineage
from runner.store.backup import backup
from runner.store.ballast import make_ballast
from runner.store.beginning import begin
from runner.store.emergency import EmergencyFile
from runner.store.journal_ops import Writer
from runner.store.lineage import Lineage
from runner.store.lock import StateLock
from runner.store.merging import merge_kept
from runner.store.migrate import ensure_schema
from runner.store.paths import StatePaths, make_directory, make_private_file
from runner.store.place import refuse_unsafe_place
from runner.store.reading import unreadable
from runner.store.unclean import note_in_use, refuse_if_unsound

_BUSY_TIMEOUT = 10.0  # seconds; only somebody's shell can keep us waiting, as the lock keeps runs apart
_SYNCHRONOUS_FULL = 2


class Opened(NamedTuple):
    """A writer, and what its user should be told about the state."""

    writer: Writer
    note: str | None


def open_writer(paths: StatePaths, lock: StateLock, clock: Clock, *, begins: bool = False) -> Opened:
    """The one writer of this state, made and migrated where needed; StateRefused if it may not or can't be written.

    `begins`: from now on the state counts as begun for real panels (`store.beginning`).
    """
    if not lock.still_held():
        raise StateRefused(f"the lock {paths.lock} is not held", "run again")
    refuse_unsafe_place(paths)
    note = lineage.check(paths)
    refuse_if_unsound(paths)
    make_directory(paths.db.parent)
    make_private_file(paths.db)
    lock.need_database(paths.db)  # if it is new, it was not there when the lock was taken
    make_ballast(paths)
    emergency = EmergencyFile(paths)
    try:
        opened = _open(paths, lock, clock, emergency, note, begins=begins)
    except BaseException:
        emergency.close()
        raise
    return opened


def _open(
    paths: StatePaths, lock: StateLock, clock: Clock, emergency: EmergencyFile, note: str | None, *, begins: bool
) -> Opened:
    engine = engine_of(paths.db)
    try:
        ensure_schema(engine, lambda: backup(paths, clock))
        connection = engine.connect()
        try:
            _refuse_unless_durable(connection, paths)
            known = _lineage(connection, begins=begins)
            writer = Writer(connection, paths, lock, known, emergency)
        except BaseException:
            connection.close()
            raise
    except SQLAlchemyError as error:
        raise unreadable(paths, getattr(error, "orig", None) or error) from error
    try:
        if lineage.noted(paths) is None:
            lineage.note_down(paths, known)
        merged = merge_kept(writer, emergency, paths)
    except BaseException:
        writer.close()
        raise
    return Opened(writer, "; ".join(one for one in (note, merged) if one) or None)


def engine_of(db: Path) -> Engine:
    """Durable write connections to a database file, each transaction begun immediately."""

    def connect() -> sqlite3.Connection:
        # Transactions are begun by the event below: the driver's own begin would be deferred, and only before DML.
        return sqlite3.connect(db, timeout=_BUSY_TIMEOUT, isolation_level=None)

    engine = create_engine("sqlite+pysqlite://", creator=connect, poolclass=NullPool)

    @event.listens_for(engine, "connect")
    def set_pragmas(connection: sqlite3.Connection, _record: object) -> None:
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin_immediate(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _refuse_unless_durable(connection: Connection, paths: StatePaths) -> None:
    """Read the settings back: with synchronous=NORMAL a power cut loses marks, and without a WAL readers block us."""
    driver = connection.connection.driver_connection
    if driver is None:
        raise AssertionError("a connection without its driver")
    (mode,) = driver.execute("PRAGMA journal_mode").fetchone()
    (synchronous,) = driver.execute("PRAGMA synchronous").fetchone()
    if mode != "wal" or synchronous != _SYNCHRONOUS_FULL:
        raise StateRefused(
            f"{paths.db} can't be written durably here (journal mode {mode}, synchronous {synchronous})",
            "keep the state on a local disk (--state)",
        )


def _lineage(connection: Connection, *, begins: bool) -> Lineage:
    """The database's lineage, given to it now if it is new; and the note that a run has it open."""
    with connection.begin():
        rows = connection.exec_driver_sql("SELECT key, value FROM meta WHERE key IN ('lineage', 'serial')")
        meta = {str(row[0]): str(row[1]) for row in rows}
        if not meta:
            meta = {"lineage": str(uuid.uuid4()), "serial": "0"}
            connection.exec_driver_sql("INSERT INTO meta (key, value) VALUES (?, ?)", list(meta.items()))
        if begins:
            begin(connection)
        note_in_use(connection)
    return Lineage(meta["lineage"], int(meta["serial"]))
