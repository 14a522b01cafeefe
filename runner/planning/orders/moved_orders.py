"""Follows `moved:`, by which a campaign tells of orders that have other ids now. Pure."""

from collections.abc import Sequence

from runner.core.attempts import CLOSED, Attempt
from runner.core.orders import Campaign
from runner.core.snapshot import Recorded

Renamed = tuple[str, str, str]  # campaign, former id, new id


def known_attempts(recorded: Recorded, campaign: Campaign, order_id: str) -> Sequence[Attempt]:
    """The attempts of a listed order, which carry the id that the state knows it by; none if it doesn't know it.

    Follows `moved:` through chains. An open attempt of a former id wins over closed ones of the present id: a rename
    onto an id that was refused once must not buy again.
    """
    attempts = recorded.attempts
    known = attempts.get((campaign.name, order_id), ())
    if not campaign.moved or _is_open(known):
        return known
    seen = {order_id}
    former = campaign.moved.get(order_id)
    while former is not None and former not in seen:
        seen.add(former)
        theirs = attempts.get((campaign.name, former), ())
        if _is_open(theirs):
            return theirs
        known = known or theirs
        former = campaign.moved.get(former)
    return known


def due_renames(campaigns: Sequence[Campaign], recorded: Recorded) -> list[Renamed]:
    """The entries of `moved:` whose former id has attempts when their turn comes; in chains the oldest id first."""
    listing = [one for one in campaigns if one.moved]
    there = set(recorded.attempts) if listing else set()
    found: list[Renamed] = []
    for campaign in listing:
        waiting = dict(campaign.moved)
        while waiting:
            for new in [new for new, former in waiting.items() if former not in waiting]:
                former = waiting.pop(new)
                if (campaign.name, former) in there:
                    there.discard((campaign.name, former))
                    there.add((campaign.name, new))
                    found.append((campaign.name, former, new))
    return found


def _is_open(attempts: Sequence[Attempt]) -> bool:
    return any(one.state not in CLOSED for one in attempts)
