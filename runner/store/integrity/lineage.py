"""`lineage.json`: which database is the right one, and how new it must be. Without its state the runner refuses to buy.

The file is committed to git, the database is not; both together show when a database is missing, foreign or old.
"""

import json
import os
import re
import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from runner.core.errors import StateRefused
from runner.store.connection import holds_tables, reading, unreadable
from runner.store.disk.error_texts import reason_of
from runner.store.disk.paths import PRIVATE_FILE, StatePaths, cannot_write, sync
from runner.store.statements import Reading

_NOTE = (
    "Commit this file. It tells the runner which state database is the newest; without that database it refuses to buy."
)

_AT = " at serial "  # between a run and the serial, in `run`
_OF = " of run "  # between an attempt's id and its run, in `newest`
_NUMBER = re.compile(r"[0-9]{1,18}\Z")
_EPOCH = re.compile(r"(.+)\.e([0-9]{1,9})\Z")
_NO_LINEAGE = "it is no JSON object with `lineage` and `serial`"


class Lineage(NamedTuple):
    """One history of purchases, and how far it has come."""

    lineage: str  # made once, with the database
    serial: int  # grows with every commit

    @property
    def family(self) -> str:
        """The lineage without its epoch."""
        epoch = _EPOCH.match(self.lineage)
        return epoch[1] if epoch else self.lineage

    @property
    def epoch(self) -> int:
        """1, and one more for each time that a copy which was older than reality has become the state."""
        epoch = _EPOCH.match(self.lineage)
        return int(epoch[2]) if epoch else 1

    def in_next_epoch(self) -> str:
        """What the lineage is called after one more such restoration."""
        return f"{self.family}.e{self.epoch + 1}"


class Newest(NamedTuple):
    """The newest attempt at some moment. Copies that went apart have different attempts under one id: the run tells them apart."""

    id: int
    run: str  # that marked it


class Noted(NamedTuple):
    """What a lineage file says."""

    known: Lineage
    run: str | None  # the last one, which the right database holds
    newest: Newest | None  # the newest attempt, which it holds too


def read_noted(paths: StatePaths) -> Noted | None:
    """What the lineage file says; None if there is none. StateRefused if it can't be understood.

    A run and an attempt count only beside the serial that they were noted with.
    """
    document = _document(paths)
    if document is None:
        return None
    lineage, serial = document["lineage"], document["serial"]
    if not isinstance(lineage, str) or not lineage or not isinstance(serial, int) or isinstance(serial, bool):
        raise _damaged(paths, "`lineage` must be text and `serial` a whole number")
    run = _noted_at(document, "run", serial) or None
    newest_id, _, of_run = _noted_at(document, "newest", serial).partition(_OF)
    newest = Newest(int(newest_id), of_run) if _NUMBER.match(newest_id) and of_run else None
    return Noted(Lineage(lineage, serial), run, newest)


def noted(paths: StatePaths) -> Lineage | None:
    """The lineage of the lineage file; as `read_noted`."""
    there = read_noted(paths)
    return None if there is None else there.known


def _noted_at(document: Mapping[str, object], key: str, serial: int) -> str:
    """What `key` says, if it was noted with that serial; empty otherwise."""
    said, _, noted_with = str(document.get(key, "")).rpartition(_AT)
    return said if noted_with == str(serial) else ""


def _document(paths: StatePaths) -> dict[str, object] | None:
    """The lineage file with at least its two keys; None if there is none."""
    try:
        text = paths.lineage.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise _damaged(paths, reason_of(error)) from error
    try:
        document = json.loads(text)
        if isinstance(document, dict) and {"lineage", "serial"} <= document.keys():
            return document
    except (ValueError, RecursionError) as error:
        raise _damaged(paths, _NO_LINEAGE) from error
    raise _damaged(paths, _NO_LINEAGE)


def found(connection: sqlite3.Connection, paths: StatePaths) -> Lineage | None:
    """What the database says of itself; None if it is still empty. StateRefused if that makes no sense."""
    if not holds_tables(connection, paths.db):
        return None
    meta = dict(connection.execute("SELECT key, value FROM meta WHERE key IN ('lineage', 'serial')"))
    if len(meta) < len(Lineage._fields):
        return None
    if not _NUMBER.match(meta["serial"]):
        raise unreadable(paths, ValueError("its serial is no number"))
    return Lineage(meta["lineage"], int(meta["serial"]))


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


def refuse_astray(
    paths: StatePaths, connection: sqlite3.Connection, source: Path, *, run: str | None = None, newest: Newest | None
) -> None:
    """StateRefused if the database does not hold the run and the attempt that were the newest once, as `source` says.

    Then two copies went apart, and the other one has bought: that this one has the higher serial says nothing.
    """
    if knows_run(connection, run):
        if newest is None or is_held(connection, newest):
            return
        run = newest.run
        lacks = f"attempt {newest.id} of run {run}"
    else:
        lacks = f"run {run}"
    raise StateRefused(
        f"the state {paths.db} went its own way: it does not know {lacks}, which {source} tells of; what that "
        "run bought would be bought again",
        "bring back the database of that run. If it is lost, look through the panel's own order list, then accept the "
        f"loss: runner state restore {paths.db} --accept-loss --reason '…'",
    )


def write_lineage(paths: StatePaths, lineage: Lineage) -> None:
    """Replace the lineage file, atomically and durably; StateRefused if it can't be written.

    With the serial it names the last run and the newest attempt that the database holds: serials of copies that went
    apart can't be compared.
    """
    target = Path(os.path.realpath(paths.lineage))  # a link stays a link
    document = {"lineage": lineage.lineage, "serial": lineage.serial, **_newest(paths, lineage.serial), "note": _NOTE}
    draft = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, PRIVATE_FILE)
        with open(handle, "w", encoding="utf-8") as file:  # noqa: PTH123  # a descriptor, made private from its birth
            file.write(json.dumps(document, indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
        sync(target.parent)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise cannot_write(paths.lineage, error) from error


def _newest(paths: StatePaths, serial: int) -> dict[str, str]:
    if not paths.db.exists():
        return {}
    with reading(paths) as connection:
        if not holds_tables(connection, paths.db):
            return {}
        run = connection.execute("SELECT id FROM runs ORDER BY rowid DESC LIMIT 1").fetchone()
        attempt = newest_attempt(connection)
    told = {} if run is None else {"run": f"{run[0]}{_AT}{serial}"}
    return told if attempt is None else told | {"newest": f"{attempt.id}{_OF}{attempt.run}{_AT}{serial}"}


def is_held(connection: Reading, newest: Newest) -> bool:
    """True if the database holds that very attempt."""
    return connection.execute("SELECT 1 FROM attempts WHERE id = ? AND run_id = ?", newest).fetchone() is not None


def knows_run(connection: Reading, run: str | None) -> bool:
    """True if the database holds that run, or none is asked for."""
    return run is None or connection.execute("SELECT 1 FROM runs WHERE id = ?", (run,)).fetchone() is not None


def newest_attempt(connection: Reading) -> Newest | None:
    """The newest attempt that the database holds; None if it holds none."""
    row = connection.execute("SELECT id, run_id FROM attempts ORDER BY id DESC LIMIT 1").fetchone()
    return None if row is None else Newest(*row)


def _damaged(paths: StatePaths, why: str) -> StateRefused:
    return StateRefused(
        f"{paths.lineage} can't be used: {why}",
        "restore it from git (git checkout -- lineage.json in its directory); a merge conflict is settled by the higher serial",
    )
