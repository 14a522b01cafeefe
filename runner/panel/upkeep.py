"""Answers to `refill`, `refill_status` and `cancel`, text in, typed answer or Trouble out. Pure; by content, never by shape."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from runner.panel.complaints import Complaint, Trouble, complaint_in, trouble_with, unreadable
from runner.panel.json_text import Json, read_json
from runner.panel.redact import Redact, said
from runner.panel.refusals import fold
from runner.panel.values import fold_word, read_id

_WRAPPERS = ("data", "result", "response")


class RefillKind(StrEnum):
    """What a panel made of one wish for a refill."""

    REQUESTED = "requested"  # it gave a refill id
    REFUSED = "refused"  # it said why not
    NOT_SENT = "not_sent"  # the wish provably never left
    UNKNOWN = "unknown"  # it may have been recorded: not asked again before the next interval


class Finality(StrEnum):
    """Whether asking again for a refused refill can help."""

    FINAL = "final"  # never for this order
    LATER = "later"  # after some time
    UNKNOWN = "unknown"  # the words are not known


@dataclass(frozen=True, slots=True, kw_only=True)
class RefillAnswer:
    """One order's wish for a refill."""

    kind: RefillKind
    refill_id: str | None = None  # with REQUESTED
    finality: Finality | None = None  # with REFUSED
    message: str = ""
    stops_panel: bool = False  # not about this order: further wishes would meet the same (key, rate, no such action)


class RefillState(StrEnum):
    """A refill's status word, folded."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    REJECTED = "rejected"  # final for this request, not for the order
    FAILED = "failed"
    CANCELED = "canceled"
    UNKNOWN = "unknown"  # a word that is not understood, or an error


@dataclass(frozen=True, slots=True, kw_only=True)
class RefillStatusAnswer:
    """One refill's status; with `error`, `state` is UNKNOWN."""

    state: RefillState
    state_text: str = ""
    error: str = ""


class CancelKind(StrEnum):
    """What a panel made of one wish to cancel. Only `status` tells whether it was cancelled."""

    RECORDED = "recorded"  # the request was taken
    REFUSED = "refused"  # it said why not
    UNKNOWN = "unknown"  # no answer about this order; asking again is safe


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAnswer:
    """One order's wish to be cancelled."""

    kind: CancelKind
    message: str = ""
    stops_panel: bool = False  # not about this order: further wishes would meet the same


_STATES = {
    "pending": RefillState.PENDING,
    "awaiting": RefillState.PENDING,
    "inprogress": RefillState.IN_PROGRESS,
    "processing": RefillState.IN_PROGRESS,
    "refilling": RefillState.IN_PROGRESS,
    "approved": RefillState.IN_PROGRESS,
    "completed": RefillState.COMPLETED,
    "complete": RefillState.COMPLETED,
    "success": RefillState.COMPLETED,
    "rejected": RefillState.REJECTED,
    "declined": RefillState.REJECTED,
    "error": RefillState.FAILED,
    "fail": RefillState.FAILED,
    "failed": RefillState.FAILED,
    "canceled": RefillState.CANCELED,
    "cancelled": RefillState.CANCELED,
}

# In this order: a refill period that is over says "days" or "hours" too, and "not available yet" is no "not available".
_OVER = re.compile(
    r"\b(?:(?:days?|hours?|months?|period|time|window|guarantee|warranty) (?:\w+ ){0,3}?(?:over|expired|ended|passed|elapsed)"
    r"|expired|(?:maximum|max|all) (?:\w+ ){0,3}?refills? (?:\w+ ){0,2}?(?:reached|used|made)|no (?:more )?refills?)\b"
)
_LATER = re.compile(
    r"\b(?:please wait|wait|hours?|minutes?|per day|once a day|already (?:\w+ ){0,3}?(?:requested|refilled|refilling|in progress"
    r"|pending|processing|queued|submitted)|(?:open|active|running|existing) (?:refill|request)|refill request exists"
    r"|pending|too many|rate limit|limit (?:is )?reached|later|tomorrow|not yet|yet|try again"
    # What the order is now, it need not be tomorrow.
    r"|not (?:been )?(?:completed|complete|finished|done)|(?:still|is) (?:in progress|inprogress|processing|running|active)"
    r"|(?:no|not|hasnt|has not|didnt|did not) (?:\w+ )?drop(?:ped|s)?|nothing to refill|drop (?:\w+ ){0,3}?less than)\b"
)
_FINAL = re.compile(
    r"\b(?:(?:incorrect|invalid|wrong) order(?: id)?|order (?:id )?(?:is |was )?not found|no such order"
    r"|not (?:allowed|eligible|supported|available|possible|refillable)|does not support|doesnt support|does not have"
    r"|doesnt have|without refill|non refill(?:able)?|no guarantee|(?:cannot|can not|cant) (?:be )?refill(?:ed)?)\b"
)


# Says that something failed, and not that nothing was recorded: as with `add`, that proves nothing.
_VAGUE = re.compile(
    r"\b(?:went wrong|error occurred|there was an error|internal|exception|sql|database|unexpected|time ?out|timed out"
    r"|contact (?:\w+ )?(?:admin|administrator|support))\b"
)


def finality_of(text: str) -> Finality:
    """Whether a refill refused with these words may be asked for again (PROTOCOL, refill)."""
    folded = fold(text)
    if _OVER.search(folded):
        return Finality.FINAL
    if _LATER.search(folded):
        return Finality.LATER
    return Finality.FINAL if _FINAL.search(folded) else Finality.UNKNOWN


def parse_refills(text: str, order_ids: Sequence[str], redact: Redact) -> Mapping[str, RefillAnswer] | Trouble:
    """What became of each wish, for every id asked; an id the panel left out is UNKNOWN."""
    entries = _entries(text, order_ids, ("order", "order_id", "id"), "refill", redact)
    if isinstance(entries, Trouble):
        return entries
    return {order_id: _refill(entries.get(order_id), redact) for order_id in order_ids}


def _refill(entry: Json, redact: Redact) -> RefillAnswer:
    value = entry.get("refill") if isinstance(entry, dict) else entry
    complaint = _complaint(entry, value)
    if complaint.is_error or (complaint.texts and read_id(value) is None):
        return _refused(" ".join(complaint.texts), complaint.summary(redact))
    refill_id = read_id(value)
    if refill_id is None or redact(refill_id) != refill_id:
        return RefillAnswer(kind=RefillKind.UNKNOWN, message="the panel did not say")
    return RefillAnswer(kind=RefillKind.REQUESTED, refill_id=refill_id)


def _refused(text: str, message: str) -> RefillAnswer:
    """What an error about one order means: that it was refused, or, of a vague one, nothing."""
    if _VAGUE.search(fold(text)):
        return RefillAnswer(kind=RefillKind.UNKNOWN, message=message)
    finality = finality_of(text) if text else Finality.UNKNOWN
    return RefillAnswer(kind=RefillKind.REFUSED, finality=finality, message=message or "an error without a text")


def parse_refill(text: str, order_id: str, redact: Redact) -> Mapping[str, RefillAnswer] | Trouble:
    """What became of one wish, asked for alone: an error about the order is then a refusal, not trouble."""
    answer = parse_refills(text, (order_id,), redact)
    if isinstance(answer, Trouble) and answer.is_about_one:
        return {order_id: _refused(answer.message, answer.message)}
    return answer


def parse_refill_statuses(
    text: str, refill_ids: Sequence[str], redact: Redact
) -> Mapping[str, RefillStatusAnswer] | Trouble:
    """Statuses by refill id; an id that the panel left out, or answered with null, is absent."""
    entries = _entries(text, refill_ids, ("refill", "refill_id", "id"), "status", redact)
    if isinstance(entries, Trouble):
        return entries
    found = {refill_id: _refill_status(entry, redact) for refill_id, entry in entries.items()}
    return {refill_id: status for refill_id, status in found.items() if status is not None}


def parse_refill_status(text: str, refill_id: str, redact: Redact) -> Mapping[str, RefillStatusAnswer] | Trouble:
    """The status of one refill, asked for alone: an error about the refill is then its status, not trouble."""
    answer = parse_refill_statuses(text, (refill_id,), redact)
    if isinstance(answer, Trouble) and answer.is_about_one:
        return {refill_id: RefillStatusAnswer(state=RefillState.UNKNOWN, error=answer.message)}
    return answer


def _refill_status(entry: Json, redact: Redact) -> RefillStatusAnswer | None:
    word = entry.get("status") if isinstance(entry, dict) else entry
    # The word `Error` is a refill's status here, not a sign that the answer is an error.
    complaint = _complaint(entry, word)
    if complaint.firm or (complaint.texts and not isinstance(word, str)):
        return RefillStatusAnswer(state=RefillState.UNKNOWN, error=complaint.summary(redact))
    if not isinstance(word, str) or not word.strip():
        return None
    state = _STATES.get(fold_word(word), RefillState.UNKNOWN)
    return RefillStatusAnswer(state=state, state_text=said(word, redact, 64))


def parse_cancels(text: str, order_ids: Sequence[str], redact: Redact) -> Mapping[str, CancelAnswer] | Trouble:
    """What became of each wish, for every id asked; an id the panel left out is UNKNOWN."""
    entries = _entries(text, order_ids, ("order", "order_id", "id"), "cancel", redact)
    if isinstance(entries, Trouble):
        return entries
    return {order_id: _cancel(entries.get(order_id), redact) for order_id in order_ids}


def parse_cancel(text: str, order_id: str, redact: Redact) -> Mapping[str, CancelAnswer] | Trouble:
    """What became of one wish, asked for alone: an error about the order is then a refusal, not trouble."""
    answer = parse_cancels(text, (order_id,), redact)
    if isinstance(answer, Trouble) and answer.is_about_one:
        return {order_id: CancelAnswer(kind=CancelKind.REFUSED, message=answer.message)}
    return answer


def _cancel(entry: Json, redact: Redact) -> CancelAnswer:
    value = entry.get("cancel") if isinstance(entry, dict) else entry
    complaint = _complaint(entry, value)
    if complaint.firm or (complaint.texts and value is None):
        return CancelAnswer(kind=CancelKind.REFUSED, message=complaint.summary(redact))
    if isinstance(value, dict):
        value = next((value[name] for name in ("status", "id", "cancel") if name in value), None)
    # `true` and the word "success" mean the same as 1: the request was taken.
    taken = value is True or read_id(value) is not None or (isinstance(value, str) and fold_word(value) == "success")
    return CancelAnswer(kind=CancelKind.RECORDED) if taken else CancelAnswer(kind=CancelKind.UNKNOWN)


def _complaint(entry: Json, value: Json) -> Complaint:
    """What an entry complains of: nested under its field, or flat beside it."""
    if isinstance(value, dict):
        nested = complaint_in(value)
        if nested.texts or nested.is_error:
            return nested
    return complaint_in(entry)


def _entries(
    text: str, ids: Sequence[str], id_names: Sequence[str], field: str, redact: Redact
) -> dict[str, Json] | Trouble:
    """Entries by the id they speak of: a list of rows, an object keyed by id, or one object for one id."""
    found = read_json(text)
    if found is None:
        return unreadable(text, redact)
    body = found.value
    if isinstance(body, dict) and field not in body:
        body = next((body[name] for name in _WRAPPERS if isinstance(body.get(name), dict | list)), body)
    if isinstance(body, dict):
        keyed: dict[str, Json] = {each: body[each] for each in ids if each in body}
        if keyed:
            return keyed
        complaint = complaint_in(body)
        if field not in body and not any(name in body for name in id_names) and (complaint.texts or complaint.is_error):
            return trouble_with(complaint, redact)
    if body is not None and not isinstance(body, dict | list):
        return unreadable(text, redact)
    rows: list[Json] = body if isinstance(body, list) else [body]
    entries: dict[str, Json] = {}
    for row in rows:
        if not isinstance(row, dict):
            continue
        own = next(filter(None, (read_id(row.get(name)) for name in id_names)), None)
        if own is None and len(rows) == len(ids) == 1:
            own = ids[0]
        if own is not None and own in ids:
            entries.setdefault(own, row)
    return entries
