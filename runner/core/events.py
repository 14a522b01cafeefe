"""Events of a run, for the progress display, the event stream and the log."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class EventType(StrEnum):
    """The kinds of event; `facts` of each are listed behind it."""

    RUN_STARTED = "run_started"  # command
    REFRESH_STARTED = "refresh_started"  # panel, live
    STATUSES = "statuses"  # panel, asked, answered
    PLANNED = "planned"  # place, top_up, replace, reorder, refill, cancel, wait, blocked, in_doubt, ok, cost
    SUBMIT_STARTED = "submit_started"  # panel, orders
    MARKED = "marked"  # order is about to be sent
    SETTLED = "settled"  # outcome, panel_order_id, cost, message
    REFILLED = "refilled"  # a refill was asked for: outcome, refill_id, message
    CANCEL_ASKED = "cancel_asked"  # a panel was asked to cancel an order: outcome, message
    RATE_LOWERED = "rate_lowered"  # panel, per_minute, until (UTC), message
    PANEL_STOPPED = "panel_stopped"  # panel, message
    DRAINING = "draining"  # in_flight
    NOTE = "note"  # message
    WARNING = "warning"  # message: what every later report says until it is cleared up; commands show it at their end
    RUN_FINISHED = "run_finished"  # exit_code
    WAITING = "waiting"  # a watch pauses after a run: until (UTC), why


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened."""

    type: EventType
    time: datetime
    run_id: str
    order: str | None = None  # an address
    facts: Mapping[str, str | int | None] = field(default_factory=dict)


Listener = Callable[[Event], None]


def no_op(_event: Event) -> None:
    """A listener that ignores every event."""
