"""Checks whether a database is whole: pages, indexes, references, and rules of its tables. Changes nothing."""

import sqlite3

from sqlalchemy import CheckConstraint

from runner.store.connection import UNREADABLE
from runner.store.disk.error_texts import reason_of
from runner.store.schema.revisions import HEAD, revision
from runner.store.schema.tables import metadata

_MOST = 5  # findings of one kind that are told


def damage_of(connection: sqlite3.Connection) -> str:
    """The first fault that is found in pages, indexes, references and rows; empty if there is none."""
    return next(iter(storage_damage_of(connection, most=1) or broken_rules_in(connection)), "")


def broken_page_of(connection: sqlite3.Connection) -> str:
    """The first fault that is found in the pages; empty if there is none. Takes half the time of `damage_of`."""
    try:
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except UNREADABLE as error:
        return reason_of(error)
    return "" if found == "ok" else str(found)


def storage_damage_of(connection: sqlite3.Connection, most: int = _MOST) -> list[str]:
    """Faults in pages, indexes and references, at most `most` of each; rows are compared with their indexes."""
    try:
        pages = [str(row[0]) for row in connection.execute(f"PRAGMA integrity_check({most})")]
        references = connection.execute("PRAGMA foreign_key_check").fetchmany(most)
    except UNREADABLE as error:
        return [reason_of(error)]
    return [
        *(text for text in pages if text != "ok"),
        *(f"{table} row {row} refers to nothing in {parent}" for table, row, parent, _ in references),
    ]


def broken_rules_in(connection: sqlite3.Connection) -> list[str]:
    """The first row that breaks each rule of its table: SQLite's own check leaves rules out where it may only read."""
    found: list[str] = []
    try:
        if revision(connection) != HEAD:
            return []
        for table in metadata.sorted_tables:
            for rule in table.constraints:
                if isinstance(rule, CheckConstraint):
                    broken = f"SELECT rowid FROM {table.name} WHERE NOT ({rule.sqltext}) LIMIT 1"  # noqa: S608  # our own rules
                    if (row := connection.execute(broken).fetchone()) is not None:
                        found.append(f"{table.name} row {row[0]} breaks the rule {rule.name}")
    except UNREADABLE as error:
        return [reason_of(error)]
    return found
