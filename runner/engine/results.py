"""Results of an apply, and of refills and cancellations asked for by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from runner.core.attempts import OutcomeKind
from runner.core.errors import ExitCode
from runner.planning.accounting.ledger import Ledger
from runner.planning.plan import Plan


class OrderResult(NamedTuple):
    """One order that this run tried, or found in doubt."""

    order: str  # address
    outcome: OutcomeKind
    panel_order_id: str | None
    cost: Decimal | None
    message: str


class RequestOutcome(StrEnum):
    """What became of one request for a refill or a cancellation; named as RefillState and CancelState where they have it."""

    WOULD = "would"  # a dry run: it would be asked for
    HELD = "held"  # not asked for: a rule is against it
    REQUESTED = "requested"  # the panel gave a refill id
    RECORDED = "recorded"  # the panel took the request to cancel
    REFUSED = "refused"  # the panel said why not
    UNKNOWN = "unknown"  # no answer: it may have been recorded
    NOT_SENT = "not_sent"  # not asked for: proof that no byte left, or the run ended before


class RequestResult(NamedTuple):
    """One order for which a refill or a cancellation was to be asked for."""

    order: str  # address
    panel_order_id: str
    outcome: RequestOutcome
    refill_id: str | None  # with REQUESTED
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyResult:
    """What one apply did; `exit_code` is the process's."""

    run_id: str
    exit_code: ExitCode
    in_doubt: int  # all doubts the state holds, not only new ones
    orders: Sequence[OrderResult]
    plan: Plan
    report: Ledger
    interrupted: bool = False
    overcharged: bool = False  # a panel took more than expected, or a budget is overdrawn
    warnings: Sequence[str] = ()  # late executions, lost orders, first charges that differ
    refill_results: Sequence[RequestResult] = ()
    cancel_results: Sequence[RequestResult] = ()
    stopped: Mapping[str, str] = field(default_factory=dict)  # panel -> why nothing more was placed on it
    busy: Mapping[str, datetime] = field(default_factory=dict)  # panel -> until when it asks to get no order

    @property
    def placed(self) -> int:
        """Orders that panels gave ids to."""
        return self.number(OutcomeKind.PLACED)

    @property
    def refused(self) -> int:
        """Orders that panels refused."""
        return self.number(OutcomeKind.REFUSED)

    @property
    def not_sent(self) -> int:
        """Orders that provably never left."""
        return self.number(OutcomeKind.NOT_SENT)

    def number(self, outcome: OutcomeKind) -> int:
        """Orders with this outcome."""
        return sum(one.outcome is outcome for one in self.orders)

    @property
    def refills(self) -> int:
        """Refills that panels gave ids to."""
        return sum(one.outcome is RequestOutcome.REQUESTED for one in self.refill_results)

    @property
    def cancels(self) -> int:
        """Requests to cancel that panels took."""
        return sum(one.outcome is RequestOutcome.RECORDED for one in self.cancel_results)

    @property
    def has_acted(self) -> bool:
        """True if anything was bought, or taken by a panel."""
        return bool(self.placed or self.refills or self.cancels)
