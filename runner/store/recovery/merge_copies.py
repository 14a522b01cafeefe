"""Merges into an older copy of the state what another record knows and the copy does not: attempts and decisions.

A purchase becomes a doubt in the copy, for a person to decide. If another doubt has its service and link already, a
purchase that was placed stays placed, so that it is polled and seen. What a person has decided stands. `merge_requests`
merges what was asked about attempts, and what was seen of them.
"""

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from itertools import count
from typing import NamedTuple

from runner.core.attempts import CLOSED, DOUBTFUL, AttemptState, RefusalReason
from runner.core.doubts import DecisionKind
from runner.core.values.clock import to_text
from runner.core.values.links import page_key
from runner.store.connection import knowing_pages
from runner.store.recovery.merge_requests import merge_cancels, merge_facts, merge_refills
from runner.store.recovery.rows import Key, Row, Rows, insert, read

_AFTER = {
    DecisionKind.ADOPT.value: AttemptState.PLACED.value,
    DecisionKind.NOT_PLACED.value: AttemptState.NOT_SENT.value,
    DecisionKind.ABANDON.value: AttemptState.ABANDONED.value,
}


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
    """One attempt of which the other record knows more."""

    order: str  # its address now
    how: MergeVerdict
    message: str


class Merged(NamedTuple):
    """What a copy has taken over."""

    carried: Sequence[Carried] = ()  # in the order marked
    refills: int = 0  # requests that it did not know, or of which it did not know the end
    cancels: int = 0  # requests that it did not know


def merge(connection: sqlite3.Connection, newer: Rows, at: datetime) -> Merged:
    """Bring what `newer` knows into the database of an older copy, inside a transaction of the caller's."""
    knowing_pages(connection)
    older = read(connection)
    for run in newer.runs:
        insert(connection, "runs", run, or_ignore=True)
    for protection in newer.protections:
        # What was let go since is protected again: the next apply of a file that lists it says otherwise.
        insert(connection, "protections", protection, or_ignore=True)
    ids = {key[0]: key[0] for key in newer.attempts if key in older.attempts}
    new_ids = count(max((id_ for id_, _ in (*older.attempts, *newer.attempts)), default=0) + 1)
    carried = []
    for key, row in newer.attempts.items():
        if (verdict := _verdict(connection, older, newer, key)) is None:
            continue
        how, message = verdict
        lost_run = {"id": row["run_id"], "command": "unknown", "started_at": row["marked_at"]}
        insert(connection, "runs", lost_run, or_ignore=True)  # its own row may be on a damaged page
        if key in older.attempts:
            _advance(connection, row, how, message, at)
        else:
            is_free = connection.execute("SELECT 1 FROM attempts WHERE id = ?", key[:1]).fetchone() is None
            ids[key[0]] = key[0] if is_free else next(new_ids)
            insert(connection, "attempts", {**_as_new(connection, row, how, message, at), "id": ids[key[0]]})
        if how is MergeVerdict.DECIDED:
            _decide(connection, ids[key[0]], newer.decisions[key[0]], message, at)
        carried.append(Carried(_address(row), how, message))
    refills = merge_refills(connection, older, newer, ids)
    cancels = merge_cancels(connection, older, newer, ids)
    merge_facts(connection, newer, ids)
    return Merged(carried, refills, cancels)


def _verdict(connection: sqlite3.Connection, older: Rows, newer: Rows, key: Key) -> tuple[MergeVerdict, str] | None:
    """What becomes of an attempt, and why; None if it would not be bought again and nothing else differs."""
    row, before = newer.attempts[key], older.attempts.get(key)
    if decision := _decision_to_carry(older, newer, key):
        how, message = _how_decided(before, decision, older.decisions.get(key[0])), _decision_words(decision)
        if how is MergeVerdict.DECIDED_OTHERWISE and before is not None:
            message += f"; in the copy it is {before['state'].replace('_', ' ')}, and that stands"
        return how, message
    if before is not None and before["state"] == row["state"]:
        return None if _address(before) == _address(row) else (MergeVerdict.RENAMED, row["message"])
    if row["state"] in CLOSED:
        is_told = before is not None or _is_duplicate(newer, key)  # else nothing was bought, and nothing is open there
        return (MergeVerdict.NOT_BOUGHT, row["message"]) if is_told else None
    if before is not None or not _is_doubted(connection, row):
        return MergeVerdict.IN_DOUBT, _words(row)
    is_known = row["state"] == AttemptState.PLACED and not _is_owned(connection, row["panel"], row["panel_order_id"])
    return MergeVerdict.PLACED if is_known else MergeVerdict.GIVEN_UP, _words(row)


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
    stands = former is None and (before["state"] in DOUBTFUL or settled_so)
    return MergeVerdict.DECIDED if stands else MergeVerdict.DECIDED_OTHERWISE


def _is_duplicate(rows: Rows, key: Key) -> bool:
    """True for a refusal that tells of an earlier order for the same link: it is evidence about a doubt."""
    evidence = rows.evidence.get(key[0])
    return evidence is not None and evidence["reason"] == RefusalReason.DUPLICATE.value


def _advance(connection: sqlite3.Connection, row: Row, how: MergeVerdict, message: str, at: datetime) -> None:
    """Bring an attempt that the copy holds as far as the other record has it."""
    connection.execute(
        "UPDATE OR IGNORE attempts SET campaign = ?, order_id = ? WHERE id = ?",
        (row["campaign"], row["order_id"], row["id"]),
    )
    if how is MergeVerdict.NOT_BOUGHT:
        _settle(connection, row["id"], AttemptState.NOT_SENT, message, at)
    elif how is MergeVerdict.IN_DOUBT:
        _settle(connection, row["id"], AttemptState.IN_DOUBT, message, at)


def _as_new(connection: sqlite3.Connection, row: Row, how: MergeVerdict, message: str, at: datetime) -> Row:
    """An attempt for a copy that lacks it: what is closed, or decided, as it is; all else in doubt. In a slot of its own.

    Where another doubt holds the same service and link already, it stays placed, or is given up if it was not.
    """
    if row["state"] in CLOSED:
        return row
    (free_slot,) = connection.execute(
        "SELECT coalesce(max(slot) + 1, 0) FROM attempts WHERE campaign = ? AND order_id = ? AND kind = ?",
        (row["campaign"], row["order_id"], row["kind"]),
    ).fetchone()
    row = {**row, "slot": max(free_slot, row["slot"])}
    if how is MergeVerdict.DECIDED and not _is_owned(connection, row["panel"], row["panel_order_id"]):
        return row
    row = {**row, "message": message}
    if how is MergeVerdict.PLACED:
        return row
    state = AttemptState.ABANDONED if _is_doubted(connection, row) else AttemptState.IN_DOUBT
    return {**row, "state": state.value, "settled_at": to_text(at), "panel_order_id": None}


def _is_doubted(connection: sqlite3.Connection, row: Row) -> bool:
    """True if an attempt for the same service and page is being sent or in doubt: there may be one at a time."""
    found = connection.execute(
        "SELECT 1 FROM attempts WHERE (state = 'sending' OR state = 'in_doubt') "
        "AND panel = ? AND service = ? AND page_key(link) = ?",
        (row["panel"], row["service"], page_key(row["link"])),
    ).fetchone()
    return found is not None


def _settle(connection: sqlite3.Connection, attempt_id: int, state: AttemptState, message: str, at: datetime) -> None:
    """Settle an attempt that is not settled yet; what was decided in the older state stands."""
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
