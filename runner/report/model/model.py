"""The report model: everything that any report tells, as values.

Amounts are exact and never added over currencies. Text is as it was stored: each writer escapes for its own format.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from heapq import nlargest
from operator import attrgetter
from typing import NamedTuple

from runner.core.catalogue import BalanceSeen
from runner.core.diagnostics import Diagnostic
from runner.core.values.money import ZERO
from runner.planning.accounting.ledger import Account, Booked, Ledger
from runner.planning.accounting.periods import Period
from runner.planning.plan import Refusal
from runner.planning.refills.refill_rates import RefillRate
from runner.planning.status.order_status import Sync
from runner.report.model.purchases import Purchases


class State(StrEnum):
    """One word for how an order stands: why it is not bought, or how what was bought fares. The worst come first."""

    IN_DOUBT = "in_doubt"  # may have been bought; a person decides
    REFUSED = "refused"  # the panel refused it last time
    LOST = "lost"  # the panel no longer knows it
    ABANDONED = "abandoned"  # a doubt that was given up: counts as spent
    CANCELED = "canceled"
    PARTIAL = "partial"
    STALLED = "stalled"  # failed or pending for too long; may still move
    DROPPED = "dropped"
    SENDING = "sending"  # being bought by a run that is alive
    MISSING = "missing"  # listed, not bought
    UNKNOWN = "unknown"  # bought, and the panel has not said how it fares
    WAITING = "waiting"
    PROGRESSING = "progressing"
    REFILLING = "refilling"
    COMPLETED = "completed"

    __hash__ = str.__hash__  # the enum's own is Python code: a tenth of a second in a large report


# Somebody should look at these.
NEEDS_ATTENTION = frozenset(
    {State.IN_DOUBT, State.REFUSED, State.LOST, State.ABANDONED, State.CANCELED, State.PARTIAL, State.STALLED}
    | {State.DROPPED}
)
_NOT_BOUGHT = frozenset({State.MISSING, State.REFUSED, State.IN_DOUBT})
_LIVE = frozenset({State.SENDING, State.UNKNOWN, State.WAITING, State.PROGRESSING, State.REFILLING})
_FINAL = frozenset({State.COMPLETED, State.PARTIAL, State.CANCELED, State.DROPPED})
WORST_FIRST: Mapping[State, int] = {state: place for place, state in enumerate(State)}


class Tone(StrEnum):
    """How a verdict sounds."""

    GOOD = "good"
    ATTENTION = "attention"
    BAD = "bad"


class Verdict(NamedTuple):
    """How it ended, in one sentence, and what to type next."""

    tone: Tone
    text: str
    next_step: str = ""


class OrderRow(NamedTuple):
    """One order on one panel: what it is, how it stands, what it has cost."""

    campaign: str
    id: str
    panel: str
    service: str
    link: str
    units: int  # bought, quantity x runs over all purchases; listed, where nothing is bought
    state: State
    sync: Sync | None  # against the campaign file; None: no file was read
    action: str  # what this run did or would do: `place`, `placed`, `blocked`, …; empty: nothing
    panel_order_id: str | None
    status: str | None  # folded status word
    start_count: int | None
    delivered: int | None  # units; None: the panel has not said
    remains: int | None
    expected: Decimal | None  # charge at the prices it was, or would be, bought at
    spent: Decimal
    refunded: Decimal
    reserved: Decimal
    in_doubt: Decimal
    currency: str | None
    bought_at: datetime | None
    checked_at: datetime | None
    took: float | None  # seconds from the mark to the outcome
    message: str
    source: str  # campaign file as the user named it; empty: none was read
    line: int

    @property
    def address(self) -> str:
        """`campaign/id`."""
        return f"{self.campaign}/{self.id}"

    @property
    def committed(self) -> Decimal:
        """What counts against a budget: doubts at full price."""
        return self.spent + self.reserved + self.in_doubt


class CampaignProgress(NamedTuple):
    """How far the orders of one campaign are."""

    campaign: str
    orders: int
    units: int
    delivered: int  # units that panels have said are delivered
    states: Mapping[State, int]
    per_hour: float | None = None  # units delivered; None: not known

    @property
    def bought(self) -> int:
        """Orders that were bought, whatever became of them."""
        return self.orders - self._in(_NOT_BOUGHT)

    @property
    def live(self) -> int:
        """Orders that are on their way."""
        return self._in(_LIVE)

    @property
    def final(self) -> int:
        """Orders with which nothing more happens by itself."""
        return self._in(_FINAL)

    @property
    def problems(self) -> int:
        """Orders in doubt, refused, abandoned, lost or stalled: somebody should look."""
        return self.orders - self._in(_LIVE | _FINAL | {State.MISSING})

    def _in(self, several: Collection[State]) -> int:
        return sum(number for state, number in self.states.items() if state in several)


class SpendPoint(NamedTuple):
    """What orders bought in one second have cost until now."""

    at: datetime  # when they were marked
    spent: Decimal
    committed: Decimal  # the same with what is reserved or in doubt


class RunFigures(NamedTuple):
    """What a plan would do, or an apply has done."""

    counts: Mapping[str, int]  # by word: `place`, `ok`, `placed`, `refused`, …
    cost: Decimal | None  # None: unknown, or of several currencies
    currency: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportModel:
    """All that any report may show."""

    command: str
    made_at: datetime
    run_id: str | None  # None: nothing ran, the state was read
    exit_code: int
    verdict: Verdict
    run: RunFigures | None  # of plan and apply
    ledger: Ledger
    orders: Sequence[OrderRow]
    progress: Sequence[CampaignProgress]
    states: Mapping[State, int]  # those that occur, worst first
    spending: Mapping[str, Sequence[SpendPoint]]  # by panel, in time order
    balances: Sequence[BalanceSeen] = ()  # of the ledger's panels, in time order
    diagnostics: Sequence[Diagnostic] = ()
    refusals: Sequence[Refusal] = ()
    warnings: Sequence[str] = ()
    period: Period | None = None  # None: all of it
    refills: Sequence[RefillRate] = ()  # by service
    purchases: Purchases | None = None  # of a plan: what it will buy

    @property
    def attention(self) -> list[OrderRow]:
        """Orders that somebody should look at: the worst first, then the dearest."""
        return sorted(filter(needs_attention, self.orders), key=urgency)


amounts_of = attrgetter(*Booked._fields)  # of an order: spent, refunded, reserved and in doubt


def sums_of(rows: Sequence[OrderRow]) -> Booked:
    """What `rows`, all in one currency, have cost together."""
    return Booked(*(sum(map(attrgetter(name), rows), ZERO) for name in Booked._fields))


def panel_money(ledger: Ledger) -> list[tuple[Account, Booked]]:
    """Each panel's account, with what orders have cost there."""
    booked = {line.name: Booked(*line.amounts) for line in ledger.panels}
    return [(account, booked.get(account.panel, Booked())) for account in ledger.accounts]


def needs_attention(row: OrderRow) -> bool:
    """True for an order that somebody should look at."""
    return row.state in NEEDS_ATTENTION or row.action == "blocked" or row.sync is Sync.CHANGED


def most_urgent(rows: Sequence[OrderRow], most: int) -> list[OrderRow]:
    """Orders that need a look come first; the others in their own order, or, where `most` leaves some out, the dearest."""
    urgent: list[OrderRow] = []
    others: list[OrderRow] = []
    for row in rows:
        (urgent if needs_attention(row) else others).append(row)
    urgent.sort(key=urgency)
    room = max(most - len(urgent), 0)
    return (urgent + (others if len(others) <= room else nlargest(room, others, key=_COST)))[:most]


_COST = attrgetter("committed")


def urgency(row: OrderRow) -> tuple[bool, int, Decimal, str]:
    """What orders are sorted by: the worst first, then the dearest."""
    return (not needs_attention(row), WORST_FIRST[row.state], -(row.committed or row.expected or ZERO), row.address)
