"""What a plan will buy, for who reads the report before it is carried out: order by order, and summed. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from heapq import nlargest
from typing import NamedTuple

from runner.core.errors import ExitCode
from runner.core.values.money import ZERO
from runner.planning.plan import BUYING, ActionKind, PanelMoney, Plan
from runner.report.wording import count, money, words

_FREE = {ActionKind.REFILL: "refill", ActionKind.CANCEL: "cancellation"}


class Purchase(NamedTuple):
    """One order that will be bought."""

    address: str  # `campaign/id`
    campaign: str
    panel: str
    service: str
    service_name: str  # as the panel lists it, cleaned; empty: not known
    link: str
    quantity: int  # a run
    runs: int  # 1 without drip-feed
    cost: Decimal | None  # None: no price known
    currency: str | None
    reason: str  # why it is bought further or anew; empty: it was not bought yet

    @property
    def units(self) -> int:
        """All runs together."""
        return self.quantity * self.runs


class PurchaseSum(NamedTuple):
    """Purchases of one campaign or one service, in one currency."""

    name: str
    panel: str
    title: str  # the service's name; empty for a campaign
    orders: int
    units: int
    cost: Decimal | None  # None: a price is not known
    currency: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchases:
    """All that a plan will buy."""

    lines: Sequence[Purchase]  # in the plan's order
    campaigns: Sequence[PurchaseSum]  # the dearest first
    services: Sequence[PurchaseSum]  # the same
    panels: Sequence[PanelMoney]  # of the panels that are bought on
    cost: Decimal | None  # of all lines; None: a price is not known, or the currencies differ
    currency: str | None
    asked: Sequence[tuple[ActionKind, int]]  # what is asked for at no charge, and how often
    is_refused: bool  # a guard or a problem forbids all of it

    @property
    def title(self) -> str:
        """What to call it: nothing is bought while something stands in the way."""
        return "Would be bought, once nothing stands in the way" if self.is_refused else "Will be bought"

    @property
    def in_all(self) -> str:
        """How many orders at what price: `2 orders, 200 units, for 0.18 USD.`, or `Nothing.`, as a sentence."""
        if not self.lines:
            return "Nothing."
        price = "" if self.cost is None else f", for {money(self.cost, self.currency)}"
        return f"{count(len(self.lines), 'order')}, {sum(one.units for one in self.lines):,} units{price}."

    @property
    def also(self) -> str:
        """What is asked for at no charge, as a sentence; empty if there is nothing."""
        asked = [count(number, _FREE[kind]) for kind, number in self.asked]
        return f"Also asked for, at no charge: {', '.join(asked)}." if asked else ""

    def dearest(self, most: int) -> list[Purchase]:
        """So many lines at most: those without a price, then the dearest; equal ones in the plan's order."""
        return nlargest(most, self.lines, key=lambda one: (one.cost is None, one.cost or ZERO))


def purchases_of(plan: Plan) -> Purchases:
    """What an apply of the plan will buy; a replacement too, which waits until the former order is cancelled."""
    lines = list(_lines(plan))
    counts = plan.summary
    bought_on = {line.panel for line in lines}
    return Purchases(
        lines=lines,
        campaigns=_summed((line.campaign, line.panel, "", line) for line in lines),
        services=_summed((line.service, line.panel, line.service_name, line) for line in lines),
        panels=[one for one in plan.money.values() if one.panel in bought_on],
        cost=plan.cost,
        currency=plan.currency,
        is_refused=plan.exit_code is not ExitCode.OK,
        asked=[(kind, counts[kind]) for kind in _FREE if kind in counts],
    )


def _lines(plan: Plan) -> Iterator[Purchase]:
    currencies = {one.panel: None if one.balance is None else one.balance.currency for one in plan.money.values()}
    for kind in BUYING:
        for action in plan.of_kind(kind):
            order, panel = action.order, action.panel
            quantity, runs, _ = plan.terms(action)
            service = plan.services.get((panel, order.service))
            yield Purchase(
                order.address,
                order.campaign,
                panel,
                order.service,
                "" if service is None else service.name,
                order.link,
                quantity,
                runs or 1,
                action.cost,
                currencies.get(panel),
                "" if kind is ActionKind.PLACE else f"{words(kind)}: {action.reason}",
            )


def _summed(lines: Iterable[tuple[str, str, str, Purchase]]) -> list[PurchaseSum]:
    sums: dict[tuple[str, str], PurchaseSum] = {}
    for name, panel, title, one in lines:
        orders, units, cost = 1, one.units, one.cost
        if (known := sums.get((name, panel))) is not None:
            orders, units = known.orders + 1, known.units + units
            cost = None if cost is None or known.cost is None else known.cost + cost
        sums[name, panel] = PurchaseSum(name, panel, title, orders, units, cost, one.currency)
    return sorted(sums.values(), key=lambda one: (one.cost is not None, -(one.cost or ZERO)))
