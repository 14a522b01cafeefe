"""Holds new orders that look like renames of missing ones, and tells of those with respelled links. Pure.

An order has vanished if its campaign is given and no longer lists it, or if no file has its campaign any more. In the
second case the id counts too if the state knows the campaign of the new order, as when two files were merged.
"""

from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from datetime import UTC

from runner.core.attempts import BOUGHT, FORGOTTEN, Attempt, AttemptState
from runner.core.orders import Campaign, Order
from runner.core.snapshot import Recorded
from runner.core.values.links import page_key
from runner.core.values.similar_links import difference, loose_key
from runner.planning.orders.moved_orders import known_attempts
from runner.planning.phrases import named, orders_are, placed
from runner.planning.plan import Action, ActionKind, Actions, Refusal

GUARD = "rename"
_NEW = (ActionKind.PLACE, ActionKind.WAIT)

Named = Callable[[], Collection[str]]
Sold = tuple[str, str, str]  # panel, service, page (`page_key`)


def hold_renamed(
    actions: Actions,
    campaigns: Sequence[Campaign],
    recorded: Recorded,
    gone: Sequence[Attempt],
    others: Named | None = None,
) -> list[Refusal]:
    """Turn new orders for the service and link of one that vanished into blocked ones, in place; return a refusal for each campaign.

    `gone` are purchases that given campaigns list no longer. `others` names the campaigns of files that are not
    given; it is asked only when the state knows a campaign that is not given, and without it no campaign can have
    vanished. Linear, and nothing at all where nothing vanished.
    """
    counts = actions.counts()
    if not any(counts[kind] for kind in _NEW):
        return []
    formers = _index(gone)
    by_name = {one.name: one for one in campaigns}
    known = {name for name, _ in recorded.attempts}
    vanished = [] if others is None or known <= by_name.keys() else [*_of_vanished(recorded, by_name, others)]
    if not formers and not vanished:
        return []
    of_others, by_id = _index(vanished), {(_sold(one), one.order_id): one for one in vanished}

    def why(action: Action) -> str:
        order = action.order
        sold = (action.panel, order.service, page_key(order.link))
        former = formers.get(sold)
        if former is None and vanished:
            is_known = order.campaign in known
            former = by_id.get((sold, order.id)) if is_known else of_others.get(sold)
            if former is not None and former.campaign in by_name[order.campaign].removed:
                former = None
        if former is None or known_attempts(recorded, by_name[order.campaign], order.id):
            return ""
        return _words(order, former, by_name, is_known=order.campaign in known)

    held: dict[str, list[Action]] = {}
    for action in actions.hold(_NEW, why):
        held.setdefault(action.order.campaign, []).append(action)
    return [_refusal(name, several) for name, several in held.items()]


def _sold(attempt: Attempt) -> Sold:
    return (attempt.panel, attempt.service, page_key(attempt.link))


def _index(attempts: Iterable[Attempt]) -> dict[Sold, Attempt]:
    """By what was bought; the newest of several."""
    return {_sold(one): one for one in attempts}


def _of_vanished(recorded: Recorded, campaigns: Mapping[str, Campaign], others: Named) -> Iterator[Attempt]:
    """The purchases of campaigns that no file has."""
    there = campaigns.keys() | set(others())
    for (name, order_id), attempts in recorded.attempts.items():
        if name not in there and FORGOTTEN not in order_id:
            yield from (one for one in attempts if one.state in BOUGHT)


def _words(order: Order, former: Attempt, campaigns: Container[str], *, is_known: bool) -> str:
    """`campaigns` are those given; `is_known`: the state knows the order's own."""
    when = f"{former.marked_at.astimezone(UTC):%Y-%m-%d}"
    what = f"bought {when} as order {former.panel_order_id}"
    if former.state is AttemptState.ABANDONED:
        what = f"sent {when}, given up without knowing whether it exists,"
    looks = f"looks like {former.address} under a new name: the same service and link, {what} and "
    mv = f"`runner state mv {former.address} {order.address}`"
    if former.campaign == order.campaign:
        return (
            f"{looks}no longer listed; if it is the same order: `moved: [{{from: {former.order_id}, to: {order.id}}}]`, or "
            f"{mv}; if it is to be bought as well: `removed: [{former.order_id}]`"
        )
    if former.campaign in campaigns:
        return (
            f"{looks}no longer listed there; if it is the same order: {mv}; if it is to be bought as well: "
            f"`removed: [{former.order_id}]` in campaign {former.campaign}"
        )
    as_well = f"if it is to be bought as well: `removed: [{former.campaign}]` in campaign {order.campaign}"
    if is_known:
        return f"{looks}of a campaign that no file has; if it is the same order: {mv}; {as_well}"
    return (
        f"{looks}of a campaign that no file has; if it is the same campaign: `runner state mv {former.campaign} "
        f"{order.campaign}`, or give it its name {former.campaign} back; {as_well}"
    )


def _refusal(campaign: str, held: Sequence[Action]) -> Refusal:
    first = held[0]
    count = f"{len(held):,} orders, the first of them: " if len(held) > 1 else ""
    return Refusal(GUARD, campaign, f"{count}{placed(first.order)} {first.reason}")


def respelled(actions: Actions, gone: Sequence[Attempt]) -> Iterator[str]:
    """A note for each campaign that is about to buy such orders; `gone` are purchases that the files list no longer.

    Where both are listed, reading the files tells it. Linear, and nothing at all where nothing vanished.
    """
    if not gone or not actions.counts()[ActionKind.PLACE]:
        return
    formers = {(one.panel, one.service, loose_key(page_key(one.link))): one for one in gone}
    found: dict[str, list[str]] = {}
    for action in actions.of_kind(ActionKind.PLACE):
        order = action.order
        key = page_key(order.link)
        former = formers.get((action.panel, order.service, loose_key(key)))
        if former is not None and (other := page_key(former.link)) != key:
            words = difference(other, key)
            found.setdefault(order.campaign, []).append(f"{order.address} is {former.address} but for {words}")
    for campaign, several in found.items():
        yield (
            f"{campaign}: {orders_are(len(several))} new, and probably for a page that was bought and is no longer listed: "
            f"{named(several)}; if it is the same order, write its link as it was, else it is bought as well"
        )
