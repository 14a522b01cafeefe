"""Merges the attempts and decisions that one copy of the state has and another lacks.

A purchase gets there as a doubt for a person, not as truth, unless a doubt holds its service and link already: then
as placed, if it was, so that it is polled and seen. What a person has decided stands. What was asked about attempts,
and seen of them, is in `merge_requests`.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from runner.core.attempts import AttemptState, RefusalReason
from runner.core.doubts import DecisionKind
from runner.core.values.clock import to_text
from runner.core.values.links import page_key
from runner.store.connection import UNREADABLE, knowing_pages
from runner.store.recovery.sound_rows import judge_of

_OPEN_DOUBTS = (AttemptState.SENDING.value, AttemptState.IN_DOUBT.value)
_CLOSED = (AttemptState.REFUSED.value, AttemptState.NOT_SENT.value)
_AFTER = {
    DecisionKind.ADOPT.value: AttemptState.PLACED.value,
    DecisionKind.NOT_PLACED.value: AttemptState.NOT_SENT.value,
    DecisionKind.ABANDON.value: AttemptState.ABANDONED.value,
}
_PROTECTION = ("campaign", "order_id", "since")
Row = Mapping[str, Any]
Key = tuple[int, str]  # an attempt's id and its run: names one attempt of all copies that ever were


class Rows(NamedTuple):
    """The tables of a state that are carried; columns by name, as older schemas have fewer."""

    attempts: Mapping[Key, Row]
    runs: Mapping[str, Row]
    decisions: Mapping[int, Row]  # by attempt id, as the next one
    evidence: Mapping[int, Row]
    refills: Sequence[Row]  # by id, as the next two
    cancels: Sequence[Row]
    balances: Sequence[Row]
    labels: Sequence[Row] = ()
    protections: Sequence[tuple[str, str, str]] = ()  # campaign, order id, since
    are_all: bool = True  # False if a page could not be read


class MergeVerdict(StrEnum):
    """What becomes of an attempt."""

    IN_DOUBT = "in_doubt"  # it may have been bought since: a person decides
    PLACED = "placed"  # the same, but its service and link have their doubt: it stays as the present state has it
    GIVEN_UP = "given_up"  # the same, and nobody knows its order id: it counts as spent
    DECIDED = "decided"  # a person has decided since: that stands
    DECIDED_OTHERWISE = "decided_otherwise"  # the copy has it settled in another way, and that stands: only told
    NOT_BOUGHT = "not_bought"  # it was proven since that nothing was
    RENAMED = "renamed"  # only its address has changed


class Carried(NamedTuple):
    """One attempt of which the present state knows more."""

    key: Key
    order: str  # its address now
    how: MergeVerdict
    message: str


def read(connection: sqlite3.Connection, *, is_whole: bool = True) -> Rows:
    """What an open state holds. Of one that is not whole, the rows around a damaged page, as far as they make sense."""
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    whole = True

    def table(name: str, order: str) -> list[dict[str, Any]]:
        nonlocal whole
        if name not in there:  # of an older schema
            return []
        rows, is_all = _readable(connection, name, order)
        if not is_whole:
            is_sound, read_rows = judge_of(name), len(rows)
            rows = [row for row in rows if is_sound(row)]
            is_all = is_all and len(rows) == read_rows
        whole = whole and is_all
        return sorted(rows, key=lambda row: row[order])

    def protections() -> list[tuple[str, str, str]]:
        nonlocal whole
        if "protections" not in there:
            return []
        try:
            found = connection.execute("SELECT campaign, order_id, since FROM protections").fetchall()
        except UNREADABLE:
            whole = False
            return []
        is_sound = judge_of("protections")
        return found if is_whole else [row for row in found if is_sound(dict(zip(_PROTECTION, row, strict=True)))]

    return Rows(
        attempts={(row["id"], row["run_id"]): row for row in table("attempts", "id")},
        runs={row["id"]: row for row in table("runs", "id")},
        decisions={row["attempt_id"]: row for row in table("decisions", "attempt_id")},
        evidence={row["attempt_id"]: row for row in table("evidence", "attempt_id")},
        refills=table("refills", "id"),
        cancels=table("cancels", "id"),
        balances=table("balances", "id"),
        labels=table("balance_labels", "id"),
        protections=protections(),
        are_all=whole,
    )


def _readable(connection: sqlite3.Connection, table: str, order: str) -> tuple[list[dict[str, Any]], bool]:
    """Rows from the front up to what can't be read, then from the back; and whether that was all."""
    rows: dict[Any, dict[str, Any]] = {}
    for direction in ("ASC", "DESC"):
        cursor = connection.cursor()
        cursor.row_factory = sqlite3.Row
        try:
            for row in cursor.execute(f"SELECT * FROM {table} ORDER BY {order} {direction}"):  # noqa: S608  # our own names
                rows[row[order]] = dict(row)
        except UNREADABLE:
            continue
        return list(rows.values()), True
    return list(rows.values()), False


def differences(older: Rows, newer: Rows) -> list[Carried]:
    """Attempts of `newer` that `older` would buy again, still takes for doubts, or has not decided; in the order marked."""
    carried = []
    doubts = {_sold(row) for row in older.attempts.values() if row["state"] in _OPEN_DOUBTS}
    owned = {(row["panel"], row["panel_order_id"]) for row in older.attempts.values()}
    for key, row in newer.attempts.items():
        before = older.attempts.get(key)
        if decision := _decision_to_carry(older, newer, key):
            how, message = _how_decided(before, decision, older.decisions.get(key[0])), _decision_words(decision)
            if how is MergeVerdict.DECIDED_OTHERWISE and before is not None:
                message += f"; in the copy it is {before['state'].replace('_', ' ')}, and that stands"
        elif before is not None and before["state"] == row["state"]:
            if _address(before) == _address(row):
                continue
            how, message = MergeVerdict.RENAMED, row["message"]
        elif before is None and row["state"] in _CLOSED and not _is_duplicate(newer, key):
            continue  # nothing was bought, and nothing is open there
        elif row["state"] in _CLOSED:
            how, message = MergeVerdict.NOT_BOUGHT, row["message"]
        else:
            how, message = MergeVerdict.IN_DOUBT, _words(row)
            if before is None and _sold(row) in doubts:
                is_known = row["state"] == AttemptState.PLACED and (row["panel"], row["panel_order_id"]) not in owned
                how = MergeVerdict.PLACED if is_known else MergeVerdict.GIVEN_UP
            doubts.add(_sold(row))
        if (
            how in (MergeVerdict.DECIDED, MergeVerdict.NOT_BOUGHT)
            and before is not None
            and before["state"] in _OPEN_DOUBTS
        ):
            doubts.discard(_sold(row))
        carried.append(Carried(key, _address(row), how, message))
    return carried


def _sold(row: Row) -> tuple[str, str, str]:
    """What one doubt at a time may hold."""
    return (row["panel"], row["service"], page_key(row["link"]))


def _decision_to_carry(older: Rows, newer: Rows, key: Key) -> Row | None:
    """What was decided about an attempt of `newer` that `older` has not decided in the same way."""
    decision = newer.decisions.get(key[0])
    if decision is None:
        return None
    former = older.decisions.get(key[0]) if key in older.attempts else None
    same = former is not None and all(former[name] == decision[name] for name in ("kind", "panel_order_id"))
    return None if same else decision


def _how_decided(before: Row | None, decision: Row, former: Row | None) -> MergeVerdict:
    if before is None:
        return MergeVerdict.DECIDED
    settled_so = (before["state"], before["panel_order_id"]) == (_AFTER[decision["kind"]], decision["panel_order_id"])
    stands = former is None and (before["state"] in _OPEN_DOUBTS or settled_so)
    return MergeVerdict.DECIDED if stands else MergeVerdict.DECIDED_OTHERWISE


def _is_duplicate(rows: Rows, key: Key) -> bool:
    """True for a refusal that tells of an earlier order for the same link: it is evidence about a doubt."""
    evidence = rows.evidence.get(key[0])
    return evidence is not None and evidence["reason"] == RefusalReason.DUPLICATE.value


def merge_into(
    connection: sqlite3.Connection, carried: Sequence[Carried], newer: Rows, at: datetime
) -> Mapping[int, int]:
    """Put them into the older state, inside a transaction of the caller's.

    Answers with the ids that attempts of `newer` have there; attempts that it does not hold are left out.
    """
    known = {(row[0], row[1]) for row in connection.execute("SELECT id, run_id FROM attempts")}
    ids = {attempt_id: attempt_id for attempt_id, run_id in newer.attempts if (attempt_id, run_id) in known}
    (next_id,) = connection.execute("SELECT coalesce(max(id), 0) + 1 FROM attempts").fetchone()
    next_id = max(next_id, max((key[0] for key in newer.attempts), default=0) + 1)
    for run in newer.runs.values():
        insert(connection, "runs", run, or_ignore=True)
    # What was let go since is protected again: the next apply of a file that lists it says otherwise.
    connection.executemany(
        "INSERT OR IGNORE INTO protections (campaign, order_id, since) VALUES (?, ?, ?)", newer.protections
    )
    for one in carried:
        row = newer.attempts[one.key]
        lost_run = {"id": row["run_id"], "command": "unknown", "started_at": row["marked_at"]}
        insert(connection, "runs", lost_run, or_ignore=True)  # its own row may be on a damaged page
        former_id = one.key[0]
        if one.key not in known:
            ids[former_id] = _insert_attempt(connection, dict(row), one, next_id, at)
            next_id += 1
        else:
            connection.execute(
                "UPDATE OR IGNORE attempts SET campaign = ?, order_id = ? WHERE id = ?",
                (row["campaign"], row["order_id"], former_id),
            )
            if one.how is MergeVerdict.NOT_BOUGHT:
                _settle(connection, former_id, AttemptState.NOT_SENT, one.message, at)
            elif one.how is MergeVerdict.IN_DOUBT:
                _settle(connection, former_id, AttemptState.IN_DOUBT, one.message, at)
        if one.how is MergeVerdict.DECIDED:
            _decide(connection, ids[former_id], newer.decisions[former_id], one.message, at)
    return ids


def _insert_attempt(
    connection: sqlite3.Connection, row: dict[str, Any], one: Carried, new_id: int, at: datetime
) -> int:
    """What is closed, or decided, as it is; all else as in doubt. Open ones in a slot of their own. Its id.

    Where another doubt holds the same service and link already, it stays placed, or is given up if it was not.
    """
    if connection.execute("SELECT 1 FROM attempts WHERE id = ?", (row["id"],)).fetchone():
        row["id"] = new_id
    if row["state"] not in _CLOSED:
        (slot,) = connection.execute(
            "SELECT coalesce(max(slot) + 1, 0) FROM attempts WHERE campaign = ? AND order_id = ? AND kind = ?",
            (row["campaign"], row["order_id"], row["kind"]),
        ).fetchone()
        row["slot"] = max(slot, row["slot"])
        is_owned = _is_owned(connection, row["panel"], row["panel_order_id"])
        if one.how is not MergeVerdict.DECIDED or is_owned:
            row["message"] = one.message
            is_held = _is_doubted(connection, row)
            if not (is_held and row["state"] == AttemptState.PLACED and not is_owned):
                state = AttemptState.ABANDONED if is_held else AttemptState.IN_DOUBT
                row |= {"state": state.value, "settled_at": to_text(at), "panel_order_id": None}
    insert(connection, "attempts", row)
    return int(row["id"])


def _is_doubted(connection: sqlite3.Connection, row: Row) -> bool:
    found = (
        knowing_pages(connection)
        .execute(
            "SELECT 1 FROM attempts WHERE state IN ('sending', 'in_doubt') AND panel = ? AND service = ? AND page_key(link) = ?",
            _sold(row),
        )
        .fetchone()
    )
    return found is not None


def _settle(connection: sqlite3.Connection, attempt_id: int, state: AttemptState, message: str, at: datetime) -> None:
    """Along the arrows only; what was decided in the older state stands."""
    connection.execute(
        "UPDATE attempts SET state = ?, message = ?, settled_at = ? WHERE id = ? AND state IN ('sending', 'in_doubt')",
        (state.value, message, to_text(at), attempt_id),
    )


def _decide(connection: sqlite3.Connection, attempt_id: int, decision: Row, message: str, at: datetime) -> None:
    """Settle the doubt as it was decided, and keep the decision; where its order id is taken, it stays a doubt."""
    state, order_id = _AFTER[decision["kind"]], decision["panel_order_id"]
    (panel, held_id) = connection.execute(
        "SELECT panel, panel_order_id FROM attempts WHERE id = ?", (attempt_id,)
    ).fetchone()
    if order_id is not None and held_id != order_id and _is_owned(connection, panel, order_id):
        _settle(connection, attempt_id, AttemptState.IN_DOUBT, f"before the state was restored: {message}", at)
        return
    connection.execute(  # no arrow leads from `sending` to `abandoned`
        "UPDATE attempts SET state = 'in_doubt', settled_at = ? WHERE id = ? AND state = 'sending'",
        (to_text(at), attempt_id),
    )
    connection.execute(
        "UPDATE attempts SET state = ?, panel_order_id = ? WHERE id = ? AND state = 'in_doubt'",
        (state, order_id, attempt_id),
    )
    insert(connection, "decisions", {**decision, "attempt_id": attempt_id}, or_ignore=True)


def _is_owned(connection: sqlite3.Connection, panel: str, order_id: str | None) -> bool:
    found = connection.execute(
        "SELECT 1 FROM attempts WHERE panel = ? AND panel_order_id = ?", (panel, order_id)
    ).fetchone()
    return found is not None


def insert(connection: sqlite3.Connection, table: str, row: Row, *, or_ignore: bool = False) -> None:
    """One row, of which the table takes the columns that it has."""
    columns = [name for (_, name, *_) in connection.execute(f"PRAGMA table_info({table})") if name in row]
    marks = ", ".join("?" * len(columns))
    names = ", ".join(f'"{name}"' for name in columns)
    connection.execute(
        f"INSERT {'OR IGNORE ' if or_ignore else ''}INTO {table} ({names}) VALUES ({marks})",  # noqa: S608  # the table's own names
        [row[name] for name in columns],
    )


def _words(row: Row) -> str:
    """What the state before the restoration knew, for the person who decides."""
    if row["state"] == AttemptState.PLACED.value:
        return f"before the state was restored: placed as order {row['panel_order_id']}"
    return f"before the state was restored: {row['state'].replace('_', ' ')}; {row['message']}".rstrip("; ")


def _decision_words(decision: Row) -> str:
    what = {
        DecisionKind.ADOPT.value: f"adopted as order {decision['panel_order_id']}",
        DecisionKind.NOT_PLACED.value: "declared not placed",
    }.get(decision["kind"], "abandoned")
    return f"{what} by {decision['user']} at {decision['decided_at']}: {decision['reason']}"


def _address(row: Row) -> str:
    return f"{row['campaign']}/{row['order_id']}"
