"""The plan: what is listed against what is recorded. Pure: files, state, prices and balances in, decisions out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC
from decimal import Decimal

from runner.core.attempts import Attempt, AttemptState
from runner.core.catalogue import Balance
from runner.core.diagnostics import Diagnostic
from runner.core.money import ZERO, plain
from runner.core.orders import Campaign, OnChange, Order
from runner.core.recorded import Recorded
from runner.planning.first_charge import hold_mischarged
from runner.planning.guards import (
    Wanted,
    block_beyond,
    common_currency,
    counted_panels,
    exceeded_caps,
    refusals,
    wanted_by,
)
from runner.planning.history import DOUBTFUL, History, change_in_words, is_as_listed, known_as, purchase
from runner.planning.plan import Action, ActionKind, Actions, Decision, PanelMoney, Plan, Refusal
from runner.planning.price_guard import PriceTerms, hold_changed
from runner.planning.pricing import Offer, Offers, Terms
from runner.planning.refills import RefillRound, RefillWish
from runner.planning.shares import hold_new

Selection = Callable[[Order], bool]

_NOT_BOUGHT = "not bought yet"
_CHOICES = "set policy.on_change to keep, restore the line, or give the new order a new id"


def make_plan(
    campaigns: Sequence[Campaign],
    recorded: Recorded,
    *,
    selection: Selection | None = None,
    max_cost: Decimal | None = None,
    balances: Mapping[str, Balance] | None = None,
    refills: RefillWish | None = None,
    prices: PriceTerms | None = None,
    asked: Decimal | None = None,
) -> Plan:
    """What `apply` would do about the orders of `campaigns`, by priority and then as listed, and whether it may.

    Orders that `selection` rejects are left out, neither counted nor planned. `balances` by panel default to the last
    ones recorded. Without `refills` none is looked for. `asked` is the amount of `--what-if budget=`: what is beyond it
    is blocked, and nothing refused. Linear in orders plus attempts.
    """
    if balances is None:
        balances = {panel: seen.balance for panel, seen in recorded.last_balances.items()}
    prices = prices or PriceTerms()
    draft = _Draft(campaigns, recorded, selection, refills, prices)
    wanted: Sequence[Wanted] = [draft.add(campaign) for campaign in campaigns]
    _by_priority(draft.actions, campaigns)
    changed, told = hold_changed(draft.actions, campaigns, draft.offers, recorded, prices)
    if any(one.orders for one in wanted):
        changed += hold_mischarged(draft.actions, campaigns, draft.offers, recorded, prices.profiles)
    too_many = hold_new(draft.actions, campaigns, draft.history)
    if changed or too_many:
        wanted = wanted_by(draft.actions, campaigns)
    caps, impossible = exceeded_caps(wanted, draft.history, balances, max_cost, asked)
    capped = refusals(draft.actions, caps)
    left = block_beyond(draft.actions, caps, wanted)
    costs = {one.campaign.panel: ZERO for one in wanted}
    for one in left:
        costs[one.campaign.panel] += one.cost
    buying = {one.campaign.panel for one in left if one.orders} or costs.keys()
    addable, currency = common_currency(buying, balances)
    cost = sum(costs.values(), ZERO)
    is_priced = not any(one.unpriced for one in left) and (addable or not cost)
    return Plan(
        actions=draft.actions,
        ok=draft.ok,
        money={
            panel: PanelMoney(panel, balances.get(panel), costs[panel], draft.history.in_doubt(panel))
            for panel in costs
        },
        problems=draft.problems,
        refusals=[*draft.refusals, *changed, *too_many, *capped, *impossible],
        notes=[
            *draft.notes,
            *told,
            *(draft.refills.notes() if draft.refills is not None else ()),
            *_notes_on_money(wanted, draft.history, balances),
        ],
        refills=draft.refills.due if draft.refills is not None else (),
        cost=cost if is_priced else None,
        currency=currency,
        services={(panel, one.id): one for panel, offers in draft.offers.items() for one in offers.services()},
        lineage=recorded.lineage,
        serial=recorded.serial,
        digests={campaign.source: campaign.digest for campaign in campaigns},
    )


class _Wish:
    """What a campaign wants of one service in one quantity: a million orders share a handful of these."""

    __slots__ = ("decision", "links", "offer", "orders")

    def __init__(self, offer: Offer, links: dict[str, Attempt | Order | str]) -> None:
        self.offer = offer
        self.links = links  # of the service
        self.orders = 0  # to be placed
        self.decision: Decision | None = None  # for those never tried before


class _Draft:
    """The plan while it grows, one campaign after the other; no cap has been applied yet."""

    def __init__(
        self,
        campaigns: Sequence[Campaign],
        recorded: Recorded,
        selection: Selection | None,
        refills: RefillWish | None,
        prices: PriceTerms,
    ) -> None:
        self.history = History(recorded, campaigns, None if refills is None else refills.now)
        self.refills = None if refills is None else RefillRound(recorded, refills)
        self.actions = Actions()
        self.ok = 0
        self.problems: list[Diagnostic] = []
        self.refusals: list[Refusal] = []
        self.notes: list[str] = []
        self._recorded = recorded
        self._declared = {one.attempt_id for one in recorded.decisions}  # closed by a person, not by an answer
        self._selection = selection
        self.offers = {
            panel: Offers(panel, recorded.catalogues.get(panel), prices.profiles.get(panel))
            for panel in {one.panel for one in campaigns}
        }

    def add(self, campaign: Campaign) -> Wanted:
        """Decide on every order of a campaign; what it would buy if there were no caps."""
        name, panel, selection, append = campaign.name, campaign.panel, self._selection, self.actions.append
        recorded, moved = self._recorded.attempts, campaign.moved
        offers, flights, add = self.offers[panel], self.history.flights(panel), self.actions.add
        doubtful = self.history.doubtful[name]
        unlisted = self.history.bought[name] | doubtful
        held: dict[str, list[Action]] = {"on_change": [], "price": []}  # by guard
        by_terms: dict[Terms, _Wish] = {}
        for order in campaign.orders:
            _, known_id, service, link, quantity, runs, interval, _, _ = order
            attempts: Sequence[Attempt] = recorded.get((name, known_id), ()) if recorded else ()
            if moved:
                known_id, attempts = known_as(self._recorded, campaign, known_id)
            if attempts:
                unlisted.discard(known_id)
            if selection is not None and not selection(order):
                continue
            if attempts and self._is_decided(order, known_id, attempts, campaign, held["on_change"]):
                continue
            terms = (service, quantity, runs, interval)
            wish = by_terms.get(terms)
            if wish is None:
                wish = by_terms[terms] = _Wish(offers[terms], flights[service])
            offer, links = wish.offer, wish.links
            if offer.code:
                self.problems.append(Diagnostic(order.source, order.line, 1, offer.code, offer.message))
                append(Action(order, ActionKind.BLOCKED, offer.message, None, panel))
                continue
            holder = links.get(link)
            if holder is not None:
                if not isinstance(holder, str):  # all orders that wait for it share one text
                    holder = links[link] = _wait_for(holder)
                append(Action(order, ActionKind.WAIT, holder, offer.cost, panel))
                continue
            if attempts and (risen := _risen_price(attempts, order, offer, campaign)):
                held["price"].append(Action(order, ActionKind.BLOCKED, risen, offer.cost, panel))
                append(held["price"][-1])
                continue
            links[link] = order
            wish.orders += 1
            if attempts:
                reason = _again(attempts[-1], is_declared=attempts[-1].id in self._declared)
                append(Action(order, ActionKind.PLACE, reason, offer.cost, panel))
                continue
            decision = wish.decision
            if decision is None:
                decision = wish.decision = self.actions.share(
                    Action(order, ActionKind.PLACE, _NOT_BOUGHT, offer.cost, panel)
                )
            add(order, decision)
        self.refusals += _refusals(name, held)
        self.notes += _notes_on_unlisted(campaign, unlisted - doubtful, unlisted & doubtful)
        wishes = by_terms.values()
        return Wanted(
            campaign=campaign,
            orders=sum(one.orders for one in wishes),
            cost=sum((one.offer.cost * one.orders for one in wishes if one.offer.cost is not None), ZERO),
            unpriced=sum(one.orders for one in wishes if one.offer.cost is None),
        )

    def _is_decided(
        self, order: Order, known_id: str, attempts: Sequence[Attempt], campaign: Campaign, held: list[Action]
    ) -> bool:
        """Decide on an order that may exist, was bought or was given up; False, and nothing done, if it is none of these."""
        if known_id in self.history.doubtful[campaign.name]:
            self.actions.append(_in_doubt(order, attempts, campaign.panel))
        elif open_one := purchase(attempts):
            self._keep(order, open_one, attempts, campaign, held)
        else:
            return False
        return True

    def _keep(
        self, order: Order, bought: Attempt, attempts: Sequence[Attempt], campaign: Campaign, held: list[Action]
    ) -> None:
        """Decide on an order that was bought or given up."""
        if is_as_listed(bought, order, campaign.panel) or campaign.policy.on_change is OnChange.KEEP:
            if self.refills is not None and (reason := self.refills.look_at(order, attempts, campaign)):
                self.actions.append(Action(order, ActionKind.REFILL, reason, ZERO, campaign.panel))
            else:
                self.ok += 1
            return
        held.append(_changed(order, bought, campaign))
        self.actions.append(held[-1])


def _by_priority(actions: Actions, campaigns: Sequence[Campaign]) -> None:
    """Sort in place: the higher priority first, as listed among equals; nothing to do where no order names one."""
    ranks = {(one.name, order_id): -rank for one in campaigns for order_id, rank in one.priorities.items()}
    if ranks:
        actions.sort(key=lambda action: ranks.get(action.order.key, 0))


def _in_doubt(order: Order, attempts: Sequence[Attempt], panel: str) -> Action:
    doubts = [attempt for attempt in attempts if attempt.state in DOUBTFUL]
    since = f"{doubts[0].marked_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    reason = (
        f"it may exist on the panel since {since}; it is never sent again by itself: `runner doubt show "
        f"{doubts[0].address}`"
    )
    return Action(order, ActionKind.IN_DOUBT, reason, sum((one.expected_charge for one in doubts), ZERO), panel)


def _changed(order: Order, bought: Attempt, campaign: Campaign) -> Action:
    difference = change_in_words(bought, order, campaign.panel)
    on_change = campaign.policy.on_change
    if on_change is OnChange.ERROR:
        reason = f"changed after it was bought ({difference}); {_CHOICES}"
    else:
        reason = f"changed after it was bought ({difference}); this version cannot {on_change} yet: {_CHOICES}"
    return Action(order, ActionKind.BLOCKED, reason, None, campaign.panel)


def _again(last: Attempt, *, is_declared: bool) -> str:
    """Why an order whose attempts are all closed is placed again."""
    if last.state is AttemptState.REFUSED:
        return f"refused last time: {last.message}" if last.message else "refused last time"
    if is_declared:
        return f"declared not placed last time: `runner doubt show {last.address}`"
    return "was not sent last time"


def _wait_for(holder: Attempt | Order) -> str:
    if isinstance(holder, Order):
        return f"this plan buys the same service and link as {holder.address}; a later apply places it"
    if holder.state in DOUBTFUL:
        return f"{holder.address}, for the same service and link, is in doubt; it waits until that is settled"
    return f"{holder.address}, for the same service and link, is in flight; a later apply places it"


def _risen_price(attempts: Sequence[Attempt], order: Order, offer: Offer, campaign: Campaign) -> str:
    """Why the price keeps an order from being tried again; empty if it may be.

    Compared with the rate of the newest attempt of this service on this panel: other services' prices say nothing.
    """
    rates = (one.rate for one in reversed(attempts) if one.service == order.service and one.panel == campaign.panel)
    former = next(rates, None)
    if former is None or offer.rate is None:
        return ""
    allowed = former * (1 + campaign.policy.max_price_increase)
    if offer.rate <= allowed:
        return ""
    limit = f", more than the {plain(allowed)} that policy.max_price_increase allows" if allowed != former else ""
    return (
        f"the price was {plain(former)} per 1000 when it was planned and is {plain(offer.rate)} now{limit}; "
        "raise policy.max_price_increase, or give the new order a new id"
    )


def _refusals(campaign: str, held: Mapping[str, Sequence[Action]]) -> Iterator[Refusal]:
    """One refusal for all of a campaign's orders that one guard holds; the first of them is told."""
    for guard, actions in held.items():
        if actions:
            first = actions[0]
            count = f"{len(actions)} orders, the first of them: " if len(actions) > 1 else ""
            yield Refusal(guard, campaign, f"{count}{first.order.address}: {first.reason}")


def _notes_on_unlisted(campaign: Campaign, bought: set[str], doubtful: set[str]) -> Iterator[str]:
    """Orders gone from the file. `removed:` silences what was bought, never a doubt."""
    if gone := len(bought - campaign.removed):
        yield f"{campaign.name}: {_number(gone)} no longer listed; {'it stays' if gone == 1 else 'they stay'} bought"
    if doubtful:
        yield f"{campaign.name}: {_number(len(doubtful))} no longer listed and in doubt; see `runner doubt list`"


def _number(orders: int) -> str:
    return "1 order is" if orders == 1 else f"{orders} orders are"


def _notes_on_money(wanted: Sequence[Wanted], history: History, balances: Mapping[str, Balance]) -> Iterator[str]:
    """What the caps could not take into account."""
    for panel in sorted({one.campaign.panel for one in wanted if one.unpriced}):
        yield f"no price list of {panel} remembered: run without --no-refresh"
    for panel in sorted({one.campaign.panel for one in wanted if one.orders} - set(balances)):
        yield f"no balance of {panel} remembered: what can be paid for is not checked"
    for one in wanted:
        if one.campaign.budget.total is not None:
            for panel in counted_panels(one.campaign, history.committed, balances)[1]:
                yield f"{one.campaign.name}: past orders on {panel} are in another currency and not in budget.total"
