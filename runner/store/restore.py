"""Puts a copy of the state in the place of the present one, without forgetting what only the present one knows.

A copy that is older than reality begins a new epoch: every other copy of the former one is refused from then on.
"""

import os
import re
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from runner.core.clock import Clock, to_text
from runner.core.errors import StateRefused
from runner.store import carrying, carrying_requests
from runner.store.backup import backup
from runner.store.carrying import Carried, Rows
from runner.store.carrying_requests import Further
from runner.store.carrying_statuses import carry_statuses
from runner.store.lineage import Lineage, found, note_down, noted, noted_run
from runner.store.migrate import ensure_schema
from runner.store.opening import engine_of
from runner.store.paths import StatePaths, make_directory, make_private_file, sync_directory
from runner.store.reading import holds_tables, reading, revision
from runner.store.revisions import refuse_unknown
from runner.store.unclean import IN_USE, refuse_if_unsound
from runner.store.verify import damage_in

_EPOCH = re.compile(r"(.+)\.e([0-9]+)\Z")


class Restoration(NamedTuple):
    """What a restoration would do, or has done."""

    source: Path
    copy: Lineage  # of the file to be restored
    high_water: int  # the newest serial known
    after: Lineage  # of the state afterwards
    present_was_read: bool  # all of it, and it is the newest known; else some of what was done since is lost for good
    carried: Sequence[Carried]  # attempts of which only the present state knows, or knows more
    further: Further  # refills and cancellations, the same
    kept: Path | None = None  # where the present state is now

    @property
    def loses(self) -> bool:
        """True if the copy is older than what was done since."""
        return self.copy != self.after


def plan_restore(paths: StatePaths, source: Path) -> Restoration:
    """What restoring `source` would do; StateRefused if it is damaged, no state, or of another lineage."""
    copy = _look_into(source)
    in_file = noted(paths)
    present = _present(paths)
    family = _family(copy.lineage.lineage)
    owner = in_file or present.lineage
    if owner is not None and _family(owner.lineage) != family:
        raise StateRefused(
            f"{source} is of another lineage ({copy.lineage.lineage}) than this project's ({owner.lineage})",
            "name a copy of this project's state, or the right project with --state",
        )
    if present.lineage is not None and _family(present.lineage.lineage) != family:
        present = present._replace(lineage=None, rows=None)  # somebody else's database lies in its place
    known = [one for one in (in_file, present.lineage) if one is not None]
    high_water = max(one.serial for one in (*known, copy.lineage))
    newest = max(_epoch(one.lineage) for one in (*known, copy.lineage))
    # With neither of them nothing says that this copy is the newest there is.
    is_older = not known or copy.lineage.serial < high_water or _epoch(copy.lineage.lineage) < newest
    if in_file is not None and (run := noted_run(paths)) is not None:
        is_older = is_older or run not in copy.rows.runs
    after = copy.lineage
    if is_older or _has_lost_its_wal(paths, source):
        after = Lineage(f"{family}.e{newest + 1}", high_water + 1)
    return Restoration(
        source=source,
        copy=copy.lineage,
        high_water=high_water,
        after=after,
        present_was_read=present.rows is not None
        and present.rows.are_all
        and present.lineage is not None
        and present.lineage.serial == high_water
        and _epoch(present.lineage.lineage) == newest
        and not _has_lost_its_wal(paths, paths.db),
        carried=[] if present.rows is None else carrying.differences(copy.rows, present.rows),
        further=Further((), ())
        if present.rows is None
        else carrying_requests.further_requests(copy.rows, present.rows),
    )


def restore(paths: StatePaths, plan: Restoration, reason: str, clock: Clock) -> Restoration:
    """Carry `plan` out, with the lock held; what was done. StateRefused, with the present state in place, if it can't be.

    The former database is folded into a backup, or kept as it is beside the backups if it is damaged.
    """
    present = _present(paths)
    make_directory(paths.db.parent)
    draft = paths.db.with_name(f".{paths.db.name}.restoring")
    try:
        _copy(plan.source, draft)
        ensure_schema(engine_of(draft), lambda: None)
        with closing(sqlite3.connect(draft, isolation_level=None)) as connection:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("BEGIN IMMEDIATE")
            if present.rows is not None:
                ids = carrying.carry(connection, plan.carried, present.rows, clock.now())
                carrying_requests.carry_requests(connection, plan.further, present.rows, ids)
                carry_statuses(connection, present.rows, ids)
            now = to_text(clock.now())
            connection.execute(
                "INSERT INTO runs (id, command, started_at, ended_at, exit_code) VALUES (?, ?, ?, ?, 0)",
                (
                    f"restore-{plan.after.serial}-{now}",
                    f"state restore {plan.source.name}: {reason}".rstrip(": "),
                    now,
                    now,
                ),
            )
            for key, value in zip(Lineage._fields, plan.after, strict=True):
                connection.execute("UPDATE meta SET value = ? WHERE key = ?", (str(value), key))
            connection.execute("DELETE FROM meta WHERE key = ?", (IN_USE,))
            connection.execute("COMMIT")
            connection.execute("PRAGMA journal_mode = DELETE")
        _sync(draft)
        kept = _keep_present(paths, clock, is_whole=present.is_whole)
        for path in (paths.wal, paths.shm):  # a WAL would be read into whatever database lies beside it
            path.unlink(missing_ok=True)
        draft.replace(Path(os.path.realpath(paths.db)))
        sync_directory(paths.db.parent)
    except (OSError, sqlite3.Error) as error:
        draft.unlink(missing_ok=True)
        raise StateRefused(
            f"{plan.source} could not be restored: {error}", "the present state was left in place"
        ) from error
    note_down(paths, plan.after)
    return plan._replace(kept=kept)


class _Looked(NamedTuple):
    lineage: Lineage
    rows: Rows


class _Present(NamedTuple):
    lineage: Lineage | None
    rows: Rows | None  # none: it is missing, or can't be read
    is_whole: bool


def _look_into(source: Path) -> _Looked:
    """The copy to be restored, which must be whole."""
    if not source.is_file():
        raise StateRefused(f"there is no file {source}", "name one of the backups directory")
    at = StatePaths.at(source)
    with _reading_any(source) as connection:
        if not _is_state(connection, at):
            raise StateRefused(f"{source} is empty", "name another copy")
        damage = damage_in(connection)
        if damage:
            raise StateRefused(f"{source} can't be restored: {damage[0].what}", "try the next older copy")
        refuse_unknown(revision(connection))
        known = found(connection, at)
        if known is None:
            raise StateRefused(f"{source} does not say of which lineage it is", "name another copy")
        return _Looked(known, carrying.read(connection))


def _is_state(connection: sqlite3.Connection, at: StatePaths) -> bool:
    try:
        return holds_tables(connection, at)
    except StateRefused as refusal:
        raise StateRefused(refusal.message, "name a copy of this project's state") from refusal


def _present(paths: StatePaths) -> _Present:
    """What can still be read of the present state."""
    if not paths.db.exists():
        return _Present(None, None, is_whole=False)
    try:
        with reading(paths) as connection:
            if not holds_tables(connection, paths):
                return _Present(None, None, is_whole=False)
            is_whole = not damage_in(connection)
            known = found(connection, paths)
            return _Present(known, carrying.read(connection), is_whole=is_whole)
    except (StateRefused, KeyError, ValueError):
        return _Present(None, None, is_whole=False)


def _has_lost_its_wal(paths: StatePaths, source: Path) -> bool:
    """True if the copy is the present database itself, which a run left without its last records."""
    if not paths.db.exists() or not source.samefile(paths.db):
        return False
    try:
        refuse_if_unsound(paths)
    except StateRefused:
        return True
    return False


def _keep_present(paths: StatePaths, clock: Clock, *, is_whole: bool) -> Path | None:
    """Where the present state is kept: a backup, or its very files where no backup can be made of it."""
    if not paths.db.exists():
        return None
    if is_whole:
        with suppress(StateRefused):  # it stopped uncleanly: its files are kept as they are
            return backup(paths, clock)
    folder = paths.backups / f"replaced-{clock.now():%Y%m%dT%H%M%SZ}"
    make_directory(paths.backups)
    make_directory(folder)
    for path in (paths.db, paths.wal):
        if path.exists():
            shutil.copy2(path, folder / path.name)
            _sync(folder / path.name)
    sync_directory(folder)
    return folder


def _copy(source: Path, draft: Path) -> None:
    for leftover in (draft, draft.with_name(draft.name + "-wal"), draft.with_name(draft.name + "-shm")):
        leftover.unlink(missing_ok=True)
    make_private_file(draft)
    with _reading_any(source) as connection, closing(sqlite3.connect(draft, isolation_level=None)) as target:
        connection.execute("COMMIT")
        connection.backup(target)


@contextmanager
def _reading_any(source: Path) -> Iterator[sqlite3.Connection]:
    """One read of a file that may lie in a directory where nothing can be written."""
    try:
        with closing(
            sqlite3.connect(f"file:{quote(str(source.absolute()))}?mode=ro", uri=True, isolation_level=None)
        ) as connection:
            connection.execute("BEGIN")
            yield connection
    except sqlite3.Error as error:
        raise StateRefused(f"{source} can't be read: {error}", "try the next older copy") from error


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _family(lineage: str) -> str:
    found_epoch = _EPOCH.match(lineage)
    return found_epoch[1] if found_epoch else lineage


def _epoch(lineage: str) -> int:
    found_epoch = _EPOCH.match(lineage)
    return int(found_epoch[2]) if found_epoch else 1
