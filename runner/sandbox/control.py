"""The calls under /_control, for tests in another process: faults, time, money, services and orders by hand.

Not part of the simulated API; there only when the settings say so.
"""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal

from aiohttp import web

from runner.core.values.money import parse_amount, plain
from runner.sandbox.book import Book, Entry
from runner.sandbox.distort import json_answer
from runner.sandbox.faults import Fault, FaultBoard, FaultKind
from runner.sandbox.settings import PanelService
from runner.sandbox.world import dropped, progress, refill_state

Given = Mapping[str, object]

_BAD_REQUEST, _NOT_FOUND = 400, 404
_AS_HELD = ("created", "service", "link", "quantity", "runs", "interval", "cancel_requested")  # of an order
_CHANGEABLE = frozenset({"name", "rate", "min", "max", "refill", "cancel", "dripfeed"})


def _amount(given: Given, name: str) -> Decimal:
    return parse_amount(str(given[name]))


class Control:
    """Answers /_control/NAME: GET shows, POST with a JSON body changes. 400 with `error` for what can't be done."""

    def __init__(self, *, book: Book, faults: FaultBoard) -> None:
        self._book = book
        self._faults = faults
        self._shows: Mapping[str, Callable[[], object]] = {
            "faults": faults.listed,
            "fault-kinds": lambda: {kind.value: kind.meaning for kind in FaultKind},
            "orders": self._orders,
            "requests": lambda: dict(book.counts),
            "clock": self._clock,
            "account": self._account,
            "services": lambda: [service._asdict() for service in book.services.values()],
            "wishes": lambda: [wish._asdict() for wish in book.wishes()],
        }
        self._changes: Mapping[str, Callable[[Given], object]] = {
            "clock": self._advance,
            "account": self._change_account,
            "services": self._change_service,
        }

    async def handle(self, request: web.BaseRequest, name: str) -> web.Response:
        """Answer one control request."""
        try:
            if request.method == "GET" and name in self._shows:
                return json_answer(self._shows[name]())
            if request.method == "POST":
                return json_answer(self._change(name, json.loads(await request.read())))
        except (ValueError, TypeError, KeyError) as problem:
            return json_answer({"error": f"{type(problem).__name__}: {problem}"}, status=_BAD_REQUEST)
        return json_answer({"error": "no such control call"}, status=_NOT_FOUND)

    def _change(self, name: str, given: object) -> object:
        if name == "faults":
            return self._switch(given)
        if not isinstance(given, Mapping):
            raise TypeError("a JSON object is needed")
        folder, _, order_id = name.partition("/")
        if folder == "orders" and order_id:
            return self._force(int(order_id), given)
        return self._changes[name](given)

    def _switch(self, given: object) -> object:
        """A list replaces all switches, an object is a list of one, [] switches all off."""
        self._faults.replace([Fault.from_json(one) for one in (given if isinstance(given, list) else [given])])
        return self._faults.listed()

    # Time and money

    def _clock(self) -> object:
        return {"minutes": self._book.catch_up(), "speed": self._book.speed}

    def _advance(self, given: Given) -> object:
        """`advance_minutes`: turn panel time forward."""
        minutes = float(str(given["advance_minutes"]))
        if not 0 <= minutes < float("inf"):
            raise ValueError("time only moves forward")
        self._book.advance(minutes)
        return self._clock()

    def _account(self) -> object:
        self._book.catch_up()
        book = self._book
        return {"balance": plain(book.balance), "deposits": plain(book.deposits), "currency": book.currency}

    def _change_account(self, given: Given) -> object:
        """`deposit` pays in (or out), `balance` pays in what is missing to it, `currency` renames it."""
        self._book.catch_up()
        if "deposit" in given:
            self._book.deposit(_amount(given, "deposit"))
        if "balance" in given:
            self._book.deposit(_amount(given, "balance") - self._book.balance)
        if "currency" in given:
            self._book.set_currency(str(given["currency"]))
        return self._account()

    # Services and orders

    def _change_service(self, given: Given) -> object:
        """`service` names it; `remove` true or false, and any of the changeable fields. `add`: a new one, like the first."""
        number = int(str(given["service"]))
        if given.get("add"):
            service = next(iter(self._book.services.values()))._replace(id=number)
        else:
            service = self._book.services[number]
        changes = {name: value for name, value in given.items() if name not in ("service", "remove", "add")}
        if not changes.keys() <= _CHANGEABLE:
            raise ValueError(f"only {', '.join(sorted(_CHANGEABLE))} of a service can be changed")
        if "rate" in changes:
            _amount(changes, "rate")
        for name in ("min", "max"):
            if name in changes:
                changes[name] = str(int(str(changes[name])))
        for name in ("refill", "cancel", "dripfeed"):
            if name in changes and not isinstance(changes[name], bool):
                raise TypeError(f"{name} is true or false")
        if "remove" in given:
            changes["listed"] = not given["remove"]
        changed = PanelService(**{**service._asdict(), **changes})
        self._book.put_service(changed)
        return changed._asdict()

    def _orders(self) -> object:
        now = self._book.catch_up()
        return [self._shown(entry, now) for entry in self._book.entries()]

    def _shown(self, entry: Entry, now: float) -> dict[str, object]:
        """One order with everything the API hides; `fields` is the form as received, without the key."""
        order, seen = entry.order, progress(entry.order, now)
        refills = self._book.refills_of(order.id)
        return {
            "order": order.id,
            "fields": entry.fields,
            "received": entry.received,
            **{name: getattr(order, name) for name in _AS_HELD},
            "taken": plain(order.charge),
            "charge": plain(seen.charge),
            "status": seen.status,
            "delivered": seen.delivered,
            "remains": order.total - seen.delivered,
            "dropped": dropped(order, refills, now),
            "refills": [
                {"refill": refill.id, "requested": refill.requested, "status": refill_state(order, refill, now)}
                for refill in refills
            ],
        }

    def _force(self, order_id: int, given: Given) -> object:
        """What an administrator changes of an order.

        `status` (null: let it go its own way again), `remains`, `charge`: what it cost from the start, settled with the
        balance, and `show`: fields laid over its status answer.
        """
        now = self._book.catch_up()
        order = self._book.orders([order_id])[order_id]
        unknown = given.keys() - {"status", "remains", "charge", "show"}
        if unknown:
            raise ValueError(f"an order has no {', '.join(sorted(unknown))} to set")
        if "status" in given:
            status, remains = given["status"], given.get("remains")
            order = order._replace(
                forced_at=None if status is None else now,
                forced_status=None if status is None else str(status),
                forced_remains=None if remains is None else int(str(remains)),
            )
        if "show" in given:
            order = order._replace(shown=json.dumps(given["show"]) if given["show"] else None)
        self._book.change(order, now)
        if "charge" in given:
            self._book.correct_charge(order, _amount(given, "charge"), now)
        return self._shown(next(self._book.entries(order_id)), now)
