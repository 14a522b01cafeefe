"""Text of `plan`: what a person needs to decide in ten seconds, the verdict, and the next command."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice

from runner.core.errors import ExitCode
from runner.core.values.money import ZERO
from runner.planning.plan import Action, ActionKind, Plan
from runner.report.terminal.screen import Column, Field, Fit, Screen
from runner.report.terminal.style import Span, Style, Written, attention, bad, command, dim, good, strong
from runner.report.text.lists import render_diagnostics
from runner.report.wording import Amounts, count, minutes, money, words

_SMALL = 20  # purchases that are listed one by one
_FIRST = 10  # listed of each other kind

_DONE_BY_APPLY = (
    ActionKind.PLACE,
    ActionKind.TOP_UP,
    ActionKind.REPLACE,
    ActionKind.REORDER,
    ActionKind.REFILL,
    ActionKind.CANCEL,
)
# Why is told with each: what is bought further, and the numbers of a drop.
_TOLD = frozenset({ActionKind.TOP_UP, ActionKind.REPLACE, ActionKind.REORDER, ActionKind.REFILL})
_FREE = frozenset({ActionKind.REFILL, ActionKind.CANCEL})
_NOUNS = {ActionKind.PLACE: "order", ActionKind.REPLACE: "replacement", ActionKind.CANCEL: "cancellation"}
_HELD = {
    ActionKind.WAIT: ("Waits", Style.ATTENTION, Fit.END, "a later apply goes on with them"),
    ActionKind.BLOCKED: ("Blocked", Style.BAD, Fit.WRAP, "not placed until the reason is gone"),
    ActionKind.IN_DOUBT: ("In doubt", Style.BAD, Fit.WRAP, "may exist on the panel; never sent again by itself"),
}


def render_plan(plan: Plan, out: Screen, next_command: str = "runner apply") -> None:
    """Show the whole plan: by campaign, what is held back and why, balances, problems, verdict, next command."""
    summary = plan.summary
    acting = sum(summary.get(kind, 0) for kind in _DONE_BY_APPLY)
    if acting:
        _totals(plan, out)
        for kind in _DONE_BY_APPLY:
            if acting <= _SMALL or not out.is_terminal or kind in _TOLD:
                _purchases(plan, kind, summary.get(kind, 0), out)
    for kind in _HELD:
        _held(plan, kind, summary.get(kind, 0), out)
    _balances(plan, out)
    _problems(plan, out)
    if plan.notes:
        out.blank()
    for note in plan.notes:
        out.line(attention("note:"), note)
    out.blank()
    render_verdict(plan, out, next_command)


def render_verdict(plan: Plan, out: Screen, next_command: str = "runner apply") -> None:
    """Whether apply may begin, in one line, and what to type next; also for stderr beside `--format json`."""
    summary = plan.summary
    if plan.problems:
        out.line(bad(f"Not valid: {count(len(plan.problems), 'problem')} in the files, named above. Nothing is sent."))
        out.line("Next: correct the files, then", command("runner plan"))
        return
    if plan.refusals:
        for refusal in plan.refusals:
            out.line(bad(f"Refused by {refusal.guard}:"), strong(refusal.subject), refusal.message)
        out.line("Nothing is sent. Next: change what is named above, then", command("runner plan"))
        return
    acting = sum(summary.get(kind, 0) for kind in _DONE_BY_APPLY)
    if acting:
        what = [count(summary[kind], _NOUNS.get(kind, words(kind))) for kind in _DONE_BY_APPLY if kind in summary]
        out.line(good(f"Ready: {', '.join(what)} for {_cost(plan)}."), *_held_words(summary))
    elif held := _held_words(summary):
        out.line(attention("Nothing to place now."), *held)
    else:
        out.line(good(f"Nothing to do: {count(plan.ok, 'order')} as asked."))
    if plan.has_doubts:
        doubts = count(summary[ActionKind.IN_DOUBT], "order")
        out.line(attention(f"In doubt: {doubts} may exist on the panel. Settle with"), command("runner doubt list"))
    if acting:
        out.line("Next:", command(next_command))


def _held_words(summary: Mapping[str, int]) -> list[Span]:
    told = [f"{summary[kind]:,} {words(kind)}" for kind in _HELD if kind in summary]
    return [dim(f"Held back: {', '.join(told)}.")] if told else []


def _cost(plan: Plan) -> str:
    """The cost of the plan, per currency where there are several."""
    if plan.cost is not None:
        return money(plan.cost, plan.currency)
    sums: dict[tuple[str | None, str], Decimal] = {}  # panels of unknown currency are not added to one another
    for panel in plan.money.values():
        if panel.cost:
            currency = panel.balance.currency if panel.balance else None
            key = (currency, "" if currency else panel.panel)
            sums[key] = sums.get(key, ZERO) + panel.cost
    return " + ".join(money(amount, currency) for (currency, _), amount in sums.items()) or "an unknown cost"


@dataclass(slots=True)
class _Sum:
    """Orders, units and cost of a group."""

    orders: int = 0
    units: int = 0
    cost: Decimal = field(default=ZERO)
    unpriced: int = 0

    def add(self, action: Action, units: int, number: int) -> None:
        """Count `number` actions like this one, of so many units each."""
        self.orders += number
        self.units += units * number
        if action.cost is not None:
            self.cost += action.cost * number
        elif action.kind not in _FREE:
            self.unpriced += number

    def cells(self, currency: str | None, style: Style, amounts: Amounts) -> list[Written]:
        cost = amounts.named(self.cost if not self.unpriced else None, currency)
        return [Span(f"{self.orders:,}", style), Span(f"{self.units:,}", style), Span(cost, style)]


def _totals(plan: Plan, out: Screen) -> None:
    """Show one row per campaign and, below it, one per service and kind."""
    sums: dict[tuple[str, str], dict[str, _Sum]] = defaultdict(lambda: defaultdict(_Sum))
    for action, number in plan.groups():
        if action.kind in _HELD:
            continue
        quantity, runs, _ = plan.terms(action)
        part = f"service {action.order.service}" + (
            "" if action.kind is ActionKind.PLACE else f", {words(action.kind)}"
        )
        for label in (f"on {action.panel}", part):
            sums[action.order.campaign, action.panel][label].add(action, quantity * (runs or 1), number)
    amounts = Amounts(
        (part.cost, _currency(plan, panel)) for (_, panel), parts in sums.items() for part in parts.values()
    )

    def rows() -> Iterator[list[Written]]:
        for (name, panel), parts in sums.items():
            first, style = strong(name), Style.STRONG
            for label, part in parts.items():
                yield [first, label, *part.cells(_currency(plan, panel), style, amounts)]
                first, style = Span("") if out.is_terminal else dim(name), Style.PLAIN

    title = "To do:" if plan.exit_code is ExitCode.OK else "Asked for:"
    out.heading(title, dim(f"({count(plan.ok, 'order')} already as asked)") if plan.ok else "")
    columns = [
        Column("campaign", Fit.MIDDLE),
        Column("", Fit.MIDDLE),
        Column("orders", Fit.NUMBER),
        Column("units", Fit.NUMBER),
        Column("cost", Fit.AMOUNT),
    ]
    out.table(columns, rows())


def _purchases(plan: Plan, kind: ActionKind, number: int, out: Screen) -> None:
    """Show the orders that apply would act on, one by one."""
    if not number:
        return
    out.heading(f"{words(kind).capitalize()} ({number:,}):")
    limit = out.most(_SMALL)
    is_told = kind in _TOLD or bool(plan.parts and kind is ActionKind.PLACE)
    listed = list(islice(plan.of_kind(kind), limit))
    amounts = Amounts((action.cost, _currency(plan, action.panel)) for action in listed)

    def cost(action: Action) -> Written:
        is_free = kind in _FREE and not action.cost
        return dim("free") if is_free else amounts.named(action.cost, _currency(plan, action.panel))

    fields: list[Field[Action] | None] = [
        None if out.is_terminal else Field("action", lambda one: one.kind.value),
        Field("order", lambda one: one.order.address, Fit.NAME),
        None if out.is_terminal and is_told else Field("link", lambda one: one.order.link, Fit.MIDDLE),
        Field("units", lambda one: _amount(plan.terms(one)), Fit.NUMBER),
        Field("cost", cost, Fit.AMOUNT),
        Field("why", lambda one: one.reason, Fit.WRAP) if is_told else None,
    ]
    out.listing(fields, listed)
    out.and_more(number - limit)


def _held(plan: Plan, kind: ActionKind, number: int, out: Screen) -> None:
    """Show the orders that apply would leave alone, with the reason of each."""
    if not number:
        return
    title, style, fit, meaning = _HELD[kind]
    fit = Fit.WRAP if plan.parts else fit  # what goes on with an order has a longer reason than `in flight`
    out.heading(f"{title} ({number:,}):", meaning)
    held = _alike(plan) if kind is ActionKind.BLOCKED else ((action, 1) for action in plan.of_kind(kind))
    listed = list(islice(held, out.most(_FIRST)))

    def order(one: tuple[Action, int]) -> Written:
        action, orders = one
        return Span(action.order.address + (f" and {orders - 1:,} more" if orders > 1 else ""), style)

    fields: list[Field[tuple[Action, int]] | None] = [
        None if out.is_terminal else Field("action", lambda _: kind.value),
        Field("order", order, Fit.NAME),
        None if out.is_terminal else Field("link", lambda one: one[0].order.link),
        Field("reason", lambda one: one[0].reason, fit),
    ]
    out.listing(fields, listed)
    out.and_more(number - sum(orders for _, orders in listed))


def _alike(plan: Plan) -> Iterator[tuple[Action, int]]:
    """What is blocked, each reason once: the first order that it holds, and how many it holds."""
    first: dict[str, Action] = {}
    numbers: Counter[str] = Counter()
    for action in plan.of_kind(ActionKind.BLOCKED):
        first.setdefault(action.reason, action)
        numbers[action.reason] += 1
    return ((action, numbers[reason]) for reason, action in first.items())


def _amount(terms: tuple[int, int | None, int | None]) -> str:
    """`1,000`, or `5 x 1,000 every 1 h`."""
    quantity, runs, interval = terms
    if runs is None:
        return f"{quantity:,}"
    pause = f" every {minutes(interval)}" if interval else ""
    return f"{runs:,} x {quantity:,}{pause}"


def _balances(plan: Plan, out: Screen) -> None:
    """Before and after, per panel."""
    if not plan.money:
        return
    out.heading("Balance:")
    rows: list[list[Written]] = []
    for panel in plan.money.values():
        if panel.balance is None or panel.after is None:
            rows.append([panel.panel, attention("not known"), ""])
            continue
        before, currency = panel.balance.amount, panel.balance.currency
        amounts = Amounts((amount, currency) for amount in (before, panel.cost, panel.in_doubt, panel.after))
        after = amounts.named(panel.after, currency)
        doubts = f"({amounts.bare(panel.in_doubt, currency)} in doubt counted as spent)" if panel.in_doubt else ""
        change = f"{amounts.bare(before, currency)} -> {after}" if panel.after != before else after
        rows.append([panel.panel, bad(change) if panel.after < ZERO else strong(change), dim(doubts)])
    out.table([Column(""), Column("", Fit.AMOUNT), Column("", Fit.WRAP)], rows)


def _problems(plan: Plan, out: Screen) -> None:
    """Show what is wrong in the files, with the place of each."""
    if not plan.problems:
        return
    limit = out.most(_FIRST)
    out.heading(f"Problems ({len(plan.problems):,}):")
    render_diagnostics(plan.problems[:limit], out, indent=2)
    out.and_more(len(plan.problems) - limit)


def _currency(plan: Plan, panel: str) -> str | None:
    seen = plan.money.get(panel)
    return seen.balance.currency if seen is not None and seen.balance is not None else plan.currency
