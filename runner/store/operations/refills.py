"""Statements for refills and cancellations. No transactions here."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select, update

from runner.core.errors import StateRefused
from runner.core.operations import AskRefills, SeeCancels, SeeRefills, SettleRefills
from runner.core.refills import RefillState
from runner.core.values.clock import to_text
from runner.store.operations.refill_rows import REFILL_LEFT_OVER
from runner.store.schema.tables import attempts, cancels, refills

_SETTLE = (
    update(refills)
    .where(refills.c.id == bindparam("refill"), refills.c.state == RefillState.ASKING)
    .values({name: bindparam(f"new_{name}") for name in ("state", "refill_id", "finality", "message", "answered_at")})
)
_SEE = (
    update(refills)
    .where(refills.c.id == bindparam("refill"), refills.c.state == RefillState.REQUESTED)
    .values({name: bindparam(f"new_{name}") for name in ("state", "message", "checked_at")})
)


def give_up_left_overs(connection: Connection, at: datetime, panels: Collection[str] | None = None) -> None:
    """Mark the answer as unknown of every request that an earlier run left in `asking`: it may have been recorded.

    `panels`: at these alone; None: at all.
    """
    left = update(refills).where(refills.c.state == RefillState.ASKING)
    if panels is not None:
        left = left.where(refills.c.attempt_id.in_(select(attempts.c.id).where(attempts.c.panel.in_(panels))))
    connection.execute(left.values(state=RefillState.UNKNOWN, answered_at=to_text(at), message=REFILL_LEFT_OVER))


def ask(connection: Connection, asking: AskRefills) -> list[int]:
    """Insert requests in `asking`; return their ids, in the order of the attempts."""
    if not asking.attempt_ids:
        return []
    asked_at = to_text(asking.at)
    rows = [
        {"attempt_id": attempt_id, "state": RefillState.ASKING.value, "message": "", "asked_at": asked_at}
        for attempt_id in asking.attempt_ids
    ]
    asked = connection.execute(insert(refills).returning(refills.c.id, sort_by_parameter_order=True), rows)
    return list(asked.scalars())


def settle(connection: Connection, settle: SettleRefills) -> None:
    """Record what was answered. Raises StateRefused if one of the requests is not in `asking`."""
    if not settle.settled:
        return
    changed = connection.execute(
        _SETTLE,
        [
            {
                "refill": one.id,
                "new_state": one.state.value,
                "new_refill_id": one.refill_id,
                "new_finality": None if one.finality is None else one.finality.value,
                "new_message": one.message,
                "new_answered_at": to_text(settle.at),
            }
            for one in settle.settled
        ],
    ).rowcount
    if changed != len(settle.settled):
        raise StateRefused("a refill that was answered is not being asked for", "its answer is unknown after a restart")


def see(connection: Connection, see: SeeRefills) -> None:
    """Record the statuses of requests that the panel took; leave out any other."""
    if see.seen:
        connection.execute(
            _SEE,
            [
                {
                    "refill": one.id,
                    "new_state": one.state.value,
                    "new_message": one.message,
                    "new_checked_at": to_text(one.checked_at),
                }
                for one in see.seen
            ],
        )


def see_cancels(connection: Connection, see: SeeCancels) -> None:
    """Insert one more row for each cancellation."""
    if see.requests:
        connection.execute(
            insert(cancels),
            [
                {
                    "attempt_id": one.attempt_id,
                    "asked_at": to_text(one.asked_at),
                    "state": one.state.value,
                    "message": one.message,
                }
                for one in see.requests
            ],
        )
