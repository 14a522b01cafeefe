"""The document of `doubt list` and `doubt show`: exactly the keys of `doubt.schema.json`."""

from collections.abc import Iterable

from runner.core.attempts import Attempt
from runner.core.catalogue import BalanceSeen
from runner.core.doubts import Decided
from runner.planning.doubts.evidence import Evidence, Weighing
from runner.report.documents.as_json import Document


def doubts_document(doubts: Iterable[tuple[Evidence, Weighing]]) -> Document:
    """What `doubt list --format json` prints; `doubt show` prints the same with one row."""
    return {"doubts": [_doubt(evidence, weighing) for evidence, weighing in doubts]}


def _doubt(evidence: Evidence, weighing: Weighing) -> Document:
    attempt, kept, answer = evidence.attempt, evidence.kept, evidence.kept.answer
    return {
        "order": attempt.address,
        "panel": attempt.panel,
        "service": attempt.service,
        "link": attempt.link,
        "quantity": attempt.quantity,
        "runs": attempt.runs,
        "interval": attempt.interval,
        "cost": attempt.expected_charge,
        "since": attempt.marked_at,
        "until": attempt.settled_at,
        "settles_at": evidence.settles_at,
        "killed": evidence.was_killed,
        "phase": attempt.phase,
        "http_status": None if answer is None else answer.http_status,
        "answer_bytes": None if answer is None else answer.size,
        "answer": None if answer is None else answer.text,
        "message": attempt.message,
        "own_order_before": _neighbour(evidence.before),
        "own_order_after": _neighbour(evidence.after),
        "balance_before": _balance(kept.balance_before),
        "balance_after": _balance(evidence.balance_after),
        "known_charges": evidence.charged + evidence.expected,
        "missing": evidence.missing,
        "duplicate_refusals": [
            {"order": one.address, "service": one.service, "time": one.refused_at, "message": one.message}
            for one in kept.duplicates
        ],
        "proposal": weighing.verdict,
        "reasoning": weighing.reasons,
        "decision": None if evidence.decided is None else _decision(evidence.decided),
    }


def _neighbour(neighbour: Attempt | None) -> Document | None:
    return None if neighbour is None else {"order": neighbour.address, "panel_order_id": neighbour.panel_order_id}


def _balance(seen: BalanceSeen | None) -> Document | None:
    if seen is None:
        return None
    return {"balance": seen.balance.amount, "currency": seen.balance.currency, "time": seen.seen_at}


def _decision(decided: Decided) -> Document:
    by = decided.decision
    return {
        "decision": decided.kind,
        "panel_order_id": decided.panel_order_id,
        "reason": by.reason,
        "user": by.user,
        "host": by.host,
        "time": by.at,
        "forced": by.forced,
    }
