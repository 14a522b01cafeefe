"""Limits how many orders one run may buy or cancel: `policy.max_new` and `policy.max_cancel`. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from runner.core.orders import Campaign, Limit
from runner.core.snapshot import Recorded
from runner.core.values.money import ZERO
from runner.planning.accounting.attempt_index import History
from runner.planning.allowance import Part
from runner.planning.guards.budget import Fitting, fits_in_words
from runner.planning.phrases import percent
from runner.planning.plan import Action, ActionKind, Actions, DueCancel, Refusal

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


def hold_new(
    actions: Actions, campaigns: Sequence[Campaign], history: History, parts: Mapping[tuple[str, str], Part]
) -> list[Refusal]:
    """Turn purchases beyond a campaign's `max_new` into blocked ones, in place; a refusal for each campaign.

    A share is one of the orders that were bought, were given up, or may exist. What carries such an order on, as
    `parts` tell, is no new one.
    """
    refusals: list[Refusal] = []
    for campaign in campaigns:
        there = len(history.bought[campaign.name] | history.doubtful[campaign.name])
        limit = campaign.policy.max_new
        most = None if limit is None else allowed(limit, there)
        if limit is not None and most is not None:
            words = limit_in_words(limit, there, "orders bought so far")
            refusals += _hold_beyond(actions, campaign, most, words, parts)
    return refusals


def _hold_beyond(
    actions: Actions, campaign: Campaign, most: int, words: str, parts: Mapping[tuple[str, str], Part]
) -> Iterator[Refusal]:
    new: list[Decimal] = []  # what each new order costs

    def why(action: Action) -> str:
        order = action.order
        if order.campaign != campaign.name or ((part := parts.get(order.key)) is not None and part.slot):
            return ""
        new.append(action.cost or ZERO)
        return f"beyond policy.max_new of {campaign.name}: {words}" if len(new) > most else ""

    if actions.hold((ActionKind.PLACE,), why):
        fitting = Fitting(most, sum(new[:most], ZERO))
        message = (
            f"{len(new):,} new orders planned, but policy.max_new is {words} ({campaign.place_of('policy.max_new')}): "
            f"{len(new) - most:,} too many; {fits_in_words(fitting, None)}; "
            "raise policy.max_new, or apply fewer orders with --select"
        )
        yield Refusal("policy.max_new", campaign.name, message)


def hold_cancels(
    actions: Actions, cancels: Sequence[DueCancel], campaigns: Sequence[Campaign], recorded: Recorded
) -> tuple[list[DueCancel], list[Refusal]]:
    """Turn the cancellations of campaigns that would cancel too much into blocked ones, in place.

    Answers with those that are left, and a refusal for each such campaign. Replacements count: they cancel, too.
    """
    if not cancels:
        return [], []
    wanted = Counter(one.order.partition("/")[0] for one in cancels)
    live = Counter(
        name for (name, _), attempts in recorded.attempts.items() if name in wanted for one in attempts if one.is_live
    )
    refused: dict[str, Refusal] = {}
    reasons: dict[str, str] = {}
    for campaign in campaigns:
        name, place = campaign.name, campaign.place_of("policy.max_cancel")
        if too_many := too_many_cancelled(name, campaign.policy.max_cancel, place, wanted[name], live[name]):
            told = too_many.removeprefix(f"{name}: ")
            reasons[name] = f"beyond policy.max_cancel: {told}"
            message = f"{told}; raise policy.max_cancel, or cancel fewer orders with --select"
            refused[name] = Refusal("policy.max_cancel", name, message)
    if refused:
        actions.hold((ActionKind.CANCEL, ActionKind.REPLACE), lambda action: reasons.get(action.order.campaign, ""))
    return [one for one in cancels if one.order.partition("/")[0] not in refused], list(refused.values())


def too_many_cancelled(campaign: str, limit: Limit, place: str, wanted: int, live: int) -> str:
    """Why so many live orders of a campaign may not be cancelled in one run; empty if they may."""
    most = allowed(limit, live)
    if most is None or wanted <= most:
        return ""
    return (
        f"{campaign}: {wanted:,} of {live:,} live orders would be cancelled, but policy.max_cancel is "
        f"{limit_in_words(limit, live, 'live orders')} ({place}): {wanted - most:,} too many"
    )
