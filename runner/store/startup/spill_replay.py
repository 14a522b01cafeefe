"""Carries outcomes from the spill file into the database at the start of a run.

So do the answers to refill requests: a refill with the panel's id is followed, one without is only counted.
"""

import json
from collections.abc import Sequence

from runner.core.attempts import Attempt, AttemptState, OutcomeKind, Phase
from runner.core.errors import StateRefused
from runner.core.operations import Settle, SettleRefills
from runner.core.refills import RefillState
from runner.core.values.clock import to_text
from runner.store.connection import reading
from runner.store.disk.paths import StatePaths
from runner.store.read.snapshot import read_state
from runner.store.write.spill_file import EmergencyFile, SpilledOutcome, SpilledRefill
from runner.store.write.writer import Writer

_REQUESTS = """
    SELECT r.id, a.campaign || '/' || a.order_id, r.state, r.asked_at
    FROM refills AS r JOIN attempts AS a ON a.id = r.attempt_id
"""


def merge_kept(writer: Writer, emergency: EmergencyFile, paths: StatePaths) -> str | None:
    """Settle every left-over mark whose outcome was noted, and empty the file; what the user should know, or None.

    An id that the state refuses becomes part of a doubt's message. A record of a run that this state does not know
    stays in the file and is told at every start: something was bought that only the file remembers.
    """
    outcomes, refills = emergency.kept(), emergency.kept_refills()
    told = [*(_merge_outcomes(writer, emergency, paths, outcomes) if outcomes else ())]
    told += _merge_refills(writer, emergency, paths, refills) if refills else ()
    return "; ".join(told) or None


def _merge_outcomes(
    writer: Writer, emergency: EmergencyFile, paths: StatePaths, records: Sequence[SpilledOutcome]
) -> list[str]:
    known = read_state(paths).by_id()
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
    return told


def _merge_refills(
    writer: Writer, emergency: EmergencyFile, paths: StatePaths, records: Sequence[SpilledRefill]
) -> list[str]:
    """As for outcomes. A request is known by its number, the run that asked, and a time within that run."""
    with reading(paths) as connection:
        runs = dict(connection.execute("SELECT id, started_at FROM runs").fetchall())
        asked = {row[0]: row[1:] for row in connection.execute(_REQUESTS)}
    done: list[int] = []
    told: list[str] = []
    for record in records:
        started_at = runs.get(record.run_id)
        address, state, asked_at = asked.get(record.settled.id, ("", "", ""))
        if started_at is None or not started_at <= asked_at <= to_text(record.at):
            told.append(_unknown_refill(record, emergency))
            continue
        if state == RefillState.ASKING.value:
            (result,) = writer.commit([SettleRefills([record.settled], record.at)])
            if isinstance(result, StateRefused):
                raise result
            told.append(f"the refill of {address} was {record.settled.state}: carried over from the emergency file")
        done.append(record.slot)
    emergency.clear(done)
    return told


def _unknown_refill(record: SpilledRefill, emergency: EmergencyFile) -> str:
    refill = json.dumps(record.settled.refill_id)
    return (
        f"{emergency.path} tells of refill {refill} asked for by run {record.run_id}, which this state does not know: "
        "take its line out of the file"
    )


def _settle(writer: Writer, attempt: Attempt, record: SpilledOutcome) -> str:
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


def _unknown(record: SpilledOutcome, emergency: EmergencyFile) -> str:
    order = json.dumps(record.outcome.panel_order_id)
    return (
        f"{emergency.path} tells of order {order} of run {record.run_id}, which this state does not know: "
        "look for it on the panel, then take its line out of the file"
    )
