"""The state as planning sees it: one read of the database, no connection behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from runner.core.attempts import Attempt
from runner.core.catalogue import BalanceSeen, Catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """Everything remembered: attempts by address, the last catalogue and the first and last balance of each panel."""

    lineage: str = ""
    serial: int = 0
    attempts: Mapping[tuple[str, str], Sequence[Attempt]] = field(default_factory=dict)  # in the order marked
    catalogues: Mapping[str, Catalogue] = field(default_factory=dict)
    first_balances: Mapping[str, BalanceSeen] = field(default_factory=dict)
    last_balances: Mapping[str, BalanceSeen] = field(default_factory=dict)
    read_at: datetime | None = None
