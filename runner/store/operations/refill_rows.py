"""Turns rows of refills and cancellations into values."""

from runner.core.refills import CancelRequest, CancelState, Finality, Refill, RefillState
from runner.core.values.clock import from_text
from runner.store.schema.revisions import has_step
from runner.store.statements import Reading

_STEP = "0003"  # the schema that brought both tables

REFILL_LEFT_OVER = "the runner stopped before the answer was recorded"  # the message of what was left in `asking`


def read_refills(connection: Reading, *, left_overs_unknown: bool) -> dict[int, list[Refill]]:
    """All requests by attempt id, oldest first.

    With `left_overs_unknown`, a request in `asking` is shown as what the next run will make of it.
    """
    if not has_step(connection, _STEP):
        return {}
    found: dict[int, list[Refill]] = {}
    for row in connection.execute(
        "SELECT id, attempt_id, state, refill_id, finality, message, asked_at, answered_at, checked_at "
        "FROM refills ORDER BY id"
    ):
        id_, attempt_id, word, refill_id, finality, message, asked_at, answered_at, checked_at = row
        state = RefillState(word)
        if left_overs_unknown and state is RefillState.ASKING:
            state, message = RefillState.UNKNOWN, REFILL_LEFT_OVER
        refill = Refill(
            id_,
            attempt_id,
            state,
            refill_id,
            None if finality is None else Finality(finality),
            message,
            from_text(asked_at),
            None if answered_at is None else from_text(answered_at),
            None if checked_at is None else from_text(checked_at),
        )
        found.setdefault(attempt_id, []).append(refill)
    return found


def read_cancels(connection: Reading) -> dict[int, list[CancelRequest]]:
    """All requests by attempt id, oldest first."""
    if not has_step(connection, _STEP):
        return {}
    found: dict[int, list[CancelRequest]] = {}
    for attempt_id, asked_at, state, message in connection.execute(
        "SELECT attempt_id, asked_at, state, message FROM cancels ORDER BY id"
    ):
        request = CancelRequest(attempt_id, from_text(asked_at), CancelState(state), message)
        found.setdefault(attempt_id, []).append(request)
    return found
