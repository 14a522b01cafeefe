"""What a whole answer says: error texts and codes, the kind of trouble they are, or success. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

from runner.core.attempts import RefusalReason
from runner.panel.parse import refusals
from runner.panel.parse.json_text import Json, read_json
from runner.panel.parse.values import fold_word
from runner.panel.redact import Redact, said

_FIRM = frozenset({"error", "errors"})  # always an error
_SOFT = frozenset({"msg", "message"})  # an error only where the answer is no success
_CODES = frozenset({"code", "error_code", "errorcode"})
_OUTRIGHT = frozenset({"status", "success"})  # may say that it failed
_TELLING = _FIRM | _SOFT | _CODES | _OUTRIGHT
_FAILURES = frozenset({"error", "fail", "failed", "failure", "false", "0"})
_SUCCESS = frozenset({"status", "success", "ok", "result", "response", "state"})  # may say that the call was taken
_YES = frozenset(
    {"success", "successful", "succeeded", "ok", "okay", "done", "true", "yes", "1", "accepted", "received"}
)
_DEEP = 4  # levels below an error field that are read
_TOO_DEEP = "(nested errors)"  # stands for what is not read: a text that proves nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """Everything in one object that speaks of an error; texts are raw, not yet harmless."""

    firm: tuple[str, ...] = ()  # under `error`, `errors`
    soft: tuple[str, ...] = ()  # under `msg`, `message`
    codes: tuple[str, ...] = ()
    failed: bool = False  # `error: true`, `success: false`, `status: "error"`
    mentioned: bool = False  # an error field stands there, be it empty

    @property
    def texts(self) -> tuple[str, ...]:
        """All texts, firm ones first."""
        return self.firm + self.soft

    @property
    def is_error(self) -> bool:
        """True if the object itself says that it is an error; texts under `message` alone do not."""
        return bool(self.firm or self.failed or (self.mentioned and self.codes))

    def summary(self, redact: Redact) -> str:
        """One harmless line with every text and code; empty if there are none."""
        codes = (f"code {code}" for code in self.codes if code not in self.texts)
        return said("; ".join(dict.fromkeys((*self.texts, *codes))), redact)


# Answers that hold no more than this need no closer look, and nearly all are such: each order is answered twice.
_GOOD_ADD = frozenset({"order"})
_GOOD_STATUS = frozenset({"charge", "start_count", "status", "remains", "currency"})
_GOOD_WORDS = frozenset({"pending", "processing", "in progress", "completed"})
_NONE = Complaint()  # of every good answer: not made anew a hundred times a batch


def complaint_in(value: Json) -> Complaint:
    """What an object complains of; an empty complaint for anything else."""
    if not isinstance(value, dict) or value.keys() <= _GOOD_ADD:
        return _NONE
    if value.keys() <= _GOOD_STATUS and isinstance(word := value.get("status"), str) and word.lower() in _GOOD_WORDS:
        return _NONE
    firm: list[str] = []
    soft: list[str] = []
    codes: list[str] = []
    failed = mentioned = False
    for key, entry in value.items():
        name = key.lower()
        if name not in _TELLING:
            continue
        if name in _FIRM:
            mentioned = True
            failed = failed or entry is True
            _gather(entry, firm, codes, _DEEP)
        elif name in _SOFT:
            _gather(entry, soft, codes, _DEEP)
        elif name in _CODES:
            _gather(entry if isinstance(entry, str | int) else None, codes, codes, 1)
        else:
            failed = failed or entry is False or (isinstance(entry, str) and entry.strip().lower() in _FAILURES)
            failed = failed or (name == "success" and entry == 0)
    if not (firm or soft or codes or failed or mentioned):
        return _NONE
    return Complaint(firm=tuple(firm), soft=tuple(soft), codes=tuple(codes), failed=failed, mentioned=mentioned)


def _gather(entry: Json, texts: list[str], codes: list[str], depth: int) -> None:
    if depth == 0:
        texts.append(_TOO_DEEP)
    elif isinstance(entry, str):
        text = entry.strip()
        if not text:
            return
        if text.isdigit():
            codes.append(text[:20])
        elif text[0] in "{[" and (inner := read_json(text)) is not None and isinstance(inner.value, dict | list):
            _gather(inner.value, texts, codes, depth - 1)
        else:
            texts.append(text)
    elif isinstance(entry, bool) or entry is None:
        return
    elif isinstance(entry, int):
        if 0 < entry < 10**9:
            codes.append(str(entry))
    elif isinstance(entry, list):
        for each in entry:
            _gather(each, texts, codes, depth - 1)
    elif isinstance(entry, dict):
        for each in entry.values():
            _gather(each, texts, codes, depth - 1)


class TroubleKind(StrEnum):
    """What kind of error a whole answer is."""

    KEY = "key"  # key or account not accepted: stop asking
    RATE = "rate"  # too many requests: wait
    UNKNOWN_ACTION = "unknown_action"  # the panel does not have this call
    REQUEST = "request"  # the panel does not take the request in this form
    UNKNOWN_ID = "unknown_id"  # no such order or refill
    OTHER = "other"  # an error in words that are not known
    UNREADABLE = "unreadable"  # no whole JSON, or JSON that holds nothing of what was asked


# The panel has just answered other calls at the same address: there it is not the address that is wrong.
_NO_SUCH = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE, HTTPStatus.UNPROCESSABLE_ENTITY})
_NOT_SO = _NO_SUCH | {HTTPStatus.BAD_REQUEST, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """An answer that is an error as a whole. `message` is harmless and free of the key."""

    kind: TroubleKind
    message: str
    http_status: int = HTTPStatus.OK

    @property
    def is_about_one(self) -> bool:
        """True if it may be about the one order that was asked for, and not about the call."""
        return self.kind in (TroubleKind.UNKNOWN_ID, TroubleKind.OTHER) or self.http_status in _NO_SUCH

    @property
    def is_about_the_form(self) -> bool:
        """True if the panel does not take the call in this form: with many ids, say."""
        return self.kind in (TroubleKind.UNKNOWN_ACTION, TroubleKind.REQUEST) or self.http_status in _NOT_SO


_SAID = (
    (refusals.UNKNOWN_ACTION, TroubleKind.UNKNOWN_ACTION),
    (refusals.NO_ID_GIVEN, TroubleKind.REQUEST),
    (refusals.UNKNOWN_ID, TroubleKind.UNKNOWN_ID),
)
_KINDS = {
    RefusalReason.KEY: TroubleKind.KEY,
    RefusalReason.RATE: TroubleKind.RATE,
    RefusalReason.REQUEST: TroubleKind.REQUEST,
}


def trouble_with(complaint: Complaint, redact: Redact) -> Trouble:
    """What kind of trouble a complaint is."""
    texts = complaint.texts
    kind = next((kind for what, kind in _SAID if refusals.says(what, texts)), None)
    if kind is None:
        reason = refusals.likely_reason(texts)
        kind = _KINDS.get(reason, TroubleKind.OTHER) if reason else TroubleKind.OTHER
    return Trouble(kind=kind, message=complaint.summary(redact) or "an error without a text")


def unreadable(text: str, redact: Redact) -> Trouble:
    """Trouble with an answer that can't be understood; the message quotes its beginning."""
    quoted = said(text, redact, 120)
    return Trouble(kind=TroubleKind.UNREADABLE, message=f"not understood: {quoted}" if quoted else "an empty answer")


def is_yes(value: Json) -> bool:
    """True for `true`, 1 and the words that panels write for them."""
    if isinstance(value, str):
        return fold_word(value) in _YES
    return value is True or (isinstance(value, int) and value == 1)


def says_success(body: Json) -> bool:
    """True if an answer says that the call was taken, whatever it was about."""
    if isinstance(body, dict):
        return any(name.lower() in _SUCCESS and is_yes(value) for name, value in body.items())
    return is_yes(body)


def nothing_said(text: str, redact: Redact) -> str:
    """The message of an answer that is whole and yet says nothing about an order."""
    quoted = said(text, redact, 120)
    return f"the panel answered {quoted}, which does not say" if quoted else "the panel did not say"
