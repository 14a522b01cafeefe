"""Reads decisions, and the evidence about doubts."""

import sqlite3
from collections.abc import Collection, Mapping

from runner.core.attempts import RefusalReason
from runner.core.doubts import AnswerKept, Decided, Decision, DecisionKind, Duplicate, Kept
from runner.core.values.clock import from_text
from runner.core.values.links import page_key
from runner.store.connection import NOT_OURS, knowing_pages, reading, unreadable
from runner.store.disk.paths import StatePaths
from runner.store.read.balance_looks import last_before
from runner.store.schema.revisions import has_step

_STEP = "0002"  # the schema that brought evidence and decisions


def decisions_in(connection: sqlite3.Connection) -> tuple[Decided, ...]:
    """Every decision, in the order of the attempts; with the moment a later attempt was refused as its duplicate."""
    if not has_step(connection, _STEP):
        return ()
    return tuple(
        Decided(
            attempt_id,
            DecisionKind(kind),
            panel_order_id,
            Decision(reason, user, host, from_text(decided_at), bool(forced)),
            None if duplicate_at is None else from_text(duplicate_at),
        )
        for attempt_id, kind, panel_order_id, reason, user, host, decided_at, forced, duplicate_at in knowing_pages(
            connection
        ).execute(
            """
            WITH duplicates AS MATERIALIZED (
                SELECT later.id, later.panel, later.service, page_key(later.link) AS page, later.settled_at
                FROM evidence JOIN attempts AS later ON later.id = evidence.attempt_id
                WHERE evidence.reason = ? AND EXISTS (SELECT 1 FROM decisions)
            )
            SELECT d.attempt_id, d.kind, d.panel_order_id, d.reason, d.user, d.host, d.decided_at, d.forced, (
                SELECT min(e.settled_at) FROM duplicates AS e
                WHERE e.id > a.id AND e.panel = a.panel AND e.service = a.service AND e.page = page_key(a.link)
            )
            FROM decisions AS d JOIN attempts AS a ON a.id = d.attempt_id ORDER BY d.attempt_id
            """,
            (RefusalReason.DUPLICATE.value,),
        )
    )


def read_kept(paths: StatePaths, attempt_ids: Collection[int]) -> Mapping[int, Kept]:
    """What is kept about these attempts; nothing for those that the state does not hold. StateRefused as `read_state`."""
    try:
        with reading(paths) as connection:
            has_evidence = has_step(connection, _STEP)
            found = {}
            for attempt_id in attempt_ids:
                row = connection.execute(
                    "SELECT panel, link, marked_at FROM attempts WHERE id = ?", (attempt_id,)
                ).fetchone()
                if row is not None:
                    panel, link, marked_at = row
                    found[attempt_id] = Kept(
                        answer=_answer(connection, attempt_id) if has_evidence else None,
                        balance_before=last_before(connection, panel, attempt_id, from_text(marked_at)),
                        duplicates=_duplicates(connection, attempt_id, panel, link) if has_evidence else (),
                    )
            return found
    except NOT_OURS as error:
        raise unreadable(paths, error) from error


def _answer(connection: sqlite3.Connection, attempt_id: int) -> AnswerKept | None:
    row = connection.execute(
        "SELECT http_status, size, answer FROM evidence WHERE attempt_id = ?", (attempt_id,)
    ).fetchone()
    return None if row is None else AnswerKept(*row)


def _duplicates(connection: sqlite3.Connection, attempt_id: int, panel: str, link: str) -> tuple[Duplicate, ...]:
    """Later refusals as duplicate for the page, whatever the service: panels differ in how far they look."""
    rows = knowing_pages(connection).execute(
        """
        SELECT a.campaign || '/' || a.order_id, a.service, a.settled_at, a.message
        FROM evidence AS e JOIN attempts AS a ON a.id = e.attempt_id
        WHERE e.reason = ? AND a.id > ? AND a.panel = ? AND page_key(a.link) = ? ORDER BY a.id
        """,
        (RefusalReason.DUPLICATE.value, attempt_id, panel, page_key(link)),
    )
    return tuple(Duplicate(address, service, from_text(at), message) for address, service, at, message in rows)
