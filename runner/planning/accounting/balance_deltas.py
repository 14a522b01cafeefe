"""Compares how a balance moved between two looks with what was bought meanwhile. Pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import accumulate, pairwise
from typing import NamedTuple

from runner.core.attempts import DOUBTFUL
from runner.core.catalogue import BalanceLabel, BalanceSeen
from runner.core.doubts import DecisionKind
from runner.core.snapshot import Recorded
from runner.core.values.money import ROUNDING, ZERO, last_unit
from runner.planning.accounting.doubt_amounts import MOST_COMBINED, paying
from runner.planning.accounting.ledger import book


class BalanceDelta(NamedTuple):
    """From one look at a panel's balance to the next, in one currency."""

    before: BalanceSeen
    after: BalanceSeen
    gone: Decimal  # from the balance; negative: came in
    booked: Decimal  # of what was marked in between: charges net of refunds, and reservations
    marked: int  # attempts in between that bought, or may have bought
    doubts: tuple[Decimal, ...]  # prices of all that may have been executed by the end of it


def balance_deltas(recorded: Recorded, readings: Sequence[BalanceSeen]) -> Iterator[BalanceDelta]:
    """The steps between `readings`, all of one panel, in the order recorded; steps to another currency are left out."""
    if not readings:
        return
    declared = {one.attempt_id for one in recorded.decisions if one.kind is DecisionKind.NOT_PLACED}
    attempts = sorted(
        (one for one in recorded.each() if one.panel == readings[0].panel),
        key=lambda one: one.id,
    )
    ids = [one.id for one in attempts]
    clock = list(accumulate((one.marked_at for one in attempts), max))
    doubts: list[Decimal] = []
    seen = 0
    for before, after in pairwise(readings):
        if before.last_attempt is None or after.last_attempt is None:
            since, until = bisect_left(clock, before.seen_at), bisect_right(clock, after.seen_at)
        else:
            since, until = bisect_right(ids, before.last_attempt), bisect_right(ids, after.last_attempt)
        doubts += [one.expected_charge for one in attempts[seen:until] if one.state in DOUBTFUL or one.id in declared]
        seen = max(seen, until)
        if before.balance.currency != after.balance.currency:
            continue
        booked = [found for one in attempts[since:until] if (found := book(one)) is not None]
        yield BalanceDelta(
            before,
            after,
            before.balance.amount - after.balance.amount,
            sum((one.spent + one.reserved for one in booked), ZERO),
            len(booked),
            tuple(doubts),
        )


def other_spending(recorded: Recorded, readings: Sequence[BalanceSeen]) -> BalanceDelta | None:
    """The last step that shows somebody else spending: the balance fell, and nothing of ours was being bought.

    Not counted: what was bought before and not taken yet, the prices of doubts that may have been executed late, and
    what a person has labelled.
    """
    labels = _by_reading(recorded.labels)
    owed = ZERO  # bought, and not taken from the balance yet
    found = None
    for step in balance_deltas(recorded, readings):
        gone = step.gone + labels.get((step.after.panel, step.after.number), ZERO)
        if step.marked:
            owed += min(step.booked, max(step.booked - gone, ZERO))
            continue
        taken = max(min(owed, gone), ZERO)
        owed -= taken
        if not _fits_doubts(step, gone - taken) and not _fits_doubts(step, gone):
            found = step
    return found


def _by_reading(labels: Sequence[BalanceLabel]) -> dict[tuple[str, int | None], Decimal]:
    sums: dict[tuple[str, int | None], Decimal] = {}
    for label in labels:
        key = (label.panel, label.reading)
        sums[key] = sums.get(key, ZERO) + label.amount
    return sums


def _fits_doubts(step: BalanceDelta, gone: Decimal) -> bool:
    """True if no more than rounding is gone, or what some of the doubts would have cost."""
    unit = last_unit(step.before.balance.amount, step.after.balance.amount)
    if gone <= unit or len(step.doubts) > MOST_COMBINED:
        return True
    tolerance = unit + gone * ROUNDING
    return any(some for some in paying(step.doubts, lambda price: abs(gone - price) <= tolerance))


def shown_first(recorded: Recorded, readings: Sequence[BalanceSeen], amount: Decimal) -> BalanceSeen | None:
    """Return the look at which `amount` (positive: came in; negative: went out) was probably seen first.

    That is the look whose step comes closest to it, leaving out steps that have a label. If no step moved that way, it
    is the last look. None without readings.
    """
    labelled = {(label.panel, label.reading) for label in recorded.labels}
    best: tuple[Decimal, BalanceSeen] | None = None
    for step in balance_deltas(recorded, readings):
        moved = step.booked - step.gone
        if moved * amount <= ZERO or (step.after.panel, step.after.number) in labelled:
            continue
        distance = abs(moved - amount)
        if best is None or distance <= best[0]:  # the later of two that fit
            best = (distance, step.after)
    if best is not None:
        return best[1]
    return readings[-1] if readings else None
