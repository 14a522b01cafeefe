"""Statements for left-overs, which become doubts, and for evidence and decisions about them. No transactions here."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from runner.core.attempts import Attempt, AttemptState, OutcomeKind
from runner.core.doubts import Decided, Decision, DecisionKind
from runner.core.operations import Abandon, Adopt, Deciding, DecisionRefused, NotPlaced, Settle
from runner.core.values.clock import from_text, to_text
from runner.store.operations.attempt_rows import LEFT_OVER, attempts_from
from runner.store.schema.tables import attempts, decisions

EVIDENCE = "INSERT INTO evidence (attempt_id, http_status, size, answer, reason) VALUES (?, ?, ?, ?, ?)"
LONGEST_ANSWER = 2000  # characters that are kept

_TELLING = (OutcomeKind.IN_DOUBT, OutcomeKind.REFUSED)  # a refusal as a duplicate may tell of an earlier doubt
_MEANINGS: dict[type[Deciding], tuple[DecisionKind, AttemptState]] = {
    Adopt: (DecisionKind.ADOPT, AttemptState.PLACED),
    NotPlaced: (DecisionKind.NOT_PLACED, AttemptState.NOT_SENT),
    Abandon: (DecisionKind.ABANDON, AttemptState.ABANDONED),
}


def doubt_left_overs(connection: Connection, at: datetime, panels: Collection[str] | None = None) -> list[Attempt]:
    """Put every attempt in `sending` in doubt, and return them. `panels`: only those at these panels; None: all."""
    columns = [attempts.c[name] for name in Attempt._fields]
    sending = attempts.c.state == AttemptState.SENDING
    if panels is not None:
        sending &= attempts.c.panel.in_(panels)
    left = list(connection.execute(select(attempts.c.id).where(sending).order_by(attempts.c.id)).scalars())
    if not left:
        return []
    connection.execute(
        update(attempts).where(sending).values(state=AttemptState.IN_DOUBT, settled_at=to_text(at), message=LEFT_OVER)
    )
    in_doubt = select(*columns).where(attempts.c.state == AttemptState.IN_DOUBT, attempts.c.id >= left[0])
    turned = set(left)
    rows = (tuple(row) for row in connection.execute(in_doubt.order_by(attempts.c.id)))
    return [attempt for attempt in attempts_from(rows) if attempt.id in turned]


def evidence_row(settle: Settle) -> tuple[str | int | None, ...] | None:
    """Parameters of EVIDENCE; None for outcomes that leave nothing to find out."""
    outcome = settle.outcome
    if outcome.kind not in _TELLING:
        return None
    reason = None if outcome.reason is None else outcome.reason.value
    return (settle.attempt_id, outcome.http_status, outcome.size, outcome.answer[:LONGEST_ANSWER], reason)


def decide(connection: Connection, request: Deciding) -> bool:
    """Settle a doubt: True if recorded now, False if the very same decision stood already. Raises DecisionRefused otherwise."""
    kind, state = _MEANINGS[type(request)]
    panel_order_id = request.panel_order_id if isinstance(request, Adopt) else None
    made = _made(connection, request.attempt_id)
    if made is not None:
        if (made.kind, made.panel_order_id) == (kind, panel_order_id):
            return False
        raise DecisionRefused(
            f"this doubt is settled: {made}", "a decision stands; what the panel holds is in its order list"
        )
    changed = connection.execute(
        update(attempts)
        .where(attempts.c.id == request.attempt_id, attempts.c.state == AttemptState.IN_DOUBT)
        .values(state=state, panel_order_id=panel_order_id)
    )
    if changed.rowcount != 1:
        raise DecisionRefused(f"attempt {request.attempt_id} is not in doubt", "see `runner doubt list`")
    by = request.decision
    connection.execute(
        insert(decisions),
        {
            "attempt_id": request.attempt_id,
            "kind": kind.value,
            "panel_order_id": panel_order_id,
            "reason": by.reason,
            "user": by.user,
            "host": by.host,
            "decided_at": to_text(by.at),
            "forced": int(by.forced),
        },
    )
    return True


def _made(connection: Connection, attempt_id: int) -> Decided | None:
    row = connection.execute(select(decisions).where(decisions.c.attempt_id == attempt_id)).one_or_none()
    if row is None:
        return None
    by = Decision(row.reason, row.user, row.host, from_text(row.decided_at), bool(row.forced))
    return Decided(row.attempt_id, DecisionKind(row.kind), row.panel_order_id, by)
