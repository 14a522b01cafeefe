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


class Lineage(NamedTuple):
    """One history of purchases, and how far it has come."""

    lineage: str  # made once, with the database
    serial: int  # grows with every commit


def noted(paths: StatePaths) -> Lineage | None:
    """What the lineage file says; None if there is none. StateRefused if it can't be understood."""
    try:
        text = paths.lineage.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise _damaged(paths, str(error)) from error
    try:
        document = json.loads(text)
        lineage, serial = document["lineage"], document["serial"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(paths, "it is no JSON object with `lineage` and `serial`") from error
    if not isinstance(lineage, str) or not lineage or not isinstance(serial, int) or isinstance(serial, bool):
        raise _damaged(paths, "`lineage` must be text and `serial` a whole number")
    return Lineage(lineage, serial)


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


def check(paths: StatePaths) -> str | None:
    """StateRefused unless the database is the one that the lineage file knows of; a note worth showing, or None.

    Neither file present is a fresh project. A database without its lineage file is accepted: it is itself the proof
    of what was bought; the journal writes the file anew.
    """
    in_file = noted(paths)  # before the database: the journal commits first, so the file is never ahead of what we read
    if not paths.db.exists():
        compare(paths, in_file, None)
        return None
    with reading(paths) as connection:
        in_database = found(connection, paths)
        compare(paths, in_file, in_database)
        if (
            in_file is None
            and in_database is not None
            and connection.execute("SELECT 1 FROM attempts LIMIT 1").fetchone()
        ):
            return f"{paths.lineage} was missing and is written anew; commit it to git"
    return None


def note_down(paths: StatePaths, lineage: Lineage) -> None:
    """Replace the lineage file, atomically and durably; StateRefused if it can't be written."""
    target = Path(os.path.realpath(paths.lineage))  # a link stays a link
    document = {"lineage": lineage.lineage, "serial": lineage.serial, "note": _NOTE}
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


def _damaged(paths: StatePaths, why: str) -> StateRefused:
    return StateRefused(
        f"{paths.lineage} can't be used: {why}",
        "restore it from git (git checkout -- lineage.json in its directory); a merge conflict is settled by the higher serial",
    )
