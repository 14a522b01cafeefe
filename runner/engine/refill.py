"""Asks for refills: the request is recorded, sent once, and its answer recorded, in this order.

A lost answer costs no money but counts as asked: a request is never repeated inside the policy's `every`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from runner.core.attempts import BATCH, Attempt
from runner.core.errors import KeyRejected, PanelUnreachable, RunnerError
from runner.core.events import EventType
from runner.core.operations import AskRefills, SeeRefills, SettleRefills
from runner.core.refills import Refill, RefillSeen, RefillSettled, RefillState
from runner.core.snapshot import Recorded
from runner.core.values.batches import in_batches
from runner.engine.ports import Panel
from runner.engine.results import RequestOutcome, RequestResult
from runner.engine.session import Session
from runner.panel.parse.refill_answers import RefillAnswer, RefillStatusAnswer
from runner.planning.refills.due_refills import DueRefill

LOST_AFTER = timedelta(
    hours=72
)  # a refill that the panel does not know by then is given up; before, it may be a replica's lag


async def ask_refills(session: Session, panel: Panel, due: Sequence[DueRefill]) -> list[RequestResult]:
    """Ask for `due` refills of one panel in calls of 100; return what became of each.

    Ends early, with the rest left for a later run, when the run should end, when nothing of a call was answered, and
    when the panel's answer was not about the orders.
    """
    results: list[RequestResult] = []
    for batch in in_batches(due, BATCH):
        if session.stop.requested or not await _ask(session, panel, batch, results):
            break
    return results


async def _ask(session: Session, panel: Panel, batch: Sequence[DueRefill], results: list[RequestResult]) -> bool:
    """Make one mark, one call and one record for a batch; return False if there is no use in going on."""
    journal, clock = session.journal, session.clock
    send_before = journal.send_before()
    try:
        ids = await journal.record(AskRefills([one.attempt_id for one in batch], clock.now()))
    except RunnerError as error:
        settled = [RefillSettled(0, RefillState.NOT_SENT, message=error.message) for _ in batch]
        _tell(session, batch, settled, results)
        return False
    answers = await panel.refill([one.panel_order_id for one in batch], send_before=send_before)
    settled = [_settled(refill, answers.get(one.panel_order_id)) for refill, one in zip(ids, batch, strict=True)]
    try:
        await journal.record(SettleRefills(settled, clock.now()))
    except RunnerError as error:
        unrecorded = f"the answer could not be recorded ({error.message})"
        settled = [one._replace(state=RefillState.UNKNOWN, message=unrecorded) for one in settled]
    _tell(session, batch, settled, results)
    is_lost = all(one.state is RefillState.UNKNOWN for one in settled)
    is_stopped = any(answer.stops_panel for answer in answers.values())
    return not is_lost and not is_stopped and all(one.state is not RefillState.NOT_SENT for one in settled)


def _settled(refill: int, answer: RefillAnswer | None) -> RefillSettled:
    if answer is None:
        return RefillSettled(refill, RefillState.UNKNOWN, message="the panel did not say")
    return RefillSettled(refill, answer.state, answer.refill_id, answer.finality, answer.message)


def _tell(
    session: Session, batch: Sequence[DueRefill], settled: Sequence[RefillSettled], results: list[RequestResult]
) -> None:
    for due, one in zip(batch, settled, strict=True):
        session.tell(
            EventType.REFILLED, due.order, outcome=one.state.value, refill_id=one.refill_id, message=one.message
        )
        outcome = RequestOutcome(one.state)
        results.append(RequestResult(due.order, due.panel_order_id, outcome, one.refill_id, one.message))


async def refresh_refills(session: Session, panel: Panel, recorded: Recorded) -> None:
    """Poll the open refills of one panel in ceil(n/100) calls and record each batch.

    A panel that can't tell stops nothing else: a note says so. Raises `KeyRejected`.
    """
    for batch in in_batches(open_refills(recorded, panel.profile.name), BATCH):
        try:
            said = await panel.refill_statuses([one.refill_id for one in batch if one.refill_id])
        except KeyRejected:
            raise
        except PanelUnreachable as error:
            session.tell(EventType.NOTE, message=f"refills could not be followed: {error.message}")
            return
        await session.journal.record(SeeRefills(seen_of(batch, said, session.clock.now())))


def open_refills(recorded: Recorded, panel: str) -> list[Refill]:
    """The refills of a panel that are not over, each with the panel's id of it."""
    if not recorded.refills:
        return []
    owners: dict[int, Attempt] = recorded.by_id()
    return [
        one
        for attempt_id, requests in recorded.refills.items()
        for one in requests
        if one.state is RefillState.REQUESTED and one.refill_id and owners[attempt_id].panel == panel
    ]


def seen_of(asked: Sequence[Refill], said: Mapping[str, RefillStatusAnswer], now: datetime) -> list[RefillSeen]:
    """What the answer says of each refill; one that it leaves out is asked for again later. Pure."""
    seen = []
    for one in asked:
        answer = said.get(one.refill_id or "")
        if answer is None:
            continue
        state, message = answer.state, answer.error or answer.state_text
        if answer.error and now - one.asked_at > LOST_AFTER:
            state, message = RefillState.UNKNOWN, f"the panel no longer knows refill {one.refill_id}: {message}"
        seen.append(RefillSeen(one.id, state, message, now))
    return seen
