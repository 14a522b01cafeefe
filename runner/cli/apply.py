"""`runner apply`: one reconcile pass, asked for on a terminal, bound to a saved plan, or with --yes."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner.cli.asking import may_ask, plain_signals
from runner.cli.options import CALLING, COUNTS, NO_CI, READING, REPORT, Amount, Settings, format_option, options
from runner.cli.plan import next_command
from runner.core.errors import ExitCode, GuardRefused, Interrupted, PlanStale, StateRefused, UsageError
from runner.core.events import EventType
from runner.core.orders import SANDBOX

if TYPE_CHECKING:
    from runner.cli.inputs import Inputs
    from runner.engine.result import ApplyResult
    from runner.planning.plan import Plan
    from runner.planning.wish import Wish
    from runner.report.model import ReportModel
    from runner.report.plan_file import PlanFile


@click.command()
@options(*READING, format_option("text", "json", "jsonl"), *CALLING, COUNTS, REPORT, NO_CI)
@click.option("-y", "--yes", is_flag=True, help="Do not ask. Never settles a doubt.")
@click.option("--no-input", is_flag=True, envvar="BULK_RUNNER_NO_INPUT", help="Never ask; without --yes, buy nothing.")
@click.option("--max-cost", type=Amount(), help="Refuse a plan that costs more.")
def apply(yes: bool, no_input: bool, max_cost: Decimal | None, counts: Path | None, **flags: Any) -> int:  # noqa: ANN401  # click passes options by name
    """Buy what campaign FILES list and the state does not hold; or carry out a saved plan, PLAN.json.

    Asks on a terminal; elsewhere it needs --yes or a saved plan. The sandbox needs neither. Running it again is safe.
    """
    from runner.cli.inputs import need_counts, need_inputs, start_logging
    from runner.cli.reports import claim
    from runner.planning.wish import Wish

    settings = Settings(**flags)
    start_logging(settings)
    claim(settings)
    saved = _saved_plan(settings)
    if saved is not None:
        settings = _for_saved(settings, saved)
    inputs = need_inputs(settings)
    asking = _Consent(settings, saved, may_buy=yes, may_ask=may_ask(no_input=no_input))
    wish = Wish(
        campaigns=inputs.campaigns,
        selection=settings.selection,
        max_cost=max_cost,
        counts=need_counts(settings, counts),
        # Refills that have become due since a plan was saved are no reason to call it stale: a later apply asks for them.
        refills_only=None if saved is None else saved.refills,
        planned=None if saved is None else saved.saved.services,
    )
    try:
        result = asyncio.run(_apply(settings, inputs, asking, wish))
        return _show(settings, inputs, result)
    except KeyboardInterrupt:  # the run has let go of Ctrl-C: it has ended, or not begun
        if asking.ended is not ExitCode.IN_DOUBT:
            raise
        from runner.cli.main import complain

        complain("interrupted when the run had ended: at least one order is in doubt", "runner doubt list")
        return ExitCode.IN_DOUBT


def _saved_plan(settings: Settings) -> "PlanFile | None":
    """The plan file, if the one FILE is one."""
    plans = [name for name in settings.files if name.endswith(".json")]
    if not plans:
        return None
    if len(settings.files) > 1 or settings.select or settings.exclude:
        raise UsageError("a saved plan stands alone: no other files, no --select, no --exclude")
    from runner.report.plan_file import load_plan

    return load_plan(Path(plans[0]))


def _for_saved(settings: Settings, saved: "PlanFile") -> Settings:
    return replace(settings, files=tuple(saved.saved.digests), select=saved.select, exclude=saved.exclude)


_AGAIN = "look at a new one: runner plan --out plan.json"


class _Consent:
    """Sees the fresh plan before the first action, and says whether to begin."""

    def __init__(self, settings: Settings, saved: "PlanFile | None", *, may_buy: bool, may_ask: bool) -> None:
        self._settings = settings
        self._saved = saved
        self._may_buy = may_buy
        self._may_ask = may_ask
        self.pause: Callable[[], None] = lambda: None  # takes the progress display off the screen before a question
        self.ended: ExitCode | None = None  # how the run ended, once it has

    def check_state(self) -> None:
        """Under the lock, before this run writes: the state must be the one that the saved plan was made from."""
        if self._saved is None:
            return
        from runner.store.lineage import check, noted
        from runner.store.paths import StatePaths

        paths = StatePaths.at(self._settings.state)
        check(paths)
        present, saved = noted(paths), self._saved.saved
        if present is None or (present.lineage, present.serial) != (saved.lineage, saved.serial):
            raise PlanStale("the saved plan is stale: the state has changed since", _AGAIN)

    def _refuse_stale(self, plan: "Plan") -> None:
        from runner.planning.checksum import differences

        if self._saved is not None and (changes := differences(self._saved.saved, plan)):
            raise PlanStale(f"the saved plan is stale: {'; '.join(changes)}", _AGAIN)

    def __call__(self, plan: "Plan") -> bool:
        """True to begin. Raises `PlanStale`, `Interrupted` or `GuardRefused`; nothing has been sent then."""
        if self._saved is not None:
            # The serial was compared when the lock was taken; since then this very run has written.
            self._refuse_stale(replace(plan, serial=self._saved.saved.serial))
            return True
        if self._may_buy or _panels_of(plan) <= {SANDBOX}:
            return True
        if not self._may_ask:
            raise GuardRefused(
                f"{_to_do(plan)} and nobody to ask; nothing was sent",
                "add --yes, or save a plan with runner plan --out plan.json and apply that",
            )
        from runner.cli.output import show_warnings
        from runner.report.text import render_plan

        self.pause()
        render_plan(plan, self._settings.stderr(), next_command(self._settings, None))
        show_warnings(self._settings, plan.warnings)
        with plain_signals():
            question = "Place these orders?" if plan.purchases() else "Ask for these refills?"
            agreed = click.confirm(question, default=False, err=True)
        if not agreed:
            raise Interrupted("not confirmed; nothing was sent")
        return True


def _panels_of(plan: "Plan") -> set[str]:
    """The panels that the plan would act on."""
    return {action.panel for action in plan.purchases()} | {due.panel for due in plan.refills}


def _to_do(plan: "Plan") -> str:
    parts = ((len(plan.purchases()), "order(s) to place"), (len(plan.refills), "refill(s) to ask for"))
    return " and ".join(f"{number} {what}" for number, what in parts if number)


async def _apply(settings: Settings, inputs: "Inputs", asking: _Consent, wish: "Wish") -> "ApplyResult":
    from runner.cli.output import listener
    from runner.cli.wiring import end_run, open_session
    from runner.engine.run import apply as run_pass

    with listener(settings) as listen:
        asking.pause = getattr(listen, "pause", asking.pause)
        async with open_session(settings, inputs, "apply", listen, asking.check_state) as session:
            result = await run_pass(session, wish, asking)
            asking.ended = result.exit_code
            try:
                await end_run(session, result.exit_code)
            except StateRefused as error:
                result = _not_recorded(result, error)
                session.tell(EventType.NOTE, message=f"{error.message}; next: {error.hint}")
                session.tell(EventType.RUN_FINISHED, exit_code=int(result.exit_code))
    return result


def _not_recorded(result: "ApplyResult", error: StateRefused) -> "ApplyResult":
    """What to show of a run whose end the state did not take: all of it, but never as a success."""
    from runner.core.attempts import OutcomeKind

    if not result.in_doubt and all(order.outcome is OutcomeKind.NOT_SENT for order in result.orders):
        raise StateRefused(f"{error.message}; nothing was bought", error.hint) from error
    return replace(result, exit_code=result.exit_code or ExitCode.FAILURE)


def _show(settings: Settings, inputs: "Inputs", result: "ApplyResult") -> ExitCode:
    from runner.cli.inputs import show_diagnostics
    from runner.cli.output import show_warnings
    from runner.cli.reports import Result, publish
    from runner.report.as_json import apply_chunks
    from runner.report.text import render_apply, render_verdict

    def as_json(stream: Any) -> None:  # noqa: ANN401  # a text stream
        stream.writelines(apply_chunks(result))

    def model() -> "ReportModel":
        from runner.cli.remembered import balance_history, remembered
        from runner.planning.standing import make_standings
        from runner.report.make_model import apply_model

        recorded, now = remembered(settings), datetime.now(UTC)
        standings = make_standings(
            inputs.campaigns, recorded, now, selection=settings.selection, complete=not settings.files
        )
        balances = balance_history(settings, inputs.panels)
        return apply_model(
            result, standings, inputs.campaigns, recorded, now=now, balances=balances, diagnostics=inputs.warnings
        )

    plan = result.plan
    show_diagnostics(settings, plan.problems)
    if settings.format != "text" and (plan.problems or plan.refusals):
        render_verdict(plan, settings.stderr())  # neither document nor events have room for what stood in the way
    told = Result(as_text=lambda screen: render_apply(result, screen), as_json=as_json, model=model)
    code = publish(settings, result.exit_code, told)
    show_warnings(settings, result.warnings)
    return code
