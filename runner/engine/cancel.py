"""Asks panels to cancel. The answer says that the request was recorded; what was cancelled and refunded, only `status` says."""

from collections.abc import Sequence

from runner.core.attempts import Attempt
from runner.core.errors import Interrupted, PanelUnreachable, StateRefused
from runner.core.events import EventType
from runner.core.upkeep import CancelRequest, CancelState
from runner.engine.batches import in_batches
from runner.engine.ports import Panel
from runner.engine.refresh import refresh_balance, refresh_placed
from runner.engine.result import CancelResult
from runner.engine.session import Session
from runner.panel.upkeep import CancelKind

_AFTER_ANSWER = {
    CancelKind.RECORDED: CancelState.RECORDED,
    CancelKind.REFUSED: CancelState.REFUSED,
    CancelKind.UNKNOWN: CancelState.UNKNOWN,
}


async def cancel_orders(session: Session, attempts: Sequence[Attempt]) -> list[CancelResult]:
    """Ask to cancel placed attempts in calls of 100, then look once how they stand; what became of each request.

    No mark is needed: a request that is repeated changes nothing. Raises `PanelUnreachable` or `KeyRejected` before
    anything was asked.
    """
    by_panel: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        by_panel.setdefault(attempt.panel, []).append(attempt)
    for name in by_panel:
        await refresh_balance(session, session.panels[name])  # the cheapest proof that it answers and takes the key
    results: list[CancelResult] = []
    for name, of_panel in by_panel.items():
        for batch in in_batches(of_panel):
            if session.stop.requested:
                break
            results += await _cancel(session, session.panels[name], batch)
    try:
        ids = {
            name: {attempt.panel_order_id: attempt.id for attempt in of_panel if attempt.panel_order_id is not None}
            for name, of_panel in by_panel.items()
        }
        await refresh_placed(session, ids)
    except (PanelUnreachable, Interrupted, StateRefused) as error:
        session.tell(EventType.NOTE, message=f"{error.message}; what was cancelled will be seen by the next run")
    return results


async def _cancel(session: Session, panel: Panel, batch: Sequence[Attempt]) -> list[CancelResult]:
    at = session.clock.now()
    answers = await panel.cancel([attempt.panel_order_id for attempt in batch if attempt.panel_order_id])
    results = []
    for attempt in batch:
        order_id = attempt.panel_order_id or ""
        answer = answers.get(order_id)
        state = CancelState.UNKNOWN if answer is None else _AFTER_ANSWER[answer.kind]
        message = "the panel did not say" if answer is None else answer.message
        results.append(CancelResult(attempt.address, order_id, state, message))
    await session.journal.see_cancels(
        [
            CancelRequest(attempt.id, at, result.state, result.message)
            for attempt, result in zip(batch, results, strict=True)
        ]
    )
    return results
