"""Text at the end of a watch: what came of the orders, what was bought, the money, and why it ended."""

from runner.core.errors import ExitCode
from runner.engine.watch.loop import Ended, WatchResult
from runner.report.live.watch_lines import percent
from runner.report.live.watch_view import WatchView
from runner.report.model.model import CampaignProgress, Tone, Verdict
from runner.report.model.verdicts import asked_words
from runner.report.terminal.screen import Field, Fit, Screen
from runner.report.terminal.style import Style, attention, command, counted, dim, strong
from runner.report.text.apply import TONES, render_missed
from runner.report.text.ledger import render_money
from runner.report.text.plan import render_verdict
from runner.report.wording import count, duration, words

_DOUBTS = "runner doubt list"
_AGAIN = "runner watch"


def render_watch(watched: WatchResult, view: WatchView | None, out: Screen) -> None:
    """Everything about a watch that is over."""
    result = watched.result
    if view is not None:
        _campaigns(watched, view, out)
    if result is not None:
        render_missed(result, out)
        render_money(result.report, out)
        if result.plan.problems or result.plan.refusals:
            out.blank()
            render_verdict(result.plan, out)
    out.blank()
    verdict = verdict_of(watched, view)
    out.line(TONES[verdict.tone](verdict.text))
    if watched.trouble is not None and watched.ended is not Ended.INTERRUPTED:
        out.line(attention(watched.trouble.message), indent=2)
        if watched.trouble.hint:
            out.line("next:", watched.trouble.hint, indent=2)
    if verdict.next_step:
        out.line("Next:", command(verdict.next_step))


def _campaigns(watched: WatchResult, view: WatchView, out: Screen) -> None:
    out.heading("Watched:", dim(f"{count(watched.passes, 'pass')} in {duration(watched.seconds)}"))
    fields: list[Field[CampaignProgress]] = [
        Field("campaign", lambda one: strong(one.campaign), Fit.NAME),
        Field("delivered", lambda one: f"{one.delivered:,} of {one.units:,}", Fit.NUMBER),
        Field("", lambda one: percent(one.delivered, one.units), Fit.NUMBER),
        Field("bought", lambda one: f"{one.bought:,}/{one.orders:,}", Fit.NUMBER),
        Field("live", lambda one: f"{one.live:,}", Fit.NUMBER),
        Field("final", lambda one: counted(one.final, Style.GOOD), Fit.NUMBER),
        Field("problems", lambda one: counted(one.problems, Style.BAD), Fit.NUMBER),
    ]
    out.listing(fields, view.campaigns)


def verdict_of(watched: WatchResult, view: WatchView | None) -> Verdict:
    """How a watch ended, in one sentence; for every kind of report."""
    states = "" if view is None else ", ".join(f"{number:,} {words(state)}" for state, number in view.states.items())
    done = _done(watched)
    tail = f": {states}" if states else ""
    if watched.exit_code is ExitCode.IN_DOUBT and watched.result is not None:
        doubts = count(watched.result.in_doubt, "order")
        return Verdict(Tone.BAD, f"In doubt: {doubts} may have been bought. {done}{tail}.", _DOUBTS)
    if watched.ended is Ended.TIMED_OUT:
        return Verdict(Tone.ATTENTION, f"Timed out. {done}{tail}.", _AGAIN)
    if watched.ended is Ended.INTERRUPTED:
        return Verdict(Tone.ATTENTION, f"Interrupted, nothing in doubt. {done}{tail}.", _AGAIN)
    if watched.exit_code is ExitCode.OK:
        is_going = watched.outlook is not None and watched.outlook.live
        return Verdict(Tone.GOOD, f"{'All bought' if is_going else 'All done'}. {done}{tail}.")
    if watched.exit_code is ExitCode.PARTLY and watched.result is not None and watched.result.overcharged:
        return Verdict(Tone.BAD, f"Partly done: charged more than expected. {done}{tail}.", "runner plan")
    if watched.exit_code is ExitCode.PARTLY:
        return Verdict(Tone.BAD, f"Partly done: the rest needs a person. {done}{tail}.", "runner status")
    return Verdict(Tone.BAD, f"Ended with exit code {int(watched.exit_code)}. {done}{tail}.")


def _done(watched: WatchResult) -> str:
    """`3 orders placed, 1 refill asked for in 12 passes`."""
    result = watched.result
    if result is None:
        return "No pass went through"
    told = [f"{count(result.placed, 'order')} placed", *asked_words(result)]
    return f"{', '.join(told)} in {count(watched.passes, 'pass')}"
