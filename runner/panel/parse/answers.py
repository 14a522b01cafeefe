"""Answers to `services`, `balance` and `status`, text in, typed answer or Trouble out. Pure; by content, never by shape."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from runner.core.attempts import LiveStatus
from runner.core.catalogue import NO_CURRENCY, Service
from runner.core.values.money import ZERO
from runner.panel.parse import refusals
from runner.panel.parse.complaints import Trouble, TroubleKind, complaint_in, says_success, trouble_with, unreadable
from runner.panel.parse.json_text import Json, read_json
from runner.panel.parse.price_list import PricePage
from runner.panel.parse.values import (
    fold_status,
    fold_type,
    fold_word,
    read_amount,
    read_balance,
    read_flag,
    read_id,
    read_whole,
)
from runner.panel.redact import Redact, said

_CODE = re.compile(r"[A-Za-z]{3,8}\Z", re.ASCII)  # an ISO code, or a coin's
_NO_CURRENCY = frozenset({"", "-", "null", "none", "nil", "n/a", "undefined", "unknown", NO_CURRENCY.casefold()})
_LONGEST_CURRENCY = 16  # characters: `USDT_TRC20`, `US Dollar`
_WRAPPERS = ("data", "orders", "result", "response")
_STATUS_FIELDS = frozenset({"charge", "remains", "start_count", "runs"})
_CALL_WORDS = frozenset({"success", "ok", "true", "error", "fail", "failed", "false", ""})
_EMPTY = '""'  # how an empty word is shown: nothing would look like no word
_NO_STATUS = "(none)"  # the same for a status that says charge and remains, and no word
_WORD = 64  # characters of a status word that are kept


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceAnswer:
    """What the account holds; `currency` is the panel's own word, a code in upper case, None where it names none."""

    amount: Decimal
    currency: str | None


class UnclearBalance(NamedTuple):
    """A balance with signs or separators that leave open which amount is meant: `$1,000.50`, `1,234`."""

    text: str  # harmless


class StatusAnswer(NamedTuple):
    """One order's status; None means the answer did not say. With `error`, `status` is UNKNOWN."""

    status: LiveStatus = LiveStatus.UNKNOWN
    status_text: str = ""
    charge: Decimal | None = None  # zero included: what it means is the ledger's business
    start_count: int | None = None
    remains: int | None = None  # negative: more was delivered than ordered
    currency: str | None = None  # the panel's word here; some say USD whatever the account's is
    error: str = ""


def parse_services(text: str, redact: Redact) -> PricePage | Trouble:
    """The catalogue, only from a list of objects that holds at least one readable service."""
    found = read_json(text)
    if found is None:
        return unreadable(text, redact)
    rows = found.value
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        return _refused_or_unreadable(rows, text, redact)
    lines = [one for row in rows if isinstance(row, dict) and (one := _service(row, redact)) is not None]
    return PricePage(lines, len(rows)) if lines else _refused_or_unreadable(rows[0], text, redact)


def parse_further_services(text: str, redact: Redact) -> PricePage | Trouble:
    """A page of the catalogue behind the first: here an empty answer is the end of it, in whatever shape."""
    found = read_json(text)
    if found is not None:
        body = found.value
        if not body or (isinstance(body, dict) and says_success(body)):
            return PricePage((), 0)
    return parse_services(text, redact)


def _service(row: dict[str, Json], redact: Redact) -> Service | None:
    service_id = read_id(row.get("service"))
    rate = read_amount(row.get("rate"))
    least, most = read_whole(row.get("min")), read_whole(row.get("max"))
    if service_id is None or rate is None or rate < ZERO or least is None or most is None or least < 0:
        return None
    return Service(
        id=service_id,
        name=_text(row.get("name"), redact),
        type=fold_type(_text(row.get("type"), redact)),
        category=_text(row.get("category"), redact),
        rate=rate,
        min=least,
        max=most,
        refill=read_flag(row.get("refill")),
        cancel=read_flag(row.get("cancel")),
        dripfeed=read_flag(row.get("dripfeed")),
    )


def parse_balance(text: str, redact: Redact) -> BalanceAnswer | UnclearBalance | Trouble:
    """The balance, from an object with a readable `balance`."""
    found = read_json(text)
    if found is None:
        return unreadable(text, redact)
    for body in _with_wrapped(found.value):
        written = body.get("balance")
        amount = read_balance(written)
        if complaint_in(body).firm:
            continue
        if amount is not None:
            return BalanceAnswer(amount=amount, currency=_currency(body.get("currency"), redact))
        if isinstance(written, str) and any(map(str.isdigit, written)):
            return UnclearBalance(said(written, redact, _WORD))
    return _refused_or_unreadable(found.value, text, redact)


def parse_statuses(text: str, order_ids: Sequence[str], redact: Redact) -> Mapping[str, StatusAnswer] | Trouble:
    """Statuses by order id, from every shape of docs/protocol.md, Status; an id that the panel said nothing about is absent.

    Trouble of kind REQUEST when several were asked and one came without saying whose it is.
    """
    found = read_json(text)
    if found is None:
        return unreadable(text, redact)
    body = found.value
    if not body and (body is None or isinstance(body, dict)):
        return {}
    if isinstance(body, dict):
        if keyed := _keyed(body, order_ids):
            return _statuses(keyed.items(), redact)
        complaint = complaint_in(body)
        if complaint.firm or (complaint.is_error and not _is_status(body)):
            return trouble_with(complaint, redact)
        if not _is_status(body):
            body = next((body[name] for name in _WRAPPERS if isinstance(body.get(name), dict | list)), body)
            if keyed := _keyed(body, order_ids):
                return _statuses(keyed.items(), redact)
    return _from_rows(body if isinstance(body, list) else [body], order_ids, redact)


def _from_rows(rows: list[Json], order_ids: Sequence[str], redact: Redact) -> Mapping[str, StatusAnswer] | Trouble:
    whose = list(_whose(rows, order_ids))
    if whose or not rows:
        return _statuses(whose, redact)
    seen = [row for row in rows if isinstance(row, dict) and _is_status(row)]
    if len(order_ids) > 1 and any(_own_id(row) is None for row in seen):
        return Trouble(kind=TroubleKind.REQUEST, message="a status without saying of which order")
    # An object keyed by other ids is an answer about orders nobody asked for: nothing is known of ours.
    if seen or (isinstance(rows[0], dict) and rows[0] and all(isinstance(each, dict) for each in rows[0].values())):
        return {}
    complaint = complaint_in(rows[0])
    if (complaint.texts or complaint.is_error) and not says_success(rows[0]):
        return trouble_with(complaint, redact)
    return {}  # `false`, `"OK"`, a success of the call: whole, and nothing is known of ours


def _keyed(body: Json, order_ids: Sequence[str]) -> dict[str, Json] | None:
    """The entries for our ids, if `body` is an object keyed by at least one of them."""
    if not isinstance(body, dict):
        return None
    return {order_id: body[order_id] for order_id in order_ids if order_id in body} or None


def _whose(rows: list[Json], order_ids: Sequence[str]) -> Iterator[tuple[str, Json]]:
    """Rows with the order they speak of: by their own id, or because one order was asked and one row came."""
    for row in rows:
        if not isinstance(row, dict):
            continue
        own = _own_id(row)
        if own is None and (other := read_id(row.get("id"))) in order_ids:
            own = other
        if own is None and len(rows) == len(order_ids) == 1 and (_is_status(row) or complaint_in(row).firm):
            own = order_ids[0]
        if own is not None and own in order_ids:
            yield own, row


def _statuses(entries: Iterable[tuple[str, Json]], redact: Redact) -> dict[str, StatusAnswer]:
    words = _Words(redact)
    seen = ((order_id, _status(entry, words)) for order_id, entry in entries)
    return {order_id: status for order_id, status in seen if status is not None}


def _own_id(row: dict[str, Json]) -> str | None:
    return read_id(row.get("order")) or read_id(row.get("order_id"))


def _is_status(row: dict[str, Json]) -> bool:
    """True for an order's status; `{"status": "success"}` alone speaks of the call, not of an order."""
    if not _STATUS_FIELDS.isdisjoint(row):
        return True
    word = row.get("status")
    return word is not None and not (isinstance(word, str) and fold_word(word) in _CALL_WORDS)


class _Words:
    """The status words of one answer, each folded and made harmless once: a hundred orders say the same few."""

    def __init__(self, redact: Redact) -> None:
        self.redact = redact
        self._known: dict[str, tuple[LiveStatus, str]] = {}
        self._currencies: dict[str, str | None] = {}

    def read(self, word: Json) -> tuple[LiveStatus, str]:
        """The status behind a word, and the word as it may be shown: what is no word at all is shown as JSON."""
        if not isinstance(word, str):
            return fold_status(word), _text(word, self.redact, _WORD) or json.dumps(word, default=str)[:_WORD]
        known = self._known.get(word)
        if known is None:
            known = self._known[word] = fold_status(word), _text(word, self.redact, _WORD) or _EMPTY
        return known

    def currency(self, word: Json) -> str | None:
        """The currency that a word names."""
        if not isinstance(word, str):
            return _currency(word, self.redact)
        if word not in self._currencies:
            self._currencies[word] = _currency(word, self.redact)
        return self._currencies[word]


def _status(entry: Json, words: _Words) -> StatusAnswer | None:
    """What one entry says: an object, or the bare word or error text that some panels answer with."""
    if isinstance(entry, dict):
        word = entry.get("status")
        complaint = complaint_in(word if isinstance(word, dict) else entry)
        if complaint.firm or isinstance(word, dict):
            return StatusAnswer(error=complaint.summary(words.redact) or "an error without a text")
        if "status" not in entry and not _is_status(entry):
            return StatusAnswer(error=complaint.summary(words.redact)) if complaint.texts else None
        status, status_text = words.read(word) if "status" in entry else (LiveStatus.UNKNOWN, _NO_STATUS)
        start_count = read_whole(entry.get("start_count"))
        return StatusAnswer(
            status=status,
            status_text=status_text,
            charge=read_amount(entry.get("charge")),
            start_count=start_count if start_count and start_count > 0 else None,
            remains=read_whole(entry.get("remains")),
            currency=words.currency(entry.get("currency")),
        )
    if not isinstance(entry, str | int) or isinstance(entry, bool):
        return None
    status, word = fold_status(entry), _text(entry, words.redact)
    if status is LiveStatus.UNKNOWN and refusals.says(refusals.UNKNOWN_ID, (word,)):
        return StatusAnswer(error=word)
    return StatusAnswer(status=status, status_text=word[:_WORD] or _EMPTY)


def _text(value: Json, redact: Redact, limit: int = 300) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return ""
    return said(str(value), redact, limit)


def _currency(value: Json, redact: Redact) -> str | None:
    """The panel's own word: signs and tokens as they are, letters alone as the code that they are."""
    word = _text(value, redact, _LONGEST_CURRENCY).strip()
    if word.casefold() in _NO_CURRENCY:
        return None
    return word.upper() if _CODE.match(word) else word


def _with_wrapped(body: Json) -> Iterator[dict[str, Json]]:
    """The object itself, then what it wraps: `{"status": "success", "data": {…}}`."""
    if isinstance(body, dict):
        yield body
        for name in _WRAPPERS:
            wrapped = body.get(name)
            if isinstance(wrapped, dict):
                yield wrapped


def _refused_or_unreadable(body: Json, text: str, redact: Redact) -> Trouble:
    complaint = complaint_in(body)
    return trouble_with(complaint, redact) if complaint.texts or complaint.is_error else unreadable(text, redact)
