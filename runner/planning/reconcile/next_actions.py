"""The next action for an order that was bought or is dripped: policies on changes and shortfalls. Pure.

Knows no prices: what a step costs, and whether it can be bought now, `existing_orders` finds out.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from runner.core.attempts import CLOSED, Attempt, AttemptKind, AttemptState, LiveStatus
from runner.core.orders import Campaign, OnChange, Order
from runner.core.snapshot import Recorded
from runner.core.values.clock import to_the_minute
from runner.core.values.money import ZERO, plain
from runner.planning.accounting.ledger import book
from runner.planning.allowance import Part
from runner.planning.orders.drip import due_after, instalment
from runner.planning.orders.order_diff import Change, change_of
from runner.planning.orders.order_history import OrderHistory
from runner.planning.orders.shortfall import is_untold, shortfalls
from runner.planning.plan import ActionKind, DueCancel
from runner.planning.reconcile.removed_orders import asked_already
from runner.planning.refills.cancels import cannot_cancel, status_words
from runner.planning.refills.due_refills import service_of
from runner.planning.status.order_status import is_lost

UNTOLD = "the panel does not say how much remains"
CHOICES = "set policy.on_change to keep, restore the line, or give the new order a new id"


class NextAction(NamedTuple):
    """One thing that may be done about an order. The price is added to `reason` later."""

    kind: ActionKind  # one that buys; WAIT; BLOCKED, then the whole apply is refused
    reason: str
    part: Part | None = None  # what would be bought; None: the whole order for the first time, or nothing
    cancels: Sequence[DueCancel] = ()  # to be asked for first
    tail: str = ""  # of the reason, behind the price
    more: int = 0  # further purchases of the same kind that are to come
    hindrance: str = ""  # of a REORDER: why it is not done after all


def next_actions(
    order: Order, history: OrderHistory, campaign: Campaign, recorded: Recorded, now: datetime | None
) -> Iterator[NextAction]:
    """What may be done, the most urgent first; each one is for the case that those before it turn out impossible.

    Nothing of `history` is in doubt. `now` is needed for drips.
    """
    is_drip = order.id in campaign.drips
    policy = campaign.policy
    change = change_of(order, history, campaign.panel, is_drip=is_drip)
    if change is not None and policy.on_change is not OnChange.KEEP:
        yield _changed(_Edited(order, history, change), campaign, recorded, now)
        return
    if change is not None and change.is_elsewhere:
        return
    for short in shortfalls(history, policy, recorded.cancels):
        if not short.units:
            yield NextAction(ActionKind.REORDER, short.words, hindrance=UNTOLD)
            continue
        part = Part(AttemptKind.REORDER, next_slot(history.attempts, AttemptKind.REORDER), short.units, None, None)
        yield NextAction(ActionKind.REORDER, f"{short.words}: bought again", part, hindrance=short.hindrance)
    if is_drip and history.bought is None:
        sent = history.instalments
        if len(sent) < (order.runs or 1):
            yield _instalment(order, sent, sent[-1].quantity if change is not None else order.quantity, now)


def next_slot(attempts: Sequence[Attempt], kind: AttemptKind) -> int:
    """The number of an order's next attempt of a kind: slots are never used twice, also not after a replacement."""
    return max((one.slot + 1 for one in attempts if one.kind is kind and one.state not in CLOSED), default=0)


class _Edited(NamedTuple):
    """An order whose line was edited after it was bought."""

    order: Order
    history: OrderHistory
    change: Change


def _instalment(order: Order, sent: Sequence[Attempt], quantity: int, now: datetime | None) -> NextAction:
    """The next run of a drip by the runner: to be sent if it is due."""
    if now is None:
        raise ValueError("`drip: runner` needs to know what time it is")
    runs, number = order.runs or 1, len(sent) + 1
    part, what, left = instalment(sent, quantity), f"instalment {number} of {runs}", runs - number
    if quantity != order.quantity:
        what += f", of quantity {quantity} as it began (policy.on_change is keep)"
    tail = f"; {left:,} more to come, one every {order.interval} min" if left else ""
    if sent and now < (due := due_after(sent[-1], order)):
        return NextAction(ActionKind.WAIT, f"{what} is due {to_the_minute(due)}", part, tail=tail, more=left)
    return NextAction(ActionKind.PLACE, what, part, tail=tail, more=left)


def _changed(edited: _Edited, campaign: Campaign, recorded: Recorded, now: datetime | None) -> NextAction:
    match campaign.policy.on_change:
        case OnChange.TOP_UP:
            return _top_up(edited, recorded)
        case OnChange.REPLACE:
            return _replace(edited, campaign, recorded, now)
        case _:
            step = _refused(edited, "")
            more = f"top_up would buy the {edited.change.raised:,} more, and " if edited.change.raised else ""
            return step._replace(reason=f"{step.reason}; {more}replace would cancel it and buy it anew")


def _refused(edited: _Edited, why: str) -> NextAction:
    told = f": {why}" if why else ""
    return NextAction(ActionKind.BLOCKED, f"{_in_words(edited)}{told}; {CHOICES}")


def _top_up(edited: _Edited, recorded: Recorded) -> NextAction:
    """Buys the positive difference of the quantity, and nothing else."""
    order, history, change = edited
    if not change.raised:
        what = "what is bought can't be made less" if change.is_lowered else "more than the quantity was changed"
        return _refused(edited, f"policy.on_change is top_up, and {what}")
    service = service_of(recorded, history.standing[-1])
    if service is not None and change.raised < service.min:
        why = (
            f"policy.on_change is top_up, and the {change.raised:,} more are below service {service.id}'s minimum of "
            f"{service.min:,}: nothing is bought; raise it by {service.min:,} or more"
        )
        return _refused(edited, why)
    is_drip = history.bought is None  # of one, what the runs that were sent lack is bought at once
    runs, interval = (None, None) if is_drip else (order.runs, order.interval)
    part = Part(AttemptKind.TOP_UP, next_slot(history.attempts, AttemptKind.TOP_UP), change.raised, runs, interval)
    each = f" in each of {runs} runs" if runs else ""
    return NextAction(ActionKind.TOP_UP, f"{_in_words(edited)}: {change.raised:,} more{each}", part)


def _replace(edited: _Edited, campaign: Campaign, recorded: Recorded, now: datetime | None) -> NextAction:
    """Cancels what is still worked on, and buys the order anew once nothing is."""
    order, history, _ = edited
    policy = "policy.on_change is replace, and"
    if order.id in campaign.drips or history.bought is None:
        return _refused(edited, f"{policy} a drip that the runner does can't be replaced")
    if any(one.panel != campaign.panel for one in history.standing):
        return _refused(edited, f"{policy} it was bought on another panel")
    cancels: list[DueCancel] = []
    waiting: list[str] = []
    for one in history.standing:
        if why := _hindrance(one, recorded):
            return _refused(edited, f"{policy} {why}")
        if one.is_live and (asked := asked_already(recorded.cancels.get(one.id, ()), now)):
            waiting.append(f"order {one.panel_order_id} is {status_words(one)}: {asked}")
        elif one.is_live:
            reason = f"replaced: its line was edited; order {one.panel_order_id} is {status_words(one)}"
            cancels.append(DueCancel(one.address, one.id, one.panel, one.panel_order_id or "", reason))
    words, slot = _in_words(edited), next_slot(history.attempts, AttemptKind.REPLACEMENT)
    part = Part(AttemptKind.REPLACEMENT, slot, order.quantity, order.runs, order.interval)
    if cancels:
        ids = ", ".join(f"order {one.panel_order_id}" for one in cancels)
        return NextAction(ActionKind.REPLACE, f"{words}: cancels {ids}, then buys it anew", part, cancels)
    if waiting:
        tail = f"; {'; '.join(waiting)}"
        return NextAction(ActionKind.WAIT, f"{words}: bought anew when it has ended", part, tail=tail)
    return NextAction(ActionKind.REPLACE, f"{words}, and nothing works on it any more: bought anew", part)


def _in_words(edited: _Edited) -> str:
    """What was edited, and what the order has cost so far; doubts and unknown charges at the expected price."""
    spent = sum((one.committed for each in edited.history.standing if (one := book(each)) is not None), ZERO)
    return f"changed after it was bought ({edited.change.words}; it took {plain(spent)})"


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
