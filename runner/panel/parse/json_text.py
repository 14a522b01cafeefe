"""Finds the JSON in an answer, whatever precedes it. Never raises; bounds depth and number of elements.

Bounded whatever a panel sends: in characters by the transport, in values and in the length of a number here, in depth
by the interpreter, which gives up before its stack is full.
"""

import json
import re
from decimal import Decimal, InvalidOperation
from typing import NamedTuple, TypeAlias

Json: TypeAlias = "bool | int | str | Decimal | list[Json] | dict[str, Json] | None"

_BLANK = r"[ \t\r\n\f\v\0\ufeff]*+"
_BLANKS = re.compile(_BLANK)
_REST = re.compile(rf"{_BLANK}\Z")  # looked for in place: a copy of what follows each bracket would take minutes
_BARE = frozenset('"-ntf0123456789')  # a value that is no object and no list begins so
_NOISE = 65536  # characters of warnings ahead of the answer that are searched
_OPENINGS = 200  # brackets in them that are tried: each failure costs a count of the lines before it
_OPENING = re.compile(r"[{\[]")
# An object with a key, an empty object or a list of objects: this is the answer. If it is broken, what stands inside
# must not be taken for it: `[{"order": 1}, {"or` holds a whole object, and is not an answer.
_ANSWER = re.compile(r'\{\s*["}]|\[\s*\{')
_LONG_NUMBER = 64  # characters; what is longer stays text, which is no id, no amount and no count
_MOST_VALUES = 1_000_000  # a value costs up to 100 bytes; 40,000 services are a million commas and colons
_SHORT = 100_000  # characters that need no counting


class Found(NamedTuple):
    """A whole JSON value; `value` may be None, as in `null`."""

    value: Json


class _RepeatedKey(ValueError):
    """An object repeats a key."""


def _decimal(text: str) -> Decimal | str:
    if len(text) > _LONG_NUMBER:
        return text
    try:
        return Decimal(text)
    except InvalidOperation:
        return text


def _whole(text: str) -> int | str:
    return int(text) if len(text) <= _LONG_NUMBER else text  # a long one takes the square of its digits


def _no_number(_text: str) -> None:
    """None for NaN and Infinity, which are no amounts."""


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _RepeatedKey
    return found


# strict=False: raw line breaks inside strings come from panels that build JSON by hand, and are unambiguous.
_LOOSE = json.JSONDecoder(parse_float=_decimal, parse_int=_whole, parse_constant=_no_number, strict=False)
_STRICT = json.JSONDecoder(
    parse_float=_decimal, parse_int=_whole, parse_constant=_no_number, strict=False, object_pairs_hook=_unique
)


def read_json(text: str, *, unique_keys: bool = False) -> Found | None:
    """The one JSON value that ends `text`, after any BOM, blanks, PHP warnings or HTML; None if there is no whole one.

    With `unique_keys` an object that repeats a key is no answer; without, the last one counts.
    """
    if len(text) > _SHORT and sum(map(text.count, ",:[{")) > _MOST_VALUES:
        return None
    decoder = _STRICT if unique_keys else _LOOSE
    try:
        blanks = _BLANKS.match(text)
        start = blanks.end() if blanks else 0
        if text[start : start + 1] in _BARE:
            value, end = _decode(decoder, text, start)
            if end > 0 and _REST.match(text, end):
                return Found(value)
        for _ in range(_OPENINGS):
            opening = _OPENING.search(text, start, _NOISE)
            if opening is None:
                break
            begin = opening.start()
            value, end = _decode(decoder, text, begin)
            if end > 0 and _REST.match(text, end):
                return Found(value)
            if _ANSWER.match(text, begin):
                return None
            start = max(abs(end), begin + 1)
    except (ValueError, RecursionError):
        return None
    return None


def _decode(decoder: json.JSONDecoder, text: str, begin: int) -> tuple[Json, int]:
    """The value at `begin` and its end; where it broke, as a negative number, if there is none."""
    try:
        value, end = decoder.raw_decode(text, begin)
    except json.JSONDecodeError as error:
        return None, -error.pos
    return value, end
