"""Compares the fall of a balance with orders whose charge is not shown. Pure.

The balance of a panel is one number for many orders, may be read while others are on the way, and may be spent by
others too. So a fall confirms at most what it covers, and a fall beyond all that was ordered confirms nothing.
"""

from collections.abc import Iterable
from decimal import Decimal

from runner.core.values.money import LEAST_PLACES, ONE, ROUNDING_PER_ORDER, ZERO, decimals, plain, round_up


class Fall:
    """One account in one run: what it may have paid so far, and what it did pay."""

    __slots__ = ("_before", "_gone", "_places", "_rounds", "_sure", "is_suspect", "open")

    def __init__(self, before: Decimal | None) -> None:
        """`before` is the balance ahead of the first order; None: not known, and then nothing is ever confirmed."""
        self._before = before
        self._places = LEAST_PLACES if before is None else max(LEAST_PLACES, decimals(before))
        self._sure = ZERO  # charges that are known, and costs that the balance has confirmed
        self._gone: Decimal | None = None  # what had gone from the balance at the last look
        self._rounds = False  # more had gone, but no more than rounding each order up explains
        self.is_suspect = False  # more had gone than all orders should cost
        self.open = ZERO  # expected charges of orders that were sent and are not confirmed

    @property
    def can_tell(self) -> bool:
        """False if the balance was never read before."""
        return self._before is not None

    def send(self, cost: Decimal) -> None:
        """Count an order that is about to be sent, at its expected charge."""
        self.open += cost

    def know(self, cost: Decimal, charge: Decimal) -> None:
        """Replace an order's expected charge by what it was charged: ZERO if it was not bought."""
        self.open -= cost
        self._sure += charge

    def confirmed_by(self, balance: Decimal, costs: Iterable[Decimal], orders: int) -> int:
        """How many of the orders with these expected charges, the oldest first, a new look at the balance confirms.

        `orders` are all that were sent: each may have been rounded up to what the balance shows.
        """
        if self._before is None:
            return 0
        self._places = max(self._places, decimals(balance))
        unit = ONE.scaleb(-self._places)
        slack = unit + ROUNDING_PER_ORDER * orders
        gone = self._gone = self._before - balance
        beyond = gone - self._sure - self.open - slack
        self.is_suspect = beyond > unit * orders
        self._rounds = beyond > ZERO
        if self.is_suspect:
            return 0
        left = gone - self._sure + slack
        number = 0
        for cost in costs:
            left -= self.charged(cost)
            if left < ZERO:
                break
            number += 1
        return number

    def charged(self, cost: Decimal) -> Decimal:
        """What an order with this expected charge took of the balance, as the last look showed."""
        return round_up(cost, self._places) if self._rounds else cost

    def in_words(self) -> str:
        """What the last look at the balance showed, for a message."""
        if self._gone is None:
            return "its balance can't be compared"
        if self._gone <= ZERO:
            return "its balance has not fallen"
        return f"its balance fell by {plain(self._gone)} where {plain(self._sure + self.open)} was expected"
