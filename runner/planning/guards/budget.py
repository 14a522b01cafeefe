"""Caps on a whole plan, checked before its first action: budgets, balance, --max-cost. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from runner.core.catalogue import Balance
from runner.core.orders import Campaign
from runner.core.values.money import ZERO, plain, with_currency
from runner.planning.accounting.committed_spend import Committed, currency_of
from runner.planning.allowance import Allowance
from runner.planning.phrases import orders
from runner.planning.plan import BUYING, Action, Actions, Plan, Refusal

MAX_COST = "max-cost"
WHAT_IF = "what-if"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What one campaign would buy if there were no caps."""

    campaign: Campaign
    orders: int
    cost: Decimal  # of those with a known price
    unpriced: int = 0  # orders whose price is not known


class Fitting(NamedTuple):
    """What would be bought under a cap."""

    orders: int
    cost: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """One limit and what is held against it; `planned` and `room` in one currency."""

    guard: str
    subject: str  # campaign, panel, or `plan`
    wanted: Sequence[Wanted]  # whose purchases count
    room: Decimal  # what may be planned under the limit; negative when it is overdrawn already
    limit: str  # the limit in words, with its numbers
    remedy: str  # what to do
    currency: str | None
    place: str = ""  # where the limit is set: `file:line`, or the command line; empty for an account
    is_asked: bool = False  # a question of `plan --what-if`: what is beyond it is no reason to refuse

    @property
    def campaigns(self) -> frozenset[str]:
        """Names of those whose purchases count."""
        return frozenset(one.campaign.name for one in self.wanted)

    @property
    def planned(self) -> Decimal:
        """What they would buy, of those with a known price."""
        return sum((one.cost for one in self.wanted), ZERO)

    def refusal(self, actions: Sequence[Action]) -> Refusal:
        """The whole apply is refused, with the numbers and with what of `actions`, in order, fits under this cap alone."""
        campaigns, number, cost = self.campaigns, 0, ZERO
        for action in actions:
            if action.kind in BUYING and action.order.campaign in campaigns:
                more = cost + (action.cost or ZERO)
                if more <= self.room:
                    number, cost = number + 1, more
        fitting = Fitting(number, cost)
        planned = with_currency(self.planned, self.currency)
        short = with_currency(self.planned - self.room, self.currency)
        place = f" ({self.place})" if self.place else ""
        message = (
            f"{planned} planned, but {self.limit}{place}: {short} too much; "
            f"{fits_in_words(fitting, self.currency)}; {self.remedy}"
        )
        return Refusal(self.guard, self.subject, message)

    @property
    def reason(self) -> str:
        """Why an order beyond the limit is blocked; the same text for all of them."""
        beyond = "it would not fit" if self.is_asked else f"beyond {self.guard} of {self.subject}"
        return f"{beyond}: {self.limit}; {with_currency(self.planned, self.currency)} is planned"


def fits_in_words(fitting: Fitting, currency: str | None) -> str:
    """`2 orders for 1.80 USD would fit`."""
    if not fitting.orders:
        return "no order would fit"
    return f"{orders(fitting.orders)} for {with_currency(fitting.cost, currency)} would fit"


def common_currency(panels: Iterable[str], balances: Mapping[str, Balance]) -> tuple[bool, str | None]:
    """Whether amounts of these panels may be added, and in which currency; unknown ones fit only with themselves."""
    names = list(panels)
    currencies = {balances[name].currency if name in balances else None for name in names}
    if len(currencies) == 1 and (len(names) == 1 or None not in currencies):
        return True, currencies.pop()
    return not names, None


def exceeded_caps(
    wanted: Sequence[Wanted],
    committed: Committed,
    max_cost: Decimal | None,
    asked: Decimal | None = None,
) -> tuple[list[Cap], list[Refusal]]:
    """The caps that what is wanted does not fit under, and a refusal for a cap that can't be applied at all.

    A cap under which nothing is planned is never exceeded. `asked` is the amount of `--what-if budget=`. Panels that
    are one account share its balance.
    """
    balances, history, accounts = committed.balances, committed.history, committed.accounts
    buying = [one for one in wanted if one.orders]
    caps = [cap for one in buying for cap in _budget_caps(one, committed)]
    unpriced = _unpriced(buying, caps, max_cost)
    for panel in dict.fromkeys(one.campaign.panel for one in buying):
        if panel in balances:
            names = accounts.names(panel)
            in_doubt = sum((history.in_doubt(name) for name in names), ZERO)
            caps += _balance_caps(panel, wanted, in_doubt, balances[panel], names)
    impossible: list[Refusal] = []
    for limit, guard in ((max_cost, MAX_COST), (asked, WHAT_IF)):
        if limit is not None and buying:
            addable, currency = common_currency(dict.fromkeys(one.campaign.panel for one in buying), balances)
            if addable:
                caps.append(_whole_cap(guard, limit, buying, currency))
            else:
                message = f"{guard} needs one currency, and the panels of this plan differ; apply them one by one"
                impossible.append(Refusal(guard, "plan", message))
    return [cap for cap in caps if cap.planned > cap.room], unpriced + impossible


def _unpriced(buying: Sequence[Wanted], caps: Sequence[Cap], max_cost: Decimal | None) -> list[Refusal]:
    """A refusal for each campaign under a cap that buys at unknown prices: these never count as zero."""
    capped = {cap.subject: cap.guard for cap in reversed(caps)}
    found = []
    for one in buying:
        guard = capped.get(one.campaign.name) or (MAX_COST if max_cost is not None else "")
        if one.unpriced and guard:
            message = f"the price of {one.unpriced:,} orders is not known, so {guard} can't be checked: run without --no-refresh"
            found.append(Refusal(guard, one.campaign.name, message))
    return found


def allowance(campaigns: Sequence[Campaign], committed: Committed, plan: Plan) -> Allowance:
    """What a run of `plan` may spend: no more than any cap allows, and on each panel no more than planned."""
    wanted = [Wanted(campaign=campaign, orders=0, cost=ZERO) for campaign in campaigns]
    by_campaign = {
        one.campaign.name: min(cap.room for cap in caps) for one in wanted if (caps := _budget_caps(one, committed))
    }
    by_panel = {panel: money.cost for panel, money in plan.money.items()}
    for panel, money in plan.money.items():
        if money.balance is not None:
            caps = _balance_caps(panel, wanted, committed.history.in_doubt(panel), money.balance)
            by_panel[panel] = min(by_panel[panel], *(cap.room for cap in caps))
    return Allowance(by_campaign, by_panel)


def _budget_caps(wanted: Wanted, committed: Committed) -> list[Cap]:
    campaign, budget = wanted.campaign, wanted.campaign.budget
    currency = currency_of(campaign, committed.balances)
    caps = []
    for guard, limit, used, words in spent_budgets(campaign, committed):
        told = f"{guard} is {with_currency(limit, currency)} with {with_currency(used, currency)} {words}"
        caps.append((guard, limit - used, told))
    if budget.per_run is not None:
        caps.append(("budget.per_run", budget.per_run, f"budget.per_run is {with_currency(budget.per_run, currency)}"))
    return [
        Cap(
            guard=guard,
            subject=campaign.name,
            wanted=[wanted],
            room=room,
            limit=limit,
            remedy=f"raise {guard}, or apply fewer orders with --select",
            currency=currency,
            place=campaign.place_of(guard),
        )
        for guard, room, limit in caps
    ]


class SpentBudget(NamedTuple):
    """A budget that past purchases count against."""

    guard: str
    limit: Decimal
    used: Decimal
    words: str  # how it was used


def spent_budgets(campaign: Campaign, committed: Committed) -> list[SpentBudget]:
    """The budgets of a campaign over several runs, with what was used of them."""
    budget, found = campaign.budget, []
    if budget.total is not None:
        words = "committed already"
        if back := committed.unconfirmed(campaign):
            words += f" ({plain(back)} of it said to be refunded, but not confirmed by the balance)"
        found.append(SpentBudget("budget.total", budget.total, committed.in_total(campaign), words))
    if budget.per_day is not None:
        found.append(SpentBudget("budget.per_day", budget.per_day, committed.today(campaign), "committed today (UTC)"))
    return found


def _balance_caps(
    panel: str, wanted: Sequence[Wanted], in_doubt: Decimal, balance: Balance, names: Collection[str] = ()
) -> list[Cap]:
    """The caps that a panel's balance sets on all its campaigns: the balance, and what of it `budget.keep_balance` keeps.

    `names` are those of the same account, the panel's own among them, where it has several.
    """
    here = [one for one in wanted if one.campaign.panel in (names or (panel,))]
    keeper = max(here, key=lambda one: one.campaign.budget.keep_balance or ZERO)
    keep = keeper.campaign.budget.keep_balance or ZERO
    currency = balance.currency
    held = f" with {with_currency(in_doubt, currency)} in doubt" if in_doubt else ""
    shared = f" ({' and '.join(names)} are one account)" if len(names) > 1 else ""
    account = f"the balance is {with_currency(balance.amount, currency)}{held}{shared}"
    caps = [("balance", balance.amount - in_doubt, account, "add funds, or apply fewer orders with --select")]
    if keep > ZERO:
        kept = f"{account} and budget.keep_balance is {with_currency(keep, currency)}"
        remedy = "add funds, lower budget.keep_balance, or apply fewer orders with --select"
        caps.append(("budget.keep_balance", balance.amount - in_doubt - keep, kept, remedy))
    return [
        Cap(
            guard=guard,
            subject=panel,
            wanted=here,
            room=room,
            limit=limit,
            remedy=remedy,
            currency=currency,
            place=keeper.campaign.place_of(guard) if guard == "budget.keep_balance" else "",
        )
        for guard, room, limit, remedy in caps
    ]


def _whole_cap(guard: str, limit: Decimal, buying: Sequence[Wanted], currency: str | None) -> Cap:
    """A cap over the whole plan, of the command line."""
    option = "--what-if budget" if guard == WHAT_IF else "--max-cost"
    return Cap(
        guard=guard,
        subject="plan",
        wanted=buying,
        room=limit,
        limit=f"{option} is {with_currency(limit, currency)}",
        remedy=f"raise {option}, or apply fewer orders with --select",
        currency=currency,
        place="on the command line",
        is_asked=guard == WHAT_IF,
    )


def block_beyond(actions: Actions, caps: Sequence[Cap], wanted: Sequence[Wanted]) -> Sequence[Wanted]:
    """Turn, in order, each purchase that no longer fits under one of `caps` into a blocked one, in place; return the others.

    These fit under every cap; a blocked order takes no room from those behind it.
    """
    if not caps:
        return wanted
    used = [ZERO] * len(caps)
    reasons = [cap.reason for cap in caps]
    names = [cap.campaigns for cap in caps]
    applying = {one.campaign.name: [n for n, here in enumerate(names) if one.campaign.name in here] for one in wanted}

    def why(action: Action) -> str:
        numbers, cost = applying[action.order.campaign], action.cost or ZERO
        for n in numbers:
            if used[n] + cost > caps[n].room:
                return reasons[n]
        for n in numbers:
            used[n] += cost
        return ""

    actions.hold(BUYING, why)
    return wanted_by(actions, [one.campaign for one in wanted])


def wanted_by(actions: Actions, campaigns: Sequence[Campaign]) -> list[Wanted]:
    """What each campaign buys as the actions stand; in the order of `campaigns`."""
    bought: dict[str, list[tuple[Decimal | None, int]]] = {
        campaign.name: [] for campaign in campaigns
    }  # cost and number
    for action, number in actions.groups():
        if action.kind in BUYING:
            bought[action.order.campaign].append((action.cost, number))
    return [
        Wanted(
            campaign=campaign,
            orders=sum(number for _, number in several),
            cost=sum((cost * number for cost, number in several if cost is not None), ZERO),
            unpriced=sum(number for cost, number in several if cost is None),
        )
        for campaign, several in zip(campaigns, bought.values(), strict=True)
    ]
