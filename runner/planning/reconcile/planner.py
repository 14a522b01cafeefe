"""Compares what is listed with what is recorded, and makes the plan. Pure."""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial

from runner.core.attempts import Attempt
from runner.core.catalogue import Balance
from runner.core.orders import SANDBOX, Campaign, Order
from runner.core.snapshot import Recorded
from runner.core.values.links import page_key
from runner.core.values.money import ZERO, with_currency
from runner.planning.accounting.attempt_index import History
from runner.planning.accounting.balance_confirmation import Accounts
from runner.planning.accounting.committed_spend import Committed, currency_of
from runner.planning.fingerprint import account_print
from runner.planning.guards.budget import (
    Wanted,
    block_beyond,
    common_currency,
    exceeded_caps,
    wanted_by,
)
from runner.planning.guards.charge_check import hold_mischarged
from runner.planning.guards.order_limits import hold_cancels, hold_new
from runner.planning.guards.overdrawn import overdrawn
from runner.planning.guards.panel_guards import account_warnings, hold_accounts
from runner.planning.guards.price_guard import PriceTerms, hold_changed
from runner.planning.orders.moved_orders import known_attempts
from runner.planning.plan import BUYING, Action, ActionKind, Actions, DueCancel, PanelMoney, Plan
from runner.planning.pricing.quote import Offers
from runner.planning.pricing.rounding import rounding_of_panel
from runner.planning.reconcile.existing_orders import Draft, ExistingOrders, PriceGroups, wait_for
from runner.planning.reconcile.removed_orders import RemovedOrders
from runner.planning.reconcile.undeclared_renames import Named, hold_renamed, respelled
from runner.planning.refills.due_refills import RefillInputs, RefillRound

Selection = Callable[[Order], bool]

_NOT_BOUGHT = "not bought yet"
_LATER = "not in the saved plan: a later plan has it"
_ASKED_FOR = (*BUYING, ActionKind.CANCEL)


def make_plan(
    campaigns: Sequence[Campaign],
    recorded: Recorded,
    *,
    selection: Selection | None = None,
    max_cost: Decimal | None = None,
    balances: Mapping[str, Balance] | None = None,
    refills: RefillInputs | None = None,
    prices: PriceTerms | None = None,
    asked: Decimal | None = None,
    prune: bool = False,
    others: Named | None = None,
    agreed: Container[str] | None = None,
) -> Plan:
    """What `apply` would do about the orders of `campaigns`, by priority and then as listed, and whether it may.

    Orders that `selection` rejects are left out, neither counted nor planned. `balances` by panel default to the last
    ones recorded. Without `refills` none is looked for. `asked` is the amount of `--what-if budget=`: what is beyond it
    is blocked, and nothing refused. `prune`: cancel what no campaign of these lists any more. `others` names campaigns
    of files that are not given, where that is known. `agreed` are the addresses of a saved plan: what is to be done
    about others is blocked. Linear in orders plus attempts.
    """
    if balances is None:
        balances = {panel: seen.balance for panel, seen in recorded.last_balances.items()}
    prices = prices or PriceTerms()
    now = None if refills is None else refills.now
    draft = Draft(
        recorded=recorded,
        history=History(recorded, campaigns, now),
        refills=None if refills is None else RefillRound(recorded, refills),
        declared=frozenset(one.attempt_id for one in recorded.decisions),
        now=now,
    )
    panels = {one.panel for one in campaigns}
    unlisted = RemovedOrders(recorded, panels, prune=prune, selects=selection, now=now)
    offers = {
        panel: Offers(
            panel,
            recorded.catalogues.get(panel),
            prices.profiles.get(panel),
            partial(rounding_of_panel, recorded, panel),
        )
        for panel in panels
    }
    for campaign in campaigns:
        _add(draft, campaign, offers[campaign.panel], selection, unlisted)
    actions = draft.actions
    _by_priority(actions, campaigns)
    _hold_later(actions, agreed)
    committed = Committed(history=draft.history, balances=balances, accounts=Accounts(recorded, prices.profiles))
    renamed = hold_renamed(actions, campaigns, recorded, unlisted.gone, others)
    changed, told = hold_changed(actions, campaigns, offers, recorded, prices)
    mischarged = hold_mischarged(actions, campaigns, offers, recorded, prices.profiles)
    for action in unlisted.actions:
        actions.append(action)
    _hold_later(actions, agreed)
    held = hold_accounts(actions, campaigns, recorded, committed, prices)
    too_many = hold_new(actions, campaigns, draft.history, draft.parts)
    cancels = [one for one in (*draft.cancels, *unlisted.cancels) if agreed is None or one.order in agreed]
    cancels, too_many_cancels = hold_cancels(actions, cancels, campaigns, recorded)
    wanted = wanted_by(actions, campaigns)
    caps, impossible = exceeded_caps(wanted, committed, max_cost, asked)
    beyond = [one.refusal for one in overdrawn(campaigns, committed)]
    below_zero = {(one.guard, one.subject) for one in beyond}
    shown = [cap for cap in caps if not cap.is_asked and (cap.guard, cap.subject) not in below_zero]
    capped = [cap.refusal(actions) for cap in shown]
    left = block_beyond(actions, caps, wanted)
    costs = {one.campaign.panel: ZERO for one in wanted}
    for one in left:
        costs[one.campaign.panel] += one.cost
    buying = {one.campaign.panel for one in left if one.orders} or costs.keys()
    addable, currency = common_currency(buying, balances)
    cost = sum(costs.values(), ZERO)
    is_priced = not any(one.unpriced for one in left) and (addable or not cost)
    return Plan(
        actions=actions,
        ok=draft.ok,
        money={
            panel: PanelMoney(panel, balances.get(panel), costs[panel], draft.history.in_doubt(panel))
            for panel in costs
        },
        problems=draft.problems.diagnostics(),
        refusals=[
            *draft.refusals,
            *renamed,
            *changed,
            *mischarged,
            *held,
            *too_many,
            *too_many_cancels,
            *beyond,
            *capped,
            *impossible,
        ],
        notes=[
            *draft.notes,
            *respelled(actions, unlisted.gone),
            *told,
            *(draft.refills.notes() if draft.refills is not None else ()),
            *_notes_on_money(wanted, committed),
            *_notes_on_drips(left, draft.to_come, committed),
        ],
        # What a refusal tells needs no warning.
        warnings=() if held else account_warnings(campaigns, committed, prices.profiles),
        refills=draft.refills.due if draft.refills is not None else (),
        cancels=_begun(cancels, actions),
        parts=draft.parts,
        cost=cost if is_priced else None,
        currency=currency,
        services={(panel, one.id): one for panel, here in offers.items() for one in here.services()},
        accounts={
            name: account_print(one)
            for name, one in sorted(prices.profiles.items())
            if name in offers and name != SANDBOX  # it has another address in each run
        },
        lineage=recorded.lineage,
        digests={campaign.source: campaign.digest for campaign in campaigns},
    )


def _add(
    draft: Draft, campaign: Campaign, offers: Offers, selection: Selection | None, unlisted_orders: RemovedOrders
) -> None:
    """Decide on every order of a campaign, as if there were no caps."""
    name, panel, actions = campaign.name, campaign.panel, draft.actions
    append, add = actions.append, actions.add
    recorded, moved = draft.recorded.attempts, campaign.moved
    doubtful = draft.history.doubtful[name]
    unlisted = draft.history.bought[name] | doubtful
    groups = PriceGroups(offers, draft.history.flights(panel))
    further = ExistingOrders(campaign, draft, groups)
    drips, are_keys = campaign.drips, campaign.links_are_keys
    for order in campaign.orders:
        _, order_id, service, link, quantity, runs, interval, _, _ = order
        attempts: Sequence[Attempt] = recorded.get((name, order_id), ()) if recorded else ()
        if moved:
            attempts = known_attempts(draft.recorded, campaign, order_id)
        if attempts:
            unlisted.discard(attempts[0].order_id)
        if selection is not None and not selection(order):
            continue
        if attempts or (drips and order_id in drips):
            further.add(order, attempts)
            continue
        group = groups[(service, quantity, runs, interval)]
        offer, links = group.offer, group.links
        if offer.code:
            draft.problems.add(order, offer)
            append(Action(order, ActionKind.BLOCKED, offer.message, None, panel))
            continue
        page = link if are_keys else page_key(link)
        holder = links.get(page)
        if holder is not None:
            if not isinstance(holder, str):  # all orders that wait for it share one text
                holder = links[page] = wait_for(holder)
            append(Action(order, ActionKind.WAIT, holder, offer.cost, panel))
            continue
        links[page] = order
        decision = group.decision
        if decision is None:
            decision = group.decision = actions.share(Action(order, ActionKind.PLACE, _NOT_BOUGHT, offer.cost, panel))
        add(order, decision)
    further.close()
    draft.notes += unlisted_orders.look_at(campaign, unlisted - doubtful, unlisted & doubtful)


def _by_priority(actions: Actions, campaigns: Sequence[Campaign]) -> None:
    """Sort in place: the higher priority first, as listed among equals; nothing to do where no order names one."""
    ranks = {(one.name, order_id): -rank for one in campaigns for order_id, rank in one.priorities.items()}
    if ranks:
        actions.sort(key=lambda action: ranks.get(action.order.key, 0))


def _hold_later(actions: Actions, agreed: Container[str] | None) -> None:
    """Block what a saved plan does not hold, in place; nothing to do without one."""
    if agreed is not None:
        actions.hold(_ASKED_FOR, lambda one: "" if one.order.address in agreed else _LATER)


def _notes_on_money(wanted: Sequence[Wanted], committed: Committed) -> Iterator[str]:
    """What the caps could not take into account."""
    for panel in sorted({one.campaign.panel for one in wanted if one.unpriced}):
        yield f"no price list of {panel} remembered: run without --no-refresh"
    for panel in sorted({one.campaign.panel for one in wanted if one.orders} - set(committed.balances)):
        yield f"no balance of {panel} remembered: what can be paid for is not checked"
    for one in wanted:
        if one.campaign.budget.total is not None:
            for panel, currency in committed.foreign(one.campaign):
                yield f"{one.campaign.name}: past orders on {panel} are in {currency} and not in budget.total"


def _notes_on_drips(left: Sequence[Wanted], to_come: Mapping[str, Decimal], committed: Committed) -> Iterator[str]:
    """Drips whose later instalments the total budget can't pay: it is held against each when it is due."""
    for one in left:
        campaign, cost = one.campaign, to_come[one.campaign.name]
        room = committed.room_in_total(campaign)
        if room is not None and cost > (fits := max(room - one.cost, ZERO)):
            currency = currency_of(campaign, committed.balances)
            yield (
                f"{campaign.name}: the instalments still to come cost {with_currency(cost, currency)}, and budget.total "
                f"({campaign.place_of('budget.total')}) leaves {with_currency(fits, currency)} for them: not all of them will be sent"
            )


def _begun(cancels: Sequence[DueCancel], actions: Actions) -> Sequence[DueCancel]:
    """The cancellations whose line has not been blocked since."""
    if not cancels:
        return cancels
    begun = {one.order.address for one in actions if one.kind in (ActionKind.CANCEL, ActionKind.REPLACE)}
    return [one for one in cancels if one.order in begun]
