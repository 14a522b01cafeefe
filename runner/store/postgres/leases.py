"""Leases: one sender for each account at a panel, across machines, projects and databases' sessions.

An account is a panel's URL with a fingerprint of the key. Whoever takes its lease raises its epoch; every commit of marks
and outcomes proves, in the same transaction, that the epoch is still its own. An advisory lock is the queue in front
of that: it is polite, and goes away with the connection; the epoch is the proof.
"""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import psycopg

from runner.core.errors import JournalBroken, StateLocked
from runner.core.values.clock import Clock, to_the_second
from runner.store.postgres.address import Address
from runner.store.postgres.process import has_ended, this_process
from runner.store.postgres.schema import make_schema
from runner.store.postgres.server import backend_of

SEND_DEADLINE = 10.0  # seconds after its mark within which an order may still be written to a socket
_MARGIN = 2.0  # seconds that clocks and schedulers get on top
_POLL = 0.2  # seconds between tries

_TABLE = """
    CREATE TABLE {0} (
        account text PRIMARY KEY, lock_key bigint NOT NULL, epoch bigint NOT NULL, project text NOT NULL, holder text, process text NOT NULL,
        taken_at timestamptz NOT NULL, renewed_at timestamptz NOT NULL
    )
"""


class Executing(Protocol):
    """A connection that takes `?` for a parameter."""

    def execute(self, statement: str, parameters: Sequence[Any] = ..., /) -> psycopg.Cursor:
        """Carry out one statement."""


class Lease(NamedTuple):
    """The right to send for one account, until somebody takes it."""

    account: str
    epoch: int
    former_project: str | None  # another project that held it before, in the same database


class _Row(NamedTuple):
    project: str
    holder: str | None
    process: str
    taken_at: datetime
    waiting: float  # seconds until what its holder marked last can't be sent any more


class Leases:
    """The leases of one run, on the connection that writes."""

    def __init__(self, connection: psycopg.Connection, address: Address, holder: str) -> None:
        self._connection = connection
        self._table = f'"{address.shared_schema}".accounts'
        self._address = address
        self._holder = holder
        self._held: dict[str, Lease] = {}
        self._backend = backend_of(connection)
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(hashtext('bulk_order_runner'))")  # two first runs at once
            row = connection.execute("SELECT to_regclass(%s) IS NULL", (self._table,)).fetchone()
            if row and row[0]:
                make_schema(connection, address.shared_schema)
                connection.execute(_TABLE.format(self._table))

    @property
    def held(self) -> Mapping[str, Lease]:
        """By account, what was taken."""
        return self._held

    async def take(self, accounts: Sequence[str], clock: Clock, timeout: float = 0.0) -> None:  # noqa: ASYNC109  # on the given clock
        """Take the leases of these accounts, waiting up to `timeout` seconds for others to release them.

        StateLocked naming a holder otherwise: then none is held. An account whose holder vanished is waited for until nothing that it
        marked can be sent any more, whatever the timeout; not if its process has ended on this machine.
        """
        try:
            await self._take(accounts, clock, timeout)
        except BaseException:
            with suppress(psycopg.Error):
                self.release()
            raise

    async def _take(self, accounts: Sequence[str], clock: Clock, timeout: float) -> None:  # noqa: ASYNC109
        deadline = clock.monotonic() + timeout
        for account in sorted(set(accounts)):  # in one order for everybody: no two wait for each other
            while not self._try_lock(account):
                if clock.monotonic() >= deadline:
                    raise StateLocked(self._taken(account), "wait until it has finished, then run again")
                await clock.sleep(_POLL)
            while (wait := self._still_sending(account)) > 0:
                await clock.sleep(min(wait, 1.0))
            self._held[account] = self._raise_epoch(account)

    def known(self) -> list[str]:
        """The accounts that this project's runs were the last to use, held or not."""
        found = self._connection.execute(
            f"SELECT account FROM {self._table} WHERE project = %s ORDER BY account",  # noqa: S608  # our own name
            (self._address.schema,),
        )
        return [account for (account,) in found]

    def fence(self) -> None:
        """Inside a transaction: no run of this project that has begun commits anything more, whoever it is."""
        self._connection.execute(
            f"UPDATE {self._table} SET epoch = epoch + 1 WHERE project = %s",  # noqa: S608  # our own name
            (self._address.schema,),
        )

    def prove(self) -> None:
        """Inside a transaction: nobody has taken what this run holds, and nobody can until it ends. JournalBroken otherwise."""
        accounts = sorted(self._held)
        epochs = [self._held[account].epoch for account in accounts]
        renewed = self._connection.execute(
            f"UPDATE {self._table} AS a SET renewed_at = clock_timestamp() "  # noqa: S608  # our own name
            "FROM unnest(%s::text[], %s::bigint[]) AS mine(account, epoch) "
            # The holder, too: in a copy of the database that was put back the same epoch can be somebody else's.
            "WHERE a.account = mine.account AND a.epoch = mine.epoch AND a.holder = %s AND pg_backend_pid() = %s",
            (accounts, epochs, self._holder, self._backend),
            prepare=True,
        ).rowcount
        if renewed == len(accounts):
            return
        lost = self._lost(accounts, epochs)
        raise JournalBroken(
            f"another run has taken over {lost}" if lost else "a pooler gave the session of this run to others",
            "nothing more is sent; what was in flight is in doubt: runner doubt list",
        )

    def go_on(self, connection: psycopg.Connection) -> None:
        """After a lost connection: prove over another one. JournalBroken if an account was taken meanwhile.

        Its place in the queue is taken again where it is free: whoever stands in it now waits for what was marked.
        """
        self._connection, self._backend = connection, backend_of(connection)
        with connection.transaction():
            self.prove()
        for account in sorted(self._held):
            self._try_lock(account)

    def release(self) -> None:
        """Let others in; harmless when done twice, or after the connection broke."""
        accounts, self._held = list(self._held), {}
        if not accounts or self._connection.closed:
            return
        self._connection.execute(
            f"UPDATE {self._table} SET holder = NULL WHERE account = ANY(%s) AND holder = %s",  # noqa: S608
            (accounts, self._holder),
        )
        for account in accounts:
            self._connection.execute("SELECT pg_advisory_unlock(%s)", (_key(account),))

    def _try_lock(self, account: str) -> bool:
        row = self._connection.execute("SELECT pg_try_advisory_lock(%s)", (_key(account),)).fetchone()
        return bool(row and row[0])

    def _row(self, account: str) -> _Row | None:
        row = self._connection.execute(
            "SELECT project, holder, process, taken_at, extract(epoch FROM renewed_at - clock_timestamp())::float + %s "  # noqa: S608  # our own name
            f"FROM {self._table} WHERE account = %s",  # our own name
            (SEND_DEADLINE + _MARGIN, account),
        ).fetchone()
        return None if row is None else _Row(*row)

    def _still_sending(self, account: str) -> float:
        """Seconds until what a holder that vanished has marked can't be sent any more; 0 after a clean release."""
        row = self._row(account)
        if row is None or row.holder is None or has_ended(row.process):
            return 0.0
        return max(0.0, row.waiting)

    def _raise_epoch(self, account: str) -> Lease:
        before = self._row(account)
        row = self._connection.execute(
            f"INSERT INTO {self._table} (account, lock_key, epoch, project, holder, process, taken_at, renewed_at) "  # noqa: S608
            "VALUES (%s, %s, 1, %s, %s, %s, clock_timestamp(), clock_timestamp()) ON CONFLICT (account) DO UPDATE SET "
            "epoch = accounts.epoch + 1, project = excluded.project, holder = excluded.holder, process = excluded.process, "
            "taken_at = excluded.taken_at, renewed_at = excluded.renewed_at RETURNING epoch",
            (account, _key(account), self._address.schema, self._holder, this_process()),
        ).fetchone()
        if row is None:
            raise AssertionError("an upsert that returns has a row")
        other = before is not None and before.project != self._address.schema
        return Lease(account, row[0], before.project if other and before else None)

    def _taken(self, account: str) -> str:
        what, row = _in_words(account), self._row(account)
        if row is None or row.holder is None:
            return f"{what} is taken by another run"
        since = to_the_second(row.taken_at)
        where = "" if row.project == self._address.schema else f" of project {row.project}"
        return f"{what} is taken by {row.holder}{where}, since {since}"

    def _lost(self, accounts: Sequence[str], epochs: Sequence[int]) -> str:
        now: dict[str, int] = dict(
            self._connection.execute(
                f"SELECT account, epoch FROM {self._table} WHERE account = ANY(%s) AND holder = %s",  # noqa: S608  # our own name
                (list(accounts), self._holder),
            ).fetchall()
        )
        mine = zip(accounts, epochs, strict=True)
        return ", ".join(_in_words(account) for account, epoch in mine if now.get(account) != epoch)


def of_panel(name: str, address: Address) -> str:
    """The lease of a panel's name in a project, beside that of its account: left-overs are known by it, whatever the key is."""
    return f"panel {name} of project {address.schema}"


def _in_words(account: str) -> str:
    url, is_account, _ = account.partition("#")
    return f"the account at {url}" if is_account else account


def _key(account: str) -> int:
    """A number for the advisory lock, the same on every machine."""
    digest = hashlib.sha256(f"bulk-order-runner {account}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def is_held(connection: Executing, address: Address) -> bool:
    """True if a run of another process holds an account for this project now. `connection` is any of this database.

    What this process holds says nothing: it knows whether it sends.
    """
    row = connection.execute(
        f'SELECT EXISTS (SELECT 1 FROM "{address.shared_schema}".accounts AS a JOIN pg_locks AS l '  # noqa: S608  # plain names
        "ON l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted "
        "AND l.classid = ((a.lock_key >> 32) & 4294967295)::oid AND l.objid = (a.lock_key & 4294967295)::oid "
        "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
        "WHERE a.holder IS NOT NULL AND a.project = ? AND (a.process <> ? OR a.process = ''))",
        (address.schema, this_process()),
    ).fetchone()
    return bool(row and row[0])
