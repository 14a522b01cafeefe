"""`runner apply`: one reconcile pass, agreed to on a terminal, by --yes, or by a saved plan."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click

from runner.cli.arguments.options import BUYING, MAX_COST, Command, Settings
from runner.cli.arguments.project import from_here, in_project
from runner.cli.commands.plan import next_command, plan_request
from runner.cli.io.applied import interrupted_late, publish_applied
from runner.cli.io.inputs import Inputs, accounts_of, located, need_inputs
from runner.cli.io.kept_plans import again, need_kept
from runner.cli.io.listener import listener
from runner.cli.io.output import show_warnings
from runner.cli.io.report_files import claim
from runner.cli.io.snapshot import balance_history, check_state, remembered
from runner.cli.process.prompts import confirm, to_do
from runner.core.attempts import OutcomeKind
from runner.core.errors import ExitCode, GuardRefused, PlanStale, StateRefused, UsageError
from runner.core.events import EventType
from runner.core.orders import SANDBOX
from runner.engine.results import ApplyResult
from runner.planning.fingerprint import SavedPlan, changed_inputs, differences
from runner.planning.plan import Plan
from runner.planning.reconcile.plan_request import PlanRequest
from runner.planning.status.order_status import make_standings
from runner.planning.status.selectors import only
from runner.report.documents.plan_file import load_plan
from runner.report.model.build import apply_model
from runner.report.model.model import ReportModel
from runner.report.text.apply import render_apply
from runner.report.text.plan import render_plan


@click.command(cls=Command, params=[*BUYING, MAX_COST(help="Refuse a plan that costs more.")])
def apply(settings: Settings) -> int:
    """Buy what campaign FILES list and the state does not hold; or carry out a saved plan, PLAN.json.

    Asks on a terminal; elsewhere it needs --yes or a saved plan. The sandbox needs neither. Running it again is safe.
    """
    given = settings.files
    saved = _saved_plan(settings)
    if saved is not None:
        settings = _for_saved(settings, saved)
    inputs = need_inputs(settings)
    claim(settings, inputs, read=map(Path, given))
    request = plan_request(settings, inputs)
    if saved is not None:
        caps = [cap for cap in (request.max_cost, saved.max_cost) if cap is not None]
        request = replace(request, saved=saved, prune=saved.prune, max_cost=min(caps, default=None))
    asking = _Consent(settings, inputs, saved, next(iter(given), ""))
    try:
        result = asyncio.run(_apply(settings, inputs, asking, request))
        return _show(settings, inputs, result)
    except KeyboardInterrupt:  # the run has let go of Ctrl-C: it has ended, or not begun
        if asking.ended is None:
            raise
        return interrupted_late("run", asking.ended)


def _saved_plan(settings: Settings) -> SavedPlan | None:
    """The saved plan, if FILES is one; else None. UsageError if other files or filters stand beside it."""
    plans = [name for name in settings.files if name.endswith(".json")]
    if not plans:
        return None
    if len(settings.files) > 1 or settings.select or settings.exclude or settings.prune:
        raise UsageError(
            "a saved plan stands alone: no other files, no --select, no --exclude, no --prune",
            "name nothing but the plan; or leave it out, and the files are planned anew",
        )
    return load_plan(Path(plans[0])).saved


def _for_saved(settings: Settings, saved: SavedPlan) -> Settings:
    """Settings that select the orders named in a saved plan: the statuses that it selected by may have changed since."""
    selection = None
    if saved.select or saved.exclude:
        selection = only(one.order for one in saved.actions)
    return replace(settings, files=tuple(map(from_here, saved.digests)), selection=selection)


class _Consent:
    """Decides, with the fresh plan and before the first action, whether to begin."""

    def __init__(self, settings: Settings, inputs: Inputs, saved: SavedPlan | None, name: str) -> None:
        self._settings = settings
        self._inputs = inputs
        self._saved = saved
        self._name = name  # of the plan's file
        self.pause: Callable[[], None] = lambda: None  # takes the progress display off the screen before a question
        self.ended: ExitCode | None = None  # how the run ended, once it has

    def check_state(self) -> None:
        """Raise `PlanStale` if a saved plan may not be applied, or its files or accounts are others. Called under the lock."""
        if self._saved is None:
            return
        check_state(self._settings)
        need_kept(self._settings, self._saved, self._name)
        digests = {in_project(one.source): one.digest for one in self._inputs.campaigns}
        self._refuse_if(changed_inputs(self._saved, digests, accounts_of(self._inputs)))

    def need_fresh(self, plan: Plan) -> None:
        """Raise `PlanStale` if a saved plan differs from `plan`. Also called where nothing is left to be done."""
        if self._saved is not None and plan.exit_code is ExitCode.OK:  # else what stands in the way is told
            self._refuse_if(differences(self._saved, plan))

    def _refuse_if(self, changes: Sequence[str]) -> None:
        if changes:
            raise PlanStale(f"the saved plan is stale: {'; '.join(changes)}", f"put that right, or {again(self._name)}")

    def __call__(self, plan: Plan) -> bool:
        """True to begin. Raises `PlanStale`, `Interrupted` or `GuardRefused`; nothing has been sent then."""
        if self._saved is not None:
            self.need_fresh(plan)
            return True
        if self._settings.yes or plan.panels <= {SANDBOX}:
            return True
        if not self._settings.may_ask:
            raise GuardRefused(
                f"{to_do(plan.purchases(), plan.refills, plan.cancels)} and nobody to ask; nothing was sent",
                "add --yes, or save a plan with runner plan --out plan.json and apply that",
            )
        self.pause()
        render_plan(plan, self._settings.stderr(), next_command(self._settings))
        show_warnings(self._settings, plan.warnings)
        confirm(_question(plan))
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
        async with open_session(settings, inputs, "apply", listen, asking.check_state, copies=True) as session:
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
    """The result of a run whose end could not be recorded: the same, but never a success."""
    if not result.in_doubt and all(order.outcome is OutcomeKind.NOT_SENT for order in result.orders):
        raise StateRefused(f"{error.message}; nothing was bought", error.hint) from error
    return replace(result, exit_code=result.exit_code or ExitCode.FAILURE)


def _show(settings: Settings, inputs: Inputs, result: ApplyResult) -> ExitCode:
    def model() -> ReportModel:
        recorded, now = remembered(settings), datetime.now(UTC)
        chosen = settings.selection
        if chosen is not None and chosen.needs_state:  # the run has changed the statuses by which it chose
            chosen = only({one.order.address for one in result.plan.actions})
        selection = None if chosen is None else chosen.bind(inputs.campaigns, recorded, now)
        standings = make_standings(inputs.campaigns, recorded, now, selection=selection, complete=not settings.files)
        balances = balance_history(settings, inputs.panels)
        return apply_model(result, standings, recorded, now=now, balances=balances, diagnostics=inputs.warnings)

    result = replace(result, plan=located(result.plan, inputs.campaigns))
    return publish_applied(
        settings, result.exit_code, result, as_text=lambda screen: render_apply(result, screen), model=model
    )
