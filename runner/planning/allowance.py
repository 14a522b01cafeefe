"""The allowance of one run: the plan's caps, counted down before every mark.

The panel's balance is not trusted during a run: several panels book parallel orders late (docs/protocol.md, Add).
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from runner.core.attempts import AttemptKind, NewAttempt
from runner.core.orders import Order
from runner.core.values.money import for_people


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
    """Money left under every cap of one run. A campaign or panel without an entry has no cap of its own.

    An order takes its expected charge before it is sent, and what it was charged beyond that once that is read.
    """

    def __init__(self, campaigns: Mapping[str, Decimal], panels: Mapping[str, Decimal]) -> None:
        self._campaigns = dict(campaigns)
        self._panels = dict(panels)

    def take(self, attempt: NewAttempt) -> str:
        """Reserve the attempt's expected charge under both caps; empty text, or why it does not fit (nothing taken)."""
        cost = attempt.expected_charge
        for what, caps, name in self._caps(attempt.campaign, attempt.panel):
            left = caps.get(name)
            if left is not None and cost > left:
                return f"{attempt.campaign}/{attempt.order_id} costs {for_people(cost)}, {what} {name} has {for_people(left)} left"
        self._add(attempt.campaign, attempt.panel, -cost)
        return ""

    def give_back(self, attempt: NewAttempt) -> None:
        """Return what `take` reserved, for an attempt that provably bought nothing."""
        self._add(attempt.campaign, attempt.panel, attempt.expected_charge)

    def charge_more(self, campaign: str, panel: str, extra: Decimal) -> str:
        """Take what the panel took beyond the expected charge; empty text, or which cap is overdrawn by now."""
        self._add(campaign, panel, -extra)
        for what, caps, name in self._caps(campaign, panel):
            left = caps.get(name)
            if left is not None and left < 0:
                return f"the panel charged more than was planned: {what} {name} is overdrawn by {for_people(-left)}"
        return ""

    def _caps(self, campaign: str, panel: str) -> tuple[tuple[str, dict[str, Decimal], str], ...]:
        return (("campaign", self._campaigns, campaign), ("panel", self._panels, panel))

    def _add(self, campaign: str, panel: str, amount: Decimal) -> None:
        for _, caps, name in self._caps(campaign, panel):
            if name in caps:
                caps[name] += amount
