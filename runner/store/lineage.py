"""`lineage.json`: which database is the right one, and how new it must be. Without its state the runner refuses to buy.

The file is committed to git, the database is not; both together show when a database is missing, foreign or old.
"""

import json
import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from runner.core.errors import StateRefused
from runner.store.paths import PRIVATE_FILE, StatePaths, cannot_write, sync_directory
from runner.store.reading import holds_tables, reading

_NOTE = (
    "Commit this file. It tells the runner which state database is the newest; without that database it refuses to buy."
)

_AT = " at serial "  # between a run and the serial, in `run`
_NO_LINEAGE = "it is no JSON object with `lineage` and `serial`"


class Lineage(NamedTuple):
    """One history of purchases, and how far it has come."""

    lineage: str  # made once, with the database
    serial: int  # grows with every commit


def noted(paths: StatePaths) -> Lineage | None:
    """What the lineage file says; None if there is none. StateRefused if it can't be understood."""
    document = _document(paths)
    if document is None:
        return None
    lineage, serial = document["lineage"], document["serial"]
    if not isinstance(lineage, str) or not lineage or not isinstance(serial, int) or isinstance(serial, bool):
        raise _damaged(paths, "`lineage` must be text and `serial` a whole number")
    return Lineage(lineage, serial)


def noted_run(paths: StatePaths) -> str | None:
    """The last run that the lineage file knows of, which the right database holds; None if it names none.

    It counts only beside the serial that it was noted with: who set that back by hand has accepted what is lost.
    """
    document = _document(paths) or {}
    run, _, serial = str(document.get("run", "")).partition(_AT)
    return run if run and serial == str(document["serial"]) else None


def _document(paths: StatePaths) -> dict[str, object] | None:
    """The lineage file with at least its two keys; None if there is none."""
    try:
        text = paths.lineage.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise _damaged(paths, str(error)) from error
    try:
        document = json.loads(text)
        if isinstance(document, dict) and {"lineage", "serial"} <= document.keys():
            return document
    except (ValueError, RecursionError) as error:
        raise _damaged(paths, _NO_LINEAGE) from error
    raise _damaged(paths, _NO_LINEAGE)


def found(connection: sqlite3.Connection, paths: StatePaths) -> Lineage | None:
    """What the database says of itself; None if it is still empty."""
    if not holds_tables(connection, paths):
        return None
    meta = dict(connection.execute("SELECT key, value FROM meta WHERE key IN ('lineage', 'serial')"))
    return Lineage(meta["lineage"], int(meta["serial"])) if len(meta) == len(Lineage._fields) else None


def compare(paths: StatePaths, in_file: Lineage | None, in_database: Lineage | None) -> None:
    """StateRefused if the database is missing, of another lineage, or older than the lineage file knows."""
    if in_file is None:
        return
    if in_database is None:
        raise StateRefused(
            f"the state {paths.db} is missing or empty, but {paths.lineage} knows of it (serial {in_file.serial}): "
            "without it everything would be bought again",
            f"bring back the database, or restore the newest copy: runner state restore {paths.backups / 'runner-….db'}; "
            f"only if nothing was ever bought with it, delete {paths.lineage} to begin anew",
        )
    if in_database.lineage != in_file.lineage:
        raise StateRefused(
            f"the state {paths.db} is of another lineage ({in_database.lineage}) than {paths.lineage} ({in_file.lineage})",
            "bring back the database or the lineage.json of this project, or name the right one with --state",
        )
    if in_database.serial < in_file.serial:
        raise StateRefused(
            f"the state {paths.db} is an old copy: its serial is {in_database.serial}, "
            f"{paths.lineage} knows of {in_file.serial}; what was bought in between would be bought again",
            "bring back the newest database. If this is the newest there is, look through the panel's own order list, "
            f"then accept the loss: runner state restore {paths.db} --accept-loss --reason '…'",
        )


def refuse_astray(paths: StatePaths, connection: sqlite3.Connection, run: str | None) -> None:
    """StateRefused if the database does not hold `run`, the last one that the lineage file knows of.

    Then two copies went apart, and the other one has bought: that this one has the higher serial says nothing.
    """
    if run is None or connection.execute("SELECT 1 FROM runs WHERE id = ?", (run,)).fetchone():
        return
    raise StateRefused(
        f"the state {paths.db} went its own way: it does not know run {run}, which {paths.lineage} tells of; what that "
        "run bought would be bought again",
        "bring back the database of that run. If it is lost, look through the panel's own order list, then accept the "
        f"loss: runner state restore {paths.db} --accept-loss --reason '…'",
    )


def check(paths: StatePaths) -> str | None:
    """StateRefused unless the database is the one that the lineage file knows of; a note worth showing, or None.

    Neither file present is a fresh project. A database without its lineage file is accepted: it is itself the proof
    of what was bought; the journal writes the file anew.
    """
    in_file = noted(paths)  # before the database: the journal commits first, so the file is never ahead of what we read
    run = noted_run(paths)
    if not paths.db.exists():
        compare(paths, in_file, None)
        return None
    with reading(paths) as connection:
        in_database = found(connection, paths)
        compare(paths, in_file, in_database)
        if in_database is not None:
            refuse_astray(paths, connection, run)
        if (
            in_file is None
            and in_database is not None
            and connection.execute("SELECT 1 FROM attempts LIMIT 1").fetchone()
        ):
            return f"{paths.lineage} was missing and is written anew; commit it to git"
    return None


def note_down(paths: StatePaths, lineage: Lineage) -> None:
    """Replace the lineage file, atomically and durably; StateRefused if it can't be written.

    With the serial it names the last run that the database holds: serials of copies that went apart can't be compared.
    """
    target = Path(os.path.realpath(paths.lineage))  # a link stays a link
    document = {"lineage": lineage.lineage, "serial": lineage.serial, **_last_run(paths, lineage.serial), "note": _NOTE}
    draft = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, PRIVATE_FILE)
        with open(handle, "w", encoding="utf-8") as file:  # noqa: PTH123  # a descriptor, made private from its birth
            file.write(json.dumps(document, indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
        sync_directory(target.parent)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise cannot_write(paths.lineage, error) from error


def _last_run(paths: StatePaths, serial: int) -> dict[str, str]:
    if not paths.db.exists():
        return {}
    with reading(paths) as connection:
        if not holds_tables(connection, paths):
            return {}
        row = connection.execute("SELECT id FROM runs ORDER BY rowid DESC LIMIT 1").fetchone()
    return {} if row is None else {"run": f"{row[0]}{_AT}{serial}"}


def _damaged(paths: StatePaths, why: str) -> StateRefused:
    return StateRefused(
        f"{paths.lineage} can't be used: {why}",
        "restore it from git (git checkout -- lineage.json in its directory); a merge conflict is settled by the higher serial",
    )
