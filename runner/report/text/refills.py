"""Text of refills and cancellations: what was asked for by hand, what an apply asked for, what the state remembers."""

from collections import Counter
from collections.abc import Mapping, Sequence

from runner.core.refills import CancelState, RefillState
from runner.core.snapshot import Recorded
from runner.engine.results import RequestOutcome, RequestResult
from runner.planning.refills.refill_rates import RefillRate
from runner.report.terminal.screen import Column, Field, Fit, Screen
from runner.report.terminal.style import Span, Style, attention, bad, command, good
from runner.report.wording import REFILL_TITLES, count, refill_cells, words

_FIRST = 20  # listed on a terminal
_STYLES = {
    RequestOutcome.WOULD: Style.PLAIN,
    RequestOutcome.HELD: Style.ATTENTION,
    RequestOutcome.REQUESTED: Style.GOOD,
    RequestOutcome.RECORDED: Style.GOOD,
    RequestOutcome.REFUSED: Style.BAD,
    RequestOutcome.UNKNOWN: Style.BAD,
    RequestOutcome.NOT_SENT: Style.ATTENTION,
}
_MISSED = frozenset({RequestOutcome.HELD, RequestOutcome.REFUSED, RequestOutcome.UNKNOWN, RequestOutcome.NOT_SENT})


def render_request_results(noun: str, results: Sequence[RequestResult], out: Screen) -> None:
    """Show each order with what became of the request, and one line that counts them. `noun`: refill, cancellation."""
    if not results:
        out.line(f"Nothing to do: no {noun} is due.")
        return
    fields: list[Field[RequestResult] | None] = [
        Field("order", lambda one: one.order, Fit.NAME),
        Field("panel order id", lambda one: one.panel_order_id),
        Field("refill id", lambda one: one.refill_id or "-") if noun == "refill" else None,
        Field("outcome", lambda one: Span(words(one.outcome), _STYLES[one.outcome])),
        Field("message", lambda one: one.message or "-", Fit.WRAP),
    ]
    limit = out.most(_FIRST)
    out.listing(fields, results[:limit], indent=0)
    out.and_more(len(results) - limit, indent=0)
    out.blank()
    _last_line(noun, results, out)


def _last_line(noun: str, results: Sequence[RequestResult], out: Screen) -> None:
    counts = Counter(one.outcome for one in results)
    if counts[RequestOutcome.WOULD]:
        out.line(f"Dry run: {count(counts[RequestOutcome.WOULD], noun)} would be asked for; nothing was sent.")
        return
    taken = counts[RequestOutcome.REQUESTED] + counts[RequestOutcome.RECORDED]
    missed = [f"{number:,} {words(outcome)}" for outcome, number in counts.items() if outcome in _MISSED]
    told = ", ".join([f"{count(taken, noun)} asked for", *missed])
    out.line(bad(f"Partly done: {told}.") if missed else good(f"Done: {told}."))
    if counts[RequestOutcome.RECORDED]:
        out.line("The panel took the request; whether it is cancelled and refunded, the order's status will tell:")
        out.line(command("runner status --refresh"), indent=2)


def render_missed_requests(title: str, results: Sequence[RequestResult], out: Screen) -> None:
    """Show the requests of an apply that a panel did not grant or take, each with why."""
    missed = [one for one in results if one.outcome in _MISSED]
    if not missed:
        return
    out.heading(f"{title} ({len(missed):,}):", "asked for again by a later apply where that can help")
    fields: list[Field[RequestResult]] = [
        Field("order", lambda one: one.order, Fit.NAME),
        Field("outcome", lambda one: attention(words(one.outcome))),
        Field("what happened", lambda one: one.message or "no message", Fit.WRAP),
    ]
    limit = out.most(_FIRST)
    out.listing(fields, missed[:limit])
    out.and_more(len(missed) - limit, "")


def render_requests(recorded: Recorded, rates: Sequence[RefillRate], out: Screen) -> None:
    """Show what the state remembers of refills and cancellations, one line each, and the rates of the refills."""
    refills = Counter(one.state for requests in recorded.refills.values() for one in requests)
    cancels = Counter(requests[-1].state for requests in recorded.cancels.values())
    if refills or cancels:
        out.blank()
    if refills:
        out.line("Refills:", _counted(refills, {RefillState.REQUESTED: "open", RefillState.UNKNOWN: "unanswered"}))
    if cancels:
        out.line("Cancellations asked for:", _counted(cancels, {CancelState.UNKNOWN: "unanswered"}))
    _render_rates(rates, out)


def _render_rates(rates: Sequence[RefillRate], out: Screen) -> None:
    """Show how the refills of each service fared; the rate is that of refills whose end is known."""
    if not rates:
        return
    out.heading("Refills by service:")
    limit = out.most(_FIRST)
    columns = [Column("", Fit.MIDDLE), *(Column(title, Fit.NUMBER) for title in REFILL_TITLES)]
    out.table(columns, ([one.name, *refill_cells(one)] for one in rates[:limit]))
    out.and_more(len(rates) - limit, "")


def _counted(counts: Mapping[RefillState, int] | Mapping[CancelState, int], said: Mapping[str, str]) -> str:
    return ", ".join(f"{number:,} {said.get(state, words(state))}" for state, number in counts.items()) + "."
