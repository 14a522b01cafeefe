"""Compares a later plan with what a person agreed to when a watch asked. Pure.

Agreed are the lines as they are listed, under the budgets and policies of their campaign, at the prices then seen:
orders that wait, instalments and purchases that a policy asks for need no second question. Cancellations always do,
unless they were in the very plan that was shown.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from runner.core.orders import Budget, Campaign, Order, Policy
from runner.core.snapshot import Recorded
from runner.core.values.links import page_key
from runner.planning.plan import Action, DueCancel, Plan
from runner.planning.refills.due_refills import DueRefill

_Line = tuple[str, str, int, int | None, int | None]  # service, page (`page_key`), quantity, runs, interval
_Terms = tuple[str, Budget, Policy]  # panel and what the campaign allows


class Beyond(NamedTuple):
    """What of a plan nobody has agreed to."""

    purchases: Sequence[Action]
    refills: Sequence[DueRefill]
    cancels: Sequence[DueCancel]

    def __bool__(self) -> bool:
        return bool(self.purchases or self.refills or self.cancels)

    @property
    def addresses(self) -> frozenset[str]:
        """Of all orders in it."""
        several: Iterable[str] = (one.order.address for one in self.purchases)
        return frozenset([*several, *(one.order for one in self.refills), *(one.order for one in self.cancels)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """All that was agreed to so far; grows with each answer."""

    lines: Mapping[str, _Line] = field(default_factory=dict)  # by address
    campaigns: Mapping[str, _Terms] = field(default_factory=dict)  # by name
    rates: Mapping[tuple[str, str], Decimal] = field(default_factory=dict)  # highest agreed to, by panel and service
    accounts: Mapping[str, str] = field(default_factory=dict)  # by panel, as `Plan.accounts`: whose money it is
    cancels: frozenset[int] = frozenset()  # attempts

    def beyond(self, plan: Plan, campaigns: Sequence[Campaign]) -> Beyond:
        """What `plan` would do that was not agreed to."""
        agreed = {
            one.name
            for one in campaigns
            if self.campaigns.get(one.name) == _terms(one)
            and self.accounts.get(one.panel) == plan.accounts.get(one.panel)
        }
        return Beyond(
            [
                one
                for one in plan.purchases()
                if one.order.campaign not in agreed
                or self.lines.get(one.order.address) != _line(one.order)
                or not self._is_no_dearer(plan, one)
            ],
            [one for one in plan.refills if one.order not in self.lines or one.order.partition("/")[0] not in agreed],
            [one for one in plan.cancels if one.attempt_id not in self.cancels],
        )

    def _is_no_dearer(self, plan: Plan, action: Action) -> bool:
        key = (action.panel, action.order.service)
        now, then = plan.services.get(key), self.rates.get(key)
        return now is not None and then is not None and now.rate <= then

    def with_plan(self, plan: Plan, campaigns: Sequence[Campaign], recorded: Recorded) -> "Approval":
        """Return an approval that covers as well all that `campaigns` list, at today's prices, and the cancellations of `plan`."""
        lines = {order.address: _line(order) for one in campaigns for order in one.orders}
        return Approval(
            lines={**self.lines, **lines},
            campaigns={**self.campaigns, **{one.name: _terms(one) for one in campaigns}},
            rates={**self.rates, **_rates({one.panel for one in campaigns}, recorded)},
            accounts={**self.accounts, **plan.accounts},
            cancels=self.cancels | {one.attempt_id for one in plan.cancels},
        )


def _line(order: Order) -> _Line:
    return (order.service, page_key(order.link), order.quantity, order.runs, order.interval)


def _terms(campaign: Campaign) -> _Terms:
    return (campaign.panel, campaign.budget, campaign.policy)


def _rates(panels: Iterable[str], recorded: Recorded) -> dict[tuple[str, str], Decimal]:
    """Prices of all that is sold there: any of it may be bought later."""
    return {
        (panel, service.id): service.rate
        for panel in panels
        if panel in recorded.catalogues
        for service in recorded.catalogues[panel].services.values()
    }
