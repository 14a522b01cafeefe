"""Carries what the emergency file holds into the database, at the start of a run: placed orders, that is, not doubts."""

import json

from runner.core.attempts import Attempt, AttemptState, OutcomeKind, Phase
from runner.core.errors import StateRefused
from runner.store.emergency import EmergencyFile, Kept
from runner.store.journal_ops import Writer
from runner.store.operations import Settle
from runner.store.paths import StatePaths
from runner.store.queries import read_state


def merge_kept(writer: Writer, emergency: EmergencyFile, paths: StatePaths) -> str | None:
    """Settle every left-over mark whose outcome was noted, and empty the file; what the user should know, or None.

    An id that the state refuses becomes part of a doubt's message. A record of a run that this state does not know stays
    in the file and is told at every start: something was bought that only the file remembers.
    """
    records = emergency.kept()
    if not records:
        return None
    known = {one.id: one for several in read_state(paths).attempts.values() for one in several}
    done: list[int] = []
    told: list[str] = []
    for record in records:
        attempt = known.get(record.attempt_id)
        if attempt is None or attempt.run_id != record.run_id:
            told.append(_unknown(record, emergency))
            continue
        if attempt.state is AttemptState.SENDING:
            told.append(_settle(writer, attempt, record))
        done.append(record.slot)
    emergency.clear(done)
    return "; ".join(told) or None


def _settle(writer: Writer, attempt: Attempt, record: Kept) -> str:
    (result,) = writer.commit([Settle(attempt.id, record.outcome, record.at)])
    words = record.outcome.kind.value.replace("_", " ")
    if record.outcome.panel_order_id:
        words += f" as order {record.outcome.panel_order_id}"
    if not isinstance(result, StateRefused):
        return f"{attempt.address} was {words}: carried over from the emergency file"
    doubt = record.outcome._replace(
        kind=OutcomeKind.IN_DOUBT,
        panel_order_id=None,
        message=f"it was {words}, but the state refused that: {result.message}",
        phase=Phase.ANSWERED,
    )
    (again,) = writer.commit([Settle(attempt.id, doubt, record.at)])
    if isinstance(again, StateRefused):
        raise again
    return f"{attempt.address} {doubt.message}; it is in doubt"


def _unknown(record: Kept, emergency: EmergencyFile) -> str:
    order = json.dumps(record.outcome.panel_order_id)
    return (
        f"{emergency.path} tells of order {order} of run {record.run_id}, which this state does not know: "
        "look for it on the panel, then take its line out of the file"
    )
