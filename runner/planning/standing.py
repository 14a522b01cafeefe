"""What was asked against what there is, order by order. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple


class Sync(StrEnum):
    """How the file and the state agree on one order."""

    MISSING = "missing"  # listed, not bought
    SENDING = "sending"  # being bought by a run that is alive
    PLACED = "placed"  # listed and bought
    CHANGED = "changed"  # bought, but the line was edited since
    REMOVED = "removed"  # bought, no longer listed
    IN_DOUBT = "in_doubt"  # may have been bought
    REFUSED = "refused"  # the panel refused it last time


class Health(StrEnum):
    """How a bought order fares."""

    WAITING = "waiting"
    PROGRESSING = "progressing"
    COMPLETED = "completed"
    PARTIAL = "partial"
    CANCELED = "canceled"
    REFILLING = "refilling"
    DROPPED = "dropped"
    STALLED = "stalled"  # failed or pending for too long; may still move
    UNKNOWN = "unknown"


class Standing(NamedTuple):
    """One order's line in `status`."""

    order: str  # address
    sync: Sync
    health: Health
    panel_order_id: str | None
    status: str | None  # folded status word
    charge: Decimal | None
    start_count: int | None
    remains: int | None
    checked_at: datetime | None
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standings:
    """All orders; `summary` counts each sync and each health that occurs."""

    orders: Sequence[Standing]
    summary: Mapping[str, int]
