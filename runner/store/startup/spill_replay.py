"""Carries what the spill file holds into the database at the start of a run.

An outcome settles the mark that was left over. Of the answers to refill requests, one with the panel's id is followed,
one without is only counted.
"""

import json
from collections.abc import Mapping

from runner.core.attempts import Attempt, AttemptState, OutcomeKind, Phase
from runner.core.errors import StateRefused
from runner.core.operations import Settle, SettleRefills
from runner.core.refills import Refill, RefillState
from runner.core.snapshot import Run
from runner.store.disk.paths import StatePaths
from runner.store.read.runs import read_runs
from runner.store.read.snapshot import read_state
from runner.store.write.spill_file import EmergencyFile
from runner.store.write.writer import Writer


def merge_kept(writer: Writer, emergency: EmergencyFile, paths: StatePaths) -> str | None:
    """Settle every left-over mark whose outcome was noted, and empty the file; what the user should know, or None.

    An id that the state refuses becomes part of a doubt's message. A record of a run that this state does not know
    stays in the file and is told at every start: something was bought that only the file remembers.
    """
    if not (records := emergency.kept()):
        return None
    recorded = read_state(paths)
    attempts = recorded.by_id()
    refills = {refill.id: refill for several in recorded.refills.values() for refill in several}
    runs = {run.id: run for run in read_runs(paths)}
    done, told = [], []
    for slot, run_id, answer in records:
        if isinstance(answer, Settle):
            words = _merge_outcome(writer, answer, attempts.get(answer.attempt_id), run_id)
        else:
            words = _merge_refill(writer, answer, refills.get(answer.settled[0].id), runs.get(run_id), attempts)
        if words is None:
            told.append(f"{emergency.path} tells of {_unknown(answer, run_id)}")
            continue
        done.append(slot)
        told += [words] if words else []
    emergency.clear(done)
    return "; ".join(told) or None


def _unknown(answer: Settle | SettleRefills, run_id: str) -> str:
    if isinstance(answer, Settle):
        order = json.dumps(answer.outcome.panel_order_id)
        return (
            f"order {order} of run {run_id}, which this state does not know: "
            "look for it on the panel, then take its line out of the file"
        )
    refill = json.dumps(answer.settled[0].refill_id)
    return f"refill {refill} asked for by run {run_id}, which this state does not know: take its line out of the file"


def _merge_outcome(writer: Writer, settle: Settle, attempt: Attempt | None, run_id: str) -> str | None:
    """What to tell; empty if it is settled already, None if this state does not know the attempt."""
    if attempt is None or attempt.run_id != run_id:
        return None
    if attempt.state is not AttemptState.SENDING:
        return ""
    words = settle.outcome.kind.value.replace("_", " ")
    if settle.outcome.panel_order_id:
        words += f" as order {settle.outcome.panel_order_id}"
    (result,) = writer.commit([settle])
    if not isinstance(result, StateRefused):
        return f"{attempt.address} was {words}: carried over from the emergency file"
    doubt = settle.outcome._replace(
        kind=OutcomeKind.IN_DOUBT,
        panel_order_id=None,
        message=f"it was {words}, but the state refused that: {result.message}",
        phase=Phase.ANSWERED,
    )
    (again,) = writer.commit([settle._replace(outcome=doubt)])
    if isinstance(again, StateRefused):
        raise again
    return f"{attempt.address} {doubt.message}; it is in doubt"


def _merge_refill(
    writer: Writer, settle: SettleRefills, refill: Refill | None, run: Run | None, attempts: Mapping[int, Attempt]
) -> str | None:
    """As for outcomes. A request is known by its number, the run that asked, and a time within that run."""
    if refill is None or run is None or not run.started_at <= refill.asked_at <= settle.at:
        return None
    if refill.state is not RefillState.ASKING:
        return ""
    (result,) = writer.commit([settle])
    if isinstance(result, StateRefused):
        raise result
    address, state = attempts[refill.attempt_id].address, settle.settled[0].state
    return f"the refill of {address} was {state}: carried over from the emergency file"
