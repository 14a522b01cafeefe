"""The operations that the journal takes, as data: made by coroutines, carried out by the writer."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, NamedTuple

from runner.core.attempts import Attempt, NewAttempt, Outcome, StatusSeen
from runner.core.catalogue import BalanceLabel, BalanceSeen, Catalogue
from runner.core.doubts import Decision
from runner.core.errors import JournalBroken, StateRefused
from runner.core.refills import CancelRequest, RefillSeen, RefillSettled

if TYPE_CHECKING:  # readers of these tuples do without its 0.4 s
    from sqlalchemy import Connection


class Mark(NamedTuple):
    """An attempt is about to be sent; answers with its id."""

    attempt: NewAttempt
    run_id: str
    at: datetime


class Settle(NamedTuple):
    """What the answer proved about an attempt in `sending`."""

    attempt_id: int
    outcome: Outcome
    at: datetime


class BeginRun(NamedTuple):
    """A run begins; the high-water mark is noted down."""

    run_id: str
    command: str
    at: datetime


class EndRun(NamedTuple):
    """A run has ended; the high-water mark is noted down."""

    run_id: str
    exit_code: int
    at: datetime


class DoubtLeftOvers(NamedTuple):
    """Attempts left in `sending` become `in_doubt`; answers with them."""

    at: datetime


class Rename(NamedTuple):
    """(campaign, former id, new id), in the order they are carried out; answers with the number of rows."""

    moves: Sequence[tuple[str, str, str]]


class SeeStatuses(NamedTuple):
    """One batch of statuses."""

    seen: Sequence[StatusSeen]


class SeeCatalogue(NamedTuple):
    """A panel's present catalogue."""

    catalogue: Catalogue


class SeeBalance(NamedTuple):
    """A panel's present balance."""

    seen: BalanceSeen


class Adopt(NamedTuple):
    """A person found the order of an attempt in doubt on the panel; answers with 1, or 0 if that stood already."""

    attempt_id: int
    panel_order_id: str
    decision: Decision


class NotPlaced(NamedTuple):
    """A person says that an attempt in doubt bought nothing; answers with 1, or 0 if that stood already."""

    attempt_id: int
    decision: Decision


class Abandon(NamedTuple):
    """A person gives an attempt in doubt up: it counts as spent; answers with 1, or 0 if that stood already."""

    attempt_id: int
    decision: Decision


class Repair(NamedTuple):
    """A change that a person asked for, as a function over the connection; answers with what that returns."""

    change: "Callable[[Connection], int]"


Deciding = Adopt | NotPlaced | Abandon


class LabelBalance(NamedTuple):
    """A person says why a balance moved."""

    label: BalanceLabel


class AskRefills(NamedTuple):
    """Refills are about to be asked for, for these attempts; answers with one id for each, in their order."""

    attempt_ids: Sequence[int]
    at: datetime


class SettleRefills(NamedTuple):
    """The answers to requests in `asking`."""

    settled: Sequence[RefillSettled]
    at: datetime


class SeeRefills(NamedTuple):
    """One batch of refill statuses."""

    seen: Sequence[RefillSeen]


class SeeCancels(NamedTuple):
    """Cancellations that were asked for, each with its answer."""

    requests: Sequence[CancelRequest]


class Protect(NamedTuple):
    """Orders, as (campaign, order id), that are listed with `protect: true`."""

    orders: Sequence[tuple[str, str]]
    at: datetime


class Unprotect(NamedTuple):
    """Orders, as (campaign, order id), that are listed without it."""

    orders: Sequence[tuple[str, str]]


class NoteLacking(NamedTuple):
    """Abilities that a panel's answers show it not to have."""

    panel: str
    abilities: Sequence[str]
    at: datetime


class CountStatusCalls(NamedTuple):
    """Status calls made on a UTC day, to be added to those before."""

    panel: str
    day: date
    calls: int


class Import(NamedTuple):
    """An order that was bought elsewhere becomes an attempt, placed; answers with its id."""

    attempt: NewAttempt
    panel_order_id: str
    message: str  # who says so, and why
    run_id: str
    at: datetime


UpkeepOperation = AskRefills | SettleRefills | SeeRefills | SeeCancels
LifeOperation = Protect | Unprotect | NoteLacking | CountStatusCalls | Import
Operation = (
    Deciding
    | UpkeepOperation
    | LifeOperation
    | LabelBalance
    | Repair
    | Mark
    | Settle
    | BeginRun
    | EndRun
    | DoubtLeftOvers
    | Rename
    | SeeStatuses
    | SeeCatalogue
    | SeeBalance
)
Answer = int | list[int] | list[Attempt] | None
Result = Answer | StateRefused | JournalBroken  # what a caller gets back, or what is raised to him


class MarkRefused(StateRefused):
    """The attempt must not be sent: the order, or the same service and link, is taken."""


class SettleRefused(StateRefused):
    """The outcome does not fit what the journal knows; the attempt stays in `sending`, to become a doubt."""


class DecisionRefused(StateRefused):
    """The attempt is not in doubt, or something else was decided about it."""


class RenameRefused(StateRefused):
    """The new id has attempts of its own."""
