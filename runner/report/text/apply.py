"""Text of an apply's result: what was bought, what was not and why, where the money is, what to do next."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import islice

from runner.core.attempts import OutcomeKind
from runner.core.errors import ExitCode
from runner.core.values.money import ZERO
from runner.engine.results import ApplyResult, OrderResult
from runner.planning.phrases import named
from runner.planning.plan import Action
from runner.report.terminal.screen import Column, Fit, Screen
from runner.report.terminal.style import Span, Style, Written, attention, bad, command, dim, good, strong
from runner.report.text.ledger import render_money
from runner.report.text.plan import render_verdict
from runner.report.text.refills import missed_cancel_words, missed_refill_words, render_cancels, render_refills
from runner.report.wording import Amounts, count, money

_FIRST = 20  # listed of each outcome
_FIRST_PIPED = 1000  # the same off a terminal, where people grep

_TITLES = {
    OutcomeKind.REFUSED: ("Refused", Style.BAD),
    OutcomeKind.NOT_SENT: ("Not sent", Style.ATTENTION),
    OutcomeKind.IN_DOUBT: ("In doubt", Style.BAD),
}


def render_apply(result: ApplyResult, out: Screen) -> None:
    """Counts by campaign, every order that was not bought, the money, and one last line that says how it ended."""
    if result.orders:
        _campaigns(result, out)
    render_missed(result, out)
    render_money(result.report, out)
    out.blank()
    _verdict(result, out)


def render_missed(result: ApplyResult, out: Screen) -> None:
    """Every order that was not bought, and what became of refills and cancellations asked for."""
    for kind in _TITLES:
        _not_bought(kind, [order for order in result.orders if order.outcome is kind], out)
    _not_tried(result, out)
    render_refills(result.refill_results, out)
    render_cancels(result.cancel_results, out)


def _untried(result: ApplyResult) -> list[Action]:
    """What of the plan was not even tried to be bought."""
    tried = {order.order for order in result.orders}
    return [action for action in result.plan.purchases() if action.order.address not in tried]


def _not_tried(result: ApplyResult, out: Screen) -> None:
    """The orders that came after a stop, by panel, with why it stopped."""
    for panel, why in result.stopped.items():
        untried = [action.order.address for action in _untried(result) if action.panel == panel]
        if untried:
            out.heading(f"Not tried on {panel} ({len(untried):,}):", named(untried))
            out.line(why, indent=2)


def _campaigns(result: ApplyResult, out: Screen) -> None:
    currencies = {line.name: line.currency for line in result.report.campaigns}
    counts: dict[str, dict[OutcomeKind, int]] = {}
    costs: dict[str, Decimal | None] = {}
    for order in result.orders:
        campaign = _campaign(order)
        outcomes = counts.setdefault(campaign, dict.fromkeys(OutcomeKind, 0))
        outcomes[order.outcome] += 1
        if order.outcome is OutcomeKind.PLACED:
            so_far = costs.get(campaign, ZERO)
            costs[campaign] = None if order.cost is None or so_far is None else so_far + order.cost

    amounts = Amounts((cost, currencies.get(campaign)) for campaign, cost in costs.items())

    def rows() -> Iterator[list[Written]]:
        for campaign, outcomes in counts.items():
            yield [
                strong(campaign),
                _counted(outcomes[OutcomeKind.PLACED], Style.GOOD),
                _counted(outcomes[OutcomeKind.REFUSED], Style.BAD),
                _counted(outcomes[OutcomeKind.NOT_SENT], Style.ATTENTION),
                _counted(outcomes[OutcomeKind.IN_DOUBT], Style.BAD),
                amounts.named(costs.get(campaign, ZERO), currencies.get(campaign)),
            ]

    out.heading("Orders:", dim(f"run {result.run_id}"))
    counted = (Column(title, right=True) for title in ("placed", "refused", "not sent", "in doubt"))
    out.table([Column("campaign", Fit.NAME), *counted, Column("cost", Fit.WHOLE, right=True)], rows())


def _counted(number: int, style: Style) -> Span:
    return Span(f"{number:,}", style) if number else dim("0")


def _campaign(order: OrderResult) -> str:
    return order.order.partition("/")[0]


def _not_bought(kind: OutcomeKind, orders: Sequence[OrderResult], out: Screen) -> None:
    """Each order with what the panel said, then the next step for all of them."""
    if not orders:
        return
    title, style = _TITLES[kind]
    out.heading(f"{title} ({len(orders):,}):")
    limit = _FIRST if out.is_terminal else _FIRST_PIPED
    outcome_column = [] if out.is_terminal else [Column("outcome")]

    def rows() -> Iterator[list[Written]]:
        for order in islice(orders, limit):
            outcome: list[Written] = [] if out.is_terminal else [kind.value]
            yield [*outcome, Span(order.order, style), order.message or "no message"]

    out.table([*outcome_column, Column("order", Fit.NAME), Column("what happened", Fit.WRAP)], rows())
    if len(orders) > limit:
        out.line(dim(f"… and {len(orders) - limit:,} more (--format json lists all)"), indent=2)
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
    """How it ended: green only when all that was asked for is bought."""
    if result.exit_code in (ExitCode.INVALID, ExitCode.GUARD):
        render_verdict(result.plan, out)
        return
    missed, uncancelled = _missed_words(result), missed_cancel_words(result.cancel_results, len(result.plan.cancels))
    what = ", ".join([_placed_words(result), *_asked_words(result), *missed, *uncancelled])
    if result.in_doubt or result.exit_code is ExitCode.IN_DOUBT:
        out.line(bad(f"In doubt: {count(result.in_doubt, 'order')} may have been bought."), f"This run: {what}.")
        out.line("Next:", command("runner doubt list"))
    elif result.interrupted:
        out.line(attention("Interrupted:"), f"{what}; nothing in doubt.")
        out.line("To go on where it stopped:", command("runner apply"))
    elif result.exit_code is not ExitCode.OK and result.exit_code is not ExitCode.PARTLY:
        out.line(bad(f"Stopped with exit code {int(result.exit_code)}:"), f"{what}.")
    elif missed or uncancelled:
        out.line(bad("Partly done:"), f"{what}.")
        out.line(f"To try again what was not {'bought' if missed else 'cancelled'}:", command("runner apply"))
    elif result.placed or result.refill_results or result.refills or result.cancels:
        out.line(good(f"Done: {what}."))
        if result.cancels:
            out.line(
                "The panel took the requests to cancel; what is cancelled and refunded, the orders' status will tell:"
            )
            out.line(command("runner status --refresh"), indent=2)
        else:
            out.line("Next:", command("runner status"))
    else:
        render_verdict(result.plan, out)


def _placed_words(result: ApplyResult) -> str:
    """`225 orders placed for 83.20 USD`; the sum only where it is one."""
    placed = [order.cost for order in result.orders if order.outcome is OutcomeKind.PLACED]
    costs = [cost for cost in placed if cost is not None]
    words = f"{count(result.placed, 'order')} placed"
    if not costs or len(costs) < len(placed) or result.report.currency is None:
        return words
    return f"{words} for {money(sum(costs, ZERO), result.report.currency)}"


def _asked_words(result: ApplyResult) -> list[str]:
    asked = ((result.refills, "refill"), (result.cancels, "cancellation"))
    words = [f"{count(number, noun)} asked for" for number, noun in asked if number]
    return words + missed_refill_words(result.refill_results)


def _missed_words(result: ApplyResult) -> list[str]:
    """What of the plan was not bought."""
    missed = ((result.refused, "refused"), (result.not_sent, "not sent"), (len(_untried(result)), "not tried"))
    return [f"{number:,} {word}" for number, word in missed if number]
