"""Sums what past purchases took of each budget, in its currency. Pure.

Known charges count as they are, the others at the expected price, doubts at full price. Money that a panel says it paid
back counts as paid back once the balance confirms it. Amounts in other currencies are never added.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from runner.core.catalogue import Balance
from runner.core.orders import Campaign
from runner.core.values.money import ZERO
from runner.planning.accounting.attempt_index import Billed, History, Taken
from runner.planning.accounting.balance_confirmation import Accounts


def currency_of(campaign: Campaign, balances: Mapping[str, Balance]) -> str | None:
    """The currency of a campaign's caps: `budget.currency`, else that of its panel's balance; None: not known."""
    if campaign.budget.currency is not None:
        return campaign.budget.currency
    balance = balances.get(campaign.panel)
    return None if balance is None else balance.currency


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """What counts against the caps of campaigns; amounts in the currency of each campaign."""

    history: History
    balances: Mapping[str, Balance]
    accounts: Accounts

    def in_total(self, campaign: Campaign) -> Decimal:
        """Over the campaign's life; it must have a total budget."""
        return self._sum(campaign, self.history.committed[campaign.name])

    def today(self, campaign: Campaign) -> Decimal:
        """On the present UTC day; it must have a budget for a day."""
        return self._sum(campaign, self.history.today[campaign.name])

    def room_in_total(self, campaign: Campaign) -> Decimal | None:
        """What a campaign may still commit over its life; None if it has no such budget. Negative: overdrawn."""
        total = campaign.budget.total
        return None if total is None else total - self.in_total(campaign)

    def unconfirmed(self, campaign: Campaign) -> Decimal:
        """The part of `in_total` that the panels say they paid back and no balance confirms."""
        taken = self.history.committed.get(campaign.name)
        if taken is None:
            return ZERO
        return sum((self._not_returned(taken, key) for key in taken.returned if self._counts(campaign, key)), ZERO)

    def foreign(self, campaign: Campaign) -> list[tuple[str, str]]:
        """Panels and currencies whose past purchases can't count against the campaign's total budget."""
        taken = self.history.committed[campaign.name]
        return [
            (key[0], self._currency(key) or "another currency")
            for key in taken.amounts
            if not self._counts(campaign, key)
        ]

    def _sum(self, campaign: Campaign, taken: Taken) -> Decimal:
        keys = [key for key in taken.amounts if self._counts(campaign, key)]
        return sum((taken.amounts[key] + self._not_returned(taken, key) for key in keys), ZERO)

    def _not_returned(self, taken: Taken, key: Billed) -> Decimal:
        returned = taken.returned.get(key)
        return ZERO if returned is None else self.accounts.not_returned(key[0], returned)

    def _counts(self, campaign: Campaign, key: Billed) -> bool:
        """True unless the two currencies are known to differ."""
        own, theirs = currency_of(campaign, self.balances), self._currency(key)
        return own is None or theirs is None or own == theirs

    def _currency(self, key: Billed) -> str | None:
        panel, former = key
        if former is not None:
            return former
        balance = self.balances.get(panel)
        return None if balance is None else balance.currency
