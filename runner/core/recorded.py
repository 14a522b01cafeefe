"""The state as planning sees it: one read of the database, no connection behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from runner.core.attempts import Attempt
from runner.core.catalogue import BalanceSeen, Catalogue
from runner.core.doubts import Decided
from runner.core.upkeep import CancelRequest, Refill


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
    read_at: datetime | None = None
