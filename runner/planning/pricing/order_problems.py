"""Collects what keeps listed orders from being bought as written: each cause once, with its number of orders. Pure."""

from collections.abc import Sequence

from runner.core.diagnostics import Diagnostic
from runner.core.orders import Order
from runner.planning.phrases import orders
from runner.planning.pricing.quote import Offer


class Problems:
    """Collects while a plan is made."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, str, str], Order] = {}  # campaign, code and message -> the first order
        self._numbers: dict[tuple[str, str, str], int] = {}

    def add(self, order: Order, offer: Offer) -> None:
        """An order whose terms the panel does not sell."""
        cause = (order.campaign, offer.code, offer.message)
        self._first.setdefault(cause, order)
        self._numbers[cause] = self._numbers.get(cause, 0) + 1

    def diagnostics(self) -> Sequence[Diagnostic]:
        """One for each cause, at the line of the first order that has it."""
        found = []
        for cause, order in self._first.items():
            _, code, message = cause
            number = self._numbers[cause]
            told = message if number == 1 else f"{message} ({orders(number)})"
            found.append(Diagnostic(order.source, order.line, 1, code, told))
        return found
