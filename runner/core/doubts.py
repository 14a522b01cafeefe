"""Evidence and decisions about attempts in doubt. Neither is changed once recorded."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from runner.core.catalogue import BalanceSeen
from runner.core.values.clock import to_the_minute


class DecisionKind(StrEnum):
    """The three ways out of a doubt."""

    ADOPT = "adopt"  # it exists on the panel, as the order named
    NOT_PLACED = "not_placed"  # it does not exist: a later apply buys it
    ABANDON = "abandon"  # nobody can tell: counts as spent, never bought again


class Decision(NamedTuple):
    """Who decided, when, and why."""

    reason: str
    user: str
    host: str
    at: datetime
    forced: bool = False  # checks that did not fit were overridden


class Decided(NamedTuple):
    """One recorded decision."""

    attempt_id: int
    kind: DecisionKind
    panel_order_id: str | None  # with ADOPT
    decision: Decision
    refused_as_duplicate_at: datetime | None = None  # a later attempt for the same service and link was refused as one

    def __str__(self) -> str:
        """`declared not placed by anna on build-1 at 2026-01-01 12:00 UTC: not on the order page`."""
        what = {
            DecisionKind.ADOPT: f"adopted as order {self.panel_order_id}",
            DecisionKind.NOT_PLACED: "declared not placed",
            DecisionKind.ABANDON: "abandoned",
        }[self.kind]
        by = self.decision
        forced = " (forced)" if by.forced else ""
        return f"{what}{forced} by {by.user} on {by.host} at {to_the_minute(by.at)}: {by.reason}"


class AnswerKept(NamedTuple):
    """What is kept of one answer."""

    http_status: int | None
    size: int  # bytes that arrived
    text: str  # their beginning, cleaned and free of the key


class Duplicate(NamedTuple):
    """A later attempt for the same link that the panel refused as a duplicate."""

    address: str
    service: str
    refused_at: datetime
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What the state holds about one attempt beyond its row."""

    answer: AnswerKept | None  # None: the process ended before there was one
    balance_before: BalanceSeen | None  # the panel's last one up to the mark
    duplicates: tuple[Duplicate, ...]
