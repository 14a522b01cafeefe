"""Matches a list of orders bought elsewhere with listed orders, and says whether they may be imported. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from runner.core.attempts import DOUBTFUL, Attempt, AttemptState
from runner.core.imports import Bought, BoughtRow, default_id_for
from runner.core.orders import Campaign, Order
from runner.core.snapshot import Recorded
from runner.core.values.links import page_key, same_page
from runner.planning.orders.order_history import OrderHistory, order_history

_TERMS = ("service", "link", "quantity", "runs", "interval")


class Imported(StrEnum):
    """What became of one order that was to be imported."""

    IMPORTED = "imported"  # recorded as placed
    ALREADY = "already"  # it is recorded as just that: nothing to do
    WOULD = "would"  # a dry run: it fits
    HELD = "held"  # something speaks against it
    LEFT = "left"  # it fits, but others do not: nothing was recorded


class Obstacle(NamedTuple):
    """Why an order is not imported."""

    message: str
    can_be_forced: bool = False


class Mismatch(NamedTuple):
    """A row that means no listed order."""

    line: int
    column: str  # name of its column
    message: str


class Listed:
    """The listed orders, looked up by what rows say of them."""

    def __init__(self, campaigns: Iterable[Campaign], only: str | None = None) -> None:
        """`only` names the one campaign that is meant; None: any."""
        self._panels: dict[str, str] = {}
        self._by_id: dict[str, list[Order]] = defaultdict(list)
        self._by_page: dict[tuple[str | None, str], list[Order]] = defaultdict(list)
        for campaign in campaigns:
            if only is None or campaign.name == only:
                self._panels[campaign.name] = campaign.panel
                for order in campaign.orders:
                    self._by_id[order.id].append(order)
                    self._by_id[order.address].append(order)
                    page = page_key(order.link)
                    self._by_page[order.service, page].append(order)
                    self._by_page[None, page].append(order)

    def at(self, address: str, order_id: str) -> Bought | None:
        """The listed order of an address; None if there is none."""
        found = self._by_id.get(address, ()) if "/" in address else ()
        return Bought(found[0], self._panels[found[0].campaign], order_id) if found else None

    def match(self, rows: Iterable[BoughtRow]) -> tuple[list[Bought], list[Mismatch]]:
        """The order of each row, by `id`, else by service and link; and the rows that mean none, or not just one."""
        bought: list[Bought] = []
        wrong: list[Mismatch] = []
        taken: dict[str, int] = {}  # address -> line
        for row in rows:
            order = self._order(row)
            if isinstance(order, Mismatch):
                wrong.append(order)
            elif taken.setdefault(order.address, row.line) != row.line:
                column = "id" if row.id is not None else "link"
                message = f"it is {order.address}, as line {taken[order.address]} is: an order was bought once"
                wrong.append(Mismatch(row.line, column, message))
            else:
                bought.append(Bought(order, self._panels[order.campaign], row.order_id))
        return bought, wrong

    def _order(self, row: BoughtRow) -> Order | Mismatch:
        if row.id is not None:
            column, what, found = "id", f"id {row.id}", self._by_id.get(row.id, [])
        else:
            column, what = "link", f"service {row.service} and this link" if row.service else "this link"
            found = self._by_page.get((row.service, page_key(row.link or "")), [])
        if len(found) > 1:
            found = [order for order in found if order.id == default_id_for(row.order_id)] or found
        if not found:
            return Mismatch(row.line, column, f"no order with {what} is listed: list it first, or correct the row")
        if len(found) > 1:
            several = ", ".join(order.address for order in found[:3])
            return Mismatch(row.line, column, f"several orders are listed with {what} ({several}): write one's `id`")
        order = found[0]
        for name in _TERMS:
            said, listed = getattr(row, name), getattr(order, name)
            if said is not None and said != listed and not (name == "link" and same_page(said, listed)):
                message = f"{order.address} is listed with {name} {'none' if listed is None else listed}, not {said}"
                return Mismatch(row.line, name, f"{message}: correct one of the two")
        return order


class Obstacles:
    """What the state says against importing orders."""

    def __init__(self, campaigns: Iterable[Campaign], recorded: Recorded) -> None:
        self._campaigns: Mapping[str, Campaign] = {one.name: one for one in campaigns}
        self._recorded = recorded
        self._owned: dict[tuple[str, str], Attempt] = {}
        self._doubts: dict[tuple[str, str, str], Attempt] = {}
        for one in recorded.each():
            if one.panel_order_id is not None:
                self._owned[one.panel, one.panel_order_id] = one
            elif one.state in DOUBTFUL:
                self._doubts[one.panel, one.service, page_key(one.link)] = one

    def of(self, bought: Bought) -> Obstacle | None:
        """Why it may not be imported; None if it may, an obstacle without a message if it is imported already."""
        order, panel = bought.order, bought.panel
        history = order_history(self._recorded, self._campaigns[order.campaign], order.id)
        owner = self._owned.get((panel, bought.order_id))
        if owner is not None:
            if owner in history.attempts:
                return Obstacle("")
            return Obstacle(f"order {bought.order_id} on {panel} is {owner.address} already")
        if (bar := _bar(history)) is not None:
            return Obstacle(bar)
        doubt = self._doubts.get((panel, order.service, page_key(order.link)))
        if doubt is not None:
            message = (
                f"{doubt.address}, with the same service and link, is in doubt: settle it first (runner doubt show)"
            )
            return Obstacle(message, can_be_forced=True)
        return None


def _bar(history: OrderHistory) -> str | None:
    """Why an order can't have been bought elsewhere; None if nothing of it stands."""
    if not history.is_open:
        return None
    last = history.standing[-1]
    if last.state in DOUBTFUL:
        return f"it is in doubt: runner doubt adopt {last.address} --order ID"
    if last.state is AttemptState.ABANDONED:
        return "it was given up, and counts as spent"
    return f"it is order {last.panel_order_id} on {last.panel} already"
