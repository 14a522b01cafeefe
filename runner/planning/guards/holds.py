"""Blocks purchases, and tells of it in refusals. Pure."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from runner.core.orders import Order
from runner.planning.phrases import orders
from runner.planning.plan import BUYING, Action, Actions, Refusal

Key = TypeVar("Key")


class Hold(NamedTuple):
    """Why purchases may not be made."""

    guard: str
    reason: str


def hold(actions: Actions, held: Mapping[Key, Sequence[Hold]], key: Callable[[Order], Key]) -> list[Refusal]:
    """Turn each purchase whose `key` is held into a blocked one, in place; return a refusal for each hold.

    A blocked line gives the first hold of its key as its reason. Holds that block nothing are left out. A key belongs to
    one campaign.
    """
    if not held:
        return []
    blocked: defaultdict[Key, list[Action]] = defaultdict(list)
    for action in actions.hold(BUYING, lambda one: held[found][0].reason if (found := key(one.order)) in held else ""):
        blocked[key(action.order)].append(action)
    return [
        Refusal(one.guard, lines[0].order.campaign, f"{orders(len(lines))}: {one.reason}")
        for found, lines in blocked.items()
        for one in held[found]
    ]


def by_service(order: Order) -> tuple[str, str]:
    """A key: campaign and service."""
    return (order.campaign, order.service)
