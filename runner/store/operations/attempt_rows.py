"""Turns rows of attempts into values, fast enough for plans of 10,000 orders."""

import sys
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from runner.core.attempts import Attempt, AttemptKind, AttemptState, LiveStatus, Phase
from runner.core.values.clock import from_text
from runner.core.values.remembered import Remembered

ATTEMPT_COLUMNS = ", ".join(Attempt._fields)
LEFT_OVER = "the runner stopped before the answer was recorded"  # the message of every attempt left in `sending`

_KINDS = {kind.value: kind for kind in AttemptKind}
_STATES = {state.value: state for state in AttemptState}
_STATUSES = {status.value: status for status in LiveStatus}
_PHASES: dict[str | None, Phase | None] = {None: None, **{phase.value: phase for phase in Phase}}


def attempts_from(rows: Iterable[tuple[Any, ...]], *, left_overs_in_doubt: bool = False) -> list[Attempt]:
    """Rows of `SELECT ATTEMPT_COLUMNS` as attempts, in their order.

    With `left_overs_in_doubt`, an attempt in `sending` is shown as what the next run will make of it: in doubt.
    """
    # The same few rates and charges come again and again, and one commit or one batch of statuses shares a moment.
    amounts, moments = Remembered(Decimal, sys.maxsize), Remembered(from_text, sys.maxsize)
    same: dict[str, str] = {}  # one copy of each repeated text: a third of the memory
    shared = same.setdefault
    states = _STATES | {AttemptState.SENDING.value: AttemptState.IN_DOUBT} if left_overs_in_doubt else _STATES
    new = tuple.__new__  # without the checks of keyword arguments: half the time of Attempt(...)
    attempts = []
    for (
        id_, campaign, order_id, kind, slot, panel, service, link, quantity, runs, interval, rate, expected, state,
        run_id, marked_at, settled_at, panel_order_id, message, phase, status, status_text, first_charge, charge,
        start_count, remains, checked_at, missing, final_at,
    ) in rows:  # fmt: skip
        attempts.append(
            new(
                Attempt,
                (
                    id_,
                    shared(campaign, campaign),
                    order_id,
                    _KINDS[kind],
                    slot,
                    shared(panel, panel),
                    shared(service, service),
                    link,
                    quantity,
                    runs,
                    interval,
                    amounts[rate],
                    amounts[expected],
                    states[state],
                    shared(run_id, run_id),
                    moments[marked_at],
                    None if settled_at is None else moments[settled_at],
                    panel_order_id,
                    LEFT_OVER if left_overs_in_doubt and state == "sending" else shared(message, message),
                    _PHASES[phase],
                    _STATUSES[status],
                    shared(status_text, status_text),
                    None if first_charge is None else amounts[first_charge],
                    None if charge is None else amounts[charge],
                    start_count,
                    remains,
                    None if checked_at is None else moments[checked_at],
                    missing,
                    None if final_at is None else moments[final_at],
                ),
            )
        )
    return attempts
