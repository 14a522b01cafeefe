"""Phrases that several decisions share. Pure."""

from collections.abc import Sequence
from decimal import Decimal

from runner.core.orders import Order

_NAMED = 5  # addresses in a note; the others are counted


def orders(number: int) -> str:
    """`1 order`, `2,000 orders`."""
    return "1 order" if number == 1 else f"{number:,} orders"


def orders_are(number: int) -> str:
    """`1 order is`, `2,000 orders are`."""
    return f"{orders(number)} {'is' if number == 1 else 'are'}"


def named(addresses: Sequence[str]) -> str:
    """The first few, and the number of the others."""
    told = ", ".join(addresses[:_NAMED])
    return told if len(addresses) <= _NAMED else f"{told} and {len(addresses) - _NAMED:,} more"


def placed(order: Order) -> str:
    """The address of an order, and where it is listed: `spring/post-1 (campaigns/spring.yaml:12)`."""
    return f"{order.address} ({order.source}:{order.line})"


def percent(share: Decimal) -> str:
    """`0.025` as `2.5%`."""
    return f"{(share * 100).normalize():f}%"
