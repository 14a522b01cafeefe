"""Counts the events of a run for the progress display: a few additions per event, because there may be thousands a second."""

from collections.abc import Mapping
from enum import StrEnum

from runner.core.attempts import OutcomeKind
from runner.core.events import Event


class Stage(StrEnum):
    """What a run is busy with."""

    IDLE = "idle"  # before the first event, between stages, after the end
    REFRESH = "refresh"  # prices, balances and statuses are read
    POLL = "poll"  # the same after orders were placed, or in a watch
    SUBMIT = "submit"  # orders are placed


class Tally:
    """Numbers of the present stage. Written by the run's thread alone, read by the display's."""

    def __init__(self) -> None:
        self.stage = Stage.IDLE
        self.total = 0  # statuses or orders of this stage, over all panels
        self.in_flight = 0
        self.outcomes = dict.fromkeys(OutcomeKind, 0)  # orders by their last outcome
        self._refused: set[str] = set()  # marked again after "too many requests", they are not refused any more
        self._answered = 0

    @property
    def done(self) -> int:
        """How much of `total` is done; never more."""
        if self.stage is Stage.SUBMIT:
            return min(sum(self.outcomes.values()), self.total)
        return min(self._answered, self.total)

    def begin(self, stage: Stage, amount: int) -> None:
        """Add `amount` to do; a stage other than the present one starts from nothing."""
        if stage is not self.stage:
            self.stage, self.total, self.in_flight, self._answered = stage, 0, 0, 0
            self.outcomes = dict.fromkeys(OutcomeKind, 0)
            self._refused.clear()
        self.total += amount

    def end(self) -> None:
        """Nothing is going on."""
        self.stage = Stage.IDLE

    def statuses(self, event: Event) -> None:
        """A batch was asked for, whatever came back."""
        self._answered += whole(event.facts, "asked")

    def marked(self, event: Event) -> None:
        """An order is about to be sent, perhaps again after a rate limit."""
        self.in_flight += 1
        if event.order in self._refused:
            self._refused.remove(event.order)
            self.outcomes[OutcomeKind.REFUSED] -= 1

    def settled(self, event: Event) -> None:
        """An order has its outcome."""
        self.in_flight = max(self.in_flight - 1, 0)
        outcome = OutcomeKind(str(event.facts.get("outcome")))
        self.outcomes[outcome] += 1
        if outcome is OutcomeKind.REFUSED and event.order is not None:
            self._refused.add(event.order)


def whole(facts: Mapping[str, str | int | None], name: str) -> int:
    """The fact as a number; 0 where it is none."""
    value = facts.get(name)
    return value if isinstance(value, int) else 0
