"""`runner apply`: one reconcile pass, agreed to on a terminal, by --yes, or by a saved plan."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from runner.cli.arguments.options import (
    CALLING,
    COUNTS,
    NEW_STATE,
    NO_CI,
    PRUNE,
    READING,
    REPORT,
    Amount,
    Settings,
    format_option,
    options,
)
from runner.cli.arguments.project import from_here, in_project
from runner.cli.commands.plan import next_command
from runner.cli.io.inputs import Inputs, located, need_counts, need_inputs, others, show_diagnostics, start_logging
from runner.cli.io.listener import listener
from runner.cli.io.output import show_warnings
from runner.cli.io.report_files import Result, claim, publish
from runner.cli.io.snapshot import balance_history, remembered
from runner.cli.process import signals
from runner.cli.process.prompts import may_ask, to_do
from runner.core.attempts import OutcomeKind
from runner.core.errors import ExitCode, GuardRefused, Interrupted, PlanStale, StateRefused, UsageError
from runner.core.events import EventType
from runner.core.orders import SANDBOX
from runner.engine.results import ApplyResult
from runner.planning.fingerprint import differences
from runner.planning.plan import Plan
from runner.planning.reconcile.plan_request import PlanRequest
from runner.planning.status.order_status import make_standings
from runner.planning.status.selectors import only
from runner.report.documents.as_json import apply_chunks
from runner.report.documents.plan_file import PlanFile, load_plan
from runner.report.model.build import apply_model
from runner.report.model.model import ReportModel
from runner.store.disk.paths import StatePaths
from runner.store.integrity.lineage import noted
from runner.store.integrity.progress_evidence import check


@click.command()
@options(*READING, format_option("text", "json", "jsonl"), *CALLING, NEW_STATE, PRUNE, COUNTS, REPORT, NO_CI)
@click.option("-y", "--yes", is_flag=True, help="Do not ask. Never settles a doubt.")
@click.option("--no-input", is_flag=True, envvar="BULK_RUNNER_NO_INPUT", help="Never ask; without --yes, buy nothing.")
@click.option("--max-cost", type=Amount(), help="Refuse a plan that costs more.")
def apply(
    *,
    yes: bool,
    no_input: bool,
    max_cost: Decimal | None,
    prune: bool,
    counts: Path | None,
    **flags: Any,  # noqa: ANN401  # click passes options by name
) -> int:
    """Buy what campaign FILES list and the state does not hold; or carry out a saved plan, PLAN.json.

    Asks on a terminal; elsewhere it needs --yes or a saved plan. The sandbox needs neither. Running it again is safe.
    """
    settings = Settings(**flags)
    given = settings.files
    saved = _saved_plan(settings, prune=prune)
    if saved is not None:
        settings = _for_saved(settings, saved)
    inputs = need_inputs(settings)
    claim(settings, inputs, read=[counts, *map(Path, given)])
    start_logging(settings)
    asking = _Consent(settings, saved, prune=prune, may_act=yes, may_ask=may_ask(no_input=no_input))
    request = PlanRequest(
        campaigns=inputs.campaigns,
        selection=settings.selection,
        max_cost=max_cost,
        counts=need_counts(settings, counts),
        # Refills that have become due since a plan was saved are no reason to call it stale: a later apply asks for them.
        refills_only=None if saved is None else saved.refills,
        planned=None if saved is None else saved.saved.services,
        prune=prune if saved is None else saved.prune,
        others=others(settings),
    )
    try:
        result = asyncio.run(_apply(settings, inputs, asking, request))
        return _show(settings, inputs, result)
    except KeyboardInterrupt:  # the run has let go of Ctrl-C: it has ended, or not begun
        if asking.ended is None:
            raise
        if asking.ended is not ExitCode.IN_DOUBT:
            raise Interrupted("interrupted when the run had ended: what it did is recorded", "runner status") from None
        from runner.cli.main import complain

        complain("interrupted when the run had ended: at least one order is in doubt", "runner doubt list")
        return ExitCode.IN_DOUBT


def _saved_plan(settings: Settings, *, prune: bool) -> PlanFile | None:
    """The plan file, if the one FILE is one."""
    plans = [name for name in settings.files if name.endswith(".json")]
    if not plans:
        return None
    if len(settings.files) > 1 or settings.select or settings.exclude or prune:
        raise UsageError(
            "a saved plan stands alone: no other files, no --select, no --exclude, no --prune",
            "name nothing but the plan; or leave it out, and the files are planned anew",
        )
    return load_plan(Path(plans[0]))


def _for_saved(settings: Settings, saved: PlanFile) -> Settings:
    """The orders of a saved plan are those that it names: their statuses, by which it may have chosen, go on changing."""
    selection = None
    if saved.select or saved.exclude:
        selection = only(one.order for one in saved.saved.actions)
    return replace(settings, files=tuple(map(from_here, saved.saved.digests)), selection=selection)


_AGAIN = "look at a new one: runner plan --out plan.json"


class _Consent:
    """Sees the fresh plan before the first action, and says whether to begin."""

    def __init__(
        self, settings: Settings, saved: PlanFile | None, *, prune: bool, may_act: bool, may_ask: bool
    ) -> None:
        self._settings = settings
        self._saved = saved
        self._prune = prune
        self._may_act = may_act
        self._may_ask = may_ask
        self.pause: Callable[[], None] = lambda: None  # takes the progress display off the screen before a question
        self.ended: ExitCode | None = None  # how the run ended, once it has

    def check_state(self) -> None:
        """Under the lock, before this run writes: the state must be the one that the saved plan was made from."""
        if self._saved is None:
            return
        paths = StatePaths.at(self._settings.state)
        check(paths)
        present, saved = noted(paths), self._saved.saved
        if present is None or (present.lineage, present.serial) != (saved.lineage, saved.serial):
            raise PlanStale("the saved plan is stale: the state has changed since", _AGAIN)

    def need_fresh(self, plan: Plan) -> None:
        """The saved plan, if there is one, must say what `plan` does. Also asked where nothing is left to be done."""
        if self._saved is None or plan.exit_code is not ExitCode.OK:  # what stands in the way is told instead
            return
        # The serial was compared when the lock was taken; since then this very run has written.
        digests = {in_project(name): digest for name, digest in plan.digests.items()}
        fresh = replace(plan, serial=self._saved.saved.serial, digests=digests)
        if changes := differences(self._saved.saved, fresh):
            raise PlanStale(f"the saved plan is stale: {'; '.join(changes)}", _AGAIN)

    def __call__(self, plan: Plan) -> bool:
        """True to begin. Raises `PlanStale`, `Interrupted` or `GuardRefused`; nothing has been sent then."""
        if self._saved is not None:
            self.need_fresh(plan)
            return True
        if self._may_act or plan.panels <= {SANDBOX}:
            return True
        if not self._may_ask:
            raise GuardRefused(
                f"{to_do(plan.purchases(), plan.refills, plan.cancels)} and nobody to ask; nothing was sent",
                "add --yes, or save a plan with runner plan --out plan.json and apply that",
            )
        from runner.report.text.plan import render_plan

        self.pause()
        render_plan(plan, self._settings.stderr(), next_command(self._settings, None, prune=self._prune))
        show_warnings(self._settings, plan.warnings)
        with signals.asking():
            agreed = click.confirm(_question(plan), default=False, err=True)
        if not agreed:
            raise Interrupted("not confirmed; nothing was sent")
        return True


def _question(plan: Plan) -> str:
    cancels = f"ask to cancel {len(plan.cancels):,} order(s)" if plan.cancels else ""
    if plan.purchases():
        return f"Place these orders, and {cancels}?" if cancels else "Place these orders?"
    if plan.refills:
        return f"Ask for these refills, and {cancels}?" if cancels else "Ask for these refills?"
    return f"{cancels.capitalize()}?"


async def _apply(settings: Settings, inputs: Inputs, asking: _Consent, request: PlanRequest) -> ApplyResult:
    from runner.cli.composition import end_run, open_session
    from runner.engine.run import apply as run_pass

    with listener(settings) as listen:
        asking.pause = getattr(listen, "pause", asking.pause)
        async with open_session(settings, inputs, "apply", listen, asking.check_state) as session:
            result = await run_pass(session, request, asking)
            if not _has_acted(result):
                asking.need_fresh(result.plan)
            asking.ended = result.exit_code
            try:
                await end_run(session, result.exit_code)
            except StateRefused as error:
                result = _not_recorded(result, error)
                session.tell(EventType.NOTE, message=f"{error.message}; next: {error.hint}")
                session.tell(EventType.RUN_FINISHED, exit_code=int(result.exit_code))
    return result


def _has_acted(result: ApplyResult) -> bool:
    plan = result.plan
    return bool(plan.purchases() or plan.refills or plan.cancels)


def _not_recorded(result: ApplyResult, error: StateRefused) -> ApplyResult:
    """What to show of a run whose end the state did not take: all of it, but never as a success."""
    if not result.in_doubt and all(order.outcome is OutcomeKind.NOT_SENT for order in result.orders):
        raise StateRefused(f"{error.message}; nothing was bought", error.hint) from error
    return replace(result, exit_code=result.exit_code or ExitCode.FAILURE)


def _show(settings: Settings, inputs: Inputs, result: ApplyResult) -> ExitCode:
    from runner.report.text.apply import render_apply
    from runner.report.text.plan import render_verdict

    def as_json(stream: Any) -> None:  # noqa: ANN401  # a text stream
        stream.writelines(apply_chunks(result))

    def model() -> ReportModel:
        recorded, now = remembered(settings), datetime.now(UTC)
        chosen = settings.selection
        if chosen is not None and chosen.needs_state:  # the run has changed the statuses by which it chose
            chosen = only({one.order.address for one in result.plan.actions})
        selection = None if chosen is None else chosen.bind(inputs.campaigns, recorded, now)
        standings = make_standings(inputs.campaigns, recorded, now, selection=selection, complete=not settings.files)
        balances = balance_history(settings, inputs.panels)
        return apply_model(
            result, standings, inputs.campaigns, recorded, now=now, balances=balances, diagnostics=inputs.warnings
        )

    plan = located(result.plan, inputs.campaigns)
    result = replace(result, plan=plan)
    show_diagnostics(settings, plan.problems)
    if settings.format != "text" and (plan.problems or plan.refusals):
        render_verdict(plan, settings.stderr())  # neither document nor events have room for what stood in the way
    told = Result(as_text=lambda screen: render_apply(result, screen), as_json=as_json, model=model)
    code = publish(settings, result.exit_code, told)
    show_warnings(settings, dict.fromkeys([*plan.warnings, *result.warnings]))
    return code
