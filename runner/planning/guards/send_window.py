"""Limits how many orders may be out before their panel has shown what it charges. Pure.

The window opens as TCP's slow start does: a few orders first, and with each confirmed order some more. It opens only
while it is what holds the run up, so that a slow panel never has more unconfirmed orders than its pace needs.
"""

from runner.core.attempts import BATCH

FIRST = 4  # orders before anything is confirmed
GROWTH = 2  # further orders for each confirmed one: 4, 12, 36 ...


class Window:
    """The orders of one panel that were marked and that neither a charge nor the balance has confirmed."""

    __slots__ = ("_is_wanted", "_most", "batch", "out", "size")

    def __init__(self, most: int, out: int = 0) -> None:
        """`most` is as far as it opens; `out` are unconfirmed orders of earlier runs."""
        self._most = max(most, FIRST)
        self._is_wanted = False
        self.out = out
        self._set(FIRST)

    def has_room(self) -> bool:
        """True if one more order may be marked."""
        if self.out < self.size:
            return True
        self._is_wanted = True
        return False

    def take(self) -> None:
        """Count an order that is about to be marked."""
        self.out += 1

    def give_back(self) -> None:
        """Count an order no longer: it bought nothing, or its price was not as expected. The window opens no further."""
        self.out -= 1

    def confirm(self, orders: int) -> None:
        """Count so many orders no longer, for which the panel took what was expected; the window may open further."""
        self.out -= orders
        if self._is_wanted:
            self._set(min(self.size + GROWTH * orders, self._most))
            if self.out < self.size // 2:
                self._is_wanted = False

    def close(self) -> None:
        """Begin anew, because the panel took something else than expected."""
        self._set(FIRST)

    def _set(self, size: int) -> None:
        self.size = size
        self.batch = min(size // 2, BATCH)  # orders that are worth a look: what follows goes on meanwhile
