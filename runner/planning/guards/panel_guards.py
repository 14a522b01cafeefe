"""Forbids buying on a whole panel: old data, another currency, missing money, unconfirmed orders. Pure.

What is remembered is for showing. Before money goes out, the panel and its balance must say now what the state says.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from operator import attrgetter

from runner.core.catalogue import Balance
from runner.core.orders import Campaign, PanelProfile
from runner.core.snapshot import Recorded
from runner.core.values.clock import to_the_minute
from runner.core.values.money import ZERO, with_currency
from runner.planning.accounting.committed_spend import Committed
from runner.planning.guards.holds import Hold, hold
from runner.planning.guards.price_guard import PriceTerms
from runner.planning.guards.send_window import FIRST
from runner.planning.phrases import orders
from runner.planning.plan import Actions, Refusal

PRICES = "prices"  # the price list is not of now
CURRENCY = "currency"  # the account bills in another one than was agreed to
BALANCE = "balance"  # money is gone that no order explains
UNCONFIRMED = "unconfirmed"  # neither a charge nor the balance shows what earlier orders cost


def hold_accounts(
    actions: Actions,
    campaigns: Sequence[Campaign],
    recorded: Recorded,
    committed: Committed,
    terms: PriceTerms,
) -> list[Refusal]:
    """Turn the purchases on panels that must not be bought on into blocked ones, in place; a refusal for each reason."""
    profiles = terms.profiles
    held: dict[str, Sequence[Hold]] = {}
    for campaign in campaigns:
        panel = campaign.panel
        reasons = [
            *_old_prices(panel, recorded, terms.fresh_since),
            *_other_currency(campaign, recorded, committed.balances, profiles.get(panel)),
            *_unexplained(panel, committed, profiles),
            *_unconfirmed(panel, committed, profiles.get(panel)),
        ]
        if reasons:
            held[campaign.name] = reasons
    return hold(actions, held, attrgetter("campaign"))


def account_warnings(
    campaigns: Sequence[Campaign], committed: Committed, profiles: Mapping[str, PanelProfile]
) -> list[str]:
    """One sentence for each exclusive account that lost money without us, whether anything is to be bought or not."""
    panels = dict.fromkeys(campaign.panel for campaign in campaigns)
    return [f"{panel}: {one.reason}" for panel in panels for one in _unexplained(panel, committed, profiles)]


def _old_prices(panel: str, recorded: Recorded, fresh_since: datetime | None) -> Iterator[Hold]:
    catalogue = recorded.catalogues.get(panel)
    if fresh_since is None or catalogue is None or catalogue.fetched_at >= fresh_since:
        return
    yield Hold(
        PRICES,
        f"the price list of {panel} could not be read now, and the last one is of {to_the_minute(catalogue.fetched_at)}: "
        "nothing is bought at remembered prices; try again when the panel shows its list (runner services)",
    )


def _other_currency(
    campaign: Campaign, recorded: Recorded, balances: Mapping[str, Balance], profile: PanelProfile | None
) -> Iterator[Hold]:
    """Hold purchases if the account's currency is not the one that is named, or has changed and none is named."""
    balance = balances.get(campaign.panel)
    if balance is None:
        return
    billed, panel = balance.currency, campaign.panel
    named = [
        (campaign.budget.currency, f"budget.currency ({campaign.place_of('budget.currency')})"),
        (None if profile is None else profile.currency, f"currency of {panel} in panels.yaml"),
    ]
    wrong = [f"{place} is {word}" for word, place in named if word is not None and not _is_same(word, billed)]
    if wrong:
        yield Hold(
            CURRENCY,
            f"{panel} bills in {billed}, but {' and '.join(wrong)}: budgets and prices of different currencies are never "
            "compared; correct what is wrong",
        )
        return
    changes = recorded.currency_changes.get(panel, ())
    agreed = any(word is not None for word, _ in named)
    if changes and not agreed:
        before = dict.fromkeys(one.balance.currency for one in changes if one.balance.currency != billed)
        former = ", ".join(name for name in before if name is not None)
        yield Hold(
            CURRENCY,
            f"the account on {panel} was in {former} and is in {billed} now: if that is right, check the budgets and set "
            f"currency: {billed} for {panel} in panels.yaml, or budget.currency in the campaign",
        )


def _is_same(named: str, billed: str | None) -> bool:
    """True if both are one currency, or the panel names none: then a person's word is all there is."""
    return billed is None or named.upper() == billed.upper()


def _unexplained(panel: str, committed: Committed, profiles: Mapping[str, PanelProfile]) -> Iterator[Hold]:
    """Money that left an exclusive account, beyond what orders in doubt and refunds that did not come would explain."""
    profile = profiles.get(panel)
    if profile is None or not profile.exclusive or len(committed.accounts.names(panel)) > 1:
        return
    gone, history = committed.accounts.gone(panel), committed.history
    if gone is None or gone <= ZERO or gone <= history.in_doubt(panel) + history.returned.get(panel, ZERO):
        return
    balance = committed.balances.get(panel)
    currency = None if balance is None else balance.currency
    yield Hold(
        BALANCE,
        f"{with_currency(gone, currency)} is gone from the balance of {panel} and no order explains it, though panels.yaml says "
        f"exclusive: true; find out who spent it, then explain it with `runner balance {panel} --label TEXT`, or set "
        "exclusive: false",
    )


def _unconfirmed(panel: str, committed: Committed, profile: PanelProfile | None) -> Iterator[Hold]:
    """Orders of earlier runs that nobody knows the cost of: as many as one run may have out before a confirmation."""
    number = committed.history.uncharged.get(panel, 0)
    if profile is None or profile.hides_charges or number < FIRST or committed.accounts.agrees(panel):
        return
    gone = committed.accounts.gone(panel)
    balance = "its balance was not seen before and after them" if gone is None else _differs(gone)
    yield Hold(
        UNCONFIRMED,
        f"{panel} shows no charge for {orders(number)}, and {balance}: what they cost is not known, so nothing more is "
        f"bought; look again later, explain the balance with `runner balance {panel} --label TEXT`, or set "
        f"charges: hidden for {panel} in panels.yaml if it never shows them",
    )


def _differs(gone: Decimal) -> str:
    if gone > ZERO:
        return f"its balance lost {with_currency(gone, None)} more than was expected for them"
    return f"its balance holds {with_currency(-gone, None)} more than it should"
