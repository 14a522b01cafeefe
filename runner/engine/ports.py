"""The ports of the engine: `Journal` and `Panel`, implemented by `store`, `panel` and the simulated world of the tests."""

from collections.abc import Awaitable, Container, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

from runner.core.attempts import Attempt, NewAttempt, Outcome, StatusSeen
from runner.core.catalogue import Balance, BalanceLabel, BalanceSeen, Catalogue
from runner.core.doubts import Decision
from runner.core.orders import PanelProfile
from runner.core.refills import CancelRequest, RefillSeen, RefillSettled
from runner.core.snapshot import Recorded
from runner.panel.capabilities import CapabilityChange
from runner.panel.parse.refill_answers import CancelAnswer, RefillAnswer, RefillStatusAnswer
from runner.panel.transport.rate_limit import Pause


class RunJournal(Protocol):
    """When runs begin and end, and everything that is recorded."""

    async def begin_run(self, run_id: str, command: str, at: datetime) -> None:
        """Open a run: the serial grows and the lineage file's high-water mark with it."""

    async def end_run(self, run_id: str, exit_code: int, at: datetime) -> None:
        """Close a run and note the high-water mark in the lineage file."""

    async def recorded(self) -> Recorded:
        """Everything committed so far."""


class AttemptJournal(Protocol):
    """Marks and outcomes: what may have been sent, and what was proven about it."""

    async def doubt_left_overs(self, at: datetime) -> Sequence[Attempt]:
        """Turn every attempt left in `sending` by an earlier run into `in_doubt`; what was turned."""

    async def mark(self, attempt: NewAttempt, run_id: str, at: datetime) -> int:
        """Record that `attempt` is about to be sent; its id, once that is durable."""

    def settle(self, attempt_id: int, outcome: Outcome, at: datetime) -> Awaitable[None]:
        """Record what the answer proved, once, for an attempt in `sending`.

        Told at the call, so that it commits before any mark told later, or with it; durable when awaited.
        """

    async def rename(self, moves: Sequence[tuple[str, str, str]]) -> int:
        """Give attempts of (campaign, former id) the new id; rows renamed. Never onto an id that has attempts."""

    async def import_order(
        self, attempt: NewAttempt, panel_order_id: str, message: str, run_id: str, at: datetime
    ) -> int:
        """Record an order that was bought elsewhere as placed; its attempt's id. StateRefused if either is taken."""


class DoubtJournal(Protocol):
    """A person's decisions about attempts in doubt."""

    async def adopt(self, attempt_id: int, panel_order_id: str, decision: Decision) -> bool:
        """Settle a doubt as placed; False if the very same was decided already.

        Raises `StateRefused` if the attempt is not in doubt, or something else was decided about it.
        """

    async def not_placed(self, attempt_id: int, decision: Decision) -> bool:
        """Settle a doubt as never placed: a later run buys it. Answers and raises as `adopt` does."""

    async def abandon(self, attempt_id: int, decision: Decision) -> bool:
        """Give a doubt up: spent, and never bought again. Answers and raises as `adopt` does."""


class RefillJournal(Protocol):
    """Refills and cancellations: recorded before they are asked for, and with their answers."""

    async def ask_refills(self, attempt_ids: Sequence[int], at: datetime) -> Sequence[int]:
        """Record that refills are about to be asked for; their ids, once that is durable. StateRefused if one is open."""

    async def settle_refills(self, settled: Sequence[RefillSettled], at: datetime) -> None:
        """Record the answers to requests in `asking`, once."""

    async def see_refills(self, seen: Sequence[RefillSeen]) -> None:
        """Record one batch of refill statuses."""

    async def see_cancels(self, requests: Sequence[CancelRequest]) -> None:
        """Record cancellations that were asked for, with their answers."""


class ObservationJournal(Protocol):
    """What panels showed. The later observation counts; one that is lost is made again."""

    async def see_statuses(self, seen: Sequence[StatusSeen]) -> None:
        """Record one batch of statuses."""

    async def see_catalogue(self, catalogue: Catalogue) -> None:
        """Replace the remembered catalogue of a panel."""

    async def see_balance(self, seen: BalanceSeen) -> None:
        """Append a balance."""

    async def label_balance(self, label: BalanceLabel) -> None:
        """Append a person's word on why a balance moved."""

    async def note_lacking(self, panel: str, abilities: Sequence[str], at: datetime) -> None:
        """Record what a panel showed not to be able to do."""

    async def count_status_calls(self, panel: str, day: date, calls: int) -> None:
        """Add status calls made on a UTC day."""


class FlagJournal(Protocol):
    """Orders that a file protects from `--prune`, also after they are gone from it."""

    async def protect(self, orders: Sequence[tuple[str, str]], at: datetime) -> None:
        """Record orders, (campaign, order id), as protected: never pruned, also when they are gone from their file."""

    async def unprotect(self, orders: Sequence[tuple[str, str]]) -> None:
        """Forget that orders, (campaign, order id), were protected."""


class Journal(RunJournal, AttemptJournal, DoubtJournal, RefillJournal, ObservationJournal, FlagJournal, Protocol):
    """The durable record of one state, with one writer at a time.

    Durability: a method that returns has committed, and the commit outlives a power failure.
    Order: operations commit in the order of the calls, several together or one after the other. Cancelling a caller
    changes nothing: what was told is recorded.
    Errors: `JournalBroken` means that nothing is recorded any more, for good; any other `StateRefused` that this
    operation alone was not recorded.
    """


class PanelReads(Protocol):
    """What a panel tells. Reads raise `PanelUnreachable` or `KeyRejected`, after their retries."""

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
        """Statuses by refill id; ids that the panel left out are absent. A read: raises as reads do."""


class PanelOrders(Protocol):
    """Buying. Nothing here raises for what the network does, and nothing is sent twice."""

    def add_turn_now(self) -> bool:
        """Take a turn for one `add` if no rate spaces them; False: wait for `add_turn()`."""

    async def add_turn(self) -> None:
        """Return when the rate allows one more `add`; safe to cancel. Raises `PanelBusy`."""

    def slow_down_adds(self, retry_after: float | None) -> Pause:
        """Obey a rate-limit answer: nothing for `retry_after` seconds, then a lower rate."""

    async def add(self, attempt: NewAttempt, owned_ids: Container[str]) -> Outcome:
        """Send one order, once, and say what the answer proves. Never raises for anything that the network does."""


class PanelRequests(Protocol):
    """Refills and cancellations. Nothing here raises for what the network does."""

    async def refill(self, order_ids: Iterable[str]) -> Mapping[str, RefillAnswer]:
        """Ask for refills, once: what became of each request. Never raises for anything that the network does."""

    async def cancel(self, order_ids: Iterable[str]) -> Mapping[str, CancelAnswer]:
        """Ask to cancel, which may be repeated: what became of each request. Never raises for what the network does."""


class Panel(PanelReads, PanelOrders, PanelRequests, Protocol):
    """One account at one panel, spoken to through its client."""

    @property
    def profile(self) -> PanelProfile:
        """How this panel is spoken to."""

    def capability_changes(self) -> CapabilityChange:
        """What the state should remember of it that is new since the last time this was asked."""
