"""Says what was edited in the line of an order that was bought. Pure."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from runner.core.attempts import Attempt, AttemptKind
from runner.core.orders import Order
from runner.core.values.links import same_page
from runner.planning.orders.order_history import WHOLE, OrderHistory

_TERMS = ("panel", "service", "link", "quantity", "runs", "interval")


class Change(NamedTuple):
    """How the listed order differs from what stands for it."""

    words: str  # `bought: quantity 1000; listed: quantity 2000`
    raised: int = 0  # by how much only the quantity (per run; of a drip of the runner, of all runs sent) was raised
    is_lowered: bool = False  # only the quantity was, or the number of runs of a drip below what was sent
    is_elsewhere: bool = False  # another panel, service or link: no part of it can be bought to what was bought


def change_of(order: Order, history: OrderHistory, panel: str, *, is_drip: bool) -> Change | None:
    """What was edited since the order was bought; None if the line says what stands for it."""
    bought = history.bought
    if bought is not None:
        return None if is_as_listed(bought, order, panel) else _change_of_whole(order, bought, panel)
    if not history.instalments:
        return None  # a part without its whole has nothing to be compared with
    return _change_of_drip(order, history, panel, is_drip=is_drip)


def is_as_listed(bought: Attempt, order: Order, panel: str) -> bool:
    """True if the order's line still says what was bought. Only whole purchases are compared: a part has its own quantity."""
    return bought.kind not in WHOLE or (
        bought.quantity == order.quantity
        and same_page(bought.link, order.link)
        and bought.service == order.service
        and bought.runs == order.runs
        and bought.interval == order.interval
        and bought.panel == panel
    )


def _change_in_words(bought: Attempt, order: Order, panel: str) -> str:
    """`bought: quantity 1000; listed: quantity 2000`, naming only what differs."""
    was = {field: getattr(bought, field) for field in _TERMS}
    now = {field: panel if field == "panel" else getattr(order, field) for field in _TERMS}
    differing = [field for field in _TERMS if was[field] != now[field]]
    if same_page(bought.link, order.link) and "link" in differing:
        differing.remove("link")
    return f"bought: {_in_words(was, differing)}; listed: {_in_words(now, differing)}"


def _in_words(terms: Mapping[str, object], fields: Sequence[str]) -> str:
    return ", ".join(f"{field} {terms[field]}" if terms[field] is not None else f"no {field}" for field in fields)


def _change_of_whole(order: Order, bought: Attempt, panel: str) -> Change:
    words = _change_in_words(bought, order, panel)
    if not is_as_listed(bought._replace(quantity=order.quantity), order, panel):
        return Change(words, is_elsewhere=_is_elsewhere(order, bought, panel))
    more = order.quantity - bought.quantity
    return Change(words, raised=max(more, 0), is_lowered=more < 0)


def _change_of_drip(order: Order, history: OrderHistory, panel: str, *, is_drip: bool) -> Change | None:
    sent = history.instalments
    last = sent[-1]
    if not is_drip:
        listed = f"{order.runs} runs by the panel" if order.runs else "one order"
        return Change(
            f"bought: {_runs(len(sent))} by `drip: runner`; listed: {listed}",
            is_elsewhere=_is_elsewhere(order, last, panel),
        )
    if _is_elsewhere(order, last, panel):
        terms = last._replace(quantity=order.quantity, runs=order.runs, interval=order.interval)
        return Change(_change_in_words(terms, order, panel), is_elsewhere=True)
    runs = order.runs or 1
    if runs < len(sent):
        return Change(f"bought: {_runs(len(sent))}; listed: runs {runs}", is_lowered=True)
    topped_up = sum(one.units for one in history.standing if one.kind is AttemptKind.TOP_UP)
    more = order.quantity * len(sent) - sum(one.quantity for one in sent) - topped_up
    if not more:
        return None
    words = f"bought: {_runs(len(sent))} of quantity {last.quantity}; listed: quantity {order.quantity}"
    return Change(words, raised=max(more, 0), is_lowered=more < 0)


def _is_elsewhere(order: Order, bought: Attempt, panel: str) -> bool:
    return (bought.panel, bought.service) != (panel, order.service) or not same_page(bought.link, order.link)


def _runs(number: int) -> str:
    return "1 instalment" if number == 1 else f"{number} instalments"
