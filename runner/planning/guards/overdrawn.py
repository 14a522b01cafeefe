"""Finds budgets of which more is used than they allow. Pure."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from runner.core.orders import Campaign
from runner.core.values.money import with_currency
from runner.planning.accounting.committed_spend import Committed, currency_of
from runner.planning.guards.budget import spent_budgets
from runner.planning.plan import Refusal


class Overdrawn(NamedTuple):
    """One budget below zero."""

    guard: str  # `budget.total`
    campaign: str
    words: str  # the numbers, and where the limit is set

    @property
    def warning(self) -> str:
        """One sentence for `status`, `report` and the end of a run."""
        return f"{self.campaign}: {self.words}"

    @property
    def refusal(self) -> Refusal:
        """Nothing is bought, refilled or cancelled by `apply` until a person has looked."""
        remedy = f"see `runner report`, then raise {self.guard} to go on"
        return Refusal(self.guard, self.campaign, f"{self.words}; {remedy}")


def overdrawn(campaigns: Iterable[Campaign], committed: Committed) -> Sequence[Overdrawn]:
    """The overdrawn budgets of campaigns, in their order."""
    found = []
    for campaign in campaigns:
        currency = currency_of(campaign, committed.balances)
        for guard, limit, used, words in spent_budgets(campaign, committed):
            if used > limit:
                told = (
                    f"{guard} is overdrawn by {with_currency(used - limit, currency)}: {with_currency(used, currency)} {words}, "
                    f"{with_currency(limit, currency)} allowed ({campaign.place_of(guard)})"
                )
                found.append(Overdrawn(guard, campaign.name, told))
    return found
