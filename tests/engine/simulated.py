"""A panel in memory that implements the engine's port: it keeps what it sold, and answers as a script tells it."""

from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from runner.core.attempts import LiveStatus, NewAttempt, Outcome, OutcomeKind, Phase, RefusalReason, StatusSeen
from runner.core.catalogue import Balance, Catalogue, Service
from runner.core.orders import Budget, Campaign, Order, PanelProfile, Policy
from runner.core.values.clock import ManualClock
from runner.core.values.text import Secret
from runner.panel.capabilities import CapabilityChange
from runner.panel.transport.rate_limit import PATIENCE, Pause

LINK = "https://example.com/our-brand/"


class SimulatedPanel:
    """One panel. `script(attempt, n)` returns the outcome of the n-th add, or None to place it."""

    def __init__(
        self, name: str = "sim", *, parallel: int = 4, clock: ManualClock, funds: str = "1000", pace: float = 0.0
    ) -> None:
        self.profile = PanelProfile(
            name=name, url="http://127.0.0.1:1", key=Secret("k"), parallel_add=parallel, parallel_read=parallel
        )
        self.clock = clock
        self.funds = Decimal(funds)
        self.pace = pace  # seconds each add takes
        self.sold: list[NewAttempt] = []
        self.ids: dict[str, NewAttempt] = {}
        self.adds = 0
        self.status_calls: list[int] = []  # ids asked in each
        self.waits: list[float | None] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.script: Callable[[NewAttempt, int], Outcome | None] = lambda _attempt, _number: None
        self.services_by_id = {
            "1": Service("1", "Followers", "default", "", Decimal("0.90"), 50, 10000, True, True, None),
            "2": Service("2", "Comments", "custom comments", "", Decimal(8), 10, 1500, False, True, None),
        }
        self.read_error: Exception | None = None
        self.lacks: set[str] = set()  # found out, and not recorded yet
        self.calls_left: int | None = None  # status calls of the day
        self.say: Callable[[str], dict[str, object]] = lambda _panel_id: {}  # what a status says besides the usual

    def capability_changes(self) -> CapabilityChange:
        lacking, self.lacks = frozenset(self.lacks), set()
        return CapabilityChange(lacking, {})

    def polls_left(self) -> int | None:
        return None if self.calls_left is None else self.calls_left * 100

    async def services(self, at: datetime) -> Catalogue:
        return Catalogue(panel=self.profile.name, services=self.services_by_id, fetched_at=at)

    async def balance(self) -> Balance:
        if self.read_error:
            raise self.read_error
        return Balance(amount=self.funds, currency="USD")

    async def statuses(self, wanted: Mapping[str, int], at: datetime) -> Sequence[StatusSeen]:
        self.status_calls.append(len(wanted))
        if self.calls_left is not None:
            self.calls_left -= 1
        return [
            StatusSeen(
                attempt_id, LiveStatus.PENDING, "Pending", self.ids[panel_id].expected_charge, None, None, "USD", at
            )._replace(**self.say(panel_id))
            for panel_id, attempt_id in wanted.items()
            if panel_id in self.ids
        ]

    def add_turn_now(self) -> bool:
        return False

    async def add_turn(self) -> None:
        return

    def slow_down_adds(self, retry_after: float | None) -> Pause:
        self.waits.append(retry_after)
        until = self.clock.now() + timedelta(seconds=retry_after or 0)
        return Pause(30.0, until, is_news=True, is_too_long=(retry_after or 0) > PATIENCE)

    async def add(self, attempt: NewAttempt, owned_ids: Container[str], **_deadline: float) -> Outcome:
        self.adds += 1
        number = self.adds
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        await self.clock.sleep(self.pace)
        self.in_flight -= 1
        return self.script(attempt, number) or self.sell(attempt)

    def sell(self, attempt: NewAttempt) -> Outcome:
        self.sold.append(attempt)
        self.funds -= attempt.expected_charge
        panel_id = str(23500 + len(self.sold))
        self.ids[panel_id] = attempt
        return Outcome(OutcomeKind.PLACED, panel_id)

    @property
    def links(self) -> list[str]:
        return [attempt.link for attempt in self.sold]


def lost(panel: SimulatedPanel, attempt: NewAttempt, *, bought: bool) -> Outcome:
    """The answer never came; the order exists or doesn't."""
    if bought:
        panel.sell(attempt)
    return Outcome(OutcomeKind.IN_DOUBT, message="connection reset", phase=Phase.SENDING)


def refused(reason: RefusalReason, message: str = "", *, retry_after: float | None = None) -> Outcome:
    words = message or f"refused: {reason}"
    return Outcome(OutcomeKind.REFUSED, reason=reason, message=words, retry_after=retry_after)


NOT_SENT = Outcome(OutcomeKind.NOT_SENT, message="connection refused", phase=Phase.CONNECTING)


def campaign(
    count: int = 3, *, name: str = "spring", panel: str = "sim", start: int = 0, quantity: int = 100, **parts: object
) -> Campaign:
    """`count` orders for links 0, 1, 2 ... of service 1."""
    orders = [
        Order(name, f"o{n}", "1", f"{LINK}{n}", quantity, None, None, "spring.yaml", n + 1)
        for n in range(start, start + count)
    ]
    defaults: dict[str, object] = {
        "budget": Budget(),
        "policy": Policy(),
        "moved": {},
        "removed": frozenset(),
        "orders": orders,
    }
    return Campaign(name=name, panel=panel, links=(LINK,), source="spring.yaml", digest="d", **{**defaults, **parts})  # type: ignore[arg-type]


def instead(journal: Any, kind: Any, answer: Callable[[Any], Awaitable[Any]]) -> None:
    """From now on `answer` says what becomes of operations of that kind; the others are recorded as ever."""
    record = journal.record
    journal.record = lambda operation: answer(operation) if isinstance(operation, kind) else record(operation)
