"""Makes whole copies of the database by SQLite's own means, for whoever is about to change it."""

import re
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from runner.core.errors import StateRefused
from runner.core.values.clock import Clock
from runner.store.connection import UNREADABLE, reading
from runner.store.disk.error_texts import reason_of
from runner.store.disk.paths import StatePaths, make_directory, make_private_file, sync
from runner.store.integrity.database_check import broken_page_of
from runner.store.integrity.lineage import found
from runner.store.integrity.startup_check import IN_USE, refuse_if_unsound

KEPT = 10  # copies

_NAME = re.compile(r"runner-([0-9]+)-([0-9]{8}T[0-9]{6}Z)\.db\Z")


def backup(paths: StatePaths, clock: Clock, keep: int = KEPT) -> Path | None:
    """The new copy `backups/runner-SERIAL-TIMESTAMP.db`, or None if nothing was ever marked; keeps the `keep` newest.

    Call it with the lock held. Raises StateRefused if the copy can't be made: then nothing may be changed either.
    """
    if not paths.db.exists():
        return None
    refuse_if_unsound(paths)  # a copy of a damaged state would push out a good one
    with reading(paths) as source:
        lineage = found(source, paths)
        if lineage is None or source.execute("SELECT 1 FROM attempts LIMIT 1").fetchone() is None:
            return None
        moment = clock.now().strftime("%Y%m%dT%H%M%SZ")
        copy = paths.backups / f"runner-{lineage.serial:08d}-{moment}.db"
        source.execute("COMMIT")  # the copy is one moment by itself
        make_directory(paths.backups)
        draft = copy.with_name(f".{copy.name}.tmp")
        try:
            _copy(source, draft)
            draft.replace(copy)
            sync(paths.backups)
            _prune(paths.backups, keep)
        except (OSError, *UNREADABLE) as error:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            raise StateRefused(
                f"no backup of the state could be made in {paths.backups}: {reason_of(error)}",
                "nothing was changed; free some space or make the directory writable",
            ) from error
    return copy


def _copy(source: sqlite3.Connection, draft: Path) -> None:
    draft.unlink(missing_ok=True)  # of a run that was killed
    make_private_file(draft)
    with closing(sqlite3.connect(draft, isolation_level=None)) as target:
        source.backup(target)
        target.execute("DELETE FROM meta WHERE key = ?", (IN_USE,))
        if damage := broken_page_of(target):  # a seal tells what a run left, not whether that was sound
            raise sqlite3.DatabaseError(f"the state is damaged: {damage}")
        target.execute("PRAGMA journal_mode = DELETE")  # one file, without a WAL beside it
    sync(draft)


def _prune(backups: Path, keep: int) -> None:
    copies = sorted(
        (int(name[1]), name[2], path) for path in backups.iterdir() if (name := _NAME.match(path.name)) is not None
    )
    for _serial, _moment, path in copies[: max(len(copies) - keep, 0)]:
        path.unlink(missing_ok=True)
