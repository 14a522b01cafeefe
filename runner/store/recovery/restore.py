"""Restores a copy of the state, and keeps what only the present state knows.

A copy that is older than reality begins a new epoch: every other copy of the former one is refused from then on.
"""

import os
import shutil
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from sqlalchemy.exc import SQLAlchemyError

from runner.core.errors import StateRefused
from runner.core.values.clock import Clock, to_text
from runner.store.connection import NOT_OURS, UNREADABLE, holds_tables, reading
from runner.store.disk.error_texts import reason_of
from runner.store.disk.paths import BESIDE, StatePaths, make_directory, make_private_file, sync
from runner.store.integrity.database_check import damage_of
from runner.store.integrity.high_water import HighWater, HighWaterMarks, standing
from runner.store.integrity.lineage import Lineage, found, write_lineage
from runner.store.integrity.progress_evidence import Evidence, gather, holds_all
from runner.store.integrity.startup_check import IN_USE, refuse_if_unsound
from runner.store.read.snapshot import recorded_in
from runner.store.recovery.merge_copies import Merged, merge
from runner.store.recovery.rows import Key, Rows, read
from runner.store.schema.migrate import migrate
from runner.store.schema.revisions import REVISIONS, refuse_unknown, revision
from runner.store.startup.backup import backup
from runner.store.state import COPIED_TO, places_of

_WHEN_PLANNED = datetime(1970, 1, 1, tzinfo=UTC)  # stands for now in a merge that nobody keeps


class Restoration(NamedTuple):
    """What a restoration would do, or has done."""

    source: Path
    copy: Lineage  # of the file to be restored
    high_water: int  # the newest serial known
    after: Lineage  # of the state afterwards
    present_was_read: bool  # all of it, and it is the newest known; else some of what was done since is lost for good
    merged: Merged  # that only the present state knows, or knows more about
    missing: int  # orders that a high-water mark counts, and neither the copy nor the present state holds
    kept: Path | None = None  # where the present state is now

    @property
    def loses(self) -> bool:
        """True if the copy is older than what was done since."""
        return self.copy != self.after


def plan_restore(paths: StatePaths, source: Path) -> Restoration:
    """What restoring `source` would do; StateRefused if it is damaged, no state, or of another lineage."""
    evidence = gather(paths)
    copy = _look_into(source, evidence)
    family = copy.lineage.family
    present = _present(paths, evidence, family)
    owner = next((one for one in (*evidence.lineages()[:1], present.lineage) if one is not None), None)
    if owner is not None and owner.family != family:
        raise StateRefused(
            f"{source} is of another lineage ({copy.lineage.lineage}) than this project's ({owner.lineage})",
            "name a copy of this project's state, or the right project with --state",
        )
    if present.lineage is not None and present.lineage.family != family:
        present = _NO_PRESENT  # somebody else's database lies in its place
    known = [one for one in (*evidence.lineages(), present.lineage) if one is not None and one.family == family]
    newest = max((copy.lineage, *known), key=lambda one: (one.epoch, one.serial))
    high_water = max(one.serial for one in (copy.lineage, *known))
    # With no evidence nothing says that this copy is the newest there is.
    is_older = not known or not copy.holds_all or _is_older(copy.lineage, present.lineage) or _is_closed(paths)
    after = copy.lineage
    if is_older or _is_unsound(paths, source):
        after = Lineage(newest.in_next_epoch(), high_water + 1)
    with _or_refused(source), closing(sqlite3.connect(":memory:", isolation_level=None)) as nowhere:
        merged = _fill(nowhere, source, present.rows, _WHEN_PLANNED)
    return Restoration(
        source=source,
        copy=copy.lineage,
        high_water=high_water,
        after=after,
        present_was_read=present.rows is not None
        and present.lineage is not None
        and present.rows.are_all
        and present.holds_all
        and not _is_older(present.lineage, copy.lineage)
        and not _is_unsound(paths, paths.db),
        merged=merged,
        missing=_missing(evidence, newest, copy.attempts.union(() if present.rows is None else present.rows.attempts)),
    )


def _is_older(one: Lineage, other: Lineage | None) -> bool:
    return other is not None and (one.epoch, one.serial) < (other.epoch, other.serial)


def _missing(evidence: Evidence, newest: Lineage, known: Collection[Key]) -> int:
    counted = [one.mark.attempts for one in evidence.witnesses if one.mark.lineage.lineage == newest.lineage]
    return max(0, max(counted, default=0) - len(known))


def restore(paths: StatePaths, plan: Restoration, reason: str, clock: Clock) -> Restoration:
    """Carry `plan` out, with the lock held; return what was done.

    Raises StateRefused if it can't be done; the present state is in place then.

    The former database is folded into a backup, or kept as it is beside the backups if it is damaged.
    """
    make_directory(paths.db.parent)
    with closing(HighWaterMarks(paths, plan.after.family)) as marks:
        kept, restored = _put_in_place(paths, plan, reason, clock)
        write_lineage(paths, plan.after)
        marks.begin(restored)
    return plan._replace(kept=kept)


def _put_in_place(paths: StatePaths, plan: Restoration, reason: str, clock: Clock) -> tuple[Path | None, HighWater]:
    """Where the former state is kept, and how far the new one has come."""
    present = _present(paths, gather(paths), plan.after.family)
    draft = paths.db.with_name(f".{paths.db.name}.restoring")
    with _or_refused(plan.source), ExitStack() as undoing:
        undoing.callback(draft.unlink, missing_ok=True)  # which is gone once it is in place
        for leftover in (draft, *(draft.with_name(draft.name + ending) for ending in BESIDE)):
            leftover.unlink(missing_ok=True)
        make_private_file(draft)
        with closing(sqlite3.connect(draft, isolation_level=None)) as connection:
            _fill(connection, plan.source, present.rows, clock.now())
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
            connection.execute("DELETE FROM meta WHERE key IN (?, ?)", (IN_USE, COPIED_TO))
            connection.execute("COMMIT")
            connection.execute("PRAGMA journal_mode = DELETE")
            restored = standing(connection, plan.after)
        sync(draft)
        kept = _keep_present(paths, clock, is_whole=present.is_whole)
        for path in (paths.wal, paths.shm):  # a WAL would be read into whatever database lies beside it
            path.unlink(missing_ok=True)
        draft.replace(Path(os.path.realpath(paths.db)))
        sync(paths.db.parent)
    return kept, restored


@contextmanager
def _or_refused(source: Path) -> Iterator[None]:
    """StateRefused for what goes wrong in the block; the present state is in place then."""
    try:
        yield
    except (OSError, SQLAlchemyError, *UNREADABLE) as error:
        raise StateRefused(
            f"{source} could not be restored: {reason_of(error)}", "the present state was left in place"
        ) from error


def _fill(connection: sqlite3.Connection, source: Path, present: Rows | None, at: datetime) -> Merged:
    """Fill an empty database with the copy in the newest schema, and with what the present state knows beyond it.

    What was merged; that transaction is left open.
    """
    with _reading_any(source) as copy:
        copy.execute("COMMIT")  # what is copied is of one moment by itself
        copy.backup(connection)
    connection.execute("PRAGMA foreign_keys = ON")
    migrate(connection)
    connection.execute("BEGIN IMMEDIATE")
    return Merged() if present is None else merge(connection, present, at)


class _Looked(NamedTuple):
    lineage: Lineage
    attempts: frozenset[Key]
    holds_all: bool  # that the evidence tells of


class _Present(NamedTuple):
    lineage: Lineage | None
    rows: Rows | None  # none: it is missing, or can't be read
    is_whole: bool
    holds_all: bool  # as above


_NO_PRESENT = _Present(None, None, is_whole=False, holds_all=False)


def _look_into(source: Path, evidence: Evidence) -> _Looked:
    """The copy to be restored, which must be whole."""
    if not source.is_file():
        raise StateRefused(f"there is no file {source}", "name one of the backups directory")
    at = StatePaths.at(source)
    with _reading_any(source) as connection:
        if not _is_state(connection, at):
            raise StateRefused(f"{source} is empty", "name another copy")
        if damage := damage_of(connection):
            raise StateRefused(
                f"{source} can't be restored: the database is damaged: {damage}", "try the next older copy"
            )
        refuse_unknown(revision(connection))
        known = found(connection, at)
        if known is None:
            raise StateRefused(f"{source} does not say of which lineage it is", "name another copy")
        if nonsense := _nonsense_in(connection, known):
            raise StateRefused(
                f"{source} can't be restored: {nonsense} makes no sense in it", "try the next older copy"
            )
        attempts = frozenset(connection.execute("SELECT id, run_id FROM attempts"))
        return _Looked(known, attempts, holds_all(connection, known, evidence))


def _nonsense_in(connection: sqlite3.Connection, known: Lineage) -> str:
    """What makes no sense in a database of a known schema; empty if all does."""
    try:
        recorded_in(connection, known)
    except NOT_OURS as error:
        return str(error) or type(error).__name__
    return ""


def _is_state(connection: sqlite3.Connection, at: StatePaths) -> bool:
    try:
        return holds_tables(connection, at.db)
    except StateRefused as refusal:
        raise StateRefused(refusal.message, "name a copy of this project's state") from refusal


def _present(paths: StatePaths, evidence: Evidence, family: str) -> _Present:
    """What can still be read of the present state; of somebody else's database in its place, its lineage alone."""
    if not paths.db.exists():
        return _NO_PRESENT
    try:
        with reading(paths) as connection:
            if not holds_tables(connection, paths.db):
                return _NO_PRESENT
            known = found(connection, paths)
            if known is not None and known.family != family:
                return _NO_PRESENT._replace(lineage=known)
            is_whole = (
                known is not None
                and not damage_of(connection)  # first: a page that tells the schema may be what is damaged
                and revision(connection) in REVISIONS
                and not _nonsense_in(connection, known)
            )
            has_all = known is not None and holds_all(connection, known, evidence)
            return _Present(known, read(connection, is_whole=is_whole), is_whole, has_all)
    except (StateRefused, *NOT_OURS):
        return _NO_PRESENT


def _is_closed(paths: StatePaths) -> bool:
    """True if the present state was copied elsewhere, where it may have bought more."""
    with suppress(StateRefused):
        return COPIED_TO in places_of(paths)
    return False


def _is_unsound(paths: StatePaths, source: Path) -> bool:
    """True if the copy is the present database itself, and a run would be refused with it."""
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
    for path in (paths.db, paths.wal, paths.high_water):
        if path.exists():
            shutil.copy2(path, folder / path.name)
            sync(folder / path.name)
    sync(folder)
    return folder


@contextmanager
def _reading_any(source: Path) -> Iterator[sqlite3.Connection]:
    """One read of a file that may lie in a directory where nothing can be written."""
    try:
        with closing(
            sqlite3.connect(f"file:{quote(str(source.absolute()))}?mode=ro", uri=True, isolation_level=None)
        ) as connection:
            connection.execute("BEGIN")
            yield connection
    except UNREADABLE as error:
        raise StateRefused(f"{source} can't be read: {reason_of(error)}", "try the next older copy") from error
