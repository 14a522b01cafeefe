"""`runner plan`: what apply would do, its cost, and whether it may."""

import gc
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runner.cli.arguments.durations import Duration
from runner.cli.arguments.options import PLANNING, Amount, Command, Settings
from runner.cli.arguments.project import in_project
from runner.cli.io.inputs import (
    Inputs,
    admit_run,
    located,
    need_counts,
    need_inputs,
    others,
    show_diagnostics,
)
from runner.cli.io.kept_plans import Saving, keep_plan
from runner.cli.io.output import show_warnings
from runner.cli.io.report_files import claim, publish
from runner.cli.io.snapshot import balance_history, remembered
from runner.core.errors import ExitCode, UsageError
from runner.planning.accounting.balance_confirmation import remembered_balances
from runner.planning.accounting.ledger import make_ledger
from runner.planning.fingerprint import checksum
from runner.planning.guards.price_guard import PriceTerms
from runner.planning.plan import Plan
from runner.planning.reconcile.plan_request import PlanRequest, plan_of
from runner.planning.refills.due_refills import RefillInputs
from runner.planning.status.order_status import make_standings
from runner.planning.what_if import FORMS, WhatIf, parse
from runner.report.documents.as_json import plan_chunks
from runner.report.model.build import plan_model
from runner.report.model.model import ReportModel
from runner.report.terminal.style import attention
from runner.report.text.plan import render_plan, render_verdict

if TYPE_CHECKING:
    from runner.engine.session import Session

    Keep = Callable[[Session, Plan], Awaitable[Plan]]

_EXPIRES = timedelta(days=7)


@click.command(cls=Command, params=[*PLANNING])
@click.option(
    "--out", type=click.Path(path_type=Path), help="Save the plan; runner apply FILE does just that, once, or nothing."
)
@click.option(
    "--expires",
    type=Duration(),
    metavar="DURATION",
    help="With --out: the saved plan may be applied for so long: 12h, 30d.  [default: 7d]",
)
@click.option("--no-refresh", is_flag=True, help="Plan from what is remembered; calls no panel.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 when there is something to do.")
@click.option("--max-cost", type=Amount(), help="Refuse a plan that costs more.")
@click.option(
    "--what-if",
    "questions",
    multiple=True,
    metavar="QUESTION",
    help="Plan as if: budget=100 (what fits, by priority), balance=100, quantity=500, quantity*=2. May be repeated.",
)
def plan(
    settings: Settings,
    *,
    out: Path | None,
    expires: timedelta | None,
    no_refresh: bool,
    detailed_exitcode: bool,
    questions: tuple[str, ...],
) -> int:
    """Show what apply would do about campaign FILES: orders to place, their cost, the balance before and after.

    Ends with the exit code apply would have before its first action: 10, 11, 12, 13; 15 with orders in doubt.
    """
    what_if = _what_if(questions, out)
    if expires is not None and out is None:
        raise UsageError("--expires is for a plan that is saved", "add --out FILE")
    inputs = need_inputs(settings)
    claim(settings, inputs, out=out)
    request = replace(plan_request(settings, inputs), what_if=what_if)
    keep = None if out is None else partial(keep_plan, settings, inputs, Saving(out, expires or _EXPIRES))
    made = (_from_memory if no_refresh else _refreshed)(settings, inputs, request, keep)
    code = plan_exit_code(made, detailed=detailed_exitcode)
    next_line = "runner plan" if what_if is not None else next_command(settings, out)
    code = show_plan(settings, inputs, made, next_line, code)
    if out is not None and settings.format == "json":
        settings.stderr().line(attention("note:"), made.notes[-1])
    return code


def plan_request(settings: Settings, inputs: Inputs) -> PlanRequest:
    """The request that the flags make. InvalidInput (exit 10) if the counts have errors; they are on stderr then."""
    return PlanRequest(
        campaigns=inputs.campaigns,
        selection=settings.selection,
        max_cost=settings.max_cost,
        counts=need_counts(settings),
        prune=settings.prune,
        others=others(settings),
    )


def plan_exit_code(made: Plan, *, detailed: bool) -> ExitCode:
    """The exit code of a plan: 10 and 11 come before 15, and 15 before 2."""
    if made.exit_code is not ExitCode.OK:
        return made.exit_code
    if made.has_doubts:
        return ExitCode.IN_DOUBT
    return ExitCode.CHANGES if detailed and made.actions else ExitCode.OK


def next_command(settings: Settings, out: Path | None = None) -> str:
    """The command that carries the plan out, with the flags that it was made with."""
    if out is not None:
        return f"runner apply {out}"
    words = ["runner apply", *settings.files]
    words += [f"--select '{glob}'" for glob in settings.select] + [f"--exclude '{glob}'" for glob in settings.exclude]
    if settings.prune:
        words.append("--prune")
    return " ".join(words) + settings.places


def show_plan(settings: Settings, inputs: Inputs, made: Plan, next_line: str, code: ExitCode) -> ExitCode:
    """The plan on stdout in the format asked for, and in every --report file; the exit code."""
    made = located(made, inputs.campaigns)

    def model() -> ReportModel:
        recorded, now = remembered(settings), datetime.now(UTC)
        selection = settings.bound(inputs.campaigns, recorded, now)
        currencies = {name: one.balance.currency for name, one in made.money.items() if one.balance is not None}
        return plan_model(
            made,
            make_standings(inputs.campaigns, recorded, now, selection=selection, complete=not settings.files),
            recorded,
            make_ledger(recorded, panels=inputs.panels, currencies=currencies),
            now=now,
            exit_code=code,
            balances=balance_history(settings, inputs.panels),
            next_command=next_line,
            diagnostics=inputs.warnings,
        )

    as_text = partial(render_plan, made, next_command=next_line)
    code = publish(settings, code, lambda: plan_chunks(made, checksum(made)), as_text, model)
    if settings.format == "json":
        show_diagnostics(settings, made.problems)
        render_verdict(made, settings.stderr(), next_line)  # the document has no room for what stands in the way
    show_warnings(settings, made.warnings)
    return code


def _what_if(questions: tuple[str, ...], out: Path | None) -> WhatIf | None:
    """The questions of --what-if; None if there is none."""
    if not questions:
        return None
    if out is not None:
        raise UsageError("--what-if is a question: its plan can't be saved", "leave out --out, or --what-if")
    try:
        return parse(questions)
    except ValueError as error:
        raise UsageError(f"--what-if {error}", f"ask {FORMS}") from error


def _from_memory(settings: Settings, inputs: Inputs, request: PlanRequest, keep: "Keep | None") -> Plan:
    gc.disable()  # this process ends soon, and a plan is a million tuples without a cycle: a third of its time
    admit_run(settings, inputs, "plan")
    recorded = remembered(settings)
    refills = RefillInputs(now=datetime.now(UTC), counts=request.counts)
    made = plan_of(request, recorded, refills, PriceTerms(profiles=inputs.profiles))
    made = _bound(replace(made, notes=(*made.notes, *remembered_balances(recorded, made.money))))
    if keep is None:
        return made
    from runner.cli.composition import in_session

    # By another name: nobody has looked at the prices of now.
    return in_session(settings, inputs, "save plan", lambda session: keep(session, made), panels=())


def _refreshed(settings: Settings, inputs: Inputs, request: PlanRequest, keep: "Keep | None") -> Plan:
    from runner.cli.composition import in_session
    from runner.engine.run import prepare

    # A question is recorded by another name: only a plan as it would be applied counts as a look at the prices.
    is_look = request.what_if is None
    request = replace(request, is_look=is_look)

    async def make(session: "Session") -> Plan:
        made = _bound((await prepare(session, request))[0])
        return made if keep is None else await keep(session, made)

    return in_session(settings, inputs, "plan" if is_look else "what-if", make, lambda made: made.exit_code)


def _bound(made: Plan) -> Plan:
    """The plan with its files as they are seen from the project's folder."""
    return replace(made, digests={in_project(name): digest for name, digest in made.digests.items()})
