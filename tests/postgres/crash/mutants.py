"""Planted bugs of a shared state: each a defence that somebody might leave out. The histories must find every one."""

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from runner.core.errors import JournalBroken
from runner.store.journal import Journal
from runner.store.operations import doubts
from runner.store.postgres.leases import Lease, Leases
from runner.store.write.postgres_writer import PostgresWriter

Plant = Callable[[pytest.MonkeyPatch], None]


def epoch_check_dropped(patch: pytest.MonkeyPatch) -> None:
    """A commit does not prove that its run still has the account."""
    patch.setattr(Leases, "prove", lambda self: self._connection.execute("SELECT 1"))


def advisory_lock_alone(patch: pytest.MonkeyPatch) -> None:
    """Whoever has the lock has the account: no epoch is raised."""
    raise_epoch = Leases._raise_epoch

    def as_it_was(self: Leases, account: str) -> Lease:
        known = self._connection.execute(f"SELECT epoch, holder FROM {self._table} WHERE account = %s", (account,))
        row = known.fetchone()
        if row is None or row[1] is None:
            return raise_epoch(self, account)
        self._holder = row[1]
        return Lease(account, row[0], None)

    patch.setattr(Leases, "_raise_epoch", as_it_was)


def sends_again_after_takeover(patch: pytest.MonkeyPatch) -> None:
    """A run that was taken over takes the account back, and goes on as if nothing had been."""
    commit = PostgresWriter.commit

    def stubborn(self: PostgresWriter, batch: Sequence[Any]) -> list[Any]:
        told = commit(self, batch)
        if any(isinstance(one, JournalBroken) and "taken over" in one.message for one in told):
            self._broken = None
            for account in self._leases._held:
                self._leases._held[account] = self._leases._raise_epoch(account)
            return commit(self, batch)
        return told

    patch.setattr(PostgresWriter, "commit", stubborn)


def left_overs_sent_again(patch: pytest.MonkeyPatch) -> None:
    """The taker takes the marks of the run that it took over from for orders that were never sent."""

    def forget(connection: Any, *_told: Any) -> list[Any]:
        connection.exec_driver_sql(
            "UPDATE attempts SET state = 'not_sent', settled_at = marked_at, phase = 'queued' WHERE state = 'sending'"
        )
        return []

    patch.setattr(doubts, "doubt_left_overs", forget)


def not_sent_is_not_recorded(patch: pytest.MonkeyPatch) -> None:
    """What was marked by a commit without an answer stays a maybe, though this run knows better."""
    patch.setattr(PostgresWriter, "_take_back", lambda _: None)


def lost_commit_is_believed(patch: pytest.MonkeyPatch) -> None:
    """A commit without an answer is taken for one that happened, and its marks are sent."""
    transaction = PostgresWriter._transaction

    @contextmanager
    def hopeful(self: PostgresWriter) -> Any:
        inside = False
        try:
            with transaction(self):
                yield
                inside = True
        except psycopg.OperationalError:
            if not inside:
                raise

    patch.setattr(PostgresWriter, "_transaction", hopeful)


def lost_commit_is_repeated(patch: pytest.MonkeyPatch) -> None:
    """A commit without an answer is done once more, as any client of a database would."""
    together = PostgresWriter._together

    def again(self: PostgresWriter, batch: Sequence[Any]) -> list[Any]:
        try:
            return together(self, batch)
        except psycopg.OperationalError:
            self._connect_again()
            return together(self, batch)

    patch.setattr(PostgresWriter, "_together", again)


def answers_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    """With its connection a run loses what the panel has answered."""
    patch.setattr(PostgresWriter, "_outcomes_only", lambda self, batch: [self._broken_error() for _ in batch])


def deadline_is_ignored(patch: pytest.MonkeyPatch) -> None:
    """A mark may be sent however old it is."""
    patch.setattr(Journal, "send_before", lambda _: float("inf"))


def taker_does_not_wait(patch: pytest.MonkeyPatch) -> None:
    """An account is taken as soon as its holder's connection is gone."""
    patch.setattr(Leases, "_still_sending", lambda *_: 0.0)


MUTANTS: dict[str, Plant] = {
    plant.__name__: plant
    for plant in (
        epoch_check_dropped,
        advisory_lock_alone,
        sends_again_after_takeover,
        left_overs_sent_again,
        not_sent_is_not_recorded,
        lost_commit_is_believed,
        lost_commit_is_repeated,
        answers_are_forgotten,
        deadline_is_ignored,
        taker_does_not_wait,
    )
}
