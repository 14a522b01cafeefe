"""The writer: carries out batches of operations, each in one durable transaction. No threads, no asyncio.

A batch is a group commit; where the database refuses it, each operation gets a transaction of its own, so that only
the offending one fails and no neighbour's outcome is lost. On a full disk nothing is marked any more, and outcomes are
still recorded while the ballast's space lasts; after that, and after any other failure, they go to the spill file.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import NamedTuple

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from runner.core import operations as ops
from runner.core.errors import JournalBroken, RunnerError, StateRefused
from runner.core.operations import Mark, Operation, Settle, SettleRefills, SettleRefused
from runner.store.connection import connect_reader
from runner.store.disk.ballast import drop_ballast
from runner.store.disk.error_texts import reason_of
from runner.store.disk.file_watch import FilesWatch
from runner.store.disk.lock import StateLock
from runner.store.disk.paths import StatePaths
from runner.store.integrity import lineage
from runner.store.integrity.high_water import HighWaterMarks, standing
from runner.store.integrity.lineage import Lineage
from runner.store.integrity.sealing import seal_of
from runner.store.integrity.startup_check import note_clean
from runner.store.operations import attempts, doubts
from runner.store.write.carry_out import Answer, carry_out
from runner.store.write.commit_errors import REFUSALS, lacks_space, refused, words
from runner.store.write.grouping import GROUPED, settles_first, stretches
from runner.store.write.page_guard import PageGuard
from runner.store.write.spill_file import SpillFile

# What is recorded even on a full disk: it tells of something that was sent, or of the end.
_OUTCOMES = (Settle, SettleRefills, ops.SeeCancels, ops.EndRun)

_FOLD = 2_000  # changed rows, after which the WAL is folded into the database: some 4 MB of it


Result = Answer | StateRefused | JournalBroken  # what comes back, or what is raised to the caller


class Beside(NamedTuple):
    """What the writer writes beside the database; it closes both."""

    spill: SpillFile
    marks: HighWaterMarks


class Writer:
    """The only writing connection, in the hands of one caller at a time."""

    def __init__(
        self,
        connection: Connection,
        paths: StatePaths,
        lock: StateLock,
        known: Lineage,
        beside: Beside,
    ) -> None:
        driver = connection.connection.driver_connection
        if driver is None:
            raise AssertionError("a connection without its driver")
        self._connection = connection
        self._driver: sqlite3.Connection = driver
        self._paths = paths
        self._lock = lock
        self._lineage_id = known.lineage
        self._serial = known.serial
        self._spill, self._marks = beside
        self._run_id: str | None = None
        self._broken: str | None = None  # nothing is written any more
        self._full: str | None = None  # only outcomes are
        self._pages = PageGuard(driver.execute)
        now = standing(self._driver, known)
        self._attempts = now.attempts
        self._newest_run = "" if now.newest is None else now.newest.run
        self._next_id = 1 if now.newest is None else now.newest.id + 1
        self._watch = FilesWatch(paths)
        self._fold_at = self._driver.total_changes + _FOLD

    @property
    def lineage(self) -> Lineage:
        """What is written, and how far it has come: the serial grows by one with every transaction."""
        return Lineage(self._lineage_id, self._serial)

    def commit(self, batch: Sequence[Operation]) -> list[Result]:
        """One result for each operation, in their order, all durable: its answer, or the error its caller must see.

        Never raises. After a `JournalBroken` every further result is one, but for outcomes on a full disk.
        """
        if self._full is None:
            try:
                return self._attempt(batch)
            except _NoSpaceLeft as error:
                self._full = str(error)
        return self._outcomes_only(batch)

    def _attempt(self, batch: Sequence[Operation]) -> list[Result]:
        """As `commit`; raises `_NoSpaceLeft`, with nothing written."""
        try:
            self._refuse_if_not_ours()
            results = self._together(batch)
        except JournalBroken as error:
            self._break(error)
            return self._given_up(batch)
        except REFUSALS as error:
            if len(batch) == 1:
                return [refused(batch[0], error)]
            alone = {place: self.commit([batch[place]])[0] for place in settles_first(batch)}
            return [alone[place] for place in range(len(batch))]
        except Exception as error:  # whatever it was, nobody may wait for ever, and nothing may be sent
            if self._broken is None and lacks_space(error):
                raise _NoSpaceLeft(words(error)) from error
            self._break(error)
            return self._given_up(batch)
        self._move_on()
        return self._note_runs(batch, results)

    def _move_on(self) -> None:
        """After the commit, so that the marks never lead; before anybody relies on it, so that they cover all that is sent.

        Where they can't be written, what was just marked may still go. Nothing more is marked.
        """
        try:
            self._marks.move_on(self._serial, self._attempts, self._next_id - 1, self._newest_run)
        except OSError as error:
            if self._full is None:
                self._full = f"its high-water mark can't be written: {reason_of(error)}"

    def _outcomes_only(self, batch: Sequence[Operation]) -> list[Result]:
        """On a full disk: outcomes in the space that is left, the ballast's at last; all else is refused."""
        results: list[Result] = [self._broken_error() for _ in batch]
        places = [place for place, operation in enumerate(batch) if isinstance(operation, _OUTCOMES)]
        outcomes = [batch[place] for place in places]
        while outcomes:
            try:
                recorded = self._attempt(outcomes)
            except _NoSpaceLeft as error:
                if drop_ballast(self._paths):
                    continue
                self._break(error)
                recorded = self._given_up(outcomes)
            for place, result in zip(places, recorded, strict=True):
                results[place] = result
            break
        return results

    def _given_up(self, batch: Sequence[Operation]) -> list[Result]:
        """Errors for all; outcomes that prove something are noted in the spill file."""
        noted = self._spill.keep(batch, self._run_id)
        return [self._broken_error(noted=place in noted) for place in range(len(batch))]

    def close(self) -> None:
        """Give the connection back. After a clean end the WAL is folded into the database; else it stays as it is.

        Folding after a failure could spoil what the WAL still holds: the next start looks at both first.
        """
        is_clean = self._broken is None and self._sign_off()
        try:
            if is_clean or self._watch.problem_after_commit() is not None:
                self._connection.close()
                if is_clean:
                    self._seal()
                return
            # SQLite folds when the last connection goes; one that can only read, going last, can't.
            with closing(connect_reader(self._paths)) as last:
                last.execute("SELECT 1 FROM meta").fetchone()
                self._connection.close()
        except (SQLAlchemyError, sqlite3.Error) as error:
            self._break(error)
            with suppress(SQLAlchemyError):
                self._connection.close()
        finally:
            self._watch.close()
            self._spill.close()
            self._marks.close()

    def _seal(self) -> None:
        """Note what the database file looks like, if it is all there is: a reader may have kept the WAL from being folded."""
        with suppress(OSError):
            if not self._paths.wal.exists():
                self._marks.seal(seal_of(self._paths))

    def _sign_off(self) -> bool:
        try:
            self._refuse_if_not_ours()
            with self._connection.begin():
                note_clean(self._connection)
        except (SQLAlchemyError, JournalBroken) as error:
            self._break(error)
            return False
        return True

    def _together(self, batch: Sequence[Operation]) -> list[Result]:
        results: list[Result] = [None] * len(batch)
        before = (self._next_id, self._run_id, self._attempts, self._newest_run)
        try:
            with self._transaction(batch):
                self._grow_serial()
                for places in stretches(batch):
                    self._stretch(batch, places, results)
        except BaseException:
            self._next_id, self._run_id, self._attempts, self._newest_run = before
            self._watch.after_failure()
            raise
        self._serial += 1
        if problem := self._watch.problem_after_commit():
            raise JournalBroken(problem)  # it was committed into a file that nobody will find
        if self._driver.total_changes >= self._fold_at:
            self._fold()
        return results

    def _fold(self) -> None:
        """Copy the WAL into the database, as far as readers allow; it then begins anew. A failure loses nothing."""
        with suppress(sqlite3.Error):
            self._driver.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        self._watch.after_checkpoint()
        self._fold_at = self._driver.total_changes + _FOLD

    @contextmanager
    def _transaction(self, batch: Sequence[Operation]) -> Iterator[None]:
        """One durable transaction for the block.

        Marks and outcomes go past SQLAlchemy: for a small group its part of a commit took as long as SQLite's.
        """
        if not GROUPED.issuperset(map(type, batch)):
            with self._connection.begin():
                yield
            return
        self._driver.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._driver.execute("COMMIT")
        except BaseException:
            self._driver.rollback()
            raise

    def _grow_serial(self) -> None:
        grown = self._driver.execute(
            "UPDATE meta SET value = ? WHERE key = 'serial' AND value = ?", (str(self._serial + 1), str(self._serial))
        )
        if grown.rowcount != 1:
            raise JournalBroken("another process has written to the state", "end it, then run again")

    def _stretch(self, batch: Sequence[Operation], places: Sequence[int], results: list[Result]) -> None:
        """Carry out the settles and marks of one stretch, each kind by one executemany; any other operation has its own stretch."""
        settles: list[attempts.Row] = []
        marks: list[attempts.Row] = []
        evidence: list[attempts.Row] = []
        for place in places:
            operation = batch[place]
            if isinstance(operation, Mark):
                results[place] = self._next_id
                marks.append(attempts.mark_row(self._next_id, operation))
                self._next_id += 1
                self._run_id = operation.run_id
            elif isinstance(operation, Settle):
                settles.append(attempts.settle_row(operation))
                if (row := doubts.evidence_row(operation)) is not None:
                    evidence.append(row)
            else:
                results[place] = self._execute(operation)
        if settles:
            changed = self._driver.executemany(attempts.SETTLE, settles).rowcount
            if changed != len(settles):
                raise SettleRefused("it is not being sent")
        if evidence:
            self._driver.executemany(doubts.EVIDENCE, evidence)
        if marks:
            self._driver.executemany(attempts.MARK, marks)
            ids = range(self._next_id - len(marks), self._next_id)
            if self._pages.is_held((str(row[attempts.LINK]) for row in marks), ids):
                raise sqlite3.IntegrityError("attempts.link stands there in another spelling")
            self._attempts += len(marks)
            self._newest_run = self._run_id or ""

    def _execute(self, operation: Operation) -> Answer:
        answer = carry_out(self._connection, operation, self._run_id)
        if isinstance(operation, ops.BeginRun):
            self._run_id = operation.run_id
        elif isinstance(operation, ops.Import) and isinstance(answer, int):
            self._attempts, self._newest_run = self._attempts + 1, operation.run_id
            self._next_id = max(self._next_id, answer + 1)
        return answer

    def _note_runs(self, batch: Sequence[Operation], results: list[Result]) -> list[Result]:
        """After the commit, so that the lineage file never knows of more than the database holds, or the synced marks tell."""
        places = [place for place, operation in enumerate(batch) if isinstance(operation, ops.BeginRun | ops.EndRun)]
        if places:
            try:
                if self._full is None:  # else they may not be written at all, and that was told
                    self._marks.sync()
                lineage.write_lineage(self._paths, self.lineage)
            except StateRefused as error:
                for place in places:
                    results[place] = error
        return results

    def _refuse_if_not_ours(self) -> None:
        if self._broken is not None:
            raise self._broken_error()
        if problem := self._watch.problem():
            raise JournalBroken(problem)
        if not self._lock.still_held():
            raise JournalBroken(f"the lock {self._paths.lock} was removed or replaced during the run")

    def _break(self, error: Exception) -> None:
        if self._broken is None:
            self._broken = error.message if isinstance(error, RunnerError) else words(error)

    def _broken_error(self, *, noted: bool = False) -> JournalBroken:
        if noted:
            return JournalBroken(
                f"the state can't be written: {self._broken}; noted in {self._spill.path}",
                "put the cause right, then run again: what is noted there is carried over at the start",
            )
        return JournalBroken(
            f"the state can't be written: {self._broken or self._full}",
            "nothing more is sent; put the cause right (disk full, disk failing, files moved), then run again: "
            "what was in flight is then shown as in doubt",
        )


class _NoSpaceLeft(Exception):
    """A commit that the file system had no room for; it was rolled back."""
