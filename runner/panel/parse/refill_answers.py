"""Answers to `refill`, `refill_status` and `cancel`, text in, typed answer or Trouble out. Pure; by content, never by shape."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from runner.core.refills import CancelState, Finality, RefillState
from runner.panel.parse.complaints import (
    Complaint,
    Trouble,
    TroubleKind,
    complaint_in,
    is_yes,
    nothing_said,
    says_success,
    trouble_with,
    unreadable,
)
from runner.panel.parse.json_text import Json, read_json
from runner.panel.parse.refusals import fold
from runner.panel.parse.values import fold_word, read_id
from runner.panel.redact import Redact, said

_WRAPPERS = ("data", "result", "response")


@dataclass(frozen=True, slots=True, kw_only=True)
class RefillAnswer:
    """What a panel made of one order's request for a refill."""

    state: RefillState  # REQUESTED, REFUSED, UNKNOWN or NOT_SENT
    refill_id: str | None = None  # with REQUESTED
    finality: Finality | None = None  # with REFUSED
    message: str = ""
    stops_panel: bool = False  # not about this order: further requests would meet the same (key, rate, no such action)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefillStatusAnswer:
    """One refill's status."""

    state: RefillState = RefillState.REQUESTED  # or COMPLETED or REJECTED; REQUESTED with `error` and unknown words too
    state_text: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAnswer:
    """What a panel made of one order's request to be cancelled."""

    state: CancelState
    message: str = ""
    stops_panel: bool = False  # not about this order: further requests would meet the same


_OVER_WORDS = {  # any other word: the panel still works on it
    **dict.fromkeys(("completed", "complete", "success"), RefillState.COMPLETED),
    **dict.fromkeys(("rejected", "declined", "error", "fail", "failed", "canceled", "cancelled"), RefillState.REJECTED),
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


def finality_of(text: str) -> Finality | None:
    """Whether a refill refused with these words may be asked for again (docs/protocol.md, Refill and cancel).

    None if the words are not known.
    """
    folded = fold(text)
    if _OVER.search(folded):
        return Finality.FINAL
    if _LATER.search(folded):
        return Finality.LATER
    return Finality.FINAL if _FINAL.search(folded) else None


_UNDER_WAY = frozenset(
    {"pending", "processing", "inprogress", "requested", "queued", "canceled", "cancelled", "canceling"}
)
_NOT_CANCELLED = re.compile(
    r"\b(?:too late|already (?:\w+ )?(?:completed?|cancell?ed|finished|partial|refunded|started|processed)|(?:cannot|can not|cant) (?:be )?cancel(?:led|ed)?"
    r"|not (?:cancell?able|be cancell?ed)|cancel(?:lation|ing)? (?:\w+ )?(?:disabled|denied|rejected|refused|declined))\b"
)


def parse_refills(text: str, order_ids: Sequence[str], redact: Redact) -> Mapping[str, RefillAnswer] | Trouble:
    """What became of each request, for every id asked; an id the panel left out is UNKNOWN."""
    entries = _entries(text, order_ids, ("order", "order_id", "id"), "refill", redact)
    if isinstance(entries, Trouble):
        return entries
    untold = nothing_said(text, redact)
    return {order_id: _refill(entries.get(order_id), untold, redact) for order_id in order_ids}


def _refill(entry: Json, untold: str, redact: Redact) -> RefillAnswer:
    value = entry.get("refill") if isinstance(entry, dict) else entry
    complaint = _complaint(entry, value)
    told = complaint.summary(redact)
    if complaint.is_error:
        return refill_of_error(" ".join(complaint.texts), told)
    refill_id = read_id(value)
    if refill_id is not None and redact(refill_id) == refill_id:
        return RefillAnswer(state=RefillState.REQUESTED, refill_id=refill_id)
    if complaint.texts and not says_success(entry) and _is_refusal(" ".join(complaint.texts)):
        return refill_of_error(" ".join(complaint.texts), told)
    return RefillAnswer(state=RefillState.UNKNOWN, message=told or untold)


def refill_of_error(text: str, message: str) -> RefillAnswer:
    """Return what an error about one order means: a refusal, or nothing certain if its words are vague."""
    if _VAGUE.search(fold(text)):
        return RefillAnswer(state=RefillState.UNKNOWN, message=message)
    finality = finality_of(text) or Finality.LATER
    return RefillAnswer(state=RefillState.REFUSED, finality=finality, message=message or "an error without a text")


def _is_refusal(text: str) -> bool:
    """True if a text that does not stand where errors do is one by its words."""
    return finality_of(text) is not None or _NOT_CANCELLED.search(fold(text)) is not None


def parse_refill_statuses(
    text: str, refill_ids: Sequence[str], redact: Redact
) -> Mapping[str, RefillStatusAnswer] | Trouble:
    """Statuses by refill id; an id that the panel left out, or answered with null, is absent."""
    entries = _entries(text, refill_ids, ("refill", "refill_id", "id"), "status", redact)
    if isinstance(entries, Trouble):
        return entries
    found = {refill_id: _refill_status(entry, redact) for refill_id, entry in entries.items()}
    return {refill_id: status for refill_id, status in found.items() if status is not None}


def _refill_status(entry: Json, redact: Redact) -> RefillStatusAnswer | None:
    word = entry.get("status") if isinstance(entry, dict) else entry
    complaint = _complaint(entry, word)
    if word is None and says_success(entry):
        return None
    # The word `Error` is a refill's status, and no sign that the answer is an error, unless a text says of what.
    if complaint.firm or (complaint.texts and (complaint.failed or not isinstance(word, str))):
        return RefillStatusAnswer(error=complaint.summary(redact))
    if not isinstance(word, str) or not word.strip() or (complaint.soft and is_yes(word)):
        return None
    state = _OVER_WORDS.get(fold_word(word), RefillState.REQUESTED)
    return RefillStatusAnswer(state=state, state_text=said(word, redact, 64))


def parse_cancels(text: str, order_ids: Sequence[str], redact: Redact) -> Mapping[str, CancelAnswer] | Trouble:
    """What became of each request, for every id asked. A success of the whole call is one for each of them."""
    entries = _entries(text, order_ids, ("order", "order_id", "id"), "cancel", redact)
    if isinstance(entries, Trouble):
        return entries
    untold = nothing_said(text, redact)
    if not entries and (found := read_json(text)) is not None:
        return dict.fromkeys(order_ids, _cancel(found.value, untold, redact))
    return {order_id: _cancel(entries.get(order_id), untold, redact) for order_id in order_ids}


def _cancel(entry: Json, untold: str, redact: Redact) -> CancelAnswer:
    value = entry.get("cancel") if isinstance(entry, dict) else entry
    complaint = _complaint(entry, value)
    told = complaint.summary(redact)
    if complaint.is_error:
        return cancel_of_error(" ".join(complaint.texts), told)
    if _is_taken(value) or (value is None and says_success(entry)):
        return CancelAnswer(state=CancelState.RECORDED, message=told)
    text = value if isinstance(value, str) else " ".join(complaint.texts)
    if _is_refusal(text):
        return cancel_of_error(text, told or said(text, redact))
    return CancelAnswer(state=CancelState.UNKNOWN, message=told or untold)


def _is_taken(value: Json) -> bool:
    """True for whatever stands for yes: a number or an id of the request, a word for it, or an object that holds one."""
    if isinstance(value, dict):
        value = next((value[name] for name in ("status", "id", "cancel") if name in value), None)
    if isinstance(value, str):
        is_id = read_id(value) is not None and any(character.isdigit() for character in value)
        return is_yes(value) or is_id or fold_word(value) in _UNDER_WAY
    return is_yes(value) or read_id(value) is not None


def cancel_of_error(text: str, message: str) -> CancelAnswer:
    """Return what an error about one order means: a refusal, or nothing certain if its words are vague."""
    says_why = text and not _VAGUE.search(fold(text))
    state = CancelState.REFUSED if says_why else CancelState.UNKNOWN
    return CancelAnswer(state=state, message=message or "an error without a text")


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
        if field not in body and not any(name in body for name in id_names) and (trouble := _trouble(body, redact)):
            return trouble
    rows: list[Json] = body if isinstance(body, list) else [body]
    entries: dict[str, Json] = {}
    for row in rows:
        if not isinstance(row, dict):
            continue
        own = next(filter(None, (read_id(row.get(name)) for name in id_names)), None)
        if own is None and len(rows) == len(ids) == 1 and row:
            own = ids[0]
        if own is not None and own in ids:
            entries.setdefault(own, row)
    return entries


def _trouble(body: dict[str, Json], redact: Redact) -> Trouble | None:
    """The error that a whole answer is, or None. Text under `message` is one only if its words are those of a known error."""
    complaint = complaint_in(body)
    if not complaint.texts and not complaint.is_error:
        return None
    trouble = trouble_with(complaint, redact)
    is_known = trouble.kind is not TroubleKind.OTHER or _is_refusal(" ".join(complaint.texts))
    return trouble if complaint.is_error or (is_known and not says_success(body)) else None
