"""Finds to how many decimals a panel rounds its charges, by the charges seen. Pure."""

from collections.abc import Iterable
from decimal import Decimal

from runner.core.snapshot import Recorded
from runner.core.values.money import LEAST_PLACES, ZERO, decimals, round_up

_ENOUGH = 200  # charges of a panel that are looked at, the newest first


class Rounding:
    """What the charges of one panel show, growing."""

    __slots__ = ("_places", "is_seen")

    def __init__(self) -> None:
        self.is_seen = False  # some charge was rounded
        self._places = LEAST_PLACES

    def see(self, expected: Decimal, charge: Decimal) -> None:
        """Take in one charge that fits what was expected."""
        shown = decimals(charge)
        self._places = max(self._places, shown)
        self.is_seen = self.is_seen or decimals(expected) > max(shown, LEAST_PLACES)

    def up(self, amount: Decimal) -> Decimal:
        """The most that rounding makes of an expected charge; the amount itself while no rounding was seen."""
        return round_up(amount, self._places) if self.is_seen else amount


def rounding_of_panel(recorded: Recorded, panel: str) -> Rounding:
    """What the newest charges of a panel show."""
    found, left = Rounding(), _ENOUGH
    for attempt in _newest_charged(recorded, panel):
        found.see(*attempt)
        left -= 1
        if not left:
            break
    return found


def _newest_charged(recorded: Recorded, panel: str) -> Iterable[tuple[Decimal, Decimal]]:
    for attempts in reversed(list(recorded.attempts.values())):
        for attempt in attempts:
            if attempt.panel == panel and attempt.first_charge is not None and attempt.first_charge > ZERO:
                yield attempt.rate * attempt.units / 1000, attempt.first_charge
