"""Reads a shared state, at one moment, by the statements that read SQLite's too."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from runner.core.errors import StateRefused
from runner.store.postgres.address import Address
from runner.store.postgres.schema import revision_of
from runner.store.postgres.server import connect, in_words
from runner.store.schema.revisions import refuse_unknown
from runner.store.statements import for_psycopg


class Reader:
    """A connection that takes `?` for a parameter."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, parameters: Sequence[Any] = (), /) -> psycopg.Cursor:
        """Carry out one statement."""
        return self._connection.execute(for_psycopg(statement), parameters)


@contextmanager
def looking_at(address: Address) -> Iterator[Reader | None]:
    """One read transaction: all that is read inside is of one moment. None if there is no such project.

    StateRefused if the server can't be reached, or a newer version of the runner wrote the state.
    """
    try:
        with connect(address, "reads") as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            connection.execute(f'SET LOCAL search_path = "{address.schema}"')  # behind a pooler, sessions change
            present = revision_of(connection, address)
            if present is not None:
                refuse_unknown(present)
            yield None if present is None else Reader(connection)
    except (psycopg.Error, KeyError, ValueError, ArithmeticError, TypeError) as error:
        raise StateRefused(
            f"the state {address.shown} can't be read: {in_words(error)}", "put the cause right, then run again"
        ) from error


def lineage_in(connection: Reader) -> tuple[str, int]:
    """The name of a state, and how many transactions were written to it; numbers may be left out."""
    name = connection.execute("SELECT value FROM meta WHERE key = 'lineage'").fetchone()
    row = connection.execute("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM state_serial").fetchone()
    return ("" if name is None else str(name[0]), 0 if row is None else int(row[0]))
