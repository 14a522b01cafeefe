"""New orders that look like renames of orders that vanished: held until a person says which, as a rename never buys. Pure.

A former order vanished if its campaign is given and lists it no longer, or if no file has its campaign any more.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC

from runner.core.attempts import FORGOTTEN, Attempt, AttemptState
from runner.core.orders import Campaign, Order
from runner.core.recorded import Recorded
from runner.planning.history import known_as
from runner.planning.plan import Action, ActionKind, Actions, Refusal

GUARD = "rename"
_NEW = (ActionKind.PLACE, ActionKind.WAIT)

Named = Callable[[], Collection[str]]
Sold = tuple[str, str, str]  # panel, service, link


def hold_renamed(
    actions: Actions,
    campaigns: Sequence[Campaign],
    recorded: Recorded,
    gone: Sequence[Attempt],
    others: Named | None = None,
) -> list[Refusal]:
    """Turn new orders for the service and link of one that vanished into blocked ones, in place; a refusal for each campaign.

    `gone` are purchases that given campaigns list no longer. `others` names the campaigns of files that are not given; it
    is asked only when a campaign is new to the state, and without it no campaign can have vanished. Linear, and nothing at
    all where nothing vanished.
    """
    counts = actions.counts()
    if not any(counts[kind] for kind in _NEW):
        return []
    formers = _index(gone)
    by_name = {one.name: one for one in campaigns}
    strangers = set() if others is None else _strangers(actions, by_name, recorded)
    of_others = _index(_of_vanished(recorded, by_name, others)) if others is not None and strangers else {}
    if not formers and not of_others:
        return []
    held: dict[str, list[Action]] = {}
    for position, action in enumerate(actions):
        if action.kind not in _NEW:
            continue
        order = action.order
        sold = (action.panel, order.service, order.link)
        former = formers.get(sold)
        if former is None and order.campaign in strangers:
            former = of_others.get(sold)
            if former is not None and former.campaign in by_name[order.campaign].removed:
                former = None
        if former is None or known_as(recorded, by_name[order.campaign], order.id)[1]:
            continue
        reason = _words(order, former, is_given=former.campaign in by_name)
        actions[position] = action._replace(kind=ActionKind.BLOCKED, reason=reason)
        held.setdefault(order.campaign, []).append(actions[position])
    return [_refusal(name, several) for name, several in held.items()]


def _index(attempts: Iterable[Attempt]) -> dict[Sold, Attempt]:
    """By what was bought; the newest of several."""
    return {(one.panel, one.service, one.link): one for one in attempts}


def _strangers(actions: Actions, campaigns: Mapping[str, Campaign], recorded: Recorded) -> set[str]:
    """Campaigns that would buy something and of which the state knows nothing; none while it knows no other either."""
    if not recorded.attempts:
        return set()
    known = {name for name, _ in recorded.attempts}
    if known <= campaigns.keys():
        return set()
    buying = {action.order.campaign for kind in _NEW for action in _first_of_each(actions, kind)}
    return buying - known


def _first_of_each(actions: Actions, kind: ActionKind) -> Iterator[Action]:
    """The first action of one kind of each campaign."""
    seen: set[str] = set()
    for action in actions.of_kind(kind):
        if action.order.campaign not in seen:
            seen.add(action.order.campaign)
            yield action


def _of_vanished(recorded: Recorded, campaigns: Mapping[str, Campaign], others: Named) -> Iterator[Attempt]:
    """The purchases of campaigns that no file has."""
    there = campaigns.keys() | set(others())
    for (name, order_id), attempts in recorded.attempts.items():
        if name not in there and FORGOTTEN not in order_id:
            yield from (one for one in attempts if one.state is AttemptState.PLACED)


def _words(order: Order, former: Attempt, *, is_given: bool) -> str:
    bought = f"{former.marked_at.astimezone(UTC):%Y-%m-%d}"
    looks = (
        f"looks like {former.address} under a new name: the same service and link, bought {bought} as order "
        f"{former.panel_order_id} and "
    )
    mv = f"`runner state mv {former.address} {order.address}`"
    if former.campaign == order.campaign:
        return (
            f"{looks}no longer listed; if it is the same order: `moved: [{{from: {former.order_id}, to: {order.id}}}]`, or "
            f"{mv}; if it is to be bought as well: `removed: [{former.order_id}]`"
        )
    if is_given:
        return (
            f"{looks}no longer listed there; if it is the same order: {mv}; if it is to be bought as well: "
            f"`removed: [{former.order_id}]` in campaign {former.campaign}"
        )
    return (
        f"{looks}of a campaign that no file has; if it is the same campaign: `runner state mv {former.campaign} "
        f"{order.campaign}`, or give it its name {former.campaign} back; if it is to be bought as well: "
        f"`removed: [{former.campaign}]` in campaign {order.campaign}"
    )


def _refusal(campaign: str, held: Sequence[Action]) -> Refusal:
    first = held[0]
    count = f"{len(held):,} orders, the first of them: " if len(held) > 1 else ""
    return Refusal(GUARD, campaign, f"{count}{first.order.address} {first.reason}")
