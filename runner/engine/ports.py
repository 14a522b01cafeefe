"""The ports of the engine: `Journal` and `Panel`, implemented by `store`, `panel` and the simulated world of the tests."""

import math
from collections.abc import Awaitable, Container, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol, overload

from runner.core.attempts import Attempt, NewAttempt, Outcome, StatusSeen
from runner.core.catalogue import Balance, Catalogue
from runner.core.operations import Acknowledged, AskRefills, Counted, Deciding, DoubtLeftOvers
from runner.core.orders import PanelProfile
from runner.core.snapshot import Recorded
from runner.panel.capabilities import CapabilityChange
from runner.panel.parse.refill_answers import CancelAnswer, RefillAnswer, RefillStatusAnswer
from runner.panel.transport.rate_limit import Pause


class Journal(Protocol):
    """The durable record of one state, with one writer at a time. What can be recorded: `core/operations.py`.

    Durability: what was awaited has committed, and the commit outlives a power failure.
    Order: operations commit in the order of the calls, several together or one after the other: an outcome that was
    told commits before any mark told later, or with it. Cancelling a caller changes nothing: what was told is recorded.
    Errors: `JournalBroken` means that nothing is recorded any more, for good; any other `StateRefused` that this
    operation alone was not recorded.
    """

    @overload
    def record(self, operation: Counted) -> Awaitable[int]: ...
    @overload
    def record(self, operation: Deciding) -> Awaitable[bool]: ...
    @overload
    def record(self, operation: AskRefills) -> Awaitable[Sequence[int]]: ...
    @overload
    def record(self, operation: DoubtLeftOvers) -> Awaitable[Sequence[Attempt]]: ...
    @overload
    def record(self, operation: Acknowledged) -> Awaitable[None]: ...

    async def recorded(self) -> Recorded:
        """Everything committed so far."""

    def send_before(self) -> float:
        """Until when, by `awake_or_asleep`, what is told now may be sent: later it may be another machine's doubt."""


class Panel(Protocol):
    """One account at one panel, spoken to through its client.

    Reads raise `PanelUnreachable` or `KeyRejected`, after their retries. `add`, `refill` and `cancel` never raise for
    what the network does; an order or a refill is never asked for twice.
    """

    @property
    def profile(self) -> PanelProfile:
        """How this panel is spoken to."""

    def capability_changes(self) -> CapabilityChange:
        """What the state should remember of it that is new since the last time this was asked."""

    def polls_left(self) -> int | None:
        """Of how many orders the status may still be asked on this UTC day; None: no limit is set."""

    async def services(self, at: datetime) -> Catalogue:
        """The present catalogue."""

    async def balance(self) -> Balance:
        """The present balance."""

    async def statuses(self, wanted: Mapping[str, int], at: datetime) -> Sequence[StatusSeen]:
        """Statuses of at most 100 orders, panel order id -> attempt id; one call where the panel can.

        An id missing from the answer has no entry in what comes back.
        """

    async def refill_statuses(self, refill_ids: Iterable[str]) -> Mapping[str, RefillStatusAnswer]:
        """Statuses by refill id; ids that the panel left out are absent."""

    def add_turn_now(self) -> bool:
        """Take a turn for one `add` if no rate spaces them; False: wait for `add_turn()`."""

    async def add_turn(self) -> None:
        """Return when the rate allows one more `add`; safe to cancel. Raises `PanelBusy`."""

    def slow_down_adds(self, retry_after: float | None) -> Pause:
        """Obey a rate-limit answer: nothing for `retry_after` seconds, then a lower rate."""

    async def add(self, attempt: NewAttempt, owned_ids: Container[str], *, send_before: float = math.inf) -> Outcome:
        """Send one order, once, and say what the answer proves. Nothing is written after `send_before`."""

    async def refill(self, order_ids: Iterable[str], *, send_before: float = math.inf) -> Mapping[str, RefillAnswer]:
        """Ask for refills, once; return what became of each request. Nothing is written after `send_before`."""

    async def cancel(self, order_ids: Iterable[str]) -> Mapping[str, CancelAnswer]:
        """Ask to cancel, which may be repeated; return what became of each request."""
