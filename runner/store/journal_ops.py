"""The writer: carries out batches of operations, each batch in one durable transaction. No threads, no asyncio.

A batch is a group commit; where the database refuses it, each operation gets a transaction of its own, so that only
the offending one fails and no neighbour's outcome is lost.
"""

from collections.abc import Sequence

from sqlalchemy import Connection
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from runner.core.attempts import OutcomeKind
from runner.core.errors import JournalBroken, RunnerError, StateRefused
from runner.store import lineage, statements
from runner.store.lineage import Lineage
from runner.store.lock import StateLock
from runner.store.operations import (
    Answer,
    BeginRun,
    DoubtLeftOvers,
    EndRun,
    Mark,
    MarkRefused,
    Operation,
    Rename,
    Result,
    SeeBalance,
    SeeCatalogue,
    SeeStatuses,
    Settle,
    SettleRefused,
)
from runner.store.paths import StatePaths

# What one operation's own data can cause; anything else is about the database and ends the journal.
_REFUSALS = (IntegrityError, DataError, OverflowError, UnicodeError, StateRefused)

_TAKEN = {
    "attempts.campaign": "it already has an attempt that may have bought it",
    "attempts.link": "the same service and link is being sent, or is in doubt, on this panel",
    "attempts.panel_order_id": "the panel's order id belongs to another attempt already",
}


class Writer:
    """The only writing connection, in the hands of one caller at a time."""

    def __init__(
        self, connection: Connection, paths: StatePaths, lock: StateLock, lineage_id: str, serial: int
    ) -> None:
        self._connection = connection
        self._paths = paths
        self._lock = lock
        self._lineage_id = lineage_id
        self._serial = serial
        self._run_id: str | None = None
        self._broken: str | None = None
        self._file = _identity(paths)
        last = connection.exec_driver_sql("SELECT coalesce(max(id), 0) FROM attempts").scalar_one()
        connection.rollback()
        self._next_id = int(last) + 1

    @property
    def serial(self) -> int:
        """Grows by one with every transaction."""
        return self._serial

    def commit(self, batch: Sequence[Operation]) -> list[Result]:
        """One result for each operation, in their order, all durable: its answer, or the error its caller must see.

        Never raises. After a `JournalBroken` every further result is one, and the connection is not used again.
        """
        try:
            self._refuse_if_not_ours()
            results = self._together(batch)
        except JournalBroken as error:
            self._break(error)
            return [self._broken_error() for _ in batch]
        except _REFUSALS as error:
            if len(batch) == 1:
                return [_refused(batch[0], error)]
            alone = {place: self.commit([batch[place]])[0] for place in _settles_first(batch)}
            return [alone[place] for place in range(len(batch))]
        except Exception as error:  # noqa: BLE001  # whatever it was, nobody may wait for ever, and nothing may be sent
            self._break(error)
            return [self._broken_error() for _ in batch]
        return self._note_down(batch, results)

    def close(self) -> None:
        """Give the connection back; the WAL is folded into the database."""
        try:
            self._connection.close()
        except SQLAlchemyError as error:
            self._break(error)

    def _together(self, batch: Sequence[Operation]) -> list[Result]:
        results: list[Result] = [None] * len(batch)
        next_id, run_id = self._next_id, self._run_id
        try:
            with self._connection.begin():
                self._grow_serial()
                for places in _stretches(batch):
                    self._stretch(batch, places, results)
        except BaseException:
            self._next_id, self._run_id = next_id, run_id
            raise
        self._serial += 1
        return results

    def _grow_serial(self) -> None:
        grown = self._connection.exec_driver_sql(
            "UPDATE meta SET value = ? WHERE key = 'serial' AND value = ?", (str(self._serial + 1), str(self._serial))
        )
        if grown.rowcount != 1:
            raise JournalBroken("another process has written to the state", "end it, then run again")

    def _stretch(self, batch: Sequence[Operation], places: Sequence[int], results: list[Result]) -> None:
        """Settles and marks of one stretch, each kind by one executemany; any other operation is alone in its own."""
        settles: list[statements.Row] = []
        marks: list[statements.Row] = []
        for place in places:
            operation = batch[place]
            if isinstance(operation, Mark):
                results[place] = self._next_id
                marks.append(statements.mark_row(self._next_id, operation))
                self._next_id += 1
            elif isinstance(operation, Settle):
                settles.append(statements.settle_row(operation))
            else:
                results[place] = self._alone(operation)
        if settles:
            changed = self._connection.exec_driver_sql(statements.SETTLE, settles).rowcount
            if changed != len(settles):
                raise SettleRefused("it is not being sent")
        if marks:
            self._connection.exec_driver_sql(statements.MARK, marks)

    def _alone(self, operation: Operation) -> Answer:
        connection = self._connection
        match operation:
            case BeginRun():
                statements.begin_run(connection, operation)
                self._run_id = operation.run_id
            case EndRun():
                statements.end_run(connection, operation)
            case DoubtLeftOvers(at):
                return statements.doubt_left_overs(connection, at)
            case Rename(moves):
                return statements.rename(connection, moves)
            case SeeStatuses(seen):
                statements.see_statuses(connection, seen)
            case SeeCatalogue(catalogue):
                statements.see_catalogue(connection, catalogue)
            case SeeBalance(balance):
                statements.see_balance(connection, balance, self._run_id)
            case _:
                raise AssertionError(f"{operation} belongs into a group")
        return None

    def _note_down(self, batch: Sequence[Operation], results: list[Result]) -> list[Result]:
        """After the commit, so that the lineage file never knows of more than the database holds."""
        places = [place for place, operation in enumerate(batch) if isinstance(operation, BeginRun | EndRun)]
        if places:
            try:
                lineage.note_down(self._paths, Lineage(self._lineage_id, self._serial))
            except StateRefused as error:
                for place in places:
                    results[place] = error
        return results

    def _refuse_if_not_ours(self) -> None:
        if self._broken is not None:
            raise self._broken_error()
        if _identity(self._paths) != self._file:
            raise JournalBroken(f"{self._paths.db} was removed or replaced during the run")
        if not self._lock.still_held():
            raise JournalBroken(f"the lock {self._paths.lock} was removed or replaced during the run")

    def _break(self, error: Exception) -> None:
        if self._broken is None:
            self._broken = error.message if isinstance(error, RunnerError) else _words(error)

    def _broken_error(self) -> JournalBroken:
        return JournalBroken(
            f"the state can't be written: {self._broken}",
            "nothing more is sent; put the cause right (disk full, disk failing, files moved), then run again: "
            "what was in flight is then shown as in doubt",
        )


def _identity(paths: StatePaths) -> tuple[int, int] | None:
    try:
        there = paths.db.stat()
    except OSError:
        return None
    return (there.st_dev, there.st_ino)


def _stretches(batch: Sequence[Operation]) -> list[list[int]]:
    """Places of operations that may share statements: marks and settles side by side; the others keep their turn."""
    stretches: list[list[int]] = []
    open_stretch = False
    for place, operation in enumerate(batch):
        grouped = isinstance(operation, Mark | Settle)
        if grouped and open_stretch:
            stretches[-1].append(place)
        else:
            stretches.append([place])
        open_stretch = grouped
    return stretches


def _settles_first(batch: Sequence[Operation]) -> list[int]:
    """All places, in the order in which a group carries them out: a settle may free what a mark needs."""
    return [
        place
        for stretch in _stretches(batch)
        for place in sorted(stretch, key=lambda place: not isinstance(batch[place], Settle))
    ]


def _words(error: Exception) -> str:
    """What the driver said, without the statement and its parameters."""
    return str(getattr(error, "orig", None) or error) or type(error).__name__


def _refused(operation: Operation, error: Exception) -> StateRefused:
    """The error for the caller of the one operation that caused it."""
    if isinstance(error, StateRefused) and not isinstance(operation, Settle):
        return error
    words = _words(error)
    why = next((sentence for column, sentence in _TAKEN.items() if column in words), words)
    match operation:
        case Mark(attempt):
            return MarkRefused(
                f"{attempt.campaign}/{attempt.order_id} may not be sent: {why}", "look at it with `runner status`"
            )
        case Settle(attempt_id, outcome):
            bought = f" as order {outcome.panel_order_id}" if outcome.kind is OutcomeKind.PLACED else ""
            return SettleRefused(
                f"attempt {attempt_id} can't be settled{bought}: {why}", "an attempt that stays open becomes a doubt"
            )
        case _:
            return StateRefused(f"the state refused {type(operation).__name__}: {why}")
