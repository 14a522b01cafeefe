"""What the journal can be told, as data: made by coroutines, carried out by the writer. Tuples, as marks are hot."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from runner.core.attempts import Attempt, NewAttempt, Outcome, StatusSeen
from runner.core.catalogue import BalanceSeen, Catalogue
from runner.core.errors import JournalBroken, StateRefused


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


Operation = Mark | Settle | BeginRun | EndRun | DoubtLeftOvers | Rename | SeeStatuses | SeeCatalogue | SeeBalance
Answer = int | list[Attempt] | None
Result = Answer | StateRefused | JournalBroken  # what a caller gets back, or what is raised to him


class MarkRefused(StateRefused):
    """The attempt must not be sent: the order, or the same service and link, is taken."""


class SettleRefused(StateRefused):
    """The outcome does not fit what the journal knows; the attempt stays in `sending`, to become a doubt."""


class RenameRefused(StateRefused):
    """The new id has attempts of its own."""
