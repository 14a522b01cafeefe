"""What a journal records, as data: made by the engine, carried out by the store. Each says what recording it returns and raises.

Tuples, because two of them are made for every order. Times are UTC.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from runner.core.attempts import Attempt, NewAttempt, Outcome, StatusSeen
from runner.core.catalogue import BalanceLabel, BalanceSeen, Catalogue
from runner.core.doubts import Decision
from runner.core.errors import StateRefused
from runner.core.refills import CancelRequest, RefillSeen, RefillSettled


class BeginRun(NamedTuple):
    """A run begins: the serial grows, and with it the lineage file's high-water mark."""

    run_id: str
    command: str
    at: datetime


class EndRun(NamedTuple):
    """A run has ended; the high-water mark goes into the lineage file."""

    run_id: str
    exit_code: int
    at: datetime


class DoubtLeftOvers(NamedTuple):
    """Every attempt that an earlier run left in `sending` becomes `in_doubt`. Returns those attempts."""

    at: datetime


class Mark(NamedTuple):
    """An attempt is about to be sent. Returns its id; raises MarkRefused if it must not be sent."""

    attempt: NewAttempt
    run_id: str
    at: datetime


class Settle(NamedTuple):
    """What the answer proved about an attempt in `sending`, recorded once. Raises SettleRefused if that can't be true."""

    attempt_id: int
    outcome: Outcome
    at: datetime


class Adopt(NamedTuple):
    """A person found the order of a doubt on the panel: it is placed.

    Returns True if that is new; raises DecisionRefused if the attempt is not in doubt, or decided otherwise.
    """

    attempt_id: int
    panel_order_id: str
    decision: Decision


class NotPlaced(NamedTuple):
    """A person says that a doubt bought nothing: a later run buys it. Returns and raises as `Adopt` does."""

    attempt_id: int
    decision: Decision


class Abandon(NamedTuple):
    """A person gives a doubt up: spent, and never bought again. Returns and raises as `Adopt` does."""

    attempt_id: int
    decision: Decision


class Import(NamedTuple):
    """An order that was bought elsewhere is placed. Returns its attempt's id; raises StateRefused if the order or that id is taken."""

    attempt: NewAttempt
    panel_order_id: str
    message: str  # who says so, and why
    run_id: str
    at: datetime


class Rename(NamedTuple):
    """Attempts get a new order id: (campaign, former id, new id), one after the other. Returns the number of rows renamed.

    Raises RenameRefused, and renames nothing, if a former id and its new id both have attempts.
    """

    moves: Sequence[tuple[str, str, str]]


class Move(NamedTuple):
    """All attempts of one address, (campaign, order id), get another one."""

    before: tuple[str, str]
    after: tuple[str, str]
    attempts: Sequence[Attempt]


class MoveOrders(NamedTuple):
    """A person gives orders other addresses. Returns the number of rows moved.

    Raises StateRefused, and moves nothing, if their attempts are no longer those, or a new address has some.
    """

    moves: Sequence[Move]


class AskRefills(NamedTuple):
    """Refills are about to be asked for. Returns their ids, in this order; raises StateRefused if one is open."""

    attempt_ids: Sequence[int]
    at: datetime


class SettleRefills(NamedTuple):
    """The answers to requests in `asking`, recorded once. Raises StateRefused, and records none, if one is not in `asking`."""

    settled: Sequence[RefillSettled]
    at: datetime


class SeeRefills(NamedTuple):
    """One batch of refill statuses."""

    seen: Sequence[RefillSeen]


class SeeCancels(NamedTuple):
    """Cancellations that were asked for, each with its answer."""

    requests: Sequence[CancelRequest]


class SeeStatuses(NamedTuple):
    """One batch of order statuses."""

    seen: Sequence[StatusSeen]


class SeeCatalogue(NamedTuple):
    """A panel's present catalogue; it replaces the remembered one."""

    catalogue: Catalogue


class SeeBalance(NamedTuple):
    """A panel's present balance."""

    seen: BalanceSeen


class LabelBalance(NamedTuple):
    """A person's word on why a balance moved."""

    label: BalanceLabel


class NoteLacking(NamedTuple):
    """Abilities that a panel's answers show it not to have."""

    panel: str
    abilities: Sequence[str]
    at: datetime


class CountStatusCalls(NamedTuple):
    """Status calls made on a UTC day, added to those before."""

    panel: str
    day: date
    calls: int


class Protect(NamedTuple):
    """Orders, (campaign, order id), are listed as protected: never pruned, also once they are gone from their file."""

    orders: Sequence[tuple[str, str]]
    at: datetime


class Unprotect(NamedTuple):
    """Orders, (campaign, order id), are listed without protection."""

    orders: Sequence[tuple[str, str]]


class KeepPlan(NamedTuple):
    """A plan was saved: the file with this digest may be applied, once, until it expires."""

    digest: str  # SHA-256 of the file, in hex
    run_id: str
    at: datetime
    expires_at: datetime


class UsePlan(NamedTuple):
    """A run is about to do what a saved plan says. PlanStale if no such plan is kept, if it was used, or has expired."""

    digest: str
    run_id: str
    at: datetime


class CloseState(NamedTuple):
    """The state is at another place from now on: no other run may write it."""

    place: str


Deciding = Adopt | NotPlaced | Abandon
Counted = Mark | Import | Rename | MoveOrders  # these return a number
Acknowledged = (
    BeginRun
    | EndRun
    | Settle
    | SettleRefills
    | SeeRefills
    | SeeCancels
    | SeeStatuses
    | SeeCatalogue
    | SeeBalance
    | LabelBalance
    | NoteLacking
    | CountStatusCalls
    | Protect
    | Unprotect
    | KeepPlan
    | UsePlan
    | CloseState
)  # these return nothing, once they are durable
Operation = Deciding | Counted | Acknowledged | AskRefills | DoubtLeftOvers


class MarkRefused(StateRefused):
    """The attempt must not be sent: the order, or the same service and link, is taken."""


class SettleRefused(StateRefused):
    """The outcome does not fit what the journal knows; the attempt stays in `sending`, to become a doubt."""


class DecisionRefused(StateRefused):
    """The attempt is not in doubt, or something else was decided about it."""


class RenameRefused(StateRefused):
    """The new id has attempts of its own."""
