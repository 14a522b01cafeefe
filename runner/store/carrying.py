"""What one copy of the state knows and another does not, and how it gets there: as doubts for a person, never as truth."""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from runner.core.attempts import AttemptState
from runner.core.clock import to_text

_CLOSED = (AttemptState.REFUSED.value, AttemptState.NOT_SENT.value)
_Row = Mapping[str, Any]


class Rows(NamedTuple):
    """The attempts of a state by (id, run), and its runs by id; columns by name, as older schemas have fewer."""

    attempts: Mapping[tuple[int, str], _Row]
    runs: Mapping[str, _Row]
    are_all: bool = True  # False if a page could not be read


class How(StrEnum):
    """What becomes of an attempt."""

    IN_DOUBT = "in_doubt"  # it may have been bought since: a person decides
    NOT_BOUGHT = "not_bought"  # it was proven since that nothing was
    RENAMED = "renamed"  # only its address has changed


class Carried(NamedTuple):
    """One attempt of which the present state knows more."""

    key: tuple[int, str]
    order: str  # its address now
    how: How
    message: str


def read(connection: sqlite3.Connection) -> Rows:
    """The attempts and runs of an open state, those around a damaged page included."""
    attempts, all_attempts = _readable(connection, "attempts", "id")
    runs, all_runs = _readable(connection, "runs", "rowid")
    by_key = {(row["id"], row["run_id"]): row for row in sorted(attempts, key=lambda row: row["id"])}
    return Rows(by_key, {row["id"]: row for row in runs}, all_attempts and all_runs)


def _readable(connection: sqlite3.Connection, table: str, order: str) -> tuple[list[dict[str, Any]], bool]:
    """Rows from the front up to what can't be read, then from the back; and whether that was all."""
    rows: dict[Any, dict[str, Any]] = {}
    for direction in ("ASC", "DESC"):
        cursor = connection.cursor()
        cursor.row_factory = sqlite3.Row
        try:
            for row in cursor.execute(f"SELECT * FROM {table} ORDER BY {order} {direction}"):  # noqa: S608  # our own names
                rows[row["id"]] = dict(row)
        except sqlite3.DatabaseError:
            continue
        return list(rows.values()), True
    return list(rows.values()), False


def differences(older: Rows, newer: Rows) -> list[Carried]:
    """Attempts of `newer` that `older` would buy again, or still takes for doubts; in the order marked."""
    carried = []
    for key, row in newer.attempts.items():
        before = older.attempts.get(key)
        if before is not None and before["state"] == row["state"] and _address(before) == _address(row):
            continue
        if before is None and row["state"] in _CLOSED:
            continue  # nothing was bought, and nothing is open there
        if before is not None and before["state"] == row["state"]:
            how, message = How.RENAMED, row["message"]
        elif row["state"] in _CLOSED:
            how, message = How.NOT_BOUGHT, row["message"]
        else:
            how, message = How.IN_DOUBT, _words(row)
        carried.append(Carried(key, _address(row), how, message))
    return carried


def carry(connection: sqlite3.Connection, carried: Sequence[Carried], newer: Rows, at: datetime) -> None:
    """Put them into the older state, inside a transaction of the caller's."""
    known = {(row[0], row[1]) for row in connection.execute("SELECT id, run_id FROM attempts")}
    (next_id,) = connection.execute("SELECT coalesce(max(id), 0) + 1 FROM attempts").fetchone()
    next_id = max(next_id, max((key[0] for key in newer.attempts), default=0) + 1)
    for run in newer.runs.values():
        _insert(connection, "runs", run, or_ignore=True)
    for one in carried:
        row = newer.attempts[one.key]
        lost_run = {"id": row["run_id"], "command": "unknown", "started_at": row["marked_at"]}
        _insert(connection, "runs", lost_run, or_ignore=True)  # its own row may be on a damaged page
        if one.key not in known:
            _insert_doubt(connection, dict(row), one.message, next_id, at)
            next_id += 1
            continue
        attempt_id = one.key[0]
        connection.execute(
            "UPDATE OR IGNORE attempts SET campaign = ?, order_id = ? WHERE id = ?",
            (row["campaign"], row["order_id"], attempt_id),
        )
        if one.how is How.NOT_BOUGHT:
            _settle(connection, attempt_id, AttemptState.NOT_SENT, one.message, at)
        elif one.how is How.IN_DOUBT:
            _settle(connection, attempt_id, AttemptState.IN_DOUBT, one.message, at)


def _insert_doubt(connection: sqlite3.Connection, row: dict[str, Any], message: str, new_id: int, at: datetime) -> None:
    """As in doubt, in a slot of its own; given up where another doubt holds the same service and link already."""
    (slot,) = connection.execute(
        "SELECT coalesce(max(slot) + 1, 0) FROM attempts WHERE campaign = ? AND order_id = ? AND kind = ?",
        (row["campaign"], row["order_id"], row["kind"]),
    ).fetchone()
    taken = connection.execute("SELECT 1 FROM attempts WHERE id = ?", (row["id"],)).fetchone()
    held = connection.execute(
        "SELECT 1 FROM attempts WHERE panel = ? AND service = ? AND link = ? AND state IN ('sending', 'in_doubt')",
        (row["panel"], row["service"], row["link"]),
    ).fetchone()
    row |= {
        "id": new_id if taken else row["id"],
        "slot": max(slot, row["slot"]),
        "state": "abandoned" if held else "in_doubt",
        "settled_at": to_text(at),
        "panel_order_id": None,
        "message": message,
    }
    _insert(connection, "attempts", row)


def _settle(connection: sqlite3.Connection, attempt_id: int, state: AttemptState, message: str, at: datetime) -> None:
    """Along the arrows only; what was decided in the older state stands."""
    connection.execute(
        "UPDATE attempts SET state = ?, message = ?, settled_at = ? WHERE id = ? AND state IN ('sending', 'in_doubt')",
        (state.value, message, to_text(at), attempt_id),
    )


def _insert(connection: sqlite3.Connection, table: str, row: _Row, *, or_ignore: bool = False) -> None:
    columns = [name for (_, name, *_) in connection.execute(f"PRAGMA table_info({table})") if name in row]
    marks = ", ".join("?" * len(columns))
    connection.execute(
        f"INSERT {'OR IGNORE ' if or_ignore else ''}INTO {table} ({', '.join(columns)}) VALUES ({marks})",  # noqa: S608  # the table's own names
        [row[name] for name in columns],
    )


def _words(row: _Row) -> str:
    """What the state before the restoration knew, for the person who decides."""
    if row["state"] == AttemptState.PLACED.value:
        return f"before the state was restored: placed as order {row['panel_order_id']}"
    return f"before the state was restored: {row['state'].replace('_', ' ')}; {row['message']}".rstrip("; ")


def _address(row: _Row) -> str:
    return f"{row['campaign']}/{row['order_id']}"
