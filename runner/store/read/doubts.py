"""Reads decisions, and the evidence about doubts."""

from collections.abc import Collection, Iterator, Mapping

from runner.core.attempts import RefusalReason
from runner.core.doubts import AnswerKept, Decided, Decision, DecisionKind, Duplicate, Kept
from runner.core.values.clock import from_text
from runner.core.values.links import page_key, same_page
from runner.store.read.balance_looks import last_before
from runner.store.schema.revisions import has_step
from runner.store.state import State, ask
from runner.store.statements import Reading

_STEP = "0002"  # the schema that brought evidence and decisions
_DUPLICATE = RefusalReason.DUPLICATE.value
_REFUSED = (
    "SELECT a.id, a.panel, a.service, a.link, a.settled_at "
    "FROM evidence AS e JOIN attempts AS a ON a.id = e.attempt_id WHERE e.reason = ?"
)


def decisions_in(connection: Reading) -> tuple[Decided, ...]:
    """Every decision, in the order of the attempts; with the moment a later attempt was refused as its duplicate."""
    if not has_step(connection, _STEP):
        return ()
    decided = connection.execute(
        'SELECT d.attempt_id, d.kind, d.panel_order_id, d.reason, d."user", d.host, d.decided_at, d.forced, '
        "a.panel, a.service, a.link FROM decisions AS d JOIN attempts AS a ON a.id = d.attempt_id ORDER BY d.attempt_id"
    ).fetchall()
    refused: dict[tuple[str, str, str], list[tuple[int, str]]] = {}  # by panel, service and page: attempt id, when
    for id_, panel, service, link, at in connection.execute(_REFUSED, (_DUPLICATE,)) if decided else ():
        refused.setdefault((panel, service, page_key(link)), []).append((id_, at))
    found = []
    for attempt_id, kind, order_id, reason, user, host, decided_at, forced, panel, service, link in decided:
        later = [at for id_, at in refused.get((panel, service, page_key(link)), ()) if id_ > attempt_id]
        by = Decision(reason, user, host, from_text(decided_at), bool(forced))
        duplicate_at = from_text(min(later)) if later else None
        found.append(Decided(attempt_id, DecisionKind(kind), order_id, by, duplicate_at))
    return tuple(found)


def read_kept(state: State, attempt_ids: Collection[int]) -> Mapping[int, Kept]:
    """What is kept about these attempts; nothing for those that the state does not hold. Raises StateRefused as `read_state` does."""
    nothing: Mapping[int, Kept] = {}
    return ask(state, lambda connection: dict(_kept(connection, attempt_ids)), nothing)


def _kept(connection: Reading, attempt_ids: Collection[int]) -> Iterator[tuple[int, Kept]]:
    has_evidence = has_step(connection, _STEP)
    for attempt_id in attempt_ids:
        row = connection.execute("SELECT panel, link, marked_at FROM attempts WHERE id = ?", (attempt_id,)).fetchone()
        if row is not None:
            panel, link, marked_at = row
            yield (
                attempt_id,
                Kept(
                    answer=_answer(connection, attempt_id) if has_evidence else None,
                    balance_before=last_before(connection, panel, attempt_id, from_text(marked_at)),
                    duplicates=_duplicates(connection, attempt_id, panel, link) if has_evidence else (),
                ),
            )


def _answer(connection: Reading, attempt_id: int) -> AnswerKept | None:
    row = connection.execute(
        "SELECT http_status, size, answer FROM evidence WHERE attempt_id = ?", (attempt_id,)
    ).fetchone()
    return None if row is None else AnswerKept(*row)


def _duplicates(connection: Reading, attempt_id: int, panel: str, link: str) -> tuple[Duplicate, ...]:
    """Later refusals as duplicate for the page, whatever the service: panels differ in how far they look."""
    rows = connection.execute(
        "SELECT a.campaign || '/' || a.order_id, a.service, a.settled_at, a.message, a.link "
        "FROM evidence AS e JOIN attempts AS a ON a.id = e.attempt_id "
        "WHERE e.reason = ? AND a.id > ? AND a.panel = ? ORDER BY a.id",
        (_DUPLICATE, attempt_id, panel),
    )
    return tuple(
        Duplicate(address, service, from_text(at), message)
        for address, service, at, message, other in rows
        if same_page(other, link)
    )
