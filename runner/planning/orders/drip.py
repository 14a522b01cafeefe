"""Says when the next run of a drip by the runner is due: each run is an order of its own on the panel. Pure.

An instalment is due `interval` minutes after the former one was sent; what was missed is never made up for in a burst.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from runner.core.attempts import Attempt, AttemptKind
from runner.core.orders import Order
from runner.planning.allowance import Part
from runner.planning.orders.order_history import OrderHistory


def next_instalment(order: Order, history: OrderHistory) -> datetime | None:
    """When the next instalment of an order with `drip: runner` is due; it may be over already.

    None if no moment makes one due: the drip has not begun (the first is due at once), has ended, or waits for a doubt
    to be settled. It says nothing of what else may hold an instalment back.
    """
    sent = history.instalments
    if not sent or len(sent) >= (order.runs or 1) or history.doubts:
        return None
    return due_after(sent[-1], order)


def due_after(former: Attempt, order: Order) -> datetime:
    """When the instalment behind `former` is due: counted from when that was sent, not from when it should have been."""
    return former.marked_at + timedelta(minutes=order.interval or 0)


def instalment(sent: Sequence[Attempt], quantity: int) -> Part:
    """The next instalment after those `sent`. A run that the panel refused, or that was not sent, keeps its number."""
    slot = max((one.slot + 1 for one in sent), default=0)
    return Part(AttemptKind.INSTALMENT, max(slot, len(sent)), quantity, None, None)
