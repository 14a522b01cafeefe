"""Builds the report model from what each command has: standings, a plan, an apply's result, the state. Pure."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Required, TypedDict, Unpack

from runner.core.catalogue import BalanceSeen
from runner.core.diagnostics import Diagnostic
from runner.core.errors import ExitCode
from runner.core.snapshot import Recorded
from runner.core.values.money import ZERO
from runner.engine.results import ApplyResult
from runner.planning.accounting.ledger import Ledger, book
from runner.planning.accounting.periods import Period
from runner.planning.plan import ActionKind, Plan
from runner.planning.refills.refill_rates import RefillRate, refill_rates
from runner.planning.status.order_status import Standings
from runner.report.model import verdicts
from runner.report.model.model import CampaignProgress, OrderRow, ReportModel, RunFigures, SpendPoint, State, Verdict
from runner.report.model.order_rows import listed_rows, recorded_rows
from runner.report.model.purchases import purchases_of

_SATISFIED = "ok"

Purchase = tuple[str, datetime, Decimal, Decimal]  # panel, when, spent, committed


class Facts(TypedDict, total=False):
    """What each command tells of itself."""

    now: Required[datetime]
    exit_code: Required[int]
    balances: Required[Sequence[BalanceSeen]]  # all that were seen, in time order; of other panels too
    run_id: str | None
    diagnostics: Sequence[Diagnostic]
    warnings: Sequence[str]


def report_model(
    recorded: Recorded,
    ledger: Ledger,
    *,
    period: Period | None = None,
    refills: Sequence[RefillRate] | None = None,
    **facts: Unpack[Facts],
) -> ReportModel:
    """What `runner report` tells: every order that the state knows; `recorded`, `ledger` and `balances` of the period.

    `refills` of the period too: their orders may be older. By default those of the orders given.
    """
    rows = recorded_rows(recorded, _currencies(ledger), facts["now"])
    # All that there are: no need to look at the attempts again.
    purchases = ((row.panel, row.bought_at, row.spent, row.committed) for row in rows if row.bought_at is not None)
    refills = refill_rates(recorded) if refills is None else refills
    verdict = verdicts.of_state(rows, ledger)
    return _model("report", rows, ledger, verdict, purchases, refills=refills, period=period, **facts)


def status_model(standings: Standings, recorded: Recorded, ledger: Ledger, **facts: Unpack[Facts]) -> ReportModel:
    """What `runner status` tells: the orders of the campaigns, and where the money of their panels is."""
    rows = listed_rows(standings, _currencies(ledger))
    verdict = verdicts.of_state(rows, ledger)
    return _model("status", rows, ledger, verdict, _purchases(recorded), refills=refill_rates(recorded), **facts)


def plan_model(
    plan: Plan,
    standings: Standings,
    recorded: Recorded,
    ledger: Ledger,
    *,
    next_command: str,
    **facts: Unpack[Facts],
) -> ReportModel:
    """What `runner plan` tells: the orders as they stand, with what an apply would do about each."""
    rows = _planned(listed_rows(standings, _currencies(ledger)), plan)
    verdict = verdicts.of_plan(plan, next_command)
    run = RunFigures(plan.summary, plan.cost, plan.currency)
    facts["warnings"] = plan.warnings
    purchases, refills = _purchases(recorded), refill_rates(recorded)
    return _model("plan", rows, ledger, verdict, purchases, refills=refills, run=run, plan=plan, **facts)


def apply_model(
    result: ApplyResult,
    standings: Standings,
    recorded: Recorded,
    *,
    now: datetime,
    balances: Sequence[BalanceSeen],
    diagnostics: Sequence[Diagnostic] = (),
) -> ReportModel:
    """What `runner apply` tells: what this run did, and how its campaigns stand after it."""
    ledger = result.report
    found = listed_rows(standings, _currencies(ledger))
    done = {one.order: one for one in result.orders}
    unbought = {
        action.order.address
        for action in result.plan.actions
        if action.kind is ActionKind.PLACE and action.order.key not in result.plan.parts
    }
    rows = [
        row
        if (one := done.get(row.address)) is None
        # That it was not bought yet is no longer true of an order that has been tried; other reasons stay.
        else row._replace(
            action=one.outcome.value,
            message=one.message or (before.message if row.address in unbought else row.message),
        )
        for before, row in zip(found, _planned(found, result.plan), strict=True)
    ]
    return _model(
        "apply",
        rows,
        ledger,
        verdicts.of_apply(result),
        _purchases(recorded),
        refills=refill_rates(recorded),
        run=RunFigures(_done(result), verdicts.cost_of(result), ledger.currency),
        plan=result.plan,
        now=now,
        exit_code=result.exit_code,
        balances=balances,
        run_id=result.run_id,
        diagnostics=diagnostics,
        warnings=result.warnings,
    )


def _done(result: ApplyResult) -> Mapping[str, int]:
    counts = {
        "placed": result.placed,
        "refused": result.refused,
        "not_sent": result.not_sent,
        "in_doubt": result.in_doubt,
        "refills": result.refills,
        "cancels": result.cancels,
    }
    held = {kind: number for kind, number in result.plan.summary.items() if kind in ("wait", "blocked", _SATISFIED)}
    return counts | held


def _planned(rows: Sequence[OrderRow], plan: Plan) -> list[OrderRow]:
    """The rows with what the plan would do; a purchase at its planned price."""
    actions = {action.order.address: action for action in plan.actions}
    planned = []
    for row in rows:
        action = actions.get(row.address)
        if action is None:
            planned.append(row._replace(action=_SATISFIED))
            continue
        expected = action.cost if row.expected is None and action.kind is not ActionKind.IN_DOUBT else row.expected
        planned.append(row._replace(action=action.kind.value, expected=expected, message=row.message or action.reason))
    return planned


def _model(
    command: str,
    rows: Sequence[OrderRow],
    ledger: Ledger,
    verdict: Verdict,
    purchases: Iterable[Purchase],
    *,
    refills: Sequence[RefillRate],
    run: RunFigures | None = None,
    plan: Plan | None = None,
    period: Period | None = None,
    **facts: Unpack[Facts],
) -> ReportModel:
    panels = {account.panel for account in ledger.accounts}
    progress = progress_of(rows)
    diagnostics, warnings = facts.get("diagnostics", ()), facts.get("warnings", ())
    return ReportModel(
        command=command,
        made_at=facts["now"],
        run_id=facts.get("run_id"),
        exit_code=int(ExitCode(facts["exit_code"])),
        verdict=verdict,
        run=run,
        ledger=ledger,
        orders=rows,
        progress=progress,
        states=states_of(progress),
        spending=_spending(purchases, panels),
        balances=[seen for seen in facts["balances"] if seen.panel in panels],
        diagnostics=diagnostics if plan is None else (*diagnostics, *plan.problems),
        refusals=() if plan is None else plan.refusals,
        warnings=warnings if plan is None else (*plan.notes, *warnings),
        period=period,
        refills=refills,
        purchases=None if plan is None or command != "plan" else purchases_of(plan),
    )


def _currencies(ledger: Ledger) -> Mapping[str, str | None]:
    return {account.panel: account.currency for account in ledger.accounts}


def progress_of(rows: Iterable[OrderRow], listed: Mapping[str, int] | None = None) -> list[CampaignProgress]:
    """By campaign, of the units bought; of those `listed` by address, where these are given."""
    states: dict[str, Counter[State]] = defaultdict(Counter)
    units: Counter[str] = Counter()
    delivered: Counter[str] = Counter()
    for row in rows:
        # A drip is bought bit by bit, and what came up short again.
        wanted = listed.get(row.address, row.units) if listed else row.units
        states[row.campaign][row.state] += 1
        units[row.campaign] += wanted
        if row.delivered:
            delivered[row.campaign] += min(row.delivered, wanted)
    return [
        CampaignProgress(name, one.total(), units[name], delivered[name], dict(one)) for name, one in states.items()
    ]


def states_of(progress: Iterable[CampaignProgress]) -> Mapping[State, int]:
    """How many orders of all campaigns are in each state: of those that occur, the worst first."""
    counts: Counter[State] = Counter()
    for one in progress:
        counts.update(one.states)
    return {state: counts[state] for state in State if counts[state]}


def _purchases(recorded: Recorded) -> Iterator[Purchase]:
    for attempt in recorded.each():
        if (booked := book(attempt)) is not None:
            yield attempt.panel, attempt.marked_at, booked.spent, booked.committed


def _spending(purchases: Iterable[Purchase], panels: Collection[str]) -> Mapping[str, Sequence[SpendPoint]]:
    """By panel, what was bought in each second: no chart shows more."""
    sums: dict[str, dict[datetime, list[Decimal]]] = defaultdict(lambda: defaultdict(lambda: [ZERO, ZERO]))
    for panel, at, spent, committed in purchases:
        if panel in panels:
            second = sums[panel][at.replace(microsecond=0)]
            second[0] += spent
            second[1] += committed
    return {
        panel: [SpendPoint(at, *amounts) for at, amounts in sorted(seconds.items())]
        for panel, seconds in sorted(sums.items())
    }
