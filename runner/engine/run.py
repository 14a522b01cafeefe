"""One reconcile pass: settle left-overs, refresh, plan, guards, submit, refill, cancel, poll, balance, ledger."""

import asyncio
import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from runner.core.attempts import OutcomeKind
from runner.core.errors import ExitCode, Interrupted, PanelUnreachable, StateRefused
from runner.core.events import EventType
from runner.core.money import plain
from runner.core.recorded import Recorded
from runner.core.upkeep import RefillState
from runner.engine.cancel import ask_cancels, look_again, with_cancels
from runner.engine.protections import note_protections
from runner.engine.refill import ask_refills
from runner.engine.refresh import refresh, refresh_placed, refresh_prices
from runner.engine.renames import rename
from runner.engine.result import ApplyResult, CancelResult, OrderResult, RefillResult
from runner.engine.session import Session
from runner.engine.submit import Submission
from runner.planning.allowance import Purchase
from runner.planning.guards import allowance
from runner.planning.late import late_signs
from runner.planning.ledger import make_ledger
from runner.planning.lost import lost_words
from runner.planning.plan import ActionKind, Plan
from runner.planning.price_guard import PriceTerms
from runner.planning.refills import DueRefill, RefillWish
from runner.planning.wish import Wish, plan_of


async def prepare(session: Session, wish: Wish) -> tuple[Plan, Recorded]:
    """Everything up to the first action: left-overs become doubts, panels are read, the plan is made.

    Raises `PanelUnreachable` and `KeyRejected`; nothing has been sent then.
    """
    for attempt in await session.journal.doubt_left_overs(session.clock.now()):
        session.tell(
            EventType.NOTE, attempt.address, message=f"{attempt.address} was being sent when a run broke off: in doubt"
        )
    known = await rename(session, wish.campaigns, await session.journal.recorded())
    await refresh(session, known, adaptive=wish.adaptive, campaigns=wish.campaigns)
    recorded = await session.journal.recorded()
    refills = RefillWish(now=session.clock.now(), counts=wish.counts, only=wish.refills_only)
    prices = PriceTerms(
        profiles={name: panel.profile for name, panel in session.panels.items()},
        planned=wish.planned,
        is_look=wish.is_look,
    )
    plan = plan_of(wish, recorded, refills, prices)
    if wish.adaptive and plan.purchases() and await refresh_prices(session, recorded):
        recorded = await session.journal.recorded()
        plan = plan_of(wish, recorded, refills, prices)
    counts = plan.summary
    facts: dict[str, str | int | None] = {
        kind: counts.get(kind, 0) for kind in (*(one.value for one in ActionKind), "ok")
    }
    facts["cost"] = None if plan.cost is None else plain(plan.cost)
    session.tell(EventType.PLANNED, None, **facts)
    for warning in plan.warnings:
        session.tell(EventType.WARNING, message=warning)
    return plan, recorded


async def apply(session: Session, wish: Wish, confirm: Callable[[Plan], bool]) -> ApplyResult:
    """One pass. `confirm` sees the plan and says whether to begin; it may raise to refuse.

    A plan with problems or refusals is never begun, whatever `confirm` says.
    """
    plan, recorded = await prepare(session, wish)
    await note_protections(session, wish, recorded)
    results: list[OrderResult] = []
    submissions: list[Submission] = []
    refilled: list[RefillResult] = []
    cancelled: list[CancelResult] = []
    code = plan.exit_code
    if code is ExitCode.OK and (plan.purchases() or plan.refills or plan.cancels) and confirm(plan):
        submissions = await _submit(session, wish, plan, recorded)
        results = [result for submission in submissions for result in submission.results.values()]
        refilled = await _refill(session, plan, submissions)
        cancelled = await ask_cancels(session, plan.cancels, {one.panel for one in submissions if one.stopped})
    bought = {submission.panel: submission.polls.left for submission in submissions if submission.placed}
    if bought:
        try:
            await refresh_placed(session, bought)
        except (PanelUnreachable, Interrupted, StateRefused) as error:
            session.tell(EventType.NOTE, message=f"{error.message}; the report shows expected charges instead")
    if cancelled:
        await look_again(session, plan.cancels)
    if submissions or refilled or cancelled:
        try:
            recorded = await session.journal.recorded()
        except StateRefused as error:  # the state went away under us: what was sent is told all the same
            session.tell(EventType.NOTE, message=f"{error.message}; the report does not hold what this run did")
    granted = sum(one.state is RefillState.REQUESTED for one in refilled)
    result = with_cancels(_conclude(session, plan, recorded, results, code), cancelled)
    charges = [words for submission in submissions for words in submission.charges.warnings(recorded)]
    result = replace(result, warnings=(*result.warnings, *charges))
    for warning in result.warnings:
        if warning not in plan.warnings:
            session.tell(EventType.WARNING, message=warning)
    return replace(result, refills=granted, refill_results=refilled)


async def _submit(session: Session, wish: Wish, plan: Plan, recorded: Recorded) -> list[Submission]:
    """All panels side by side; a stop on one does not touch the others."""
    caps = allowance(wish.campaigns, recorded, plan, session.clock.now())
    by_panel: dict[str, list[Purchase]] = {}
    for purchase in _purchases(plan, recorded):
        by_panel.setdefault(purchase.panel, []).append(purchase)
    owned = _owned_ids(recorded)
    submissions = {
        name: Submission(session, session.panels[name], caps, owned.setdefault(name, set())) for name in by_panel
    }
    gc.freeze()  # plan and state stay to the end: walking them again and again took a tenth of the time of a large run
    try:
        await asyncio.gather(*(submissions[name].submit(purchases) for name, purchases in by_panel.items()))
    finally:
        gc.unfreeze()
    return list(submissions.values())


async def _refill(session: Session, plan: Plan, submissions: Sequence[Submission]) -> list[RefillResult]:
    """All panels side by side; a panel that placing stopped on (a doubt, its key, its funds) is not asked anything more."""
    stopped = {submission.panel for submission in submissions if submission.stopped}
    by_panel: dict[str, list[DueRefill]] = {}
    for due in plan.refills:
        if due.panel not in stopped:
            by_panel.setdefault(due.panel, []).append(due)
    asked = await asyncio.gather(*(ask_refills(session, session.panels[name], due) for name, due in by_panel.items()))
    return [result for results in asked for result in results]


def _purchases(plan: Plan, recorded: Recorded) -> list[Purchase]:
    return [
        Purchase(
            action.order,
            action.panel,
            recorded.catalogues[action.panel].services[action.order.service].rate,
            action.cost,
            plan.parts.get(action.order.key),
        )
        for action in plan.purchases()
        if action.cost is not None
    ]


def _owned_ids(recorded: Recorded) -> dict[str, set[str]]:
    owned: dict[str, set[str]] = {}
    for attempts in recorded.attempts.values():
        for attempt in attempts:
            if attempt.panel_order_id is not None:
                owned.setdefault(attempt.panel, set()).add(attempt.panel_order_id)
    return owned


def _conclude(
    session: Session, plan: Plan, recorded: Recorded, results: list[OrderResult], code: ExitCode
) -> ApplyResult:
    count = _count(results)
    tried = {result.order for result in results}
    results += [
        OrderResult(action.order.address, OutcomeKind.IN_DOUBT, None, action.cost, action.reason)
        for action in plan.actions
        if action.kind is ActionKind.IN_DOUBT and action.order.address not in tried
    ]
    doubts = sum(attempt.is_open_doubt for attempts in recorded.attempts.values() for attempt in attempts)
    doubts = max(doubts, _count(results)[OutcomeKind.IN_DOUBT])
    untried = len(plan.purchases()) - len(tried)
    if code is ExitCode.OK:
        if doubts:
            code = ExitCode.IN_DOUBT
        elif session.stop.requested:
            code = ExitCode.INTERRUPTED
        elif count[OutcomeKind.REFUSED] or count[OutcomeKind.NOT_SENT] or (tried and untried):
            code = ExitCode.PARTLY
    ledger = make_ledger(recorded, panels=session.panels.keys())
    return ApplyResult(
        run_id=session.run_id,
        exit_code=code,
        placed=count[OutcomeKind.PLACED],
        refused=count[OutcomeKind.REFUSED],
        not_sent=count[OutcomeKind.NOT_SENT],
        in_doubt=doubts,
        refills=0,
        cancels=0,
        orders=results,
        plan=plan,
        report=ledger,
        interrupted=session.stop.requested,
        warnings=(*late_signs(recorded, ledger), *lost_words(recorded)),
    )


def _count(results: Sequence[OrderResult]) -> Mapping[OutcomeKind, int]:
    counts = dict.fromkeys(OutcomeKind, 0)
    for result in results:
        counts[result.outcome] += 1
    return counts
