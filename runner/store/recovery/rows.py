"""Reads the rows of a state that a restoration merges, also those around damaged pages, and inserts rows."""

import sqlite3
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from runner.core.values.clock import from_text
from runner.store.connection import UNREADABLE
from runner.store.schema.migrate import empty_state

_TABLES = (
    *("attempts", "runs", "decisions", "evidence", "refills", "cancels"),
    *("balances", "balance_labels", "protections", "saved_plans"),
)
_AMOUNTS = frozenset({"rate", "expected_charge", "first_charge", "charge", "amount"})

Row = Mapping[str, Any]  # by column: older schemas have fewer
Key = tuple[int, str]  # an attempt's id and its run: names one attempt of all copies that ever were


class Rows(NamedTuple):
    """The tables of a state that are merged, each in the order recorded."""

    attempts: Mapping[Key, Row]
    runs: Sequence[Row]
    decisions: Mapping[int, Row]  # by attempt id, as the next one
    evidence: Mapping[int, Row]
    refills: Sequence[Row]
    cancels: Sequence[Row]
    balances: Sequence[Row]
    labels: Sequence[Row]
    protections: Sequence[Row]
    saved_plans: Sequence[Row]
    are_all: bool  # False if a page could not be read, or a row made no sense


def read(connection: sqlite3.Connection, *, is_whole: bool = True) -> Rows:
    """Return what an open state holds; if it is not whole, the rows around a damaged page, as far as they make sense."""
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    tables: dict[str, list[Row]] = {name: [] for name in _TABLES}  # an older schema has fewer
    are_all = True
    for name in there.intersection(_TABLES):
        tables[name], is_all = _readable(connection, name)
        are_all = are_all and is_all
    if not is_whole:
        with empty_state() as nowhere:
            for name, rows in tables.items():
                tables[name] = [row for row in rows if _makes_sense(nowhere, name, row)]
                are_all = are_all and len(tables[name]) == len(rows)
    return Rows(
        attempts={(row["id"], row["run_id"]): row for row in tables["attempts"]},
        runs=tables["runs"],
        decisions={row["attempt_id"]: row for row in tables["decisions"]},
        evidence={row["attempt_id"]: row for row in tables["evidence"]},
        refills=tables["refills"],
        cancels=tables["cancels"],
        balances=tables["balances"],
        labels=tables["balance_labels"],
        protections=tables["protections"],
        saved_plans=tables["saved_plans"],
        are_all=are_all,
    )


def _readable(connection: sqlite3.Connection, table: str) -> tuple[list[Row], bool]:
    """Rows from the front up to what can't be read, then from the back; and whether that was all."""
    rows: dict[int, Row] = {}
    is_all = False
    for direction in ("ASC", "DESC"):
        cursor = connection.cursor()
        cursor.row_factory = sqlite3.Row
        try:
            for found in cursor.execute(f"SELECT rowid AS place, * FROM {table} ORDER BY rowid {direction}"):  # noqa: S608  # our own names
                row = dict(found)
                rows[row.pop("place")] = row
        except UNREADABLE:
            continue
        is_all = True
        break
    return [rows[place] for place in sorted(rows)], is_all


def _makes_sense(nowhere: sqlite3.Connection, table: str, row: Row) -> bool:
    """True if the runner could have written it: an empty state takes it as it is, and its times and amounts can be read."""
    nowhere.execute("BEGIN")
    try:
        insert(nowhere, table, row)
        ((taken,), _) = _readable(nowhere, table)
        # A column that this version does not know is of a newer one, whose rows are carried over without it.
        return all(taken[name] == value and _is_readable(name, value) for name, value in row.items() if name in taken)
    except (sqlite3.Error, ValueError, ArithmeticError):
        return False
    finally:
        nowhere.execute("ROLLBACK")


def _is_readable(name: str, value: str | int | None) -> bool:
    """ValueError or ArithmeticError if a time or an amount can't be read."""
    if value is not None and (name.endswith("_at") or name == "since"):
        from_text(str(value))
    return value is None or name not in _AMOUNTS or Decimal(value).is_finite()


def insert(connection: sqlite3.Connection, table: str, row: Row, *, or_ignore: bool = False) -> None:
    """Insert a row: of its columns, those that the table has."""
    columns = [name for (_, name, *_) in connection.execute(f"PRAGMA table_info({table})") if name in row]
    marks = ", ".join("?" * len(columns))
    names = ", ".join(f'"{name}"' for name in columns)
    connection.execute(
        f"INSERT {'OR IGNORE ' if or_ignore else ''}INTO {table} ({names}) VALUES ({marks})",  # noqa: S608  # the table's own names
        [row[name] for name in columns],
    )
