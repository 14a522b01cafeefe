"""Says whether an unexplained amount can be the money of orders in doubt. Pure.

What is gone from a balance may have paid for orders in doubt: then it is one loss at most, and not two. What came in
may be no deposit but the price of orders that were given up, count as spent and were never placed.
"""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from itertools import combinations
from typing import NamedTuple

from runner.core.attempts import Attempt
from runner.core.values.money import ZERO

MOST_COMBINED = 9  # doubts whose prices are combined; more explain any amount


class Doubted(NamedTuple):
    """What orders in doubt say about an unexplained amount."""

    orders: tuple[str, ...] = ()  # addresses of those whose prices it is
    amount: Decimal = ZERO  # what they would have cost
    is_likely: bool = False  # it is just their price; else they may be a part of it


NOTHING = Doubted()


def doubted(unexplained: Decimal | None, doubts: Sequence[Attempt], tolerance: Decimal) -> Doubted:
    """Which of `doubts` the unexplained amount may have paid for; `NOTHING` if it is no such amount.

    Likely are the fewest whose prices are together what is gone. Where no prices are, all doubts may be a part of more.
    """
    if unexplained is None or unexplained <= ZERO or not doubts:
        return NOTHING
    if len(doubts) <= MOST_COMBINED:
        prices = [one.expected_charge for one in doubts]
        for chosen in paying(prices, lambda price: abs(unexplained - price) <= tolerance):
            return _of([doubts[place] for place in chosen], is_likely=True)
    elif (fitting := _of_one_price(unexplained, doubts, tolerance)) is not None:
        return fitting
    return _of(doubts, is_likely=False) if _price(doubts) <= unexplained + tolerance else NOTHING


def paying(prices: Sequence[Decimal], fits: Callable[[Decimal], bool], least: int = 1) -> Iterator[tuple[int, ...]]:
    """The combinations of `least` prices or more whose sum fits, as positions in `prices`; the smallest ones first."""
    for number in range(least, len(prices) + 1):
        for chosen in combinations(range(len(prices)), number):
            if fits(sum((prices[place] for place in chosen), ZERO)):
                yield chosen


def _of_one_price(unexplained: Decimal, doubts: Sequence[Attempt], tolerance: Decimal) -> Doubted | None:
    """If all doubts have one price, return as many as what is gone pays for; None if they don't, or if it pays for none."""
    prices = {one.expected_charge for one in doubts}
    if len(prices) > 1 or not (price := prices.pop()):
        return None
    number = int(unexplained / price + Decimal("0.5"))
    if not 0 < number <= len(doubts) or abs(unexplained - price * number) > tolerance:
        return None
    return _of(doubts[:number], is_likely=True)


def _of(chosen: Sequence[Attempt], *, is_likely: bool) -> Doubted:
    return Doubted(tuple(one.address for one in chosen), _price(chosen), is_likely)


def _price(chosen: Sequence[Attempt]) -> Decimal:
    return sum((one.expected_charge for one in chosen), ZERO)
