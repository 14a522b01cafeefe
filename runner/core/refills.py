"""Refills and cancellations: what was asked for and what is known of it."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class RefillState(StrEnum):
    """Where one request for a refill stands. Open states hold the attempt: no second request may be marked."""

    ASKING = "asking"  # marked; the answer is not known yet
    REQUESTED = "requested"  # the panel gave a refill id: polled
    COMPLETED = "completed"  # the panel says that it is done
    REJECTED = "rejected"  # the panel gave it up: final for this request, not for the order
    REFUSED = "refused"  # the panel said why not
    UNKNOWN = "unknown"  # it may have been recorded: counts as asked for
    NOT_SENT = "not_sent"  # proof that no byte left: does not count


OPEN_REFILLS = frozenset({RefillState.ASKING, RefillState.REQUESTED})


class Finality(StrEnum):
    """Whether asking again for a refused refill can help."""

    FINAL = "final"  # never for this order
    LATER = "later"  # after some time, or the words are not known


class Refill(NamedTuple):
    """One request for a refill. All text is cleaned and free of the key."""

    id: int
    attempt_id: int
    state: RefillState
    refill_id: str | None  # the panel's
    finality: Finality | None  # with REFUSED
    message: str  # the panel's words or what happened
    asked_at: datetime
    answered_at: datetime | None
    checked_at: datetime | None  # when the panel was last asked how it stands

    @property
    def is_open(self) -> bool:
        """True while the panel may still be working on it."""
        return self.state in OPEN_REFILLS

    @property
    def reached_at(self) -> datetime:
        """The latest time at which the panel can have received the request: when its answer came or the wait for it ended."""
        return max(self.asked_at, self.answered_at or self.asked_at)


class RefillSettled(NamedTuple):
    """What the answer to one request in `asking` was."""

    id: int
    state: RefillState  # REQUESTED, REFUSED, UNKNOWN or NOT_SENT
    refill_id: str | None = None
    finality: Finality | None = None
    message: str = ""


class RefillSeen(NamedTuple):
    """How a request in `requested` stands, as the panel told it."""

    id: int
    state: RefillState  # REQUESTED, COMPLETED, REJECTED or UNKNOWN
    message: str
    checked_at: datetime


class CancelState(StrEnum):
    """What a panel made of one request to cancel. Only `status` tells whether it was cancelled, and what came back."""

    RECORDED = "recorded"  # the request was taken
    REFUSED = "refused"  # it said why not
    UNKNOWN = "unknown"  # no answer about this order; asking again is safe


class CancelRequest(NamedTuple):
    """One request to cancel, with its answer."""

    attempt_id: int
    asked_at: datetime
    state: CancelState
    message: str
