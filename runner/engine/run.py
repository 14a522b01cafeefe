"""One reconcile pass: settle left-overs, refresh, plan, guards, submit, refill, cancel, poll, balance, ledger."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from runner.core.attempts import OutcomeKind
from runner.core.errors import ExitCode, Interrupted, PanelUnreachable, PlanStale, StateRefused
from runner.core.events import EventType
from runner.core.operations import DoubtLeftOvers, UsePlan
from runner.core.snapshot import Recorded
from runner.core.values.clock import as_recorded
from runner.core.values.money import plain
from runner.engine.bookkeeping import note_protections, rename
from runner.engine.cancel import ask_cancels, repoll_cancelled
from runner.engine.gc_pause import gc_frozen
from runner.engine.refill import ask_refills
from runner.engine.refresh import BUYING_AGE, old_lists, refresh, refresh_placed, refresh_prices
from runner.engine.results import ApplyResult, OrderResult, RequestResult
from runner.engine.session import Session
from runner.engine.submit.aftermath import Aftermath, aftermath, committed_now, with_charges
from runner.engine.submit.worker import Submission
from runner.planning.accounting.committed_spend import Committed
from runner.planning.accounting.ledger import make_ledger
from runner.planning.allowance import Part, Purchase
from runner.planning.doubts.late_execution import late_signs
from runner.planning.guards.budget import allowance
from runner.planning.guards.price_guard import PriceTerms
from runner.planning.plan import Action, ActionKind, Plan
from runner.planning.reconcile.plan_request import PlanRequest, plan_of
from runner.planning.refills.due_refills import DueRefill, RefillInputs
from runner.planning.status.order_status import lost_words


async def prepare(session: Session, request: PlanRequest) -> tuple[Plan, Recorded]:
    """Everything up to the first action: left-overs become doubts, panels are read, the plan is made.

    Raises `PanelUnreachable` and `KeyRejected`; nothing has been sent then.
    """
    for attempt in await session.journal.record(DoubtLeftOvers(session.clock.now())):
        session.tell(
            EventType.NOTE, attempt.address, message=f"{attempt.address} was being sent when a run broke off: in doubt"
        )
    known = await rename(session, request.campaigns, await session.journal.recorded())
    begun = as_recorded(session.clock.now())
    await refresh(session, known, adaptive=request.adaptive, campaigns=request.campaigns)
    recorded = await session.journal.recorded()
    now = session.clock.now()
    plan = plan_now(session, request, recorded, now, fresh_since=None if request.adaptive else begun)
    if request.adaptive and plan.purchases() and await refresh_prices(session, recorded):
        recorded = await session.journal.recorded()
        plan = plan_now(session, request, recorded, now, fresh_since=now - BUYING_AGE)
    counts = plan.summary
    facts: dict[str, str | int | None] = {
        kind: counts.get(kind, 0) for kind in (*(one.value for one in ActionKind), "ok")
    }
    facts["cost"] = None if plan.cost is None else plain(plan.cost)
    session.tell(EventType.PLANNED, None, **facts)
    for warning in plan.warnings:
        session.tell(EventType.WARNING, message=warning)
    return plan, recorded


def plan_now(
    session: Session, request: PlanRequest, recorded: Recorded, now: datetime, *, fresh_since: datetime | None = None
) -> Plan:
    """The plan that a request means on the panels of the session; `fresh_since` as in `PriceTerms`."""
    saved = request.saved
    refills = RefillInputs(now=now, counts=request.counts, only=None if saved is None else saved.refills)
    prices = PriceTerms(
        profiles={name: panel.profile for name, panel in session.panels.items()},
        planned=None if saved is None else saved.services,
        is_look=request.is_look,
        fresh_since=fresh_since,
    )
    return plan_of(request, recorded, refills, prices)


async def apply(session: Session, request: PlanRequest, confirm: Callable[[Plan], bool]) -> ApplyResult:
    """One pass. `confirm` sees the plan and says whether to begin; it may raise to refuse.

    A plan with problems or refusals is never begun, whatever `confirm` says.
    """
    plan, recorded = await prepare(session, request)
    await note_protections(session, request, recorded)
    with gc_frozen():  # plan and state stay to the end
        return await _carry_out(session, request, plan, recorded, confirm)


async def _carry_out(
    session: Session, request: PlanRequest, plan: Plan, recorded: Recorded, confirm: Callable[[Plan], bool]
) -> ApplyResult:
    """What the plan says, if it may begin and `confirm` agrees; then what that cost."""
    submissions: list[Submission] = []
    refilled: list[RequestResult] = []
    cancelled: list[RequestResult] = []
    purchases = plan.purchases()
    if plan.exit_code is ExitCode.OK and (purchases or plan.refills or plan.cancels) and confirm(plan):
        if purchases:
            recorded = await _with_prices_of_today(session, request, plan, recorded)
        if request.saved is not None:
            await session.journal.record(UsePlan(request.saved.digest, session.run_id, session.clock.now()))
        submissions = await _submit(session, request, plan, recorded, purchases)
        refilled = await _refill(session, plan, submissions)
        cancelled = await ask_cancels(session, plan.cancels, {one.panel for one in submissions if one.stopped})
    bought = {submission.panel: submission.confirmations.left for submission in submissions if submission.placed}
    if bought:
        try:
            await refresh_placed(session, bought)
        except (PanelUnreachable, Interrupted, StateRefused) as error:
            session.tell(EventType.NOTE, message=f"{error.message}; the report shows expected charges instead")
    if cancelled:
        await repoll_cancelled(session, plan.cancels)
    if submissions or refilled or cancelled:
        try:
            recorded = await session.journal.recorded()
        except StateRefused as error:  # the state went away under us: what was sent is told all the same
            session.tell(EventType.NOTE, message=f"{error.message}; the report does not hold what this run did")
    result = _conclude(
        session, plan, recorded, submissions, aftermath(session, request.campaigns, recorded, submissions)
    )
    result = replace(result, refill_results=refilled, cancel_results=cancelled)
    if plan.exit_code is ExitCode.OK:
        tried = sum(len(submission.results) for submission in submissions)
        result = replace(result, exit_code=_exit_code(result, is_untried=0 < tried < len(purchases)))
    for warning in result.warnings:
        if warning not in plan.warnings:
            session.tell(EventType.WARNING, message=warning)
    return result


async def _with_prices_of_today(session: Session, request: PlanRequest, plan: Plan, recorded: Recorded) -> Recorded:
    """Read the price lists anew if it took long to agree, or to get so far; the state as it is then.

    Raises `PanelUnreachable` if a list can't be read, and `PlanStale` if the plan would not buy just the same any
    more. Not for the pass of a watch: it has just read them, and waits for nobody.
    """
    if request.adaptive or not await refresh_prices(session, recorded):
        return recorded
    recorded = await session.journal.recorded()
    if old := old_lists(session, recorded):
        raise PanelUnreachable(
            f"the price list of {', '.join(old)} can't be read; nothing was sent",
            "try again when the panel shows its list",
        )
    if _bought_by(plan_now(session, request, recorded, session.clock.now())) != _bought_by(plan):
        raise PlanStale(
            "the price lists have changed since the plan was made, or other orders are due by now; nothing was sent",
            "look at it again: runner plan",
        )
    return recorded


def _bought_by(plan: Plan) -> list[tuple[str, Part | None, Decimal | None]]:
    return [(one.order.address, plan.parts.get(one.order.key), one.cost) for one in plan.purchases()]


async def _submit(
    session: Session, request: PlanRequest, plan: Plan, recorded: Recorded, actions: Sequence[Action]
) -> list[Submission]:
    """Send to all panels side by side; a stop on one does not touch the others."""
    committed = committed_now(session, request.campaigns, recorded, session.clock.now())
    caps = allowance(request.campaigns, committed, plan)
    by_panel: dict[str, list[Purchase]] = {}
    for purchase in _purchases(plan, recorded, actions):
        by_panel.setdefault(purchase.panel, []).append(purchase)
    owned = _owned_ids(recorded)
    submissions = {
        name: Submission(
            session,
            session.panels[name],
            caps,
            owned.setdefault(name, set()),
            balance=_balance_before(name, committed),
            unconfirmed=0 if committed.accounts.agrees(name) else committed.history.uncharged.get(name, 0),
        )
        for name in by_panel
    }
    await asyncio.gather(*(submissions[name].submit(purchases) for name, purchases in by_panel.items()))
    return list(submissions.values())


async def _refill(session: Session, plan: Plan, submissions: Sequence[Submission]) -> list[RequestResult]:
    """Ask all panels side by side, but not one that placing stopped on (a doubt, its key, its funds)."""
    stopped = {submission.panel for submission in submissions if submission.stopped}
    by_panel: dict[str, list[DueRefill]] = {}
    for due in plan.refills:
        if due.panel not in stopped:
            by_panel.setdefault(due.panel, []).append(due)
    asked = await asyncio.gather(*(ask_refills(session, session.panels[name], due) for name, due in by_panel.items()))
    return [result for results in asked for result in results]


def _purchases(plan: Plan, recorded: Recorded, actions: Sequence[Action]) -> list[Purchase]:
    found = []
    for action in actions:
        order, key = action.order, action.order.key
        if action.cost is None:
            raise AssertionError(f"{order.address} is to be bought and has no price")
        rate = recorded.catalogues[action.panel].services[order.service].rate
        found.append(Purchase(order, action.panel, rate, action.cost, plan.parts.get(key)))
    return found


def _balance_before(panel: str, committed: Committed) -> Decimal | None:
    """Return what the account held before the first order; None if it can't be compared later, as two names spend from it."""
    seen = committed.balances.get(panel)
    return None if seen is None or len(committed.accounts.names(panel)) > 1 else seen.amount


def _owned_ids(recorded: Recorded) -> dict[str, set[str]]:
    owned: dict[str, set[str]] = {}
    for attempt in recorded.each():
        if attempt.panel_order_id is not None:
            owned.setdefault(attempt.panel, set()).add(attempt.panel_order_id)
    return owned


def _conclude(
    session: Session, plan: Plan, recorded: Recorded, submissions: Sequence[Submission], after: Aftermath
) -> ApplyResult:
    """What became of the orders, each with what it was charged, beside those that were in doubt before."""
    orders = {address: one for submission in submissions for address, one in submission.results.items()}
    for action in plan.of_kind(ActionKind.IN_DOUBT):
        address = action.order.address
        orders.setdefault(address, OrderResult(address, OutcomeKind.IN_DOUBT, None, action.cost, action.reason))
    doubts = sum(attempt.is_open_doubt for attempt in recorded.each())
    ledger = make_ledger(recorded, panels=session.panels.keys())
    return ApplyResult(
        run_id=session.run_id,
        exit_code=plan.exit_code,
        in_doubt=max(doubts, sum(one.outcome is OutcomeKind.IN_DOUBT for one in orders.values())),
        orders=with_charges(orders.values(), session, recorded),
        plan=plan,
        report=ledger,
        interrupted=session.stop.requested,
        overcharged=after.is_overcharged,
        warnings=(*late_signs(recorded, ledger), *lost_words(recorded), *after.warnings),
        stopped={one.panel: one.stopped for one in submissions if one.stopped},
        busy={one.panel: one.busy_until for one in submissions if one.busy_until is not None},
    )


def _exit_code(result: ApplyResult, *, is_untried: bool) -> ExitCode:
    """Exit code of a run that began: OK only if everything planned was done."""
    if result.in_doubt:
        return ExitCode.IN_DOUBT
    if result.interrupted:
        return ExitCode.INTERRUPTED
    is_uncancelled = bool(result.cancel_results) and result.cancels < len(result.plan.cancels)
    if result.refused or result.not_sent or is_untried or is_uncancelled or result.overcharged:
        return ExitCode.PARTLY
    return ExitCode.OK
