"""Says what the answer to one `add` proves. Pure and total: whatever is no proof is a doubt.

The rules: docs/protocol.md, Add. When in doubt about a rule: IN_DOUBT costs a person a look, a wrong
REFUSED or NOT_SENT costs a second purchase.
"""

import re
from collections.abc import Container, Sequence
from http import HTTPStatus

from runner.core.attempts import Outcome, OutcomeKind, Phase, RefusalReason
from runner.panel.exchange import Answer, Exchange, TransportFailure
from runner.panel.parse import refusals
from runner.panel.parse.complaints import Complaint, complaint_in
from runner.panel.parse.json_text import Json, read_json
from runner.panel.parse.retry_after import asked_to_wait
from runner.panel.parse.values import read_id
from runner.panel.redact import EXCERPT, Redact, said

_PLAIN = re.compile(r'\s*\{\s*"order"\s*:\s*(?:([1-9][0-9]{0,18})|"([1-9][0-9]{0,18})")\s*\}\s*', re.ASCII)
_ID_NAMES = frozenset({"order", "orders", "order_id", "orderid", "order_ids", "id"})
_NO_VALUE = frozenset({"", "0", "false", "null", "none"})
_DEEP = 6  # levels searched for an id beside a refusal; deeper ones are no refusal anybody wrote
_NO_BYTE_LEFT = frozenset({Phase.QUEUED, Phase.CONNECTING})


def classify_add(exchange: Exchange, owned_ids: Container[str], listed: Sequence[str], redact: Redact) -> Outcome:
    """What the answer to one `add` proves; pure, total, never raises.

    `owned_ids` are the panel's order ids that are ours already, `listed` the profile's further refusal texts,
    `redact` takes the key out of the panel's words.
    """
    if isinstance(exchange, TransportFailure):
        return Outcome(
            OutcomeKind.NOT_SENT if exchange.phase in _NO_BYTE_LEFT else OutcomeKind.IN_DOUBT,
            message=said(exchange.message, redact),
            phase=exchange.phase,
            http_status=exchange.http_status,
            answer=said(exchange.answer, redact, EXCERPT),
            size=exchange.bytes_received,
        )
    outcome = _judged(exchange, owned_ids, listed, redact)
    if outcome.kind is OutcomeKind.PLACED:
        return outcome
    return outcome._replace(answer=said(exchange.text, redact, EXCERPT), size=exchange.size)


def _judged(exchange: Answer, owned_ids: Container[str], listed: Sequence[str], redact: Redact) -> Outcome:
    if exchange.status == HTTPStatus.OK and exchange.complete and (plain := _PLAIN.fullmatch(exchange.text)):
        return _placed(plain[1] or plain[2], exchange, owned_ids, redact)
    if exchange.is_redirect:
        target = said(exchange.headers.get("location", ""), redact, 120) or "nowhere"
        message = f"redirected to {target}; not followed, as the order may have been read before"
        return _doubt(exchange, message, stops_panel=True)
    if not exchange.complete:
        return _doubt(exchange, f"an answer longer than {exchange.size} bytes", phase=Phase.ANSWERING)
    found = read_json(exchange.text, unique_keys=True)
    if found is None or not isinstance(found.value, dict):
        quoted = said(exchange.text, redact, 160)
        return _doubt(exchange, f"not understood: {quoted}" if quoted else "an empty answer")
    return _from_object(found.value, exchange, owned_ids, listed, redact)


def _from_object(
    body: dict[str, Json], answer: Answer, owned_ids: Container[str], listed: Sequence[str], redact: Redact
) -> Outcome:
    complaint = complaint_in(body)
    order_id = read_id(body.get("order"))
    if order_id is not None:
        contradiction = complaint.is_error or refusals.likely_reason(complaint.soft) is not None
        if contradiction:
            return _doubt(answer, f"an order id and an error: {_quote(complaint, answer, redact)}")
        return _placed(order_id, answer, owned_ids, redact)
    reason = None if _holds_id(body, _DEEP) else _refusal(complaint, answer, listed)
    if reason is None:
        return _doubt(answer, _quote(complaint, answer, redact))
    return Outcome(
        OutcomeKind.REFUSED,
        reason=reason,
        message=_quote(complaint, answer, redact),
        http_status=answer.status,
        retry_after=asked_to_wait(answer.headers) if reason is RefusalReason.RATE else None,
    )


def _placed(order_id: str, answer: Answer, owned_ids: Container[str], redact: Redact) -> Outcome:
    if not answer.is_success:  # an id under an error status contradicts itself
        return _doubt(answer, f"an order id under HTTP {answer.status}: {said(answer.text, redact, 160)}")
    if redact(order_id) != order_id:
        return _doubt(answer, "the panel answered with the key instead of an order id")
    if order_id in owned_ids:
        message = f"the panel answered with order {order_id}, which belongs to another order of yours"
        return _doubt(answer, message, stops_panel=True)
    return Outcome(OutcomeKind.PLACED, order_id, http_status=answer.status)


def _refusal(complaint: Complaint, answer: Answer, listed: Sequence[str]) -> RefusalReason | None:
    if answer.status != HTTPStatus.OK and not answer.is_client_error:  # 5xx: it may have failed after buying
        return None
    reason = refusals.proven_refusal(complaint.texts, listed)
    too_many = answer.status == HTTPStatus.TOO_MANY_REQUESTS and complaint.texts
    if reason is None and too_many and not refusals.says(refusals.PURCHASE, complaint.texts):
        return RefusalReason.RATE
    return reason


def _holds_id(value: Json, depth: int) -> bool:
    """True if anything that could be an order id stands anywhere; `null`, `0` and empty values are none."""
    if depth == 0:
        return True
    if isinstance(value, list):
        return any(_holds_id(each, depth - 1) for each in value)
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        inner = read_json(value)
        return inner is not None and _holds_id(inner.value, depth - 1)
    if not isinstance(value, dict):
        return False
    for name, entry in value.items():
        if name.lower() in _ID_NAMES and not _is_nothing(entry):
            return True
        if _holds_id(entry, depth - 1):
            return True
    return False


def _is_nothing(entry: Json) -> bool:
    if isinstance(entry, str):
        return entry.strip().lower() in _NO_VALUE
    return not entry


def _quote(complaint: Complaint, answer: Answer, redact: Redact) -> str:
    return complaint.summary(redact) or f"not understood: {said(answer.text, redact, 160)}"


def _doubt(answer: Answer, message: str, *, phase: Phase = Phase.ANSWERED, stops_panel: bool = False) -> Outcome:
    if answer.status != HTTPStatus.OK:
        message = f"HTTP {answer.status}: {message}"
    return Outcome(
        OutcomeKind.IN_DOUBT, message=message, phase=phase, http_status=answer.status, stops_panel=stops_panel
    )
