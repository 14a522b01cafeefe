"""Finds runs in which a panel took less than it charged, since its own balance writes raced. Pure.

Told apart from a deposit by what one run shows: the balance fell between its first look and its last, by a whole
number of orders less than what those sent in between were charged, and some of them were sent before others were
answered.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from runner.core.attempts import Attempt, AttemptState
from runner.core.catalogue import BalanceLabel, BalanceSeen
from runner.core.orders import PanelProfile
from runner.core.snapshot import Recorded
from runner.core.values.money import ROUNDING_PER_ORDER, ZERO, last_unit, plain

_FINEST = -5  # decimals in which charges of different amounts are combined
_MOST_COMBINED = 200  # orders; the charges of more make up nearly any amount
_MOST_STEPS = 2_000_000  # of the finest decimal in what is missing; more are not combined
_SEVERAL = 2


class Race(NamedTuple):
    """One run in which a panel's balance fell by less than the charges of the orders sent in it."""

    panel: str
    run_id: str
    orders: int  # sent in it, between the two looks
    charged: Decimal
    fell: Decimal  # what the balance lost; what people labelled in between is taken out

    @property
    def missing(self) -> Decimal:
        """What was charged and never taken."""
        return self.charged - self.fell

    @property
    def words(self) -> str:
        """Why a balance that fell by too little is no deposit, and what to set."""
        return (
            f"{self.orders:,} orders sent in parallel in run {self.run_id} were charged {plain(self.charged)}, and the balance "
            f"fell by {plain(self.fell)} only: {self.panel} probably loses balance writes of parallel orders. That is no "
            "deposit: set `parallel: {add: 1}` for it in panels.yaml"
        )


def races(recorded: Recorded, panel: str) -> list[Race]:
    """The runs in which a panel lost balance writes, as far as can be told, in the order of their looks."""
    looks = recorded.run_looks.get(panel, {})
    if not looks:
        return []
    sent: defaultdict[str, list[Attempt]] = defaultdict(list)
    for one in recorded.each():
        if one.panel == panel and one.run_id in looks and one.state is AttemptState.PLACED:
            sent[one.run_id].append(one)
    found = (_race(sent[run_id], *ends, recorded.labels) for run_id, ends in looks.items() if run_id in sent)
    return [race for race in found if race is not None]


def race_warnings(recorded: Recorded, profiles: Mapping[str, PanelProfile]) -> tuple[str, ...]:
    """What to say before more is bought in parallel: of panels whose last run of several orders looks like it."""
    told = []
    for panel, looks in recorded.run_looks.items():
        profile = profiles.get(panel)
        if profile is None or profile.parallel_add == 1 or not looks:
            continue
        last = list(looks)[-1]
        told += [race.words for race in races(recorded, panel) if race.run_id == last]
    return tuple(told)


def _race(
    sent: Sequence[Attempt], first: BalanceSeen, last: BalanceSeen, labels: Iterable[BalanceLabel]
) -> Race | None:
    if first.balance.currency != last.balance.currency:
        return None
    between = [one for one in sent if first.is_before(one.id, one.marked_at) and last.is_after(one.id, one.marked_at)]
    if len(between) < _SEVERAL or not _were_parallel(between):
        return None
    charges = [_charge(one) for one in between]
    came_in = sum((one.amount for one in labels if one.is_between(first, last)), ZERO)
    fell = first.balance.amount - last.balance.amount + came_in
    race = Race(last.panel, between[0].run_id, len(between), sum(charges, ZERO), fell)
    unit = last_unit(first.balance.amount, last.balance.amount)
    tolerance = unit + ROUNDING_PER_ORDER * len(between)
    # If all of it is missing, the balance is slow, or somebody paid.
    if not tolerance < race.missing < race.charged - tolerance:
        return None
    return race if _is_of_whole_orders(charges, race.missing, unit, tolerance) else None


def _charge(one: Attempt) -> Decimal:
    """What was charged when it was bought; a refund came later."""
    first = one.first_charge
    return one.expected_charge if first is None or first <= ZERO else first


def _were_parallel(sent: Sequence[Attempt]) -> bool:
    """True if one of them was marked before one that was marked earlier had its outcome."""
    answered = None
    for one in sorted(sent, key=lambda each: (each.marked_at, each.id)):
        if answered is not None and one.marked_at < answered:
            return True
        if one.settled_at is not None:
            answered = one.settled_at if answered is None else max(answered, one.settled_at)
    return False


def _is_of_whole_orders(charges: Sequence[Decimal], missing: Decimal, unit: Decimal, tolerance: Decimal) -> bool:
    """True if some of `charges`, not all, make up what is missing, give or take `tolerance`."""
    if len(set(charges)) == 1:
        number = int(missing / charges[0] + Decimal("0.5")) if charges[0] else 0
        return 0 < number < len(charges) and abs(missing - charges[0] * number) <= tolerance
    step = max(unit, Decimal(1).scaleb(_FINEST))
    least, most = (max(int((missing + way * tolerance) / step), 0) for way in (-1, 1))
    if len(charges) > _MOST_COMBINED or most > _MOST_STEPS:
        return True
    sums = 1  # bit n: some of the charges make up n steps
    for charge in charges:
        sums |= sums << int(charge / step + Decimal("0.5"))
        sums &= (1 << (most + 1)) - 1
    return any(sums >> number & 1 for number in range(max(least, 1), most + 1))
