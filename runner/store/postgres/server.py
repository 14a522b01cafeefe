"""Connections to the server, and whether a state is safe there: durable, writable, and the server it was begun on."""

from collections.abc import Callable
from typing import NamedTuple

import psycopg

from runner.core.errors import StateRefused
from runner.core.values.text import clean
from runner.store.postgres.address import Address

_CONNECT_TIMEOUT = 10  # seconds
_LOOKS = 3  # at who serves two connections: a busy pooler may give them two sessions for a while
_DURABLE = ("on", "remote_apply")  # what synchronous_commit may be


# For this session, whatever the server's, the database's or the role's defaults are; names that it does not know are left out.
_SETTINGS = {
    "default_transaction_isolation": "read committed",  # a lease that was taken meanwhile has to be seen
    "statement_timeout": "0",
    "lock_timeout": "0",
    "transaction_timeout": "0",
    "idle_session_timeout": "0",  # a panel may ask to wait for minutes
    "idle_in_transaction_session_timeout": "0",
    # A machine that is gone is noticed by the server, too, and its locks are free then.
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
_SET = (
    "SELECT pg_catalog.set_config(name, value, false) FROM unnest(%s::text[], %s::text[]) AS wanted(name, value) "
    "WHERE pg_catalog.current_setting(name, true) IS NOT NULL"
)


class Identity(NamedTuple):
    """Which history of which server a database is part of."""

    system: str  # made by initdb
    timeline: str  # a new one after every fail-over and every restoration to a point in time
    database: str  # object id: a dump that was read back has another one

    def __str__(self) -> str:
        return f"system {self.system}, timeline {self.timeline}, database {self.database}"


def connect(address: Address, purpose: str) -> psycopg.Connection:
    """A connection in the project's schema, outside of any transaction; raises StateRefused if the server can't be reached."""
    wanted = {"search_path": f'"{address.schema}"', **_SETTINGS}
    try:
        connection = psycopg.connect(
            address.conninfo,
            autocommit=True,
            connect_timeout=_CONNECT_TIMEOUT,
            application_name=f"bulk-order-runner {purpose}",
            keepalives_idle=10,  # a server that is gone is noticed after some 25 s
            keepalives_interval=5,
            keepalives_count=3,
            tcp_user_timeout=25_000,  # the same while a statement waits for its answer
        )
        connection.execute(_SET, (list(wanted), list(wanted.values())))  # not at the start: poolers refuse it there
    except psycopg.Error as error:
        raise StateRefused(
            f"the state {address.shown} can't be reached: {in_words(error)}",
            "see that the server runs and that PGPASSWORD, PGSERVICE or ~/.pgpass fits; nothing was sent",
        ) from error
    return connection


def in_words(error: BaseException) -> str:
    """What the server or libpq said, on one line."""
    return clean(" ".join(str(error).split())) or type(error).__name__


def refuse_unsafe(connection: psycopg.Connection, address: Address, again: Callable[[], psycopg.Connection]) -> None:
    """Raise StateRefused for a server on which a mark could be lost, or a session's locks mean nothing.

    `again` opens one more connection: a pooler that shares sessions gives both the same one.
    """
    row = connection.execute(
        "SELECT pg_is_in_recovery(), current_setting('fsync'), current_setting('synchronous_commit'), pg_backend_pid()"
    ).fetchone()
    if row is None:
        raise AssertionError("a SELECT without FROM has one row")
    is_standby, fsync, synchronous_commit, backend = row
    if is_standby:
        _refuse(address, "it is a hot standby, which only reads", "name the primary server")
    if fsync != "on":
        _refuse(address, "fsync is off, so that what was committed can be lost", "set fsync = on in postgresql.conf")
    if synchronous_commit not in _DURABLE:
        _refuse(
            address,
            f"synchronous_commit is {synchronous_commit}, so that what was committed can be lost",
            "set it to on for this server, database or user",
        )
    connection.execute(
        "SELECT set_config('synchronous_commit', %s, false)", (synchronous_commit,)
    )  # whatever is reloaded
    if backend != connection.info.backend_pid:
        with again() as other:
            pairs = {(backend_of(connection), backend_of(other)) for _ in range(_LOOKS)}
        if len(pairs) > 1 or any(one == two for one, two in pairs):
            _refuse(
                address,
                "a pooler in transaction mode is in between, and shares sessions",
                "connect to the server itself, or to the pooler in session mode",
            )


def backend_of(connection: psycopg.Connection) -> int:
    """The process id, on the server, of who carries out statements of this connection now."""
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    return int(row[0]) if row else 0


def _refuse(address: Address, why: str, hint: str) -> None:
    raise StateRefused(f"the state {address.shown} is not safe there: {why}", hint)


def identity_of(connection: psycopg.Connection) -> Identity:
    """The history that this database is part of now."""
    row = connection.execute(
        "SELECT system_identifier::text, left(pg_walfile_name(pg_current_wal_lsn()), 8), "
        "(SELECT oid::text FROM pg_database WHERE datname = current_database()) FROM pg_control_system()"
    ).fetchone()
    if row is None:
        raise AssertionError("pg_control_system has one row")
    return Identity(*row)
