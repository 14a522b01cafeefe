"""The simulated panel's side of refills and cancels: what it took, what came of it, and how its answers get lost.

It takes every refill of a completed order, however often it is asked: only the runner keeps the interval.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from runner.core.attempts import Phase
from runner.panel.exchange import Answer, Exchange, TransportFailure
from tests.crash.books import CANCELLING, HOUR, SERVICES, Sold
from tests.crash.loop import SimulatedClock

UPKEEP_ACTIONS = frozenset({"refill", "refill_status", "cancel"})
REFILLING = HOUR  # seconds until a refill has ended
_REFILLABLE = {str(service["service"]) for service in SERVICES if service["refill"]}
# What becomes of refills, by their number: most end, one is never done, one is forgotten by the panel.
_FATES = ("Completed", "Rejected", "Completed", "In progress", None)
_UNDER_WAY = "In progress"


class UpkeepFault(StrEnum):
    """What a panel may do with one `refill`, `refill_status` or `cancel`."""

    REFUSED = "refused"  # no connection: nothing was sent
    LOST_BEFORE = "lost_before"  # reset; not taken
    LOST_AFTER = "lost_after"  # reset; taken
    SLOW_TIMEOUT = "slow_timeout"  # taken a minute later; no answer in time
    EMPTY = "empty"  # taken; empty body
    HTML_502 = "html_502"  # taken; a proxy's error page
    LYING_500 = "lying_500"  # taken; then an error that speaks of a refusal
    TRUNCATED = "truncated"  # taken; half of the JSON
    ROW_MISSING = "row_missing"  # taken; the last row is not in the answer
    NO_ID = "no_id"  # taken; the ids are 0
    SOME_REFUSED = "some_refused"  # every second one refused, not taken
    REDIRECT = "redirect"  # 307: whoever follows it asks again
    RATE = "rate"  # too many requests; not looked at
    ONE_BY_ONE = "one_by_one"  # no lists of ids; not looked at
    NO_SUCH_ACTION = "no_such_action"  # not looked at


class Asked(NamedTuple):
    """One order named in a request for refills that the panel looked at."""

    order_id: str
    at: datetime
    refill_id: str | None  # None: it refused


@dataclass(slots=True, kw_only=True)
class Refilled:
    """One refill in the panel's books."""

    id: str
    order: Sold
    at: float

    def status(self, now: float) -> str | None:
        """Its word, None if the panel has forgotten it; units are back once it is completed."""
        fate = _FATES[int(self.id) % len(_FATES)]
        if now - self.at < REFILLING and fate is not None:
            return _UNDER_WAY
        if fate == "Completed":
            self.order.full_at = max(self.order.full_at or 0.0, self.at + REFILLING)
        return fate


class Upkeep:
    """What the panel knows of refills and cancels. Survives every crash of ours."""

    def __init__(self, sold: Sequence[Sold], faults: dict[int, UpkeepFault], clock: SimulatedClock) -> None:
        self._sold = sold
        self._clock = clock
        self.faults = faults  # by number of the call, over the whole history
        self.calls = 0
        self.asked: list[Asked] = []
        self.refills: list[Refilled] = []
        self.cancels = 0  # orders named in requests to cancel that were taken
        self.cancels_named: list[str] = []  # orders named in any that was looked at
        self.on_refill: Callable[[Iterable[str]], None] = lambda _order_ids: None

    @property
    def delay(self) -> float:
        """Seconds until the next request is taken."""
        return 60.0 if self.faults.get(self.calls + 1) is UpkeepFault.SLOW_TIMEOUT else 0.0

    def answer(self, form: dict[str, str]) -> Exchange:
        """Takes one request, as the script of faults says."""
        self.calls += 1
        single, several = {"refill": ("order", "orders"), "refill_status": ("refill", "refills")}.get(
            form["action"], ("", "orders")
        )
        ids = [form[single]] if single in form else form[several].split(",")
        if form["action"] == "refill":
            self.on_refill(ids)
        fault = self.faults.get(self.calls)
        match fault:
            case UpkeepFault.REFUSED:
                return TransportFailure(phase=Phase.CONNECTING, message="connection refused")
            case UpkeepFault.LOST_BEFORE:
                return TransportFailure(phase=Phase.SENDING, message="connection reset")
            case UpkeepFault.REDIRECT:
                return Answer(307, {"location": "https://elsewhere.example/"}, "")
            case UpkeepFault.RATE:
                return Answer(429, {}, '{"error": "Too many requests"}')
            case UpkeepFault.NO_SUCH_ACTION:
                return Answer(200, {}, '{"error": "Incorrect action"}')
            case UpkeepFault.ONE_BY_ONE if several in form:
                return Answer(200, {}, '{"error": "Incorrect request"}')
        rows = self._take(form["action"], ids, fault)
        if single in form:
            (row,) = rows
            told = {name: value for name, value in row.items() if name != single}
            body = json.dumps({} if fault is UpkeepFault.ROW_MISSING else told)
        else:
            body = json.dumps(rows[:-1] if fault is UpkeepFault.ROW_MISSING else rows)
        return self._lose(body, fault)

    @staticmethod
    def _lose(body: str, fault: UpkeepFault | None) -> Exchange:
        match fault:
            case UpkeepFault.LOST_AFTER:
                return TransportFailure(phase=Phase.SENDING, message="connection reset")
            case UpkeepFault.SLOW_TIMEOUT:
                return TransportFailure(phase=Phase.ANSWERING, message="no answer in time")
            case UpkeepFault.EMPTY:
                return Answer(200, {}, "")
            case UpkeepFault.HTML_502:
                return Answer(502, {}, "<html>Bad gateway</html>")
            case UpkeepFault.LYING_500:
                return Answer(500, {}, '{"error": "Too many requests"}')
            case UpkeepFault.TRUNCATED:
                return Answer(200, {}, body[: len(body) // 2])
        return Answer(200, {}, body)

    def _take(self, action: str, ids: Sequence[str], fault: UpkeepFault | None) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for place, each in enumerate(ids):
            is_refused = fault is UpkeepFault.SOME_REFUSED and place % 2 == 0
            match action:
                case "refill":
                    given: Any = self._refill(each, is_refused=is_refused)
                    rows.append({"order": int(each), "refill": 0 if fault is UpkeepFault.NO_ID else given})
                case "refill_status":
                    rows.append({"refill": int(each), "status": self._refill_status(each)})
                case "cancel":
                    given = self._cancel(each, is_refused=is_refused)
                    rows.append({"order": int(each), "cancel": 0 if fault is UpkeepFault.NO_ID else given})
        return rows

    def _refill(self, order_id: str, *, is_refused: bool) -> Any:
        order, refill_id = self._order(order_id), None
        if order is None:
            answer: Any = {"error": "Incorrect order ID"}
        elif is_refused:
            answer = {"error": "Please wait 24 hours"}
        elif order.service not in _REFILLABLE or order.status != "Completed":
            answer = {"error": "Refill not allowed"}
        else:
            refill_id = str(701 + len(self.refills))
            self.refills.append(Refilled(id=refill_id, order=order, at=self._clock.monotonic()))
            answer = int(refill_id)
        self.asked.append(Asked(order_id, self._clock.now(), refill_id))
        return answer

    def _refill_status(self, refill_id: str) -> Any:
        return self.status_of(refill_id) or {"error": "Refill not found"}

    def status_of(self, refill_id: str) -> str | None:
        """How a refill stands now; None if the panel does not know it, or no more."""
        found = next((one for one in self.refills if one.id == refill_id), None)
        return None if found is None else found.status(self._clock.monotonic())

    def _cancel(self, order_id: str, *, is_refused: bool) -> Any:
        self.cancels_named.append(order_id)
        order = self._order(order_id)
        if order is None:
            return {"error": "Incorrect order ID"}
        if is_refused or order.status != "Pending":
            return {"error": "Order can't be canceled"}
        if order.cancel_at is None:
            order.cancel_at = self._clock.monotonic() + CANCELLING
        self.cancels += 1
        return 1

    def _order(self, order_id: str) -> Sold | None:
        return next((order for order in self._sold if order.id == order_id), None)
