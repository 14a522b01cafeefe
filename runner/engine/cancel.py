"""Asks panels to cancel orders. An answer confirms the request only; `status` tells what was cancelled and refunded.

No mark is needed: a request that is repeated changes nothing.
"""

import asyncio
from collections.abc import Collection, Iterable, Sequence

from runner.core.attempts import BATCH, Attempt
from runner.core.errors import Interrupted, PanelUnreachable, RunnerError, StateRefused
from runner.core.events import EventType
from runner.core.operations import SeeCancels
from runner.core.refills import CancelRequest, CancelState
from runner.core.values.batches import in_batches
from runner.engine.ports import Panel
from runner.engine.refresh import refresh_balance, refresh_placed
from runner.engine.results import RequestOutcome, RequestResult
from runner.engine.session import Session
from runner.planning.plan import DueCancel


async def cancel_orders(session: Session, attempts: Sequence[Attempt]) -> list[RequestResult]:
    """Ask to cancel placed attempts that a person named, then look once how they stand; return what became of each request.

    Raises `PanelUnreachable` or `KeyRejected` before anything was asked.
    """
    due = [DueCancel(one.address, one.id, one.panel, one.panel_order_id or "", "named by hand") for one in attempts]
    for name in _by_panel(due):
        await refresh_balance(session, session.panels[name])  # the cheapest proof that it answers and takes the key
    results = await ask_cancels(session, due)
    await repoll_cancelled(session, due)
    return results


async def ask_cancels(
    session: Session, due: Iterable[DueCancel], stopped: Collection[str] = frozenset()
) -> list[RequestResult]:
    """Ask for `due` in calls of 100, all panels side by side; return what became of each.

    A panel of `stopped` is asked nothing. On each other it ends early, with the rest left for a later run, when the run
    should end, when nothing of a call was answered, and when the answer was not about the orders.
    """
    by_panel = {name: several for name, several in _by_panel(due).items() if name not in stopped}
    asked = await asyncio.gather(*(_ask_panel(session, session.panels[name], by_panel[name]) for name in by_panel))
    return [result for results in asked for result in results]


async def repoll_cancelled(session: Session, due: Iterable[DueCancel]) -> None:
    """See how the orders stand now: what was too late to cancel shows at once, what is cancelled mostly later."""
    ids = {
        name: {one.panel_order_id: one.attempt_id for one in several if one.panel_order_id}
        for name, several in _by_panel(due).items()
    }
    try:
        await refresh_placed(session, ids)
    except (PanelUnreachable, Interrupted, StateRefused) as error:
        session.tell(EventType.NOTE, message=f"{error.message}; what was cancelled will be seen by the next run")


def _by_panel(due: Iterable[DueCancel]) -> dict[str, list[DueCancel]]:
    by_panel: dict[str, list[DueCancel]] = {}
    for one in due:
        by_panel.setdefault(one.panel, []).append(one)
    return by_panel


async def _ask_panel(session: Session, panel: Panel, due: Sequence[DueCancel]) -> list[RequestResult]:
    results: list[RequestResult] = []
    for batch in in_batches(due, BATCH):
        if session.stop.requested or not await _ask(session, panel, batch, results):
            break
    return results


async def _ask(session: Session, panel: Panel, batch: Sequence[DueCancel], results: list[RequestResult]) -> bool:
    """Make one call and one record for a batch; return False if there is no use in going on."""
    at = session.clock.now()
    answers = await panel.cancel([one.panel_order_id for one in batch])
    requests = []
    for one in batch:
        answer = answers.get(one.panel_order_id)
        state = CancelState.UNKNOWN if answer is None else answer.state
        message = "the panel did not say" if answer is None else answer.message
        requests.append(CancelRequest(one.attempt_id, at, state, message))
    unrecorded = ""
    try:
        await session.journal.record(SeeCancels(requests))
    except RunnerError as error:
        unrecorded = f"the answer could not be recorded ({error.message})"
    for one, request in zip(batch, requests, strict=True):
        state, message = (CancelState.UNKNOWN, unrecorded) if unrecorded else (request.state, request.message)
        session.tell(EventType.CANCEL_ASKED, one.order, outcome=state.value, message=message)
        results.append(RequestResult(one.order, one.panel_order_id, RequestOutcome(state), None, message))
    is_lost = all(request.state is CancelState.UNKNOWN for request in requests)
    return not (unrecorded or is_lost or any(answer.stops_panel for answer in answers.values()))
