"""Says what a panel left undelivered, and which of it may be bought again: each attempt once. Pure.

How much is missing is known only from a number that can be true: what remains, of the very status that ended the order.
An order that ended without one may be delivered, so nothing is bought again on its account.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from runner.core.attempts import Attempt, AttemptKind, AttemptState, LiveStatus
from runner.core.orders import OnShort, Policy
from runner.core.refills import CancelRequest

_REORDER = AttemptKind.REORDER
_PARTIAL = LiveStatus.PARTIAL
_CANCELED = (LiveStatus.CANCELED, LiveStatus.REFUNDED)
SHORT = (_PARTIAL, *_CANCELED)  # what ended without all of it being delivered


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


def is_short(attempt: Attempt) -> bool:
    """True if the panel ended it without delivering all of it."""
    return attempt.state is AttemptState.PLACED and attempt.status in SHORT


def shortfalls(
    standing: Sequence[Attempt],
    policy: Policy,
    cancels: Mapping[int, Sequence[CancelRequest]],
    replaced: Sequence[Attempt] = (),
) -> Iterator[Shortfall]:
    """What is to be bought again of what stands for an order, in the order it was bought.

    `replaced`: what stood before its newest replacement; reorders of that count for `max_reorders` too.

    Never what was asked to be cancelled: that a panel did as it was told is no shortfall. And never more than the order
    still lacks: what was bought again and was delivered after all makes up for what is short elsewhere.
    """
    followers = reordered(standing)
    left = policy.max_reorders - _after_cancels(standing, policy) - _after_cancels(replaced, policy)
    lacking = _lacking(standing)
    for attempt in standing:
        if not is_short(attempt) or attempt.id in followers or cancels.get(attempt.id):
            continue
        if attempt.status is _PARTIAL:
            is_wanted = policy.on_partial is OnShort.REORDER
        else:
            is_wanted = policy.on_canceled is OnShort.REORDER and policy.max_reorders > 0
        if is_wanted and is_untold(attempt):
            yield Shortfall(attempt, 0)
            continue
        units = min(_missing(attempt), lacking)
        if is_wanted and units > 0:
            is_free = left > 0 or _is_partly_delivered(attempt)
            yield Shortfall(attempt, units, "" if is_free else f"policy.max_reorders is {policy.max_reorders}")
            lacking -= units if is_free else 0


def _after_cancels(bought: Sequence[Attempt], policy: Policy) -> int:
    """How many reorders count as one after a cancellation: all but those of what is plainly a partial delivery."""
    parents = {one.id: one for one in bought}
    return sum(
        not (policy.on_partial is OnShort.REORDER and _is_partly_delivered(parents[one])) for one in reordered(bought)
    )


def reordered(standing: Sequence[Attempt]) -> dict[int, Attempt]:
    """Attempt id -> the reorder that followed it. A reorder follows one attempt that was bought before it.

    The state does not say which; it follows from how much was short. Statuses may change after a reorder was bought, so
    each one is given an attempt whatever that looks like now: nothing is bought again on account of a correction.
    """
    followers: dict[int, Attempt] = {}
    for place, reorder in enumerate(standing):
        if reorder.kind is not _REORDER:
            continue
        free = [one for one in standing[:place] if one.id not in followers]
        if free:
            followers[max(free, key=lambda one: _likeness(one, reorder)).id] = reorder
    return followers


def _likeness(former: Attempt, reorder: Attempt) -> tuple[bool, bool, int, int]:
    """Sorts by how likely it is that `reorder` was bought for `former`."""
    if not is_short(former):
        return (False, False, 0, former.id)
    missing = _missing(former) or former.units
    # Of several that are short: the exact one; then the one that is short of most, so that what is left to buy is least.
    return (True, missing == reorder.units, missing, -former.id)


def is_untold(attempt: Attempt) -> bool:
    """True if it ended short, and the panel does not say by how much.

    That all of a cancelled order is delivered says nothing either; a partial one of which nothing remains is complete.
    """
    if not is_short(attempt) or _missing(attempt):
        return False
    return not (attempt.status is _PARTIAL and attempt.remains == 0)


def _is_partly_delivered(attempt: Attempt) -> bool:
    """True for a partial delivery of something; one of nothing is a cancellation by another name."""
    return attempt.status is _PARTIAL and 0 < _missing(attempt) < attempt.units


def _lacking(standing: Sequence[Attempt]) -> int:
    """Units that were to be bought and are neither delivered nor on their way; what may be either counts as that."""
    wanted = sum(one.units for one in standing if one.kind is not _REORDER)
    return wanted - sum(one.units - (_missing(one) if is_short(one) else 0) for one in standing)


def _missing(attempt: Attempt) -> int:
    """Units that the panel says it did not deliver; 0 where it does not say so in a number that can be true."""
    remains = attempt.remains
    return remains if remains is not None and 0 < remains <= attempt.units else 0
