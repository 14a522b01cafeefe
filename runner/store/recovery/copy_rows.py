"""The rows of a whole state, from one database into another: SQLite or PostgreSQL. Ids and order are kept."""

import hashlib
import sqlite3
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Integer, Table

from runner.core.errors import StateRefused
from runner.store.integrity.lineage import Lineage
from runner.store.integrity.startup_check import IN_USE, MARKED
from runner.store.read.snapshot import recorded_in
from runner.store.schema.tables import meta, metadata
from runner.store.state import COPIED_FROM, COPIED_TO
from runner.store.statements import Reading

if TYPE_CHECKING:  # psycopg is an extra
    import psycopg

_OF_THE_PLACE = frozenset({IN_USE, MARKED, COPIED_FROM, COPIED_TO, "serial", "system", "timeline", "database"})

Row = tuple[Any, ...]


class Content(NamedTuple):
    """What a state holds: equal for two that hold the same."""

    rows: Mapping[str, int]  # by table
    digests: Mapping[str, str]  # by table
    meta: Mapping[str, str]  # what is not of its place


def tables() -> list[Table]:
    """All tables but `meta`, each after those that it refers to."""
    return [table for table in metadata.sorted_tables if table is not meta]


def meta_of(connection: Reading) -> dict[str, str]:
    """What the state says of itself, but for what is true of its place alone."""
    found = connection.execute("SELECT key, value FROM meta").fetchall()
    return {key: value for key, value in found if key not in _OF_THE_PLACE}


def rows_of(connection: Reading, table: Table) -> Iterator[Row]:
    """Every row, in the order inserted where the database knows it."""
    number = _number_of(connection, table)
    order = f"ORDER BY {number}" if number else ""
    return iter(connection.execute(f"SELECT {_columns(table)} FROM {table.name} {order}"))  # noqa: S608  # our own names


def _content_of(connection: Reading, ordered: frozenset[str]) -> Content:
    """Reads the whole state; the order of rows counts in the tables that are `ordered`."""
    rows: dict[str, int] = {}
    digests: dict[str, str] = {}
    for table in tables():
        lines = [repr(tuple(row)).encode() for row in rows_of(connection, table)]
        rows[table.name] = len(lines)
        if table.name not in ordered:
            lines.sort()
        digests[table.name] = hashlib.sha256(b"\n".join(lines)).hexdigest()
    return Content(rows, digests, meta_of(connection))


def refuse_unless_equal(source: Reading, target: Reading, lineage: Lineage) -> Content:
    """What both hold. StateRefused if a table, or what the runner reads of it, differs."""
    both = (source, target)
    ordered = frozenset(table.name for table in tables() if all(_number_of(one, table) for one in both))
    here, there = (_content_of(one, ordered) for one in both)
    differing = [name for name, digest in here.digests.items() if there.digests[name] != digest]
    if here.meta != there.meta:
        differing.append("meta")
    if not differing and recorded_in(source, lineage) != recorded_in(target, lineage):
        differing.append("what is read of them")
    if differing:
        raise StateRefused(
            f"the copy is not like the state: {', '.join(differing)} differ", "the state stays where it is; copy again"
        )
    return here


def fill_sqlite(source: Reading, target: sqlite3.Connection) -> None:
    """Insert every row into the empty tables of a file, in the transaction of the caller."""
    for table in tables():
        marks = ", ".join("?" * len(table.columns))
        statement = f"INSERT INTO {table.name} ({_columns(table)}) VALUES ({marks})"  # noqa: S608  # our own names
        target.executemany(statement, rows_of(source, table))


def fill_postgres(source: Reading, target: "psycopg.Connection") -> None:
    """The same on a server; what is inserted next is numbered behind the highest id."""
    for table in tables():
        with target.cursor() as cursor:
            with cursor.copy(f"COPY {table.name} ({_columns(table)}) FROM STDIN") as copy:
                for row in rows_of(source, table):
                    copy.write_row(row)
            if _has_numbers(table):
                cursor.execute(
                    f"SELECT setval(numbers, max(id)) FROM pg_get_serial_sequence(%s, 'id') AS numbers, {table.name} "  # noqa: S608  # our own names
                    "GROUP BY numbers",  # nothing for an empty table
                    (table.name,),
                )


def _columns(table: Table) -> str:
    return ", ".join(f'"{column.name}"' for column in table.columns)


def _number_of(connection: Reading, table: Table) -> str:
    """The column that has the order of a table's rows; empty if none has."""
    if isinstance(connection, sqlite3.Connection):
        return "rowid"
    found = connection.execute(
        "SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass(?) AND attname = 'rowid'", (table.name,)
    )
    if found.fetchone() is not None:
        return "rowid"
    return "id" if _has_numbers(table) else ""


def _has_numbers(table: Table) -> bool:
    return "id" in table.columns and isinstance(table.columns["id"].type, Integer)
