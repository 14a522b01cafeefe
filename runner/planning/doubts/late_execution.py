"""Finds signs that an order declared not placed was executed after all. Pure; a warning, never an action."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from runner.core.attempts import Attempt
from runner.core.doubts import Decided, DecisionKind
from runner.core.snapshot import Recorded
from runner.core.values.clock import to_the_minute
from runner.core.values.money import ZERO, plain, same_amount
from runner.planning.accounting.ledger import Ledger, make_ledger


def late_signs(recorded: Recorded, ledger: Ledger | None = None) -> tuple[str, ...]:
    """One sentence for each order declared not placed that looks as if it was executed, in the order of the attempts.

    Without a `ledger` the books of their panels are made, if there are any.
    """
    declared = {one.attempt_id: one for one in recorded.decisions if one.kind is DecisionKind.NOT_PLACED}
    if not declared:
        return ()
    attempts = recorded.by_id()
    if ledger is None:
        ledger = make_ledger(recorded, panels={one.panel for one in attempts.values() if one.id in declared})
    accounts = {account.panel: account for account in ledger.accounts}
    signs = []
    for attempt_id, decided in declared.items():
        attempt = attempts.get(attempt_id)
        if attempt is None or attempt.panel not in accounts:
            continue
        sign = _sign(decided, attempt, accounts[attempt.panel].unexplained or ZERO, attempts)
        if sign:
            signs.append(
                f"{attempt.address}, declared not placed on {to_the_minute(decided.decision.at)}, "
                f"looks as if it was executed after all: {sign}; see `runner doubt show {attempt.address}`"
            )
    return tuple(signs)


def _sign(decided: Decided, attempt: Attempt, unexplained: Decimal, attempts: Mapping[int, Attempt]) -> str:
    if decided.refused_as_duplicate_at is not None:
        return f"the panel refused the next order for the same service and link as a duplicate ({to_the_minute(decided.refused_as_duplicate_at)})"
    price = attempt.expected_charge
    if unexplained <= ZERO or not (unexplained >= price or same_amount(unexplained, price)):
        return ""
    return f"{plain(unexplained)} is gone from {attempt.panel} unexplained, its price was {plain(price)}{_rivals(attempt, attempts.values())}"


def _rivals(attempt: Attempt, attempts: Iterable[Attempt]) -> str:
    """Orders still in doubt there, which would explain the amount as well."""
    others = [one.address for one in attempts if one.panel == attempt.panel and one.is_open_doubt]
    return f" (or it paid for {', '.join(others)}, still in doubt)" if others else ""
