"""Connections to the server, and whether a state is safe there: durable, writable, and the server it was begun on."""

from collections.abc import Callable
from typing import NamedTuple

import psycopg

from runner.core.errors import StateRefused
from runner.core.values.text import clean
from runner.store.postgres.address import Address

_CONNECT_TIMEOUT = 10  # seconds
_DURABLE = ("on", "remote_apply")  # what synchronous_commit may be


class Identity(NamedTuple):
    """Which history of which server a database is part of."""

    system: str  # made by initdb
    timeline: str  # a new one after every fail-over and every restoration to a point in time
    database: str  # object id: a dump that was read back has another one

    def __str__(self) -> str:
        return f"system {self.system}, timeline {self.timeline}, database {self.database}"


def connect(address: Address, purpose: str) -> psycopg.Connection:
    """A connection in the project's schema, outside of any transaction; StateRefused if the server can't be reached."""
    try:
        return psycopg.connect(
            address.conninfo,
            autocommit=True,
            connect_timeout=_CONNECT_TIMEOUT,
            application_name=f"bulk-order-runner {purpose}",
            options=f'-c search_path="{address.schema}"',
            keepalives_idle=10,  # a peer that is gone is noticed after some 25 s, and its locks are free then
            keepalives_interval=5,
            keepalives_count=3,
        )
    except psycopg.Error as error:
        raise StateRefused(
            f"the state {address.shown} can't be reached: {in_words(error)}",
            "see that the server runs and that PGPASSWORD, PGSERVICE or ~/.pgpass fits; nothing was sent",
        ) from error


def in_words(error: BaseException) -> str:
    """What the server or libpq said, on one line."""
    return clean(" ".join(str(error).split())) or type(error).__name__


def refuse_unsafe(connection: psycopg.Connection, address: Address, again: Callable[[], psycopg.Connection]) -> None:
    """StateRefused for a server on which a mark could be lost, or a session's locks mean nothing.

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
    if backend != connection.info.backend_pid:
        with again() as other:
            (second,) = other.execute("SELECT pg_backend_pid()").fetchone() or (None,)
        if second == backend:
            _refuse(
                address,
                "a pooler in transaction mode is in between, and shares sessions",
                "connect to the server itself, or to the pooler in session mode",
            )


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
