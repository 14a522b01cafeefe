"""The state as planning sees it: everything recorded, read at one moment."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import chain
from typing import NamedTuple

from runner.core.attempts import Attempt
from runner.core.catalogue import BalanceLabel, BalanceSeen, Catalogue, ServiceSeen
from runner.core.doubts import Decided
from runner.core.refills import CancelRequest, Refill
from runner.core.values.clock import to_the_second


class Run(NamedTuple):
    """One command that wrote to the state."""

    id: str
    command: str
    started_at: datetime
    ended_at: datetime | None  # None: still running, or killed
    exit_code: int | None


class KeptPlan(NamedTuple):
    """What is known of one saved plan."""

    made_by: str  # run
    expires_at: datetime
    used_by: str | None  # run; None: it may still be applied
    used_at: datetime | None
    ended: int | None  # exit code of the run that used it; None: it goes on, or was killed
    placed: int  # orders that it placed

    def hindrance(self, at: datetime) -> str:
        """Why it may not be applied at a moment; empty if it may."""
        if self.used_by is not None and self.used_at is not None:
            how = "has not ended" if self.ended is None else f"ended with {self.ended}"
            return (
                f"it was applied by run {self.used_by} at {to_the_second(self.used_at)}, which placed {self.placed} "
                f"order(s) and {how}"
            )
        return "" if at < self.expires_at else f"it expired at {to_the_second(self.expires_at)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """Everything remembered: attempts by address, the last catalogue and the first and last balance of each panel."""

    lineage: str = ""
    serial: int = 0
    attempts: Mapping[tuple[str, str], Sequence[Attempt]] = field(default_factory=dict)  # in the order marked
    catalogues: Mapping[str, Catalogue] = field(default_factory=dict)
    first_balances: Mapping[str, BalanceSeen] = field(default_factory=dict)
    last_balances: Mapping[str, BalanceSeen] = field(default_factory=dict)
    decisions: Sequence[Decided] = ()  # about attempts that were in doubt
    refills: Mapping[int, Sequence[Refill]] = field(default_factory=dict)  # by attempt id, in the order asked
    cancels: Mapping[int, Sequence[CancelRequest]] = field(default_factory=dict)  # the same
    # All that was seen of each (panel, service) that ever changed, oldest first; nothing of the others.
    service_changes: Mapping[tuple[str, str], Sequence[ServiceSeen]] = field(default_factory=dict)
    looked_at: datetime | None = None  # when the last `runner plan` that read the price lists ended
    labels: Sequence[BalanceLabel] = ()  # what people said of balances, in the order recorded
    # The first look at each currency that a panel's balance was shown in; nothing of panels that kept theirs.
    currency_changes: Mapping[str, Sequence[BalanceSeen]] = field(default_factory=dict)
    # Panel -> run -> its first and last look at the balance, of runs that sent more than one order there, oldest first.
    run_looks: Mapping[str, Mapping[str, tuple[BalanceSeen, BalanceSeen]]] = field(default_factory=dict)
    protected: frozenset[tuple[str, str]] = frozenset()  # (campaign, order id) once listed with `protect: true`
    lacking: Mapping[str, frozenset[str]] = field(default_factory=dict)  # panel -> abilities it showed not to have
    status_calls: Mapping[tuple[str, date], int] = field(default_factory=dict)  # (panel, UTC day) -> calls made

    def each(self) -> Iterator[Attempt]:
        """Every attempt: those of an order one after the other, orders as they were first marked."""
        return chain.from_iterable(self.attempts.values())

    def by_id(self) -> dict[int, Attempt]:
        """Every attempt, by its id."""
        return {attempt.id: attempt for attempt in self.each()}
