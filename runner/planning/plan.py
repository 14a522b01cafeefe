"""The plan as data: what `apply` would do, why, at what cost, and whether it may."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from runner.core.catalogue import Balance
from runner.core.diagnostics import Diagnostic
from runner.core.errors import ExitCode
from runner.core.orders import Order
from runner.planning.refills import DueRefill


class ActionKind(StrEnum):
    """What the runner would do about one order. Satisfied orders have no action, they are only counted."""

    PLACE = "place"  # buy it
    TOP_UP = "top_up"  # buy the positive difference of quantity
    REPLACE = "replace"  # cancel, then buy again
    REORDER = "reorder"  # buy the undelivered part again
    REFILL = "refill"  # ask for dropped units, at no charge
    CANCEL = "cancel"  # ask the panel to cancel
    WAIT = "wait"  # same service and link in flight: a later apply places it
    BLOCKED = "blocked"  # a guard or a rule forbids it; the reason says which and what to do
    IN_DOUBT = "in_doubt"  # it may exist on the panel; never sent again by itself


class Action(NamedTuple):
    """One line of a plan."""

    order: Order
    kind: ActionKind
    reason: str
    cost: Decimal | None  # in the panel's currency; None: no price known
    panel: str


class Refusal(NamedTuple):
    """A guard that forbids the whole apply (exit 11)."""

    guard: str  # `budget.total`, `budget.per_run`, `budget.keep_balance`, `balance`, `max-cost`, `on_change`, `price`
    subject: str  # campaign or panel
    message: str  # with the numbers and what to do


class PanelMoney(NamedTuple):
    """One panel's money in a plan; amounts in `currency`."""

    panel: str
    balance: Balance | None  # None: never seen
    cost: Decimal  # of this plan's purchases
    in_doubt: Decimal  # full price of what may have been bought

    @property
    def after(self) -> Decimal | None:
        """What would be left, counting doubts at full price."""
        return None if self.balance is None else self.balance.amount - self.in_doubt - self.cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What `apply` would do. Built only by `planning.diff`; the engine reads it and adds nothing."""

    actions: Sequence[Action]
    ok: int  # orders satisfied already
    money: Mapping[str, PanelMoney]  # by panel
    problems: Sequence[Diagnostic] = ()  # exit 10: unknown service, quantity out of range
    refusals: Sequence[Refusal] = ()  # exit 11
    notes: Sequence[str] = ()  # worth knowing, no obstacle
    cost: Decimal | None = None  # of all purchases; None when currencies differ or a price is unknown
    currency: str | None = None  # None when panels' currencies differ or none is known
    refills: Sequence[DueRefill] = ()  # what the REFILL actions ask for, one for each attempt
    lineage: str = ""
    serial: int = 0  # state serial the plan was made from
    digests: Mapping[str, str] = field(default_factory=dict)  # campaign file -> SHA-256

    @property
    def summary(self) -> dict[str, int]:
        """Number of actions of each kind present, and `ok`."""
        counts = {kind.value: 0 for kind in ActionKind}
        for action in self.actions:
            counts[action.kind] += 1
        return {kind: n for kind, n in counts.items() if n} | {"ok": self.ok}

    @property
    def exit_code(self) -> ExitCode:
        """What apply would end with before its first action; OK if it may begin (doubts are told apart)."""
        if self.problems:
            return ExitCode.INVALID
        if self.refusals:
            return ExitCode.GUARD
        return ExitCode.OK

    @property
    def has_doubts(self) -> bool:
        """True if an order may exist on a panel without our knowing its id."""
        return any(action.kind is ActionKind.IN_DOUBT for action in self.actions)

    def purchases(self) -> list[Action]:
        """The actions that spend, in order of execution."""
        return [action for action in self.actions if action.kind is ActionKind.PLACE]
