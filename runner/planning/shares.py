"""How many orders one run may buy or cancel: `policy.max_new` and `policy.max_cancel`. Pure."""

from collections.abc import Sequence

from runner.core.money import ZERO
from runner.core.orders import Campaign, Limit
from runner.planning.guards import Fitting, fits_in_words
from runner.planning.history import History
from runner.planning.plan import ActionKind, Actions, Refusal
from runner.planning.price_guard import percent

FLOOR = 10  # a share of fewer orders than this says nothing, and isn't applied


def allowed(limit: Limit, there: int) -> int | None:
    """How many of `there` orders may be touched; None: the limit says nothing about so few."""
    if limit.number is not None:
        return limit.number
    if limit.share is None or there < FLOOR:
        return None
    return int(limit.share * there)


def limit_in_words(limit: Limit, there: int, what: str) -> str:
    """`30% of 40 live orders, that is 12`, or `12`."""
    if limit.share is None:
        return str(limit.number)
    return f"{percent(limit.share)} of {there:,} {what}, that is {allowed(limit, there)}"


def hold_new(actions: Actions, campaigns: Sequence[Campaign], history: History) -> list[Refusal]:
    """Turn purchases beyond a campaign's `max_new` into blocked ones, in place; a refusal for each campaign.

    A share is one of the orders that were bought, were given up, or may exist.
    """
    refusals = []
    for campaign in campaigns:
        if (limit := campaign.policy.max_new) is not None:
            there = len(history.bought[campaign.name] | history.doubtful[campaign.name])
            most = allowed(limit, there)
            if most is not None:
                refusals += _hold(actions, campaign, limit, most, there)
    return refusals


def _hold(actions: Actions, campaign: Campaign, limit: Limit, most: int, there: int) -> list[Refusal]:
    words = limit_in_words(limit, there, "orders bought so far")
    number, cost = 0, ZERO
    for position, action in enumerate(actions):
        if action.kind is not ActionKind.PLACE or action.order.campaign != campaign.name:
            continue
        number += 1
        if number > most:
            reason = f"beyond policy.max_new of {campaign.name}: {words}"
            actions[position] = action._replace(kind=ActionKind.BLOCKED, reason=reason)
        else:
            cost += action.cost or ZERO
    if number <= most:
        return []
    message = (
        f"{number:,} new orders planned, but policy.max_new is {words} ({campaign.place_of('policy.max_new')}): "
        f"{number - most:,} too many; {fits_in_words(Fitting(most, cost), None)}; "
        "raise policy.max_new, or apply fewer orders with --select"
    )
    return [Refusal("policy.max_new", campaign.name, message)]


def too_many_cancelled(campaign: str, limit: Limit, place: str, wanted: int, live: int) -> str:
    """Why so many live orders of a campaign may not be cancelled in one run; empty if they may."""
    most = allowed(limit, live)
    if most is None or wanted <= most:
        return ""
    return (
        f"{campaign}: {wanted:,} of {live:,} live orders would be cancelled, but policy.max_cancel is "
        f"{limit_in_words(limit, live, 'live orders')} ({place}): {wanted - most:,} too many"
    )
