"""`runner watch`: applies again and again until nothing goes on by itself; options, display, final report."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import click

from runner.cli.arguments.durations import Duration
from runner.cli.arguments.options import BUYING, MAX_COST, Command, Settings
from runner.cli.io.applied import interrupted_late, publish_applied
from runner.cli.io.inputs import Inputs, located, need_inputs
from runner.cli.io.listener import listener
from runner.cli.io.output import show_warnings
from runner.cli.io.report_files import claim
from runner.cli.io.snapshot import balance_history
from runner.cli.process.signals import draining
from runner.cli.watch.consent import Consent, TerminalLine
from runner.core.errors import ExitCode, RunnerError, UsageError
from runner.core.events import Event, EventType, Listener, no_op
from runner.core.orders import SANDBOX
from runner.core.values.clock import SystemClock, to_text
from runner.engine.stopping import Stop
from runner.engine.watch.loop import Watch, WatchResult, WatchTerms
from runner.engine.watch.totals import PassResult
from runner.planning.plan import Plan
from runner.planning.status.completion import Outlook, Until
from runner.planning.status.order_status import make_standings
from runner.planning.status.wakeups import Moment, Pace
from runner.report.live.watch_end import render_watch, verdict_of
from runner.report.live.watch_lines import WatchDisplay, WatchLines
from runner.report.live.watch_table import WatchTable
from runner.report.live.watch_view import Rates, WatchView, view_of
from runner.report.model.build import apply_model
from runner.report.model.model import ReportModel
from runner.report.text.plan import render_plan

_EVERYTHING = timedelta(minutes=1)  # with a longest pause up to this, each pass asks for all that is live


@click.command(cls=Command, params=[*BUYING, MAX_COST(help="Buy for no more than this in the whole watch.")])
@click.option(
    "--until",
    type=click.Choice(["final", "placed"]),
    default="final",
    show_default=True,
    help="End when every order is final, or only bought; or when the rest needs a person.",
)
@click.option("--timeout", type=Duration(), help="End after so long, with exit code 16: 90s, 10m, 24h, 30d.")
@click.option("--min-pause", type=Duration(), help="Shortest pause between passes.  [default: 15s; sandbox: 1s]")
@click.option("--max-pause", type=Duration(), help="Longest pause between passes.  [default: 1h; sandbox: 5s]")
def watch(
    settings: Settings,
    *,
    until: str,
    timeout: timedelta | None,
    min_pause: timedelta | None,
    max_pause: timedelta | None,
) -> int:
    """Apply again and again, when there is something to see, until everything of campaign FILES is final.

    Files are read before each pass, and the state is free between them: edit, settle doubts, top up meanwhile.
    Buying needs what apply needs: an answer on a terminal, else --yes; the sandbox needs neither.
    """
    if any(name.endswith(".json") for name in settings.files):
        raise UsageError("a saved plan is carried out once: runner apply PLAN.json", "give watch campaign files")
    inputs = need_inputs(settings)
    claim(settings, inputs)
    pace = _pace(inputs, min_pause, max_pause)
    watching = _Watching(settings, inputs, WatchTerms(until=Until(until), timeout=timeout, pace=pace))
    watched = asyncio.run(watching.run())
    try:
        return watching.tell(watched)
    except KeyboardInterrupt:  # the watch has let go of Ctrl-C: it has ended
        return interrupted_late("watch", watched.exit_code)


def _pace(inputs: Inputs, min_pause: timedelta | None, max_pause: timedelta | None) -> Pace:
    usual = Pace()
    if set(inputs.panels) <= {SANDBOX}:  # a minute of its time is a second of ours, and asking it costs nothing
        usual = Pace(floor=timedelta(seconds=1), ceiling=timedelta(seconds=5))
    if min_pause is not None and max_pause is not None and min_pause > max_pause:
        raise UsageError("--min-pause is longer than --max-pause", "swap them, or leave one out")
    floor = usual.floor if min_pause is None else min_pause
    ceiling = usual.ceiling if max_pause is None else max_pause
    if min_pause is None:
        floor = min(floor, ceiling)
    return Pace(floor=floor, ceiling=max(floor, ceiling))


class _Watching:
    """One `runner watch`: joins the passes, the loop around them, the display and the person."""

    def __init__(self, settings: Settings, inputs: Inputs, terms: WatchTerms) -> None:
        self._settings = settings
        self._inputs = inputs
        self._terms = terms
        self._display = _display(settings, inputs)
        self._listen: Listener = no_op
        self._line = TerminalLine()
        self._rates = Rates()
        self._view: WatchView | None = None
        self._run_id = ""

    async def run(self) -> WatchResult:
        """Run the watch to its end. Raises what its first pass raises."""
        from runner.cli.watch.one_pass import Passes

        clock, stop = SystemClock(), Stop()
        with listener(self._settings, self._display) as self._listen, draining(stop):
            passes = Passes(
                settings=self._settings,
                adaptive=self._terms.pace.ceiling > _EVERYTHING,
                inputs=self._inputs,
                clock=clock,
                stop=stop,
                listen=self._listen,
                consent=Consent(may_act=self._settings.yes, ask=self._ask if self._settings.may_ask else None),
                say=self._display.say,
            )
            watching = Watch(passes, self._terms, clock, stop, self)
            passes.wake = watching.wake
            try:
                return await watching.run()
            finally:
                self._line.close()
                self._inputs = passes.inputs

    def passed(self, number: int, passed: PassResult, outlook: Outlook) -> None:
        """Show what a pass left."""
        self._run_id = passed.result.run_id
        self._view = view_of(number, passed, outlook, datetime.now(UTC), self._rates)
        self._display.show(self._view)
        plan = passed.result.plan
        for refusal in plan.refusals:
            self._display.say(f"nothing is bought: {refusal.message}")
        for problem in located(plan, passed.campaigns).problems:
            self._display.say(str(problem))

    def failed(self, error: RunnerError, times: int) -> None:
        """Show why a pass did not go through."""
        self._display.failed(error, times)

    def waiting(self, moment: Moment) -> None:
        """Show until when, and tell whoever reads events."""
        now = datetime.now(UTC)
        self._display.waiting(moment, now)
        facts = {"until": to_text(moment.at), "why": moment.why}
        self._listen(Event(type=EventType.WAITING, time=now, run_id=self._run_id, facts=facts))

    def _ask(self, plan: Plan, answered: Callable[[bool], None]) -> None:
        """Show a plan and ask for a yes, while the watch goes on behind it; whatever is no yes is a no."""
        self._display.pause()
        out = self._settings.stderr()
        render_plan(plan, out, "")
        show_warnings(self._settings, plan.warnings)
        out.line(
            "Agreed to with it: what waits, what is dripped and what policies buy again of these lines, at no higher price."
        )

        def prompt() -> None:
            click.echo("Carry this out? [y/N]: ", nl=False, err=True)
            self._line.read(take)

        def take(text: str) -> None:
            word = text.strip().lower()
            if text and word not in ("y", "yes", "n", "no", ""):
                prompt()
                return
            self._display.resume()
            answered(word in ("y", "yes"))

        prompt()

    def tell(self, watched: WatchResult) -> ExitCode:
        """Show the result on stdout and in reports; returns the exit code."""
        result, last = watched.result, watched.last
        if result is None or last is None:
            return watched.exit_code
        result = replace(result, plan=located(result.plan, self._inputs.campaigns))
        watched = replace(watched, result=result)

        def model() -> ReportModel:
            now = datetime.now(UTC)
            is_whole = not self._settings.files
            standings = make_standings(last.campaigns, last.recorded, now, selection=last.selection, complete=is_whole)
            made = apply_model(
                result,
                standings,
                last.recorded,
                now=now,
                balances=balance_history(self._settings, self._inputs.panels),
                diagnostics=self._inputs.warnings,
            )
            return replace(made, command="watch", verdict=verdict_of(watched, self._view))

        return publish_applied(
            self._settings,
            watched.exit_code,
            result,
            as_text=lambda screen: render_watch(watched, self._view, screen),
            model=model,
            trouble="" if watched.trouble is None else watched.trouble.message,
        )


def _display(settings: Settings, inputs: Inputs) -> WatchDisplay:
    out = settings.stderr()
    if out.is_terminal and not settings.quiet:
        names = [one.name for one in inputs.campaigns]
        title = f"Watching {names[0]}" if len(names) == 1 else f"Watching {len(names):,} campaigns"
        return WatchTable(out, title)
    return WatchLines(out, quiet=settings.quiet)
