"""The request forms of the API, as (name, value) pairs. The transport adds the key."""

from collections.abc import Sequence
from typing import TypeAlias

Form: TypeAlias = list[tuple[str, str]]

ONCE = frozenset({"add", "refill"})  # never sent again once a byte may have left: what they ask for would be had twice


def services(offset: int | None = None) -> Form:
    """Ask for the service list, or for what is listed behind the first `offset` services."""
    return [("action", "services"), *([] if offset is None else [("offset", str(offset))])]


def balance() -> Form:
    """Ask for the balance."""
    return [("action", "balance")]


def add(*, service: str, link: str, quantity: int, runs: int | None, interval: int | None) -> Form:
    """Order; `quantity` per run, `interval` in minutes, always with a quantity (docs/protocol.md, Add)."""
    form = [("action", "add"), ("service", service), ("link", link), ("quantity", str(quantity))]
    if runs is not None:
        form.append(("runs", str(runs)))
    if interval is not None:
        form.append(("interval", str(interval)))
    return form


def about(action: str, field: str, ids: Sequence[str]) -> Form:
    """A call about one id, in `field`, or about up to 100, in the field of that name with an `s`."""
    return [("action", action), (field if len(ids) == 1 else f"{field}s", ",".join(ids))]


def cancel(order_ids: Sequence[str]) -> Form:
    """Ask to cancel up to 100 orders, in the one form that is documented."""
    return [("action", "cancel"), ("orders", ",".join(order_ids))]


def cancel_one(order_id: str) -> Form:
    """Ask to cancel one order, for panels that read only `order`, or no more than one id in `orders`."""
    return [("action", "cancel"), ("order", order_id), ("orders", order_id)]
