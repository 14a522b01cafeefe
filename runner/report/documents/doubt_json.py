"""The document of `doubt list` and `doubt show`: exactly the keys of `doubt.schema.json`."""

from collections.abc import Iterable

from runner.core.catalogue import BalanceSeen
from runner.core.doubts import Decided
from runner.core.values.clock import to_text
from runner.core.values.money import plain
from runner.planning.doubts.evidence import Evidence, Neighbour, Weighing

Document = dict[str, object]


def doubts_document(doubts: Iterable[tuple[Evidence, Weighing]]) -> Document:
    """What `doubt list --format json` prints; `doubt show` prints the same with one row."""
    return {"doubts": [_doubt(evidence, weighing) for evidence, weighing in doubts]}


def _doubt(evidence: Evidence, weighing: Weighing) -> Document:
    attempt, answer = evidence.attempt, evidence.kept.answer
    return {
        "order": attempt.address,
        "panel": attempt.panel,
        "service": attempt.service,
        "link": attempt.link,
        "quantity": attempt.quantity,
        "runs": attempt.runs,
        "interval": attempt.interval,
        "cost": plain(attempt.expected_charge),
        "since": to_text(attempt.marked_at),
        "until": None if attempt.settled_at is None else to_text(attempt.settled_at),
        "settles_at": to_text(evidence.settles_at),
        "killed": evidence.was_killed,
        "phase": None if attempt.phase is None else attempt.phase.value,
        "http_status": None if answer is None else answer.http_status,
        "answer_bytes": None if answer is None else answer.size,
        "answer": None if answer is None else answer.text,
        "message": attempt.message,
        "own_order_before": _neighbour(evidence.before),
        "own_order_after": _neighbour(evidence.after),
        "balance_before": _balance(evidence.kept.balance_before),
        "balance_after": _balance(evidence.balance_after),
        "known_charges": plain(evidence.charged + evidence.expected),
        "missing": None if evidence.missing is None else plain(evidence.missing),
        "duplicate_refusals": [
            {"order": one.address, "service": one.service, "time": to_text(one.refused_at), "message": one.message}
            for one in evidence.kept.duplicates
        ],
        "proposal": weighing.verdict.value,
        "reasoning": list(weighing.reasons),
        "decision": None if evidence.decided is None else _decision(evidence.decided),
    }


def _neighbour(neighbour: Neighbour | None) -> Document | None:
    if neighbour is None:
        return None
    return {"order": neighbour.address, "panel_order_id": neighbour.panel_order_id}


def _balance(seen: BalanceSeen | None) -> Document | None:
    if seen is None:
        return None
    balance = seen.balance
    return {"balance": plain(balance.amount), "currency": balance.currency, "time": to_text(seen.seen_at)}


def _decision(decided: Decided) -> Document:
    by = decided.decision
    return {
        "decision": decided.kind.value,
        "panel_order_id": decided.panel_order_id,
        "reason": by.reason,
        "user": by.user,
        "host": by.host,
        "time": to_text(by.at),
        "forced": by.forced,
    }
