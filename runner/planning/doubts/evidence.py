"""Weighs what speaks for and against an order in doubt: a proposal with its reasons, never an action. Pure.

The balance is evidence only where nobody else spends it (`exclusive: true`) and once a late order had time to appear.
Evidence is for the person who looks: that an order was not placed only the panel's own order list can tell.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from operator import attrgetter
from typing import NamedTuple

from runner.core.attempts import DOUBTFUL, Attempt, AttemptState
from runner.core.catalogue import BalanceSeen
from runner.core.doubts import Decided, Duplicate, Kept
from runner.core.snapshot import Recorded
from runner.core.values.clock import to_the_minute
from runner.core.values.money import ROUNDING, ROUNDING_PER_ORDER, ZERO, last_unit, plain, with_currency
from runner.planning.accounting.balance_deltas import BalanceDelta
from runner.planning.accounting.doubt_amounts import MOST_COMBINED, paying
from runner.planning.accounting.ledger import book

_REFUNDED_WITHIN = timedelta(days=7)  # of a final status: refunds take time
_REMEMBERED = timedelta(days=30)  # how long somebody else's spending makes the balance no evidence


class Verdict(StrEnum):
    """What the evidence proposes."""

    PLACED = "placed"  # it was probably placed
    NOT_PLACED = "not_placed"  # it was probably not placed
    INCONCLUSIVE = "inconclusive"  # only the panel's own order list can tell


class Weighing(NamedTuple):
    """A proposal and the sentences that lead to it, for a person to judge."""

    verdict: Verdict
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All there is about one doubt. Amounts in the currency of the balances."""

    attempt: Attempt
    kept: Kept
    decided: Decided | None  # what was decided about it
    now: datetime
    exclusive: bool  # nobody else spends this balance
    settle: timedelta  # how long it may still appear
    before: Attempt | None  # the own order with an id that was marked just before
    after: Attempt | None  # the same, just after
    balance_after: BalanceSeen | None  # the last one, if it was seen after the window
    charged: Decimal  # own known charges, net of refunds, marked between the two balances
    expected: Decimal  # own orders between them that were not charged yet, at the expected price
    counted: int  # own orders in both
    late_refunds: Decimal  # of older own orders; the state does not know when they came
    rivals: Sequence[Attempt]  # others between the balances that may or may not have been charged
    labelled: Decimal = ZERO  # what people say came in between the balances; negative: went out
    spent_by_others: BalanceDelta | None = None  # somebody else was seen spending this balance

    @property
    def until(self) -> datetime:
        """When the doubt was declared; for a left-over that no run has met yet, now."""
        return self.attempt.settled_at or self.now

    @property
    def settles_at(self) -> datetime:
        """When `settle` is over: an order that has not appeared by then hardly will."""
        return self.until + self.settle

    @property
    def was_killed(self) -> bool:
        """True if the process ended before it could record an answer."""
        return self.attempt.phase is None

    @property
    def missing(self) -> Decimal | None:
        """What the balance lost and no known order explains; None without two comparable balances."""
        first, last = self.kept.balance_before, self.balance_after
        if first is None or last is None or first.balance.currency != last.balance.currency:
            return None
        return first.balance.amount - last.balance.amount - self.charged - self.expected + self.labelled


def gather(
    recorded: Recorded,
    attempt: Attempt,
    kept: Kept,
    *,
    exclusive: bool,
    settle: timedelta,
    now: datetime,
    spent_by_others: BalanceDelta | None = None,
) -> Evidence:
    """The evidence about one attempt. Linear in all attempts; `spent_by_others` comes from `other_spending`."""
    charged, expected, late_refunds, counted = ZERO, ZERO, ZERO, 0
    rivals: list[Attempt] = []
    first, last = kept.balance_before, recorded.last_balances.get(attempt.panel)
    if last is not None and (last.seen_at < (attempt.settled_at or now) or _was_seen_before(last, attempt)):
        last = None
    others = [one for one in recorded.each() if one.panel == attempt.panel and one.id != attempt.id]
    with_id = [one for one in others if one.panel_order_id is not None]
    for other in others:
        if first is None or last is None or not last.is_after(other.id, other.marked_at):
            continue
        booked = book(other)
        if booked is None:
            continue
        is_older = not first.is_before(other.id, other.marked_at)
        if other.state in DOUBTFUL or other.state is AttemptState.ABANDONED:
            if not is_older or (other.settled_at or now) + settle > first.seen_at:  # it could still be executed then
                rivals.append(other)
        elif is_older:
            if booked.refunded and _may_be_refunded_after(other, first.seen_at):
                late_refunds += booked.refunded
        else:
            charged += booked.spent
            expected += booked.reserved
            counted += 1
    return Evidence(
        attempt=attempt,
        kept=kept,
        decided=next((one for one in recorded.decisions if one.attempt_id == attempt.id), None),
        now=now,
        exclusive=exclusive,
        settle=settle,
        before=max((one for one in with_id if one.id < attempt.id), key=attrgetter("id"), default=None),
        after=min((one for one in with_id if one.id > attempt.id), key=attrgetter("id"), default=None),
        balance_after=last,
        charged=charged,
        expected=expected,
        counted=counted,
        late_refunds=late_refunds,
        rivals=rivals,
        labelled=ZERO
        if first is None or last is None
        else sum((label.amount for label in recorded.labels if label.is_between(first, last)), ZERO),
        spent_by_others=spent_by_others
        if spent_by_others is not None and spent_by_others.after.seen_at > now - _REMEMBERED
        else None,
    )


def _may_be_refunded_after(other: Attempt, moment: datetime) -> bool:
    """True if the refund of an order may have come after `moment`: it was looked at since, and had not long been final."""
    if other.checked_at is None or other.checked_at < moment:
        return False
    return other.final_at is None or other.final_at + _REFUNDED_WITHIN >= moment


def _was_seen_before(seen: BalanceSeen, attempt: Attempt) -> bool:
    """True if the journal has it before the mark, though the clock may have been put back since."""
    return seen.last_attempt is not None and attempt.id > seen.last_attempt


def weigh(evidence: Evidence) -> Weighing:
    """What the evidence proposes, and why. A refusal as a duplicate speaks first, then the balance."""
    duplicates = [_duplicate(evidence, one) for one in evidence.kept.duplicates]
    money = _weigh_money(evidence)
    if any(one.service == evidence.attempt.service for one in evidence.kept.duplicates):
        return Weighing(Verdict.PLACED, (*duplicates, *money.reasons))
    return Weighing(money.verdict, (*duplicates, *money.reasons))


def _duplicate(evidence: Evidence, duplicate: Duplicate) -> str:
    told = f"at {to_the_minute(duplicate.refused_at)} the panel refused {duplicate.address}, for the same link"
    if duplicate.service == evidence.attempt.service:
        return f"{told} and service, as a duplicate ({duplicate.message}): this order was probably placed"
    return f"{told}, as a duplicate ({duplicate.message}): some order for the link exists, perhaps this one"


def _weigh_money(evidence: Evidence) -> Weighing:
    first, last, missing = evidence.kept.balance_before, evidence.balance_after, evidence.missing
    if first is None:
        return _open("no balance was seen before it was sent: the money says nothing")
    if last is None:
        return _open("no balance has been seen since: look with `runner status --refresh`")
    if missing is None:
        return _open(
            f"the balance was in {first.balance.currency or 'a currency without a name'} before and is in "
            f"{last.balance.currency or 'one without a name'} now: not comparable"
        )
    arithmetic = _arithmetic(evidence, first, last, missing)
    if obstacles := tuple(_obstacles(evidence, last)):
        return Weighing(Verdict.INCONCLUSIVE, (arithmetic, *obstacles))
    verdict, conclusion = _conclude(evidence, missing)
    return Weighing(verdict, (arithmetic, conclusion))


def _open(*reasons: str) -> Weighing:
    return Weighing(Verdict.INCONCLUSIVE, reasons)


def _arithmetic(evidence: Evidence, first: BalanceSeen, last: BalanceSeen, missing: Decimal) -> str:
    known = f"own known charges in between {plain(evidence.charged)}"
    if evidence.expected:
        known += f", and {plain(evidence.expected)} expected for orders that the panel has not charged yet"
    if evidence.labelled:
        way = "came in" if evidence.labelled > ZERO else "went out"
        known += f"; {plain(abs(evidence.labelled))} {way} as labelled"
    what = f"{plain(missing)} is missing" if missing >= ZERO else f"{plain(-missing)} more than explained is there"
    return (
        f"balance before {with_currency(first.balance.amount, first.balance.currency)} ({to_the_minute(first.seen_at)}), "
        f"after {plain(last.balance.amount)} ({to_the_minute(last.seen_at)}); {known}: {what}"
    )


def _obstacles(evidence: Evidence, last: BalanceSeen) -> Iterator[str]:
    """Every reason for which the arithmetic proves nothing."""
    if not evidence.exclusive:
        yield (
            f"others may spend this balance (panels.yaml does not say `exclusive: true` for {evidence.attempt.panel}): "
            "inconclusive"
        )
    if (step := evidence.spent_by_others) is not None:
        yield (
            f"{plain(step.gone)} left the balance between {to_the_minute(step.before.seen_at)} and "
            f"{to_the_minute(step.after.seen_at)} while nothing was bought: somebody else spends it"
            f"{', whatever panels.yaml says' if evidence.exclusive else ''}: inconclusive"
        )
    if last.seen_at < evidence.settles_at:
        yield (
            f"the balance was seen before {to_the_minute(evidence.settles_at)}; until then it may still be executed: "
            "inconclusive; look again later with `runner status --refresh`"
        )
    if evidence.late_refunds:
        yield (
            f"refunds of {plain(evidence.late_refunds)} for older orders may have come into the balance meanwhile: "
            "inconclusive"
        )
    if len(evidence.rivals) > MOST_COMBINED:
        yield f"{len(evidence.rivals) + 1} orders are in doubt at once: inconclusive"


def _conclude(evidence: Evidence, missing: Decimal) -> tuple[Verdict, str]:
    """Which of the orders in doubt the missing amount pays for; conclusive only if every way to pay it agrees."""
    rivals, price = evidence.rivals, evidence.attempt.expected_charge
    prices = [price, *(one.expected_charge for one in rivals)]
    paid = list(paying(prices, lambda amount: _fits(evidence, missing, amount), least=0))
    if not paid:
        several = " nor of any sum with the others in doubt" if rivals else ""
        return (
            Verdict.INCONCLUSIVE,
            f"that is not the price of this order ({plain(price)}){several}: something else moved the balance",
        )
    if len({0 in chosen for chosen in paid}) > 1:
        if _fits(evidence, ZERO, price):
            return Verdict.INCONCLUSIVE, f"its price ({plain(price)}) is too small to be seen in this balance"
        names = ", ".join(one.address for one in rivals)
        return Verdict.INCONCLUSIVE, f"it may pay for this order ({plain(price)}) or for {names}: ambiguous"
    with_others = [rivals[place - 1].address for place in paid[0] if place]
    if 0 in paid[0]:
        and_of = f" and of {', '.join(with_others)} together" if with_others else ""
        return Verdict.PLACED, f"that is the price of this order{and_of}: it was probably placed"
    if with_others:
        what = f"that is the price of {', '.join(with_others)}, not of this order ({plain(price)})"
    else:
        what = "nothing is missing"
    return (
        Verdict.NOT_PLACED,
        f"{what}: it was probably not placed; a late execution, or a deposit of its price, is possible",
    )


def _fits(evidence: Evidence, missing: Decimal, price: Decimal) -> bool:
    """True if two amounts differ by no more than the rounding of two balances and of the charges between them."""
    looks = [one for one in (evidence.kept.balance_before, evidence.balance_after) if one is not None]
    unit = last_unit(*(one.balance.amount for one in looks))  # half a unit for each of the two
    return abs(missing - price) <= unit + abs(price) * ROUNDING + ROUNDING_PER_ORDER * evidence.counted
