"""Merges the later statuses of placed orders, so that no waiting period begins anew."""

import sqlite3
from collections.abc import Mapping

from runner.core.attempts import AttemptState
from runner.store.recovery.merge_copies import Rows

_FACTS = (
    *("status", "status_text", "first_charge", "charge", "start_count", "remains"),
    *("checked_at", "missing_in_a_row", "final_at"),
)
_UPDATE = (
    f"UPDATE OR IGNORE attempts SET {', '.join(f'{fact} = ?' for fact in _FACTS)} "  # noqa: S608  # our own names
    "WHERE id = ? AND state = 'placed' AND panel_order_id = ? AND coalesce(checked_at, '') < ?"
)


def carry_statuses(connection: sqlite3.Connection, newer: Rows, ids: Mapping[int, int]) -> None:
    """Bring the statuses of orders that are placed in both up to date, inside a transaction of the caller's.

    `ids` is what `carrying.carry` answered.
    """
    for row in newer.attempts.values():
        checked_at = row.get("checked_at")
        if row["state"] != AttemptState.PLACED.value or checked_at is None or row["id"] not in ids:
            continue
        facts = [row.get(fact) for fact in _FACTS]  # a state of an older schema has no `final_at`
        connection.execute(_UPDATE, (*facts, ids[row["id"]], row["panel_order_id"], checked_at))
