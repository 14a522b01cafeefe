"""The plan as data: what `apply` would do, why, at what cost, and whether it may."""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from itertools import repeat
from operator import add, itemgetter
from typing import NamedTuple, overload

from runner.core.catalogue import Balance, Service
from runner.core.diagnostics import Diagnostic
from runner.core.errors import ExitCode
from runner.core.orders import Order
from runner.planning.allowance import Part
from runner.planning.refills.due_refills import DueRefill


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


BUYING = (ActionKind.PLACE, ActionKind.TOP_UP, ActionKind.REPLACE, ActionKind.REORDER)  # the kinds that spend


class Action(NamedTuple):
    """One line of a plan."""

    order: Order
    kind: ActionKind
    reason: str
    cost: Decimal | None  # in the panel's currency; None: no price known
    panel: str


Decision = tuple[ActionKind, str, Decimal | None, str]  # an action without its order


class Actions(Sequence[Action]):
    """The lines of a plan while it is made, and after. Kept as two columns, each line is made when it is looked at.

    A million orders of the same terms share one decision: as lines of their own they would take 100 MB.
    """

    __slots__ = ("_alike", "_counts", "_decisions", "_orders")

    def __init__(self, actions: Iterable[Action] = ()) -> None:
        self._orders: list[Order] = []
        self._decisions: list[Decision] = []
        # By the identity of a decision that `share` made: the decision, which must outlive its lines, and its first line.
        self._alike: dict[int, tuple[Decision, Action]] = {}
        self._counts: dict[ActionKind, int] | None = None  # None: to be counted again
        for action in actions:
            self.append(action)

    def append(self, action: Action) -> None:
        """Add a line at the end."""
        self.add(action.order, _decision(action))

    def share(self, first: Action) -> Decision:
        """Return a decision to `add` for many orders of one campaign: all that differ from `first` only in id and link."""
        decision = _decision(first)
        self._alike[id(decision)] = (decision, first)
        return decision

    def add(self, order: Order, decision: Decision) -> None:
        """Add a line at the end, by its parts."""
        self._orders.append(order)
        self._decisions.append(decision)
        self._counts = None

    def sort(self, *, key: Callable[[Action], int]) -> None:
        """Sort the lines in place; equal ones stay as they are."""
        ranks = list(map(key, self))
        positions = sorted(range(len(ranks)), key=ranks.__getitem__)
        self._orders = [self._orders[position] for position in positions]
        self._decisions = [self._decisions[position] for position in positions]

    def hold(self, kinds: Container[ActionKind], why: Callable[[Action], str]) -> list[Action]:
        """Turn each line of these kinds that `why` has a reason against into a blocked one; these, in order."""
        held = []
        for position, action in enumerate(self):
            if action.kind in kinds and (reason := why(action)):
                self[position] = blocked = action._replace(kind=ActionKind.BLOCKED, reason=reason)
                held.append(blocked)
        return held

    def counts(self) -> Mapping[ActionKind, int]:
        """Number of lines of each kind, in the order of the kinds; of some it is 0."""
        if self._counts is None:
            # By identity: an enum's hash is a line of Python.
            found = Counter(map(id, map(itemgetter(0), self._decisions)))
            self._counts = {kind: found[id(kind)] for kind in ActionKind}
        return self._counts

    def groups(self) -> Iterator[tuple[Action, int]]:
        """The lines in order, those that share a decision together as one of them and their number."""
        counts = Counter(map(id, self._decisions))  # keeps the order of the first of each
        if counts.keys() <= self._alike.keys():
            yield from ((self._alike[one][1], number) for one, number in counts.items())
            return
        for order, decision in zip(self._orders, self._decisions, strict=True):
            one = id(decision)
            if one not in self._alike:
                yield Action(order, *decision), 1
            elif number := counts.pop(one, 0):
                yield self._alike[one][1], number

    def of_kind(self, kind: ActionKind) -> Iterator[Action]:
        """The lines of one kind, in order."""
        for order, decision in zip(self._orders, self._decisions, strict=True):
            if decision[0] is kind:
                yield Action(order, *decision)

    def __len__(self) -> int:
        return len(self._orders)

    def __iter__(self) -> Iterator[Action]:
        lines = map(add, zip(self._orders), self._decisions)  # of each order a tuple
        return map(tuple.__new__, repeat(Action), lines)

    @overload
    def __getitem__(self, position: int) -> Action: ...

    @overload
    def __getitem__(self, position: slice) -> Sequence[Action]: ...

    def __getitem__(self, position: int | slice) -> Action | Sequence[Action]:
        if isinstance(position, slice):
            pairs = zip(self._orders[position], self._decisions[position], strict=True)
            return [Action(order, *decision) for order, decision in pairs]
        return Action(self._orders[position], *self._decisions[position])

    def __setitem__(self, position: int, action: Action) -> None:
        self._orders[position], self._decisions[position] = action.order, _decision(action)
        self._counts = None

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # it grows


def _decision(action: Action) -> Decision:
    return (action.kind, action.reason, action.cost, action.panel)


class DueCancel(NamedTuple):
    """One cancellation to be asked for."""

    order: str  # address
    attempt_id: int
    panel: str
    panel_order_id: str
    reason: str


class Refusal(NamedTuple):
    """A guard that forbids the whole apply (exit 11)."""

    guard: str  # `budget.total` and the other caps, `balance`, `max-cost`, `policy.max_new`, `on_change`, `price`, `service`
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
    """What `apply` would do. Built only by `planning.reconcile.planner`; the engine reads it and adds nothing."""

    actions: Sequence[Action]
    ok: int  # orders satisfied already
    money: Mapping[str, PanelMoney]  # by panel
    problems: Sequence[Diagnostic] = ()  # exit 10: unknown service, quantity out of range
    refusals: Sequence[Refusal] = ()  # exit 11
    notes: Sequence[str] = ()  # worth knowing, no obstacle
    warnings: Sequence[str] = ()  # late executions, lost orders, patterns that select nothing
    cost: Decimal | None = None  # of all purchases; None when currencies differ or a price is unknown
    currency: str | None = None  # None when panels' currencies differ or none is known
    refills: Sequence[DueRefill] = ()  # what the REFILL actions ask for, one for each attempt
    cancels: Sequence[DueCancel] = ()  # what the CANCEL and the first half of REPLACE actions ask for
    # By order key: what its action buys, if not all of it.
    parts: Mapping[tuple[str, str], Part] = field(default_factory=dict)
    services: Mapping[tuple[str, str], Service] = field(default_factory=dict)  # by panel and id: those priced here
    accounts: Mapping[str, str] = field(default_factory=dict)  # panel -> a print of its address and key's place
    lineage: str = ""
    digests: Mapping[str, str] = field(default_factory=dict)  # campaign file -> SHA-256

    @property
    def summary(self) -> dict[str, int]:
        """Number of actions of each kind present, and `ok`."""
        return {kind.value: number for kind, number in self._counts().items() if number} | {"ok": self.ok}

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
        return self._counts()[ActionKind.IN_DOUBT] > 0

    @property
    def panels(self) -> set[str]:
        """The panels that it would act on."""
        asked = {due.panel for due in self.refills} | {due.panel for due in self.cancels}
        return {action.panel for action in self.purchases()} | asked

    def purchases(self) -> list[Action]:
        """The actions that spend in this pass, in order of execution: a replacement is bought once the former is cancelled."""
        counts = self._counts()
        kinds = [kind for kind in BUYING if counts[kind]]
        if len(kinds) < 2 and not self.cancels:  # noqa: PLR2004  # the usual case, one kind: no look at the others
            return [action for kind in kinds for action in self.of_kind(kind)]
        waiting = {one.order for one in self.cancels}
        return [one for one in self.actions if one.kind in BUYING and one.order.address not in waiting]

    def terms(self, action: Action) -> tuple[int, int | None, int | None]:
        """Quantity, runs and interval that an action buys: the order's own, or those of its part."""
        part = self.parts.get(action.order.key) if self.parts else None
        terms = action.order if part is None else part
        return terms.quantity, terms.runs, terms.interval

    def of_kind(self, kind: ActionKind) -> Iterator[Action]:
        """The actions of one kind, in order."""
        if isinstance(self.actions, Actions):
            return self.actions.of_kind(kind)
        return (action for action in self.actions if action.kind is kind)

    def _counts(self) -> Mapping[ActionKind, int]:
        return (self.actions if isinstance(self.actions, Actions) else Actions(self.actions)).counts()

    def groups(self) -> Iterator[tuple[Action, int]]:
        """All actions in order; such as differ in nothing but id and link may come as one of them and their number."""
        return self.actions.groups() if isinstance(self.actions, Actions) else ((action, 1) for action in self.actions)
