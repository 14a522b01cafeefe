"""What one apply did."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from runner.core.attempts import OutcomeKind
from runner.core.errors import ExitCode
from runner.planning.ledger import Ledger
from runner.planning.plan import Plan


class OrderResult(NamedTuple):
    """One order that this run tried, or found in doubt."""

    order: str  # address
    outcome: OutcomeKind
    panel_order_id: str | None
    cost: Decimal | None
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyResult:
    """What one apply did; `exit_code` is the process's."""

    run_id: str
    exit_code: ExitCode
    placed: int
    refused: int
    not_sent: int
    in_doubt: int  # all doubts the state holds for the panels of this run, not only new ones
    refills: int
    cancels: int
    orders: Sequence[OrderResult]
    plan: Plan
    report: Ledger
    interrupted: bool = False
