"""How much is measured: the short form, and the full one with a million orders."""

from collections.abc import Iterator
from dataclasses import dataclass

IN_FLIGHT = 50
FIXED = 1  # a campaign of one order costs what every call costs: start, imports, opening
_MIDDLE, _LARGE, _HUGE = 10_000, 100_000, 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Numbers of orders and of repetitions."""

    orders_0ms: int = 10_000
    orders_50ms: int = 10_000
    pairs: int = 5
    live: int = 10_000
    sizes: tuple[int, ...] = (10_000, 100_000)
    repeats: int = 3
    starts: int = 10

    def rounds(self) -> Iterator[tuple[int, ...]]:
        """Sizes to be measured one after another, small ones in every round: what they cost is soonest lost in noise.

        All sizes share rounds, so that a machine that slows down slows all of them. One look at a million is enough:
        it takes minutes, and noise is small against that.
        """
        for turn in range(self.repeats * 2):
            largest = _HUGE if turn == 0 else _LARGE if turn % 2 == 0 else _MIDDLE
            yield tuple(size for size in (FIXED, *self.sizes) if size <= largest)
