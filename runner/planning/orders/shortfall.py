"""Says what a panel left undelivered, and which of it may be bought again: each attempt once. Pure.

How much is missing is known only from a number that can be true: what remains, of the very status that ended the order.
An order that ended without one may be delivered, so nothing is bought again on its account.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from runner.core.attempts import Attempt, AttemptKind, LiveStatus
from runner.core.orders import OnShort, Policy
from runner.core.refills import CancelRequest
from runner.planning.orders.order_history import OrderHistory, is_short, missing_units

_PARTIAL = LiveStatus.PARTIAL


class Shortfall(NamedTuple):
    """Units that a panel did not deliver, that are to be bought again."""

    attempt: Attempt
    units: int  # 0: the panel does not say how many
    hindrance: str = ""  # why the policy is against it after all

    @property
    def words(self) -> str:
        """`order 23501 ended partial, 300 of 1,000 units short`; `order 23501 ended partial, 1,001 remain of 1,000`."""
        one = self.attempt
        if not self.units:
            remain = (
                "nothing said of what remains" if one.remains is None else f"{one.remains:,} remain of {one.units:,}"
            )
            return f"order {one.panel_order_id} ended {one.status}, {remain}"
        if one.status is _PARTIAL:
            return f"order {one.panel_order_id} ended partial, {self.units:,} of {one.units:,} units short"
        return f"the panel {one.status} order {one.panel_order_id}, {self.units:,} of {one.units:,} units short"


def shortfalls(
    history: OrderHistory, policy: Policy, cancels: Mapping[int, Sequence[CancelRequest]]
) -> Iterator[Shortfall]:
    """Yield what is to be bought again of an order's standing attempts, in the order in which these were bought.

    An attempt that was asked to be cancelled is left out: a panel that did as it was told has no shortfall. No more
    is bought again than the order still lacks: an attempt that was delivered after all makes up for a short one.
    Reorders of attempts that were replaced since count against `policy.max_reorders`, too.
    """
    left = policy.max_reorders - _after_cancels(history, policy)
    lacking = _lacking(history.standing)
    for attempt in history.standing:
        if not is_short(attempt) or attempt.id in history.followers or cancels.get(attempt.id):
            continue
        if attempt.status is _PARTIAL:
            is_wanted = policy.on_partial is OnShort.REORDER
        else:
            is_wanted = policy.on_canceled is OnShort.REORDER and policy.max_reorders > 0
        if is_wanted and is_untold(attempt):
            yield Shortfall(attempt, 0)
            continue
        units = min(missing_units(attempt), lacking)
        if is_wanted and units > 0:
            is_free = left > 0 or _is_partly_delivered(attempt)
            yield Shortfall(attempt, units, "" if is_free else f"policy.max_reorders is {policy.max_reorders}")
            lacking -= units if is_free else 0


def _after_cancels(history: OrderHistory, policy: Policy) -> int:
    """Return how many reorders count against `policy.max_reorders`: not those of partial deliveries, if the policy wants these."""
    followed = (one for one in (*history.replaced, *history.standing) if one.id in history.followers)
    return sum(not (policy.on_partial is OnShort.REORDER and _is_partly_delivered(one)) for one in followed)


def is_untold(attempt: Attempt) -> bool:
    """True if it ended short, and the panel does not say by how much.

    A cancelled order of which nothing remains is untold, too; a partial one of which nothing remains is complete.
    """
    if not is_short(attempt) or missing_units(attempt):
        return False
    return not (attempt.status is _PARTIAL and attempt.remains == 0)


def _is_partly_delivered(attempt: Attempt) -> bool:
    """True for a partial delivery of something; one of nothing is a cancellation by another name."""
    return attempt.status is _PARTIAL and 0 < missing_units(attempt) < attempt.units


def _lacking(standing: Sequence[Attempt]) -> int:
    """Return the units that are still missing: those wanted, less those that were delivered or still may be."""
    wanted = sum(one.units for one in standing if one.kind is not AttemptKind.REORDER)
    return wanted - sum(one.units - (missing_units(one) if is_short(one) else 0) for one in standing)
