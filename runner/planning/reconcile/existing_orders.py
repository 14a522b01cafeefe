"""Decides on orders that were tried before, and on drips: the next action, its cost, what it waits for. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from runner.core.attempts import BOUGHT, DOUBTFUL, Attempt, AttemptKind, AttemptState
from runner.core.orders import Campaign, OnShort, Order
from runner.core.snapshot import Recorded
from runner.core.values.clock import to_the_minute
from runner.core.values.links import page_key, same_page
from runner.core.values.money import ZERO, plain, with_currency
from runner.planning.accounting.attempt_index import Flights, History
from runner.planning.allowance import Part
from runner.planning.orders.order_diff import is_as_listed
from runner.planning.orders.order_history import OrderHistory, history_of
from runner.planning.phrases import named, orders, orders_are, placed
from runner.planning.plan import Action, ActionKind, Actions, Decision, DueCancel, Refusal
from runner.planning.pricing.quote import Offer, Offers, Problems, Terms
from runner.planning.reconcile.next_actions import UNTOLD, NextAction, next_actions
from runner.planning.refills.due_refills import RefillRound

_INITIAL = AttemptKind.INITIAL


class PriceGroup:
    """What a campaign wants of one service in one quantity."""

    __slots__ = ("decision", "links", "offer")

    def __init__(self, offer: Offer, links: dict[str, Attempt | Order | str]) -> None:
        self.offer = offer
        self.links = links  # who holds each page (`page_key`), for the service
        self.decision: Decision | None = None  # for those never tried before


class PriceGroups(dict[Terms, PriceGroup]):
    """The groups of one campaign by terms, made on first use."""

    __slots__ = ("_flights", "_offers")

    def __init__(self, offers: Offers, flights: Flights) -> None:
        super().__init__()
        self._offers = offers
        self._flights = flights

    def __missing__(self, terms: Terms) -> PriceGroup:
        group = self[terms] = PriceGroup(self._offers[terms], self._flights[terms[0]])
        return group


@dataclass(slots=True, kw_only=True)
class Draft:
    """What the state holds, and the plan while it grows, one campaign after the other; no cap has been applied yet."""

    recorded: Recorded
    history: History
    refills: RefillRound | None
    declared: frozenset[int]  # attempts that were closed by a person, not by an answer
    now: datetime | None
    actions: Actions = field(default_factory=Actions)
    ok: int = 0
    problems: Problems = field(default_factory=Problems)
    refusals: list[Refusal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    # By order key: what its line buys, if not all of it.
    parts: dict[tuple[str, str], Part] = field(default_factory=dict)
    cancels: list[DueCancel] = field(default_factory=list)  # of orders that are to be replaced
    to_come: dict[str, Decimal] = field(default_factory=dict)  # by campaign: what its drips still cost beyond this plan


class ExistingOrders:
    """The orders of one campaign that are not simply new; what is decided about them goes to the draft of the plan."""

    def __init__(self, campaign: Campaign, draft: Draft, groups: PriceGroups) -> None:
        self._campaign = campaign
        self._draft = draft
        self._groups = groups
        draft.to_come[campaign.name] = ZERO
        policy = campaign.policy
        # The usual order is bought once and left alone: one look tells that nothing is to be done.
        self._is_usual = not campaign.drips and OnShort.REORDER not in (policy.on_partial, policy.on_canceled)
        self._held: dict[str, list[Action]] = {"on_change": [], "price": []}  # by guard: they refuse the whole apply
        self._short: dict[str, list[str]] = {}  # why what is short can't be bought again -> addresses
        self._untold: list[str] = []  # what ended short by nobody knows how much

    def add(self, order: Order, attempts: Sequence[Attempt]) -> None:
        """Decide on an order that was tried before, or on one of a drip."""
        if self._is_usual and len(attempts) == 1 and self._is_as_bought(order, attempts[0]):
            self._satisfied(order, attempts)
            return
        history = history_of(attempts)
        if history.doubts:
            self._draft.actions.append(_in_doubt(order, history.doubts, self._campaign.panel))
            return
        if not history.is_open and order.id not in self._campaign.drips:
            is_declared = attempts[-1].id in self._draft.declared
            self._take(order, NextAction(ActionKind.PLACE, _again(attempts[-1], is_declared=is_declared)), history)
            return
        for step in next_actions(order, history, self._campaign, self._draft.recorded, self._draft.now):
            if self._take(order, step, history):
                return
        self._satisfied(order, attempts)

    def _is_as_bought(self, order: Order, only: Attempt) -> bool:
        return only.kind is _INITIAL and only.state in BOUGHT and is_as_listed(only, order, self._campaign.panel)

    def close(self) -> None:
        """Tell of what is held, and of what could not be bought again: the campaign is through."""
        name = self._campaign.name
        for guard, actions in self._held.items():
            if actions:
                first = actions[0]
                count = f"{len(actions)} orders, the first of them: " if len(actions) > 1 else ""
                self._draft.refusals.append(Refusal(guard, name, f"{count}{placed(first.order)}: {first.reason}"))
        if self._untold:
            self._draft.notes.append(_untold(name, self._untold))
        self._draft.notes += [
            f"{name}: {orders_are(len(several))} short, and it can't be bought again: {why} ({named(several)})"
            for why, several in self._short.items()
        ]

    def _satisfied(self, order: Order, attempts: Sequence[Attempt]) -> None:
        if not self._is_refilled(order, attempts):
            self._draft.ok += 1

    def _is_refilled(self, order: Order, attempts: Sequence[Attempt]) -> bool:
        """Add a line if a refill is due; False if none is."""
        refills = self._draft.refills
        reason = "" if refills is None else refills.look_at(order, attempts, self._campaign)
        if reason:
            self._draft.actions.append(Action(order, ActionKind.REFILL, reason, ZERO, self._campaign.panel))
        return bool(reason)

    def _take(self, order: Order, step: NextAction, history: OrderHistory) -> bool:
        """Add a line for a step; False, and nothing done, if it turns out that the panel does not sell it."""
        panel, part = self._campaign.panel, step.part
        if step.hindrance == UNTOLD:
            self._untold.append(f"{order.address}: {step.reason}")
            return False
        if step.kind is ActionKind.BLOCKED:
            self._hold("on_change", Action(order, ActionKind.BLOCKED, step.reason, None, panel))
            return True
        terms = order if part is None else part
        group = self._groups[order.service, terms.quantity, terms.runs, terms.interval]
        offer = group.offer
        if step.kind is ActionKind.REORDER and (why := step.hindrance or offer.message):
            self._short.setdefault(why, []).append(order.address)
            return False
        if offer.code:
            self._draft.problems.add(order, offer)
            self._draft.actions.append(Action(order, ActionKind.BLOCKED, offer.message, None, panel))
            return True
        kind, reason = step.kind, self._priced(step, offer)
        if kind is not ActionKind.WAIT and (holder := self._holder(order, step, group, history.attempts)):
            kind, reason = ActionKind.WAIT, holder if part is None else f"{reason}; {holder}"
        if part is not None and part.kind is AttemptKind.INSTALMENT:
            self._draft.to_come[self._campaign.name] += (offer.cost or ZERO) * (step.more + (kind is ActionKind.WAIT))
            # The earlier runs may need a refill meanwhile.
            if kind is ActionKind.WAIT and self._is_refilled(order, history.attempts):
                return True
        if kind is ActionKind.WAIT:
            if part is not None and part.kind is AttemptKind.REPLACEMENT:  # it keeps its place in the queue meanwhile
                group.links.setdefault(page_key(order.link), order)
        else:
            if risen := self._risen(order, step, offer, history):
                self._hold("price", Action(order, ActionKind.BLOCKED, risen, offer.cost, panel))
                return True
            group.links[page_key(order.link)] = order
            self._draft.cancels += step.cancels
        if part is not None:
            self._draft.parts[order.key] = part
        self._draft.actions.append(Action(order, kind, reason, offer.cost, panel))
        return True

    def _hold(self, guard: str, action: Action) -> None:
        self._held[guard].append(action)
        self._draft.actions.append(action)

    def _priced(self, step: NextAction, offer: Offer) -> str:
        """The reason of a step with its price; the simple one of an order that is bought whole."""
        if step.part is None:
            return step.reason
        price = "" if offer.cost is None else f", for {self._money(offer.cost)}"
        in_all = "" if offer.cost is None or not step.more else f", {self._money(offer.cost * step.more)} in all"
        return f"{step.reason}{price}{step.tail}{in_all}"

    def _money(self, amount: Decimal) -> str:
        seen = self._draft.recorded.last_balances.get(self._campaign.panel)
        return with_currency(amount, None if seen is None else seen.balance.currency)

    def _holder(self, order: Order, step: NextAction, group: PriceGroup, attempts: Sequence[Attempt]) -> str:
        """Why an order has to wait for what is in flight for its service and link; empty if it need not.

        A replacement does not wait for what it is about to cancel, only for orders of others.
        """
        page = page_key(order.link)
        holder = group.links.get(page)
        if holder is None:
            return ""
        panel, service = self._campaign.panel, order.service
        for one in attempts:
            if one.is_in_flight and (one.panel, one.service) == (panel, service) and same_page(one.link, order.link):
                if step.cancels:
                    return ""
                return (
                    f"order {one.panel_order_id} of it, for the same service and link, is in flight; "
                    "a later apply places it"
                )
        if not isinstance(holder, str):
            holder = group.links[page] = wait_for(holder)  # all orders that wait for it share one text
        return holder

    def _risen(self, order: Order, step: NextAction, offer: Offer, history: OrderHistory) -> str:
        """Why the price forbids to try an order again or to go on with it; empty if it doesn't.

        A new try is compared with the rate of the newest one, what belongs to a purchase with the one that it began at;
        of this service on this panel: other services' prices say nothing.
        """
        panel = self._campaign.panel
        tried = reversed(history.attempts) if step.part is None else iter(history.standing)
        rates = (one.rate for one in tried if one.service == order.service and one.panel == panel)
        former = next(rates, None)
        if former is None or offer.rate is None:
            return ""
        allowed = former * (1 + self._campaign.policy.max_price_increase)
        if offer.rate <= allowed:
            return ""
        limit = f", more than the {plain(allowed)} that policy.max_price_increase allows" if allowed != former else ""
        what = "" if step.part is None else f"{step.reason}, but "
        return (
            f"{what}the price was {plain(former)} per 1000 when it was planned and is {plain(offer.rate)} now{limit}; "
            f"raise policy.max_price_increase, or {_OTHERWISE[step.kind, step.part is None]}"
        )


_OTHERWISE = {  # what else may be done about a risen price
    (ActionKind.PLACE, True): "give the new order a new id",
    (ActionKind.PLACE, False): "end the drip: lower its runs to what was sent",
    (ActionKind.TOP_UP, False): "restore the line",
    (ActionKind.REPLACE, False): "restore the line",
    (ActionKind.REORDER, False): "set policy.on_partial and policy.on_canceled to accept",
}


def _in_doubt(order: Order, doubts: Sequence[Attempt], panel: str) -> Action:
    since = to_the_minute(doubts[0].marked_at)
    reason = (
        f"it may exist on the panel since {since}; it is never sent again by itself: `runner doubt show "
        f"{doubts[0].address}`"
    )
    return Action(order, ActionKind.IN_DOUBT, reason, sum((one.expected_charge for one in doubts), ZERO), panel)


def _untold(campaign: str, several: Sequence[str]) -> str:
    return (
        f"{campaign}: {orders(len(several))} ended short, and the panel does not say by how much in a number that can be "
        "true: nothing is bought again on that; look at the panel's order list, and list what is missing as an order with a "
        f"new id ({named(several)})"
    )


def _again(last: Attempt, *, is_declared: bool) -> str:
    """Why an order whose attempts are all closed is placed again."""
    if last.state is AttemptState.REFUSED:
        return f"refused last time: {last.message}" if last.message else "refused last time"
    if is_declared:
        return f"declared not placed last time: `runner doubt show {last.address}`"
    return "was not sent last time"


def wait_for(holder: Attempt | Order) -> str:
    """Why an order for the same service and link waits."""
    if isinstance(holder, Order):
        return f"this plan buys the same service and link as {holder.address}; a later apply places it"
    if holder.state in DOUBTFUL:
        return f"{holder.address}, for the same service and link, is in doubt; it waits until that is settled"
    return f"{holder.address}, for the same service and link, is in flight; a later apply places it"
