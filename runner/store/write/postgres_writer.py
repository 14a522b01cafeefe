"""The writer of a shared state: batches of operations, each in one durable transaction that proves the run's leases.

A commit that got no answer may have happened. Nothing is sent on it: the writer connects once more, settles its own
marks as not sent, and records what answers proved; it never marks again. Where it can't connect, or another run has
taken over, outcomes go to the spill file.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NamedTuple

import psycopg
from sqlalchemy.exc import SQLAlchemyError

from runner.core.attempts import AttemptState, NewAttempt
from runner.core.errors import JournalBroken, RunnerError, StateRefused
from runner.core.operations import BeginRun, EndRun, Mark, Operation, SeeCancels, Settle, SettleRefills, SettleRefused
from runner.core.values.clock import Clock, to_text
from runner.store.operations import attempts, doubts
from runner.store.postgres.leases import Leases
from runner.store.postgres.server import in_words
from runner.store.postgres.sharing import sharing
from runner.store.statements import for_psycopg
from runner.store.write.carry_out import Answer, carry_out
from runner.store.write.commit_errors import refused
from runner.store.write.grouping import settles_first, stretches
from runner.store.write.page_guard import PageGuard
from runner.store.write.spill_file import SpillFile

_OUTCOMES = (Settle, SettleRefills, SeeCancels, EndRun)  # what is recorded after the connection was lost, too
# What one operation's own data can cause; anything else is about the database.
_REFUSALS = (psycopg.IntegrityError, psycopg.DataError, StateRefused, OverflowError, UnicodeError)
_NOT_SENT = "the state did not confirm its mark: it was not sent"

_MARKED = (*NewAttempt._fields, "run_id", "marked_at")
_TYPES = {"slot": "bigint", "quantity": "bigint", "runs": "bigint", "interval": "bigint"}
_ARRAYS = ", ".join(f"%s::{_TYPES.get(name, 'text')}[]" for name in _MARKED)
_KEY = ("campaign", "order_id", "kind", "slot")
MARK = (
    f"INSERT INTO attempts ({', '.join(_MARKED)}, state, message, status, status_text, missing_in_a_row) "  # noqa: S608
    f"SELECT *, 'sending', '', 'unknown', '', 0 FROM unnest({_ARRAYS}) RETURNING id, {', '.join(_KEY)}"
)
SETTLE = (
    "UPDATE attempts AS a SET state = o.state, settled_at = o.at, panel_order_id = o.order_id, message = o.message, "
    "phase = o.phase FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[]) "
    "AS o(state, at, order_id, message, phase, id) WHERE a.id = o.id AND a.state = 'sending'"
)
_SETTLE_DOUBT = (
    "UPDATE attempts SET state = %s, settled_at = %s, panel_order_id = %s, message = %s, phase = %s "
    "WHERE id = %s AND state = 'in_doubt'"
)
_UNSENT = (
    "UPDATE attempts AS a SET state = 'not_sent', settled_at = %s, message = %s "
    "FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[]) AS m(campaign, order_id, kind, slot) "
    "WHERE a.run_id = %s AND a.state = 'sending' AND a.campaign = m.campaign AND a.order_id = m.order_id "
    "AND a.kind = m.kind AND a.slot = m.slot"
)


class Beside(NamedTuple):
    """What a writer needs of the machine that it runs on."""

    clock: Clock
    spill: SpillFile  # where outcomes go that the database can't take
    reconnect: Callable[[], psycopg.Connection]
    note: Callable[[psycopg.Connection], None] = lambda _: None  # at the end: how far the state has come


Result = Answer | RunnerError


class PostgresWriter:
    """The writing connection of one run, in the hands of one caller at a time."""

    def __init__(
        self,
        driver: psycopg.Connection,
        leases: Leases,
        panels: frozenset[str],
        beside: Beside,
    ) -> None:
        self._driver = driver
        self._connection = sharing(driver)
        self._leases = leases
        self._clock, self._spill, self._reconnect, self._note = beside
        self._pages = PageGuard(driver.execute)
        self._panels = panels  # whose accounts are held: only their left-overs are this run's to judge
        self._run_id: str | None = None
        self._broken: str | None = None  # nothing is marked any more
        self._unconfirmed: list[Mark] = []  # committed or not: nobody was told, and nothing was sent

    def commit(self, batch: Sequence[Operation]) -> list[Result]:
        """One result for each operation, in their order, all durable: its answer, or the error its caller must see.

        Never raises. After a `JournalBroken` only outcomes are recorded.
        """
        if self._broken is not None:
            return self._outcomes_only(batch)
        try:
            return self._together(batch)
        except Exception as error:  # noqa: BLE001  # whatever it was, nobody may wait for ever, and nothing may be sent
            return self._judged(batch, getattr(error, "orig", None) or error)

    def _judged(self, batch: Sequence[Operation], error: Exception) -> list[Result]:
        """What becomes of a batch whose transaction failed."""
        if self._is_lost(error):
            self._broken = f"the connection to the state was lost: {in_words(error)}"
            return self._after_loss(batch)
        if isinstance(error, JournalBroken) or not isinstance(error, _REFUSALS):
            self._broken = error.message if isinstance(error, RunnerError) else in_words(error)
            return self._given_up(batch)
        if len(batch) == 1:
            return [refused(batch[0], error)]
        alone = {place: self.commit([batch[place]])[0] for place in settles_first(batch)}
        return [alone[place] for place in range(len(batch))]

    def close(self) -> None:
        """Release the leases, the connection and the spill file; harmless when done twice."""
        if not self._driver.closed:
            self._note(self._driver)
        with suppress(psycopg.Error):
            self._leases.release()
        self._driver.close()
        self._spill.close()

    def settle_doubt(self, settle: Settle) -> None:
        """Settle a doubt with what this machine noted when the server was gone; a decision that was made stands.

        Raises SettleRefused if that can't be true, as where the order belongs to another attempt by now.
        """
        state, *facts = attempts.settle_row(settle)
        if state == AttemptState.REFUSED:
            state = AttemptState.NOT_SENT.value  # the same in money: a doubt has no way back to a refusal
        try:
            with self._transaction():
                self._driver.execute(_SETTLE_DOUBT, (state, *facts))
        except psycopg.IntegrityError as error:
            raise refused(settle, error) from error

    def _is_lost(self, error: BaseException) -> bool:
        return self._driver.closed or isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._driver.transaction():
            self._leases.prove()
            yield
            self._driver.execute("SELECT nextval('state_serial')")

    def _together(self, batch: Sequence[Operation]) -> list[Result]:
        results: list[Result] = [None] * len(batch)
        run_id = self._run_id
        try:
            with self._transaction():
                for places in stretches(batch):
                    self._stretch(batch, places, results)
        except BaseException:
            self._run_id = run_id
            raise
        return results

    def _stretch(self, batch: Sequence[Operation], places: Sequence[int], results: list[Result]) -> None:
        """Settles, then marks, each kind by one statement; any other operation is alone in its stretch."""
        settles: list[Settle] = []
        marks: list[int] = []
        for place in places:
            operation = batch[place]
            if isinstance(operation, Mark):
                marks.append(place)
            elif isinstance(operation, Settle):
                settles.append(operation)
            else:
                results[place] = carry_out(self._connection, operation, self._run_id, self._panels)
                if isinstance(operation, BeginRun):
                    self._run_id = operation.run_id
        if settles:
            self._settle(settles)
        if marks:
            self._mark(batch, marks, results)

    def _settle(self, settles: Sequence[Settle]) -> None:
        columns = list(zip(*map(attempts.settle_row, settles), strict=True))
        changed = self._driver.execute(SETTLE, [list(column) for column in columns], prepare=True).rowcount
        if changed != len(settles):
            raise SettleRefused("it is not being sent")
        evidence = [row for row in map(doubts.evidence_row, settles) if row is not None]
        if evidence:
            with self._driver.cursor() as cursor:
                cursor.executemany(for_psycopg(doubts.EVIDENCE), evidence)

    def _mark(self, batch: Sequence[Operation], places: Sequence[int], results: list[Result]) -> None:
        rows = [_mark_row(mark) for place in places if isinstance(mark := batch[place], Mark)]
        columns = [list(column) for column in zip(*rows, strict=True)]
        ids = {tuple(key): id_ for id_, *key in self._driver.execute(MARK, columns, prepare=True)}
        for place, row in zip(places, rows, strict=True):
            results[place] = ids[row[: len(_KEY)]]
        links = (str(row[_MARKED.index("link")]) for row in rows)
        if self._pages.is_held(links, ids.values()):
            raise psycopg.IntegrityError("one_unsettled_send, in another spelling")
        self._run_id = str(rows[-1][_MARKED.index("run_id")])

    def _after_loss(self, batch: Sequence[Operation]) -> list[Result]:
        """The connection broke: what was marked in this batch, if it was, is not sent; outcomes are recorded if possible."""
        self._unconfirmed = [one for one in batch if isinstance(one, Mark)]
        self._take_back()
        return self._outcomes_only(batch)

    def _take_back(self) -> None:
        """Settle what was marked without an answer as not sent; where that fails, the next outcome tries again."""
        if not self._unconfirmed or not self._connect_again():
            return
        with suppress(psycopg.Error, JournalBroken):
            with self._transaction():
                columns = zip(*(_mark_row(mark)[: len(_KEY)] for mark in self._unconfirmed), strict=True)
                at = to_text(self._clock.now())
                self._driver.execute(_UNSENT, [at, _NOT_SENT, *map(list, columns), self._unconfirmed[-1].run_id])
            self._unconfirmed = []

    def _connect_again(self) -> bool:
        if not self._driver.closed and not self._driver.broken:
            return True
        with suppress(psycopg.Error, RunnerError):
            self._driver = self._reconnect()
            self._connection = sharing(self._driver)
            self._leases.go_on(self._driver)
            return True
        return False

    def _outcomes_only(self, batch: Sequence[Operation]) -> list[Result]:
        """After a loss: outcomes, one by one, where the leases are still this run's; all else is refused."""
        self._take_back()
        left: list[int] = []
        results: list[Result] = [self._broken_error() for _ in batch]
        for place, operation in enumerate(batch):
            if not isinstance(operation, _OUTCOMES):
                continue
            try:
                if not self._connect_again():
                    left.append(place)
                    continue
                with self._transaction():
                    if isinstance(operation, Settle):
                        self._settle_again(operation)
                    else:
                        carry_out(self._connection, operation, self._run_id, self._panels)
                results[place] = None
            except (psycopg.Error, SQLAlchemyError, RunnerError):
                left.append(place)
        for place, error in zip(left, self._given_up([batch[place] for place in left]), strict=True):
            results[place] = error
        return results

    def _settle_again(self, operation: Settle) -> None:
        """Its first try may have been committed: then it stands."""
        row = attempts.settle_row(operation)
        state, _, order_id, *_, attempt_id = row
        there = self._driver.execute(
            "SELECT state, panel_order_id FROM attempts WHERE id = %s", (attempt_id,)
        ).fetchone()
        if there != (state, order_id):
            self._settle([operation])

    def _given_up(self, batch: Sequence[Operation]) -> list[Result]:
        noted = self._spill.keep(batch, self._run_id)
        return [self._broken_error(noted=place in noted) for place in range(len(batch))]

    def _broken_error(self, *, noted: bool = False) -> JournalBroken:
        if noted:
            return JournalBroken(
                f"the state can't be written: {self._broken}; noted in {self._spill.path}",
                "run again here: what is noted there is carried over at the start",
            )
        return JournalBroken(
            f"the state can't be written: {self._broken}",
            "nothing more is sent; run again: what was in flight is then shown as in doubt",
        )


def _mark_row(mark: Mark) -> tuple[str | int | None, ...]:
    new = mark.attempt
    known = {
        **new._asdict(),
        "kind": new.kind.value,
        "rate": format(new.rate, "f"),
        "expected_charge": format(new.expected_charge, "f"),
        "run_id": mark.run_id,
        "marked_at": to_text(mark.at),
    }
    return tuple(known[name] for name in _MARKED)
