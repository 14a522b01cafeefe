"""What one run may still spend, counted down before every mark: the plan's caps, once more and by ourselves.

The panel's balance is not trusted during a run: several panels book parallel orders late (PROTOCOL, add).
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from runner.core.attempts import AttemptKind, NewAttempt
from runner.core.money import for_people
from runner.core.orders import Order


class Part(NamedTuple):
    """What of an order one purchase buys. Without one a purchase buys the whole order, for the first time."""

    kind: AttemptKind
    slot: int  # numbers the attempts of one kind of an order, from 0
    quantity: int  # per run
    runs: int | None
    interval: int | None


class Purchase(NamedTuple):
    """A placement of a plan that may begin, with the price it was planned at."""

    order: Order
    panel: str
    rate: Decimal  # per 1000
    cost: Decimal
    part: Part | None = None  # None: the whole order, as its initial attempt

    @property
    def units(self) -> int:
        """Units bought in total."""
        return self.order.units if self.part is None else self.part.quantity * (self.part.runs or 1)


class Allowance:
    """Money left under every cap of one run. A campaign or panel without an entry has no cap of its own."""

    def __init__(self, campaigns: Mapping[str, Decimal], panels: Mapping[str, Decimal]) -> None:
        self._campaigns = dict(campaigns)
        self._panels = dict(panels)

    def take(self, attempt: NewAttempt) -> str:
        """Reserve the attempt's expected charge under both caps; empty text, or why it does not fit (nothing taken)."""
        cost = attempt.expected_charge
        for what, caps, name in (
            ("campaign", self._campaigns, attempt.campaign),
            ("panel", self._panels, attempt.panel),
        ):
            left = caps.get(name)
            if left is not None and cost > left:
                return f"{attempt.campaign}/{attempt.order_id} costs {for_people(cost)}, {what} {name} has {for_people(left)} left"
        self._add(attempt, -cost)
        return ""

    def give_back(self, attempt: NewAttempt) -> None:
        """Return what `take` reserved, for an attempt that provably bought nothing."""
        self._add(attempt, attempt.expected_charge)

    def _add(self, attempt: NewAttempt, amount: Decimal) -> None:
        for caps, name in ((self._campaigns, attempt.campaign), (self._panels, attempt.panel)):
            if name in caps:
                caps[name] += amount
