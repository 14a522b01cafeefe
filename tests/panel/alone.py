"""An answer to a call about one id, read as the client reads it: an error about that one is its result. No assertions."""

from collections.abc import Mapping

from runner.panel.parse.answers import StatusAnswer, parse_statuses
from runner.panel.parse.complaints import Trouble
from runner.panel.parse.refill_answers import (
    CancelAnswer,
    RefillAnswer,
    RefillStatusAnswer,
    cancel_of_error,
    parse_cancels,
    parse_refill_statuses,
    parse_refills,
    refill_of_error,
)
from runner.panel.redact import Redact


def parse_status(text: str, order_id: str, redact: Redact) -> Mapping[str, StatusAnswer] | Trouble:
    found = parse_statuses(text, (order_id,), redact)
    return {order_id: StatusAnswer(error=found.message)} if _is_about_one(found) else found


def parse_refill(text: str, order_id: str, redact: Redact) -> Mapping[str, RefillAnswer] | Trouble:
    found = parse_refills(text, (order_id,), redact)
    return {order_id: refill_of_error(found.message, found.message)} if _is_about_one(found) else found


def parse_refill_status(text: str, refill_id: str, redact: Redact) -> Mapping[str, RefillStatusAnswer] | Trouble:
    found = parse_refill_statuses(text, (refill_id,), redact)
    return {refill_id: RefillStatusAnswer(error=found.message)} if _is_about_one(found) else found


def parse_cancel(text: str, order_id: str, redact: Redact) -> Mapping[str, CancelAnswer] | Trouble:
    found = parse_cancels(text, (order_id,), redact)
    return {order_id: cancel_of_error(found.message, found.message)} if _is_about_one(found) else found


def _is_about_one(found: object) -> bool:
    return isinstance(found, Trouble) and found.is_about_one
