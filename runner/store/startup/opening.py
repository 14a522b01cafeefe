"""Opens the state for writing: private, of the right lineage, with the newest schema, durable or not at all."""

import uuid
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from runner.core.errors import StateRefused
from runner.core.values.clock import Clock
from runner.store.connection import connect_writer, reading, unreadable
from runner.store.disk.ballast import make_ballast
from runner.store.disk.location_checks import refuse_unsafe_place
from runner.store.disk.lock import StateLock
from runner.store.disk.paths import StatePaths, make_directory, make_private_file
from runner.store.integrity import lineage
from runner.store.integrity.high_water import HighWater, HighWaterMarks, standing
from runner.store.integrity.lineage import Lineage
from runner.store.integrity.progress_evidence import check
from runner.store.integrity.startup_check import IN_USE, MARKED, note, refuse_if_unsound
from runner.store.read.runs import read_runs
from runner.store.read.snapshot import read_state
from runner.store.schema.migrate import engine_over, ensure_schema
from runner.store.startup.backup import backup
from runner.store.startup.first_start import is_begun
from runner.store.startup.former_states import BEGUN
from runner.store.startup.spill_replay import merge_kept
from runner.store.state import refuse_if_closed
from runner.store.write.spill_file import SpillFile
from runner.store.write.writer import Beside, Writer

_SYNCHRONOUS_FULL = 2


class Opened(NamedTuple):
    """A writer, and what its user should be told about the state."""

    writer: Writer
    note: str | None


def open_writer(paths: StatePaths, lock: StateLock, clock: Clock, *, begins: bool = False) -> Opened:
    """The one writer of this state, made and migrated where needed; StateRefused if it may not or can't be written.

    `begins`: from now on the state counts as begun for real panels (`store.startup.first_start`).
    """
    if not lock.still_held():
        raise StateRefused(f"the lock {paths.lock} is not held", "run again")
    refuse_unsafe_place(paths)
    note = check(paths)
    known = refuse_if_unsound(paths)
    make_directory(paths.db.parent)
    make_private_file(paths.db)
    lock.need_database(paths.db)  # if it is new, it was not there when the lock was taken
    make_ballast(paths)
    with ExitStack() as undoing:
        spill = SpillFile(paths)
        undoing.callback(spill.close)
        begun = HighWater(Lineage(str(uuid.uuid4()), 0), 0, None) if known is None else _standing(paths, known)
        begun = begun._replace(begun=begun.begun or begins)
        marks = HighWaterMarks(paths, begun.lineage.family)
        undoing.callback(marks.close)
        marks.begin(begun)  # before anything is written: no mark says any more that the file is as a clean end left it
        writer = _open(paths, lock, clock, begun.lineage, Beside(spill, marks), begins=begins)
        undoing.pop_all()
    try:
        if lineage.noted(paths) is None:
            lineage.write_lineage(paths, writer.lineage)
        merged = merge_kept(writer, spill, read_state(paths), read_runs(paths)) if spill.kept() else None
    except BaseException:
        writer.close()
        raise
    return Opened(writer, "; ".join(one for one in (note, merged) if one) or None)


def _standing(paths: StatePaths, known: Lineage) -> HighWater:
    with reading(paths) as connection:
        refuse_if_closed(connection, paths)
        return standing(connection, known)._replace(begun=is_begun(connection))


def _open(  # one part of the state each
    paths: StatePaths, lock: StateLock, clock: Clock, begun: Lineage, beside: Beside, *, begins: bool
) -> Writer:
    engine = engine_of(paths.db)
    try:
        ensure_schema(engine, lambda: backup(paths, clock))
        connection = engine.connect()
        try:
            _refuse_unless_durable(connection, paths)
            known = _lineage(connection, begun, begins=begins)
            return Writer(connection, paths, lock, known, beside)
        except BaseException:
            connection.close()
            raise
    except SQLAlchemyError as error:
        raise unreadable(paths, getattr(error, "orig", None) or error) from error


def engine_of(db: Path) -> Engine:
    """Durable write connections to a database file, each transaction begun immediately."""
    return engine_over(lambda: connect_writer(db))


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


def _lineage(connection: Connection, made: Lineage, *, begins: bool) -> Lineage:
    """The database's lineage, which is `made` if it has none yet; and the note that a run has it open."""
    with connection.begin():
        rows = connection.exec_driver_sql("SELECT key, value FROM meta WHERE key IN ('lineage', 'serial')")
        meta = {str(row[0]): str(row[1]) for row in rows}
        if not meta:
            meta = {"lineage": made.lineage, "serial": str(made.serial)}
            connection.exec_driver_sql("INSERT INTO meta (key, value) VALUES (?, ?)", list(meta.items()))
        note(connection, IN_USE, MARKED, *((BEGUN,) if begins else ()))
    return Lineage(meta["lineage"], int(meta["serial"]))
