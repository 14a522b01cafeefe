"""Orders that were bought elsewhere and are to be recorded."""

from typing import NamedTuple

from runner.core.orders import Order


class BoughtRow(NamedTuple):
    """One row of a list of such orders; None where it says nothing."""

    line: int
    order_id: str  # the panel's
    id: str | None  # of the listed order; may be an address
    service: str | None
    link: str | None
    quantity: int | None
    runs: int | None
    interval: int | None


def default_id_for(order_id: str) -> str:
    """The order id given to an imported order where several are for one page: `order-` and its panel order id."""
    return f"order-{order_id}"


class Bought(NamedTuple):
    """A listed order, and what it is on its panel."""

    order: Order
    panel: str
    order_id: str  # the panel's
