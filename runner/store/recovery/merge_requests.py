"""Merges what was asked about attempts, and seen of them, after a copy was made.

Requests are only ever added: a refill asked for since counts against its spacing and its number, and is not asked for
again. Statuses come along, so that no waiting period begins anew.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from runner.core.attempts import AttemptState
from runner.core.refills import RefillState
from runner.store.recovery.rows import Key, Row, Rows, insert

_ASKING, _REQUESTED, _UNKNOWN = (
    state.value for state in (RefillState.ASKING, RefillState.REQUESTED, RefillState.UNKNOWN)
)
_OVER = (RefillState.COMPLETED.value, RefillState.REJECTED.value)
_REFILL_FACTS = ("state", "refill_id", "finality", "message", "answered_at", "checked_at")
_STATUS_FACTS = (
    *("status", "status_text", "first_charge", "charge", "start_count", "remains"),
    *("checked_at", "missing_in_a_row", "final_at"),
)
_UPDATE_STATUS = (
    f"UPDATE OR IGNORE attempts SET {', '.join(f'{fact} = ?' for fact in _STATUS_FACTS)} "  # noqa: S608  # our own names
    "WHERE id = ? AND state = 'placed' AND panel_order_id = ? AND coalesce(checked_at, '') < ?"
)

# Of a request: its attempt, when it was asked, and its ordinal among the requests of that moment.
_Name = tuple[Key, str, int]


def merge_refills(connection: sqlite3.Connection, older: Rows, newer: Rows, ids: Mapping[int, int]) -> int:
    """How many requests the older copy did not know, or not their end. `ids`: what attempts of `newer` are called there."""
    known = dict(_named(older, older.refills))
    carried = 0
    for name, row in _named(newer, newer.refills):
        before = known.get(name)
        if row["attempt_id"] in ids and (before is None or before["state"] != row["state"]):
            moved = {**row, "attempt_id": ids[row["attempt_id"]]}
            _insert_refill(connection, moved) if before is None else _advance_refill(connection, moved, before["id"])
            carried += 1
    return carried


def merge_cancels(connection: sqlite3.Connection, older: Rows, newer: Rows, ids: Mapping[int, int]) -> int:
    """How many requests the older copy did not know; `ids` as in `merge_refills`."""
    known = dict(_named(older, older.cancels))
    lacking = [row for name, row in _named(newer, newer.cancels) if name not in known and row["attempt_id"] in ids]
    for row in lacking:
        _insert_at_end(connection, "cancels", {**row, "attempt_id": ids[row["attempt_id"]]})
    return len(lacking)


def merge_facts(connection: sqlite3.Connection, newer: Rows, ids: Mapping[int, int]) -> None:
    """Evidence, balances with their labels, saved plans, and the later statuses of placed orders.

    `ids` as in `merge_refills`.
    """
    _carry_plans(connection, newer)
    for attempt_id, row in newer.evidence.items():
        if attempt_id in ids:
            insert(connection, "evidence", {**row, "attempt_id": ids[attempt_id]}, or_ignore=True)
    _carry_labels(connection, newer, _carry_balances(connection, newer, ids))
    for row in newer.attempts.values():
        if row["state"] == AttemptState.PLACED.value and row["checked_at"] is not None and row["id"] in ids:
            facts = [row.get(fact) for fact in _STATUS_FACTS]  # a state of an older schema has no `final_at`
            connection.execute(_UPDATE_STATUS, (*facts, ids[row["id"]], row["panel_order_id"], row["checked_at"]))


def _carry_plans(connection: sqlite3.Connection, newer: Rows) -> None:
    """A plan that was used since is used in the copy too."""
    for row in newer.saved_plans:
        for run_id in filter(None, (row["made_by"], row["used_by"])):  # its own row may be on a damaged page
            lost_run = {"id": run_id, "command": "unknown", "started_at": row["made_at"]}
            insert(connection, "runs", lost_run, or_ignore=True)
        insert(connection, "saved_plans", row, or_ignore=True)
        if row["used_by"] is not None:
            connection.execute(
                "UPDATE saved_plans SET used_by = ?, used_at = ? WHERE digest = ? AND used_by IS NULL",
                (row["used_by"], row["used_at"], row["digest"]),
            )


def _named(rows: Rows, requests: Iterable[Row]) -> Iterable[tuple[_Name, Row]]:
    """Requests under a name that is the same in every copy; those of attempts that can't be read are left out."""
    owners = {key[0]: key for key in rows.attempts}
    several: Counter[tuple[Key, str]] = Counter()
    for row in requests:
        if (key := owners.get(row["attempt_id"])) is not None:
            moment = (key, row["asked_at"])
            several[moment] += 1
            yield (*moment, several[moment]), row


def _insert_refill(connection: sqlite3.Connection, row: dict[str, Any]) -> None:
    # An open one stays open: the start of the next run looks for its answer in the spill file, or gives it up.
    others = "SELECT 1 FROM refills WHERE attempt_id = ? AND state IN ('asking', 'requested')"
    if row["state"] in (_ASKING, _REQUESTED) and connection.execute(others, (row["attempt_id"],)).fetchone():
        message = f"another refill of it is open; the panel called this one {row['refill_id'] or 'nothing yet'}"
        row |= {"state": _UNKNOWN, "message": message}
    _insert_at_end(connection, "refills", row)


def _advance_refill(connection: sqlite3.Connection, row: dict[str, Any], known_id: int) -> None:
    """Along the arrows only: an answer is not taken back, and what is over stays as it ended."""
    (state,) = connection.execute("SELECT state FROM refills WHERE id = ?", (known_id,)).fetchone()
    path = [row["state"]]
    if state == _ASKING and row["state"] in _OVER:
        path = [_REQUESTED, row["state"]]
    elif not (state == _ASKING or (state == _REQUESTED and row["state"] in (*_OVER, _UNKNOWN))):
        return
    for step in path:
        facts = row | {"state": step}
        connection.execute(
            f"UPDATE refills SET {', '.join(f'{name} = ?' for name in _REFILL_FACTS)} WHERE id = ?",  # noqa: S608  # our own names
            [*(facts[name] for name in _REFILL_FACTS), known_id],
        )


def _carry_balances(connection: sqlite3.Connection, newer: Rows, ids: Mapping[int, int]) -> dict[int, int]:
    """Those seen after the last one that the older state knows of the panel: they are evidence, and the present balance.

    Answers with the ids that balances of `newer` have there. Where an attempt got another id, none is given a place.
    """
    last = dict(connection.execute("SELECT panel, max(seen_at) FROM balances GROUP BY panel").fetchall())
    runs = {run_id for (run_id,) in connection.execute("SELECT id FROM runs")}
    renumbered = any(former != present for former, present in ids.items())
    known = {row[:3]: row[3] for row in connection.execute("SELECT panel, seen_at, amount, id FROM balances")}
    carried = {}
    for row in newer.balances:
        if row["seen_at"] > last.get(row["panel"], ""):
            run_id = row["run_id"] if row["run_id"] in runs else None
            moved = {**row, "run_id": run_id} | ({"last_attempt": None} if renumbered else {})
            carried[row["id"]] = _insert_at_end(connection, "balances", moved)
        elif (same := known.get((row["panel"], row["seen_at"], row["amount"]))) is not None:
            carried[row["id"]] = same
    return carried


def _carry_labels(connection: sqlite3.Connection, newer: Rows, balances: Mapping[int, int]) -> None:
    """Those that the older state does not hold, with the balance they are about."""
    facts = ("panel", "label", "amount", "currency", "user", "host", "labelled_at")
    held = set(connection.execute(f"SELECT {', '.join(facts)} FROM balance_labels").fetchall())  # noqa: S608  # our own names
    for row in newer.labels:
        if tuple(row[fact] for fact in facts) not in held and row["balance_id"] in balances:
            _insert_at_end(connection, "balance_labels", {**row, "balance_id": balances[row["balance_id"]]})


def _insert_at_end(connection: sqlite3.Connection, table: str, row: Mapping[str, Any]) -> int:
    """Behind all that is there, under its own id where that is behind: what was asked or seen last is the last one."""
    (last,) = connection.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()  # noqa: S608  # our own names
    id_ = max(int(row["id"]), int(last) + 1)
    insert(connection, table, {**row, "id": id_})
    return id_
