"""What the engine needs of the outside. `store`, `panel` and the tests' simulated world implement these."""

from collections.abc import Container, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from runner.core.attempts import Attempt, NewAttempt, Outcome, StatusSeen
from runner.core.catalogue import Balance, BalanceSeen, Catalogue
from runner.core.orders import PanelProfile
from runner.core.recorded import Recorded


class Journal(Protocol):
    """The durable record. A method that returns has committed; one that raises `JournalBroken` has not, for good."""

    async def begin_run(self, run_id: str, command: str, at: datetime) -> None:
        """Open a run: the serial grows and the lineage file's high-water mark with it."""

    async def doubt_left_overs(self, at: datetime) -> Sequence[Attempt]:
        """Turn every attempt left in `sending` by an earlier run into `in_doubt`; what was turned."""

    async def rename(self, moves: Sequence[tuple[str, str, str]]) -> int:
        """Give attempts of (campaign, former id) the new id; rows renamed. Never onto an id that has attempts."""

    async def mark(self, attempt: NewAttempt, run_id: str, at: datetime) -> int:
        """Record that `attempt` is about to be sent; its id, once that is durable."""

    async def settle(self, attempt_id: int, outcome: Outcome, at: datetime) -> None:
        """Record what the answer proved, once, for an attempt in `sending`."""

    async def see_statuses(self, seen: Sequence[StatusSeen]) -> None:
        """Record one batch of statuses."""

    async def see_catalogue(self, catalogue: Catalogue) -> None:
        """Replace the remembered catalogue of a panel."""

    async def see_balance(self, seen: BalanceSeen) -> None:
        """Append a balance."""

    async def end_run(self, run_id: str, exit_code: int, at: datetime) -> None:
        """Close a run and note the high-water mark in the lineage file."""

    async def recorded(self) -> Recorded:
        """Everything committed so far."""


class Panel(Protocol):
    """One panel, spoken to through its client. Reads raise `PanelUnreachable` or `KeyRejected` after their retries."""

    @property
    def profile(self) -> PanelProfile:
        """How this panel is spoken to."""

    async def services(self, at: datetime) -> Catalogue:
        """The present catalogue."""

    async def balance(self) -> Balance:
        """The present balance."""

    async def statuses(self, wanted: Mapping[str, int], at: datetime) -> Sequence[StatusSeen]:
        """Statuses of at most 100 orders, panel order id -> attempt id; one call where the panel can.

        An id missing from the answer has no entry in what comes back.
        """

    async def add_turn(self) -> None:
        """Return when the rate allows one more `add`; safe to cancel."""

    def slow_down_adds(self, retry_after: float | None) -> float:
        """Obey a rate-limit answer: nothing for `retry_after` seconds, then a lower rate; the new one, per minute."""

    async def add(self, attempt: NewAttempt, owned_ids: Container[str]) -> Outcome:
        """Send one order, once, and say what the answer proves. Never raises for anything that the network does."""
