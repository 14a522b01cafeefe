"""Says what has to be cancelled before an edited order may be bought anew. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from runner.core.attempts import Attempt, AttemptState, LiveStatus
from runner.core.snapshot import Recorded
from runner.planning.orders.shortfall import is_untold
from runner.planning.plan import DueCancel
from runner.planning.reconcile.removed_orders import asked_already
from runner.planning.refills.cancels import cannot_cancel, status_words
from runner.planning.status.order_status import is_lost


class Clearing(NamedTuple):
    """What stands in the way of buying an order anew; nothing at all once all of it has ended and none is complete."""

    hindrance: str = ""  # why it can't be replaced
    cancels: Sequence[DueCancel] = ()  # to be asked for
    waiting: str = ""  # what was asked for, and has not come about yet


def clearing(standing: Sequence[Attempt], recorded: Recorded, now: datetime | None) -> Clearing:
    """What has to end before what stands for an order may be bought anew."""
    due: list[DueCancel] = []
    waiting: list[str] = []
    for one in standing:
        if why := _hindrance(one, recorded):
            return Clearing(hindrance=why)
        if one.is_live:
            asked = asked_already(recorded.cancels.get(one.id, ()), now)
            if asked:
                waiting.append(f"order {one.panel_order_id} is {status_words(one)}: {asked}")
            else:
                reason = f"replaced: its line was edited; order {one.panel_order_id} is {status_words(one)}"
                due.append(DueCancel(one.address, one.id, one.panel, one.panel_order_id or "", reason))
    return Clearing(cancels=due, waiting="; ".join(waiting))


def _hindrance(attempt: Attempt, recorded: Recorded) -> str:
    """Why an order with this attempt can't be replaced; empty if it can."""
    if attempt.state is AttemptState.ABANDONED:
        return "it was given up, and nobody knows whether it exists"
    if attempt.status is LiveStatus.COMPLETED:
        return f"order {attempt.panel_order_id} is completed, and there is nothing left to cancel"
    if attempt.status is LiveStatus.PARTIAL and attempt.remains == 0:
        return f"order {attempt.panel_order_id} ended with all of it delivered, and there is nothing left to cancel"
    if attempt.status is LiveStatus.PARTIAL and is_untold(attempt):
        return f"order {attempt.panel_order_id} ended partial, and the panel does not say how much of it is delivered"
    if not attempt.is_live:
        return ""
    if is_lost(attempt):
        return f"the panel no longer knows order {attempt.panel_order_id}"
    return cannot_cancel(attempt, recorded)
