"""Settles an order in doubt as a person decided: looks the order up, checks what can be checked, records the decision.

Nothing here decides by itself, and nothing here buys.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from runner.core.attempts import Attempt, LiveStatus, StatusSeen
from runner.core.doubts import Decided, Decision, DecisionKind
from runner.core.errors import GuardRefused, InvalidInput
from runner.core.operations import Abandon, Adopt, NotPlaced, SeeStatuses
from runner.core.snapshot import Recorded
from runner.core.values.clock import to_the_minute
from runner.core.values.money import ZERO, plain, same_amount, with_currency
from runner.engine.decisions.recording import run_of_its_own
from runner.engine.ports import Journal, Panel
from runner.planning.doubts.evidence import Verdict, Weighing

_ALWAYS_SAID = (
    "USD"  # by some panels' statuses, whatever the account's currency is (docs/protocol.md, Money): it tells nothing
)


class Choice(NamedTuple):
    """What a person wants recorded."""

    kind: DecisionKind
    decision: Decision
    panel_order_id: str | None = None  # with ADOPT


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One order's doubt: the oldest that is open, else the newest that was settled."""

    attempt: Attempt
    history: Sequence[Decided]  # of the order, oldest first
    more: int  # further attempts of the order in doubt

    @property
    def decided(self) -> Decided | None:
        """What was decided about the attempt; None while it is in doubt."""
        return next((one for one in self.history if one.attempt_id == self.attempt.id), None)


def find(recorded: Recorded, address: str) -> Case:
    """The doubt of `campaign/id`; raises InvalidInput if there is no such order, or it was never in doubt."""
    campaign, _, order_id = address.partition("/")
    attempts = recorded.attempts.get((campaign, order_id), ())
    if not attempts:
        raise InvalidInput(
            f"the state knows no order {address}", "see `runner doubt list`; an address is written campaign/id"
        )
    ids = {attempt.id for attempt in attempts}
    history = [one for one in recorded.decisions if one.attempt_id in ids]
    doubts = [attempt for attempt in attempts if attempt.is_open_doubt]
    if doubts:
        return Case(attempt=doubts[0], history=history, more=len(doubts) - 1)
    if not history:
        raise InvalidInput(f"{address} is not in doubt: {_standing(attempts[-1])}", "see `runner doubt list`")
    settled = next(attempt for attempt in attempts if attempt.id == history[-1].attempt_id)
    return Case(attempt=settled, history=history, more=0)


def _standing(attempt: Attempt) -> str:
    if attempt.panel_order_id is not None:
        return f"it is order {attempt.panel_order_id} on {attempt.panel}"
    return f"it is {attempt.state.replace('_', ' ')}"


def is_decided(case: Case, kind: DecisionKind, panel_order_id: str | None = None) -> bool:
    """True if this very decision stands; False while in doubt. Raises InvalidInput, with the history, if another one stands."""
    decided = case.decided
    if decided is None:
        return False
    if (decided.kind, decided.panel_order_id) == (kind, panel_order_id):
        return True
    raise InvalidInput(
        f"{case.attempt.address} is no longer in doubt: {'; '.join(map(str, case.history))}",
        f"a decision stands; see `runner doubt show {case.attempt.address}`",
    )


async def check_adoption(
    case: Case, panel_order_id: str, panel: Panel, recorded: Recorded, at: datetime, *, force: bool
) -> tuple[StatusSeen | None, Sequence[str]]:
    """What the panel says about the order to be adopted, and what did not fit but was forced.

    GuardRefused if the id is ours already, whatever is forced, or if something does not fit. `PanelUnreachable` and
    `KeyRejected` if the panel does not say.
    """
    attempt = case.attempt
    for other in recorded.each():
        if other.panel == attempt.panel and other.panel_order_id == panel_order_id:
            raise GuardRefused(
                f"order {panel_order_id} on {attempt.panel} is {other.address} already: nothing was changed",
                f"look for another id: runner doubt show {attempt.address}",
            )
    answers = await panel.statuses({panel_order_id: attempt.id}, at)
    seen = next(iter(answers), None)
    misfits = misfits_of(panel_order_id, seen, attempt.expected_charge, attempt.units)
    if misfits and not force:
        raise GuardRefused(
            f"order {panel_order_id} on {attempt.panel} does not fit {attempt.address}: {'; '.join(misfits)}",
            "look at the panel's order list again; if it is this order all the same, add --force",
        )
    return (None if seen is None or seen.error else seen), misfits


def misfits_of(panel_order_id: str, seen: StatusSeen | None, expected: Decimal | None, units: int) -> list[str]:
    """What does not fit between an order of so many units, at the expected charge, and what the panel says of an id."""
    if seen is None:
        return [f"the panel says nothing about an order {panel_order_id}"]
    if seen.error:
        return [f"the panel says: {seen.error}"]
    misfits = []
    if expected is not None and seen.charge is not None and not _is_fitting_charge(seen, seen.charge, expected, units):
        cost = with_currency(seen.charge, None if seen.currency == _ALWAYS_SAID else seen.currency)
        misfits.append(f"it cost {cost}, expected was {plain(expected)}")
    if seen.remains is not None and seen.remains > units:
        misfits.append(f"{seen.remains} units remain of {units} ordered")
    return misfits


def _is_fitting_charge(seen: StatusSeen, charge: Decimal, expected: Decimal, units: int) -> bool:
    """True for the expected charge, for zero (not charged yet, or given back), and for the kept part of a partial."""
    if charge == ZERO or same_amount(charge, expected):
        return True
    if seen.status is not LiveStatus.PARTIAL or seen.remains is None or not 0 <= seen.remains <= units:
        return False
    return same_amount(charge, expected * (units - seen.remains) / units)


def check_looked(case: Case, weighing: Weighing, settle: timedelta, now: datetime, *, checked: bool) -> bool:
    """GuardRefused unless a person says that the order is not in the panel's own list: nothing else can show that.

    The balance can't: a deposit or a refund of the same amount hides an order. With `checked`, True if the order may
    still appear, or if the evidence says that it was placed: the decision is then recorded as forced.
    """
    address, until = case.attempt.address, (case.attempt.settled_at or now) + settle
    is_early, is_placed = now < until, weighing.verdict is Verdict.PLACED
    if checked:
        return is_early or is_placed
    if is_early:
        raise GuardRefused(
            f"{address} may still appear on {case.attempt.panel} until {to_the_minute(until)}",
            "wait until then, look at the panel's order list, and add --i-checked if it is not there",
        )
    if is_placed:
        raise GuardRefused(
            f"{address} was probably placed: {'; '.join(weighing.reasons)}",
            "look for it in the panel's order list, then adopt it; if it is not there, add --i-checked",
        )
    raise GuardRefused(
        f"only the panel's own order list can tell that {address} was not placed: a balance that says so may have had a "
        "deposit or a refund of the same amount",
        "look at the panel's order list; if it is not there, add --i-checked",
    )


async def record(journal: Journal, run_id: str, case: Case, choice: Choice, seen: StatusSeen | None = None) -> bool:
    """Write the decision down as a run of its own; False if it stood already. Raises StateRefused if it can't be."""
    attempt_id = case.attempt.id
    command = f"doubt {choice.kind.value.replace('_', '-')}"
    async with run_of_its_own(journal, run_id, command, choice.decision.at):
        if choice.kind is DecisionKind.ADOPT:
            if choice.panel_order_id is None:
                raise AssertionError("an adoption without an order id")
            is_new = await journal.record(Adopt(attempt_id, choice.panel_order_id, choice.decision))
        elif choice.kind is DecisionKind.NOT_PLACED:
            is_new = await journal.record(NotPlaced(attempt_id, choice.decision))
        else:
            is_new = await journal.record(Abandon(attempt_id, choice.decision))
        if is_new and seen is not None:
            await journal.record(SeeStatuses([seen]))
    return is_new
