"""Tells which rows of a damaged database still make sense."""

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from decimal import Decimal
from typing import Any

from sqlalchemy import CheckConstraint, Integer, Table

from runner.core.values.clock import from_text
from runner.store.schema.tables import metadata

_AMOUNTS = frozenset({"rate", "expected_charge", "first_charge", "charge", "amount"})

Judge = Callable[[Mapping[str, Any]], bool]


def judge_of(name: str) -> Judge:
    """Says of a row of that table, by column, whether the runner could have written it. Older schemas have fewer columns."""
    table = metadata.tables[name]
    rules = [str(one.sqltext) for one in table.constraints if isinstance(one, CheckConstraint)]

    broken = " OR ".join(f"coalesce(NOT ({rule}), 0)" for rule in rules) or "0"

    def is_sound(row: Mapping[str, Any]) -> bool:
        return all(_makes_sense(table, column, value) for column, value in row.items()) and not _breaks(broken, row)

    return is_sound


def _makes_sense(table: Table, name: str, value: object) -> bool:
    column = table.columns.get(name)
    if column is None:  # of a newer schema, which is refused elsewhere
        return True
    if value is None:
        return bool(column.nullable)
    if not isinstance(value, int if isinstance(column.type, Integer) else str):
        return False
    try:
        if name in _AMOUNTS:
            return Decimal(str(value)).is_finite()
        if name.endswith("_at") or name == "since":
            from_text(str(value))
    except (ValueError, ArithmeticError):
        return False
    return True


def _breaks(rules: str, row: Mapping[str, Any]) -> bool:
    """As the database itself would say, of which there is one in memory for it."""
    columns = ", ".join(f'? AS "{name}"' for name in row)
    with closing(sqlite3.connect(":memory:")) as nowhere:
        (broken,) = nowhere.execute(f"SELECT {rules} FROM (SELECT {columns})", tuple(row.values())).fetchone()  # noqa: S608  # our own rules
    return bool(broken)
