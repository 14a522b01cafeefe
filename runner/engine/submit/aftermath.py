"""What a run was charged in the end: what went beyond the plan, and why."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from runner.core.orders import Campaign
from runner.core.snapshot import Recorded
from runner.core.values.money import ZERO
from runner.engine.results import OrderResult
from runner.engine.session import Session
from runner.planning.accounting.attempt_index import History
from runner.planning.accounting.balance_confirmation import Accounts
from runner.planning.accounting.committed_spend import Committed
from runner.planning.guards.overdrawn import overdrawn
from runner.planning.guards.panel_guards import account_warnings

if TYPE_CHECKING:
    from runner.engine.submit.worker import Submission


class Aftermath(NamedTuple):
    """What the charges of a run give reason to tell."""

    warnings: Sequence[str]
    is_overcharged: bool  # a panel took more than expected, or a budget is overdrawn


def committed_now(session: Session, campaigns: Sequence[Campaign], recorded: Recorded, now: datetime) -> Committed:
    """What past purchases took of the budgets, as the state is."""
    return Committed(
        history=History(recorded, campaigns, now),
        balances={panel: seen.balance for panel, seen in recorded.last_balances.items()},
        accounts=Accounts(recorded, {name: panel.profile for name, panel in session.panels.items()}),
    )


def aftermath(
    session: Session, campaigns: Sequence[Campaign], recorded: Recorded, submissions: Sequence["Submission"]
) -> Aftermath:
    """Judge what was bought by what it was charged."""
    attempts = {one.id: one for one in recorded.each() if one.run_id == session.run_id}
    warnings: list[str] = []
    is_overcharged = False
    committed = committed_now(session, campaigns, recorded, session.clock.now())
    for submission in submissions:
        last = committed.balances.get(submission.panel)
        warnings += submission.confirmations.conclude(attempts, None if last is None else last.amount)
        is_overcharged = is_overcharged or submission.confirmations.is_overcharged
    beyond = overdrawn(campaigns, committed)
    warnings += [one.warning for one in beyond]
    profiles = {name: panel.profile for name, panel in session.panels.items()}
    if submissions:  # else the plan has told it
        warnings += account_warnings(campaigns, committed, profiles)
    return Aftermath(warnings, is_overcharged or bool(beyond))


def with_charges(results: Iterable[OrderResult], session: Session, recorded: Recorded) -> list[OrderResult]:
    """The results with what each order was charged in the place of what was expected, where that is known."""
    charges = {
        (one.address, one.panel_order_id): max(one.charge or ZERO, one.first_charge)
        for one in recorded.each()
        if one.run_id == session.run_id and one.first_charge is not None
    }
    found = ((one, charges.get((one.order, one.panel_order_id), one.cost)) for one in results)
    return [one if charge == one.cost else one._replace(cost=charge) for one, charge in found]
