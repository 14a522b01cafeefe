"""A panel whose prices, charges, balance and currency move between two adds of one run; it keeps what it took.

What a history does to it is a list of moves, each at the number of an add over the whole history.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal
from enum import StrEnum
from typing import Any

from runner.panel.exchange import Answer, Exchange
from tests.crash.books import RATE, SERVICES, Sold
from tests.crash.world import PanelWorld, _json

CENT = Decimal("0.01")
SWITCHED = "INR"


class Move(StrEnum):
    """What a panel does, from one add on."""

    DEARER = "dearer"  # lists and charges ten times the price
    CHARGES_MORE = "charges_more"  # charges ten times what it lists
    HALF_MORE = "half_more"  # charges half as much again as it lists
    A_LITTLE_MORE = "a_little_more"  # charges 0.9 % more than it lists, which passes for rounding
    LISTS_MORE = "lists_more"  # lists ten times what it charges
    ROUNDS_UP = "rounds_up"  # takes whole cents for each order
    HIDES = "hides"  # shows "0" as every charge
    HIDES_ALL = "hides_all"  # the same, and a balance that stands still
    CORRECTS = "corrects"  # takes ten times as much for all that it has sold
    OTHERS_SPEND = "others_spend"
    DEPOSIT = "deposit"
    CLAIMS_REFUNDS = "claims_refunds"  # calls all orders canceled, with a charge of 0, and pays nothing back
    PAYS_REFUNDS = "pays_refunds"  # the same, and pays back
    CALLS_PARTIAL = "calls_partial"  # calls all orders partial and leaves `remains` out; all was delivered
    SWITCHES = "switches"  # the account is in another currency
    HIDES_LIST = "hides_list"  # `services` answers an error
    BENDS_LIST = "bends_list"  # `services` in another shape
    DROPS_SERVICE = "drops_service"  # the first service is no longer listed
    LOOKS_SLOWLY = "looks_slowly"  # a status call takes two seconds
    SELLS_SLOWLY = "sells_slowly"  # an add takes two minutes


@dataclass(frozen=True, slots=True)
class Look:
    """One answer of the panel that showed something."""

    at: float
    action: str


class MoneyPanel(PanelWorld):
    """Honest until its moves say otherwise."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.moves: Mapping[int, Sequence[Move]] = {}
        self.on: set[Move] = set()
        self.times: list[float] = []  # when each order was sold
        self.read = RATE  # the price per 1000 that the list had when it was last read
        self.expected: dict[str, Decimal] = {}  # by order id: what the list that was read last says
        self.revealed: dict[
            str, float
        ] = {}  # by order id: when its charge was first shown, if that was not the listed price
        self.looks: list[Look] = []  # price lists that could be read
        self.relisted: list[tuple[float, frozenset[str]]] = []  # when the list got worse, and for which services
        self.claimed: set[str] = set()  # ids of orders called canceled whose money was kept
        self.sold_before_switch = 0  # orders in the first currency
        self.unreadable_list: Answer | None = None

    def move(self, number: int) -> None:
        """Whatever the history says happens before add `number`."""
        for each in self.moves.get(number, ()):
            self.begin(each)

    def begin(self, each: Move) -> None:
        """One move, now."""
        self.on.add(each)
        match each:
            case Move.CORRECTS:
                for order in self.sold:
                    self.funds -= order.charge * 9
                    order.charge *= 10
            case Move.SWITCHES:
                self.sold_before_switch = len(self.sold)
            case Move.OTHERS_SPEND:
                self.funds -= Decimal("3.33")
            case Move.DEPOSIT:
                self.funds += Decimal("7.77")
            case Move.CLAIMS_REFUNDS | Move.PAYS_REFUNDS:
                for order in self.sold:
                    if order.status == "Pending":
                        order.status, order.remains, order.refund = "Canceled", order.quantity, order.charge
                        if each is Move.PAYS_REFUNDS:
                            self.funds += order.charge
                        else:
                            self.claimed.add(order.id)
            case Move.CALLS_PARTIAL:
                for order in self.sold:
                    if order.status == "Pending":
                        order.status = "Partial"
            case Move.DEARER | Move.LISTS_MORE:
                self.relisted.append((self._clock.monotonic(), frozenset({"1", "2"})))
            case Move.DROPS_SERVICE:
                self.relisted.append((self._clock.monotonic(), frozenset({"1"})))
            case Move.HIDES_LIST:
                self.unreadable_list = _json({"error": "try again later"})
            case Move.BENDS_LIST:
                self.unreadable_list = _json({"status": "success", "data": []})

    @property
    def taken(self) -> Decimal:
        """What all orders took, less what was really paid back."""
        return sum((order.charge if order.id in self.claimed else order.kept for order in self.sold), Decimal(0))

    @property
    def listed(self) -> Decimal:
        """The listed price per 1000."""
        return RATE * 10 if {Move.DEARER, Move.LISTS_MORE} & self.on else RATE

    def sell(self, form: dict[str, str]) -> Sold:
        order = super().sell(form)
        expected = self.read * order.quantity / 1000
        charge = RATE * order.quantity / 1000
        if {Move.DEARER, Move.CHARGES_MORE} & self.on:
            charge *= 10
        if Move.HALF_MORE in self.on:
            charge *= Decimal("1.5")
        if Move.A_LITTLE_MORE in self.on:
            charge *= Decimal("1.009")
        if Move.ROUNDS_UP in self.on:
            charge = charge.quantize(CENT, ROUND_UP)
        self.funds += order.charge - charge
        order.charge = charge
        self.times.append(self._clock.monotonic())
        self.expected[order.id] = expected
        return order

    def answer(self, form: dict[str, str]) -> Exchange:
        match form["action"]:
            case "add":
                self.move(self.adds + 1)
            case "services":
                return self._list()
            case "balance":
                return self._balance()
        return super().answer(form)

    def delay(self, action: str) -> float:
        """Seconds that an answer takes beyond the usual."""
        if action == "status" and Move.LOOKS_SLOWLY in self.on:
            return 2.0
        return 120.0 if action == "add" and Move.SELLS_SLOWLY in self.on else 0.0

    def _list(self) -> Exchange:
        if self.unreadable_list is not None:
            return self.unreadable_list
        self.looks.append(Look(self._clock.monotonic(), "services"))
        self.read = self.listed
        shared = {"type": "Default", "rate": str(self.listed), "min": "1", "max": "100000"}
        rows = [service | shared for service in SERVICES]
        return _json(rows[1:] if Move.DROPS_SERVICE in self.on else rows)

    def _balance(self) -> Exchange:
        shown = self.opening if Move.HIDES_ALL in self.on else self.funds
        hides = {Move.HIDES, Move.HIDES_ALL} & self.on
        for order in self.sold if hides and Move.HIDES_ALL not in self.on else ():
            self._reveal(order)  # the fall of the balance tells of all orders
        return _json({"balance": str(shown), "currency": SWITCHED if Move.SWITCHES in self.on else "USD"})

    def _status(self, order_id: str) -> dict[str, str]:
        said = super()._status(order_id)
        found = next((order for order in self.sold if order.id == order_id), None)
        if found is None:
            return said
        if {Move.HIDES, Move.HIDES_ALL} & self.on:
            return said | {"charge": "0"}
        if Move.CALLS_PARTIAL in self.on and found.status == "Partial":
            said = {name: value for name, value in said.items() if name != "remains"}
        elif Move.CALLS_PARTIAL not in self.on and found.status == "Pending":
            said |= {"remains": str(found.quantity)}
        self._reveal(found)
        return said

    def _reveal(self, order: Sold) -> None:
        if order.charge > self.expected[order.id]:
            self.revealed.setdefault(order.id, self._clock.monotonic())


def wrong(panel: MoneyPanel, order: Sold) -> bool:
    """True if an order took more than rounding explains."""
    return order.charge > panel.expected[order.id] + CENT
