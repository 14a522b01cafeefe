"""Statements as text, for both databases: SQLite takes them as they are, psycopg wants its own placeholders."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # readers do without it: 0.45 s to import
    from sqlalchemy import Connection, CursorResult

_NAMED = re.compile(r"(?<!:):(\w+)")  # `::text` is a cast of PostgreSQL


class Rows(Protocol):
    """What a statement found."""

    def fetchone(self) -> Any:  # noqa: ANN401  # a row: each statement knows its columns
        """The next row, a tuple; None after the last."""

    def fetchall(self) -> list[Any]:
        """All rows that are left."""

    def __iter__(self) -> Iterator[Any]:
        """The rows that are left, one by one."""


class Reading(Protocol):
    """A database at one moment, for statements that SQLite and PostgreSQL both understand; `?` stands for a parameter."""

    def execute(self, statement: str, parameters: Sequence[Any] = ..., /) -> Rows:
        """Carry out one SELECT."""


def run(
    connection: "Connection", statement: str, parameters: Sequence[Any] | Mapping[str, Any] = ()
) -> "CursorResult[Any]":
    """Carry out a statement with `?` or `:name` for its parameters; a list of rows of them means once for each."""
    if connection.dialect.name == "postgresql":
        statement = for_psycopg(statement)
    return connection.exec_driver_sql(statement, parameters)


def for_psycopg(statement: str) -> str:
    """A statement with `?` or `:name` for its parameters, for psycopg; it holds no other `?` and no `%`."""
    return _NAMED.sub(r"%(\1)s", statement).replace("?", "%s")
