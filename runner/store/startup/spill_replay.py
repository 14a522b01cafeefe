"""Carries what the spill file holds into the database at the start of a run.

An outcome settles the mark that was left over. Of the answers to refill requests, one with the panel's id is followed,
one without is only counted.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from runner.core.attempts import Attempt, AttemptState, OutcomeKind, Phase
from runner.core.errors import RunnerError, StateRefused
from runner.core.operations import Operation, Settle, SettleRefills, SettleRefused
from runner.core.refills import Refill, RefillState
from runner.core.snapshot import Recorded, Run
from runner.store.write.carry_out import Answer
from runner.store.write.spill_file import SpillFile


class Settling(Protocol):
    """What carries answers into the database."""

    def commit(self, batch: Sequence[Operation], /) -> Sequence[Answer | RunnerError]:
        """One result for each operation, as a writer's."""


def merge_kept(
    writer: Settling,
    spill: SpillFile,
    recorded: Recorded,
    runs: Sequence[Run],
    settle_doubt: Callable[[Settle], None] | None = None,
) -> str | None:
    """Settle every left-over mark whose outcome was noted, and empty the file; return what the user should know, or None.

    `settle_doubt` settles one of which another machine has made a doubt since.

    An id that the state refuses becomes part of a doubt's message. A record of a run that this state does not know
    stays in the file and is told at every start: something was bought that only the file remembers.
    """
    if not (records := spill.kept()):
        return None
    attempts = recorded.by_id()
    refills = {refill.id: refill for several in recorded.refills.values() for refill in several}
    by_id = {run.id: run for run in runs}
    done, told = [], []
    for slot, run_id, answer in records:
        if isinstance(answer, Settle):
            words = _merge_outcome(writer, answer, attempts.get(answer.attempt_id), run_id, settle_doubt)
        else:
            words = _merge_refill(writer, answer, refills.get(answer.settled[0].id), by_id.get(run_id), attempts)
        if words is None:
            told.append(f"{spill.path} tells of {_unknown(answer, run_id)}")
            continue
        done.append(slot)
        told += [words] if words else []
    spill.clear(done)
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


def _merge_outcome(
    writer: Settling,
    settle: Settle,
    attempt: Attempt | None,
    run_id: str,
    settle_doubt: Callable[[Settle], None] | None,
) -> str | None:
    """What to tell; empty if it is settled already, None if this state does not know the attempt."""
    if attempt is None or attempt.run_id != run_id:
        return None
    words = settle.outcome.kind.value.replace("_", " ")
    if settle.outcome.panel_order_id:
        words += f" as order {settle.outcome.panel_order_id}"
    if attempt.state is AttemptState.IN_DOUBT and settle_doubt is not None:
        try:
            settle_doubt(settle)
        except SettleRefused as error:
            return f"{attempt.address} was {words}, but the state refused that: {error.message}; it stays in doubt"
        return f"{attempt.address} was {words}, not in doubt: carried over from the emergency file"
    if attempt.state is not AttemptState.SENDING:
        return ""
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
    writer: Settling, settle: SettleRefills, refill: Refill | None, run: Run | None, attempts: Mapping[int, Attempt]
) -> str | None:
    """Do the same for a refill. A request is known by its number, the run that asked, and a time within that run."""
    if refill is None or run is None or not run.started_at <= refill.asked_at <= settle.at:
        return None
    if refill.state is not RefillState.ASKING:
        return ""
    (result,) = writer.commit([settle])
    if isinstance(result, StateRefused):
        raise result
    address, state = attempts[refill.attempt_id].address, settle.settled[0].state
    return f"the refill of {address} was {state}: carried over from the emergency file"
