"""Text of an apply's result: what was bought, what was not and why, where the money is, what to do next."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from decimal import Decimal

from runner.core.attempts import OutcomeKind
from runner.core.values.money import ZERO
from runner.engine.results import ApplyResult, OrderResult
from runner.planning.phrases import named
from runner.report.model.model import Tone, Verdict
from runner.report.model.verdicts import missed_words, of_run, untried
from runner.report.terminal.screen import Field, Fit, Screen
from runner.report.terminal.style import TROUBLES, Span, Style, attention, bad, command, counted, dim, good, strong
from runner.report.text.ledger import render_money
from runner.report.text.plan import render_verdict
from runner.report.text.refills import render_missed_requests
from runner.report.wording import Amounts, words

_FIRST = 20  # listed of each outcome
TONES = {Tone.GOOD: good, Tone.ATTENTION: attention, Tone.BAD: bad}


def render_apply(result: ApplyResult, out: Screen) -> None:
    """Show counts by campaign, every order that was not bought, the money, and one last line that says how it ended."""
    if result.orders:
        _campaigns(result, out)
    render_missed(result, out)
    render_money(result.report, out)
    out.blank()
    _verdict(result, out)


def render_missed(result: ApplyResult, out: Screen) -> None:
    """Show every order that was not bought, and what became of refills and cancellations asked for."""
    for kind in TROUBLES:
        _not_bought(kind, [order for order in result.orders if order.outcome is kind], out)
    _not_tried(result, out)
    render_missed_requests("Refills not granted", result.refill_results, out)
    render_missed_requests("Not cancelled", result.cancel_results, out)


def _not_tried(result: ApplyResult, out: Screen) -> None:
    """Show the orders that came after a stop, by panel, with why it stopped."""
    for panel, why in result.stopped.items():
        left = [action.order.address for action in untried(result) if action.panel == panel]
        if left:
            out.heading(f"Not tried on {panel} ({len(left):,}):", named(left))
            out.line(why, indent=2)


def _campaigns(result: ApplyResult, out: Screen) -> None:
    currencies = {line.name: line.currency for line in result.report.campaigns}
    counts: dict[str, Counter[OutcomeKind]] = defaultdict(Counter)
    costs: dict[str, list[Decimal | None]] = defaultdict(list)
    for order in result.orders:
        campaign = order.order.partition("/")[0]
        counts[campaign][order.outcome] += 1
        costs[campaign].append(order.cost if order.outcome is OutcomeKind.PLACED else ZERO)
    sums = {
        campaign: None if None in several else sum(filter(None, several), ZERO) for campaign, several in costs.items()
    }
    amounts = Amounts((cost, currencies.get(campaign)) for campaign, cost in sums.items())
    styles = {OutcomeKind.PLACED: Style.GOOD} | TROUBLES

    def number_of(kind: OutcomeKind) -> Field[str]:
        return Field(words(kind), lambda campaign: counted(counts[campaign][kind], styles[kind]), Fit.NUMBER)

    fields: list[Field[str]] = [
        Field("campaign", strong, Fit.NAME),
        *map(number_of, styles),
        Field("cost", lambda one: amounts.named(sums[one], currencies.get(one)), Fit.AMOUNT),
    ]
    out.heading("Orders:", dim(f"run {result.run_id}"))
    out.listing(fields, counts)


def _not_bought(kind: OutcomeKind, orders: Sequence[OrderResult], out: Screen) -> None:
    """Show each order with what the panel said, then the next step for all of them."""
    if not orders:
        return
    out.heading(f"{words(kind).capitalize()} ({len(orders):,}):")
    fields: list[Field[OrderResult] | None] = [
        None if out.is_terminal else Field("outcome", lambda one: one.outcome.value),
        Field("order", lambda one: Span(one.order, TROUBLES[kind]), Fit.NAME),
        Field("what happened", lambda one: one.message or "no message", Fit.WRAP),
    ]
    limit = out.most(_FIRST)
    out.listing(fields, orders[:limit])
    out.and_more(len(orders) - limit)
    _next_step(kind, orders[0].order, out)


def _next_step(kind: OutcomeKind, address: str, out: Screen) -> None:
    if kind is OutcomeKind.REFUSED:
        out.line("Nothing was bought for these. Correct the cause, then", command("runner apply"), indent=2)
    elif kind is OutcomeKind.NOT_SENT:
        out.line("Nothing was sent for these. To send them:", command("runner apply"), indent=2)
    else:
        out.line("May have been bought; never sent again by itself. The evidence:", indent=2)
        out.command(f"runner doubt show {address}", indent=4)
        out.line("Then, after a look at the panel's own order list, one of:", indent=2)
        out.command(f"runner doubt adopt {address} --order ID --reason 'seen in the order list'", indent=4)
        out.command(f"runner doubt not-placed {address} --reason 'not in the order list' --i-checked", indent=4)


def _verdict(result: ApplyResult, out: Screen) -> None:
    """Say how it ended, and what to type next."""
    verdict = of_run(result)
    if verdict is None:
        render_verdict(result.plan, out)
        return
    out.line(TONES[verdict.tone](verdict.text))
    if result.cancels and verdict.tone is Tone.GOOD:
        out.line("The panel took the requests to cancel; what is cancelled and refunded, the orders' status will tell:")
        out.line(command(verdict.next_step), indent=2)
    elif verdict.next_step:
        out.line(_lead(result, verdict), command(verdict.next_step))


def _lead(result: ApplyResult, verdict: Verdict) -> str:
    if verdict.next_step != "runner apply":
        return "Next:"
    if result.interrupted:
        return "To go on where it stopped:"
    return f"To try again what was not {'bought' if missed_words(result) else 'cancelled'}:"
