"""Sums how the refills of each service ended, for reports. Pure."""

from collections import Counter
from decimal import Decimal
from typing import NamedTuple

from runner.core.refills import RefillState
from runner.core.snapshot import Recorded
from runner.planning.accounting.periods import Period

_OPEN = (RefillState.ASKING, RefillState.REQUESTED)


class RefillRate(NamedTuple):
    """The refills asked for of one service. Requests that provably never left are not among them."""

    name: str  # `panel/service`
    asked: int
    open: int  # the panel is still working on them
    completed: int
    rejected: int  # taken, and given up by the panel
    refused: int  # not taken
    unknown: int  # the answer was lost

    @property
    def rate(self) -> Decimal | None:
        """The share completed of those whose end is known, 0 to 1; None if none has ended."""
        ended = self.completed + self.rejected + self.refused
        return Decimal(self.completed) / ended if ended else None


def refill_rates(recorded: Recorded, period: Period | None = None) -> list[RefillRate]:
    """One line for each service of which a refill was asked for, in the period; by panel and service."""
    if not recorded.refills:
        return []
    counts: dict[str, Counter[RefillState]] = {}
    for attempt in recorded.each():
        for one in recorded.refills.get(attempt.id, ()):
            if one.state is RefillState.NOT_SENT or (period is not None and not period.holds(one.asked_at)):
                continue
            counts.setdefault(f"{attempt.panel}/{attempt.service}", Counter())[one.state] += 1
    return [
        RefillRate(
            name,
            asked=states.total(),
            open=sum(states[one] for one in _OPEN),
            completed=states[RefillState.COMPLETED],
            rejected=states[RefillState.REJECTED],
            refused=states[RefillState.REFUSED],
            unknown=states[RefillState.UNKNOWN],
        )
        for name, states in sorted(counts.items())
    ]
