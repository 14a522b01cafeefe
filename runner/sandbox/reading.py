"""What a request says: the fields of a form, a JSON body or the address, as PHP panels read them. No orders, no answers."""

import json
from collections.abc import Mapping
from urllib.parse import parse_qsl

from aiohttp import web

FORM_TYPE = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"
_MOST_FIELDS = 50
_BAD_BODY = (ValueError, RecursionError, ConnectionError)  # no UTF-8, no JSON, too many fields; hung up in the middle


async def fields_of(request: web.BaseRequest, query: str) -> dict[str, str] | None:
    """The fields by name; None for what no panel understands.

    A POST may carry them in a form (urlencoded or multipart) or a JSON object, in the address, or in both: the body
    then wins. A GET has the address only. A field that is given twice in the same place could mean either: understood
    by none.
    """
    fields = _pairs(query) if query else {}
    if fields is None or request.method == "GET":
        return fields
    if request.method != "POST":
        return None
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    try:
        body = await _multipart(request) if kind == _MULTIPART else _body(await request.read(), kind)
    except (*_BAD_BODY, web.HTTPException):
        return None
    return None if body is None else fields | body


def _body(raw: bytes, kind: str) -> dict[str, str] | None:
    text = raw.decode()
    if "json" in kind or (kind != FORM_TYPE and text.lstrip()[:1] == "{"):
        return _from_json(json.loads(text))
    return _pairs(text)


def _pairs(text: str) -> dict[str, str] | None:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        return None
    fields = dict(pairs)
    return fields if len(fields) == len(pairs) else None


async def _multipart(request: web.BaseRequest) -> dict[str, str] | None:
    found: dict[str, str] = {}
    given = await request.post()
    for name, value in given.items():
        if not isinstance(value, str):  # a file
            return None
        found[name] = value
    return found if len(found) == len(given) <= _MOST_FIELDS else None


def _from_json(given: object) -> dict[str, str] | None:
    if not isinstance(given, Mapping) or len(given) > _MOST_FIELDS:
        return None
    found: dict[str, str] = {}
    for name, value in given.items():
        if value is None:
            continue
        text = _text(value)
        if text is None:
            return None
        found[name] = text
    return found


def _text(value: object) -> str | None:
    """One value as a form would carry it; a list of ids as its ids with commas between them."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, list):
        parts = [_text(one) for one in value if not isinstance(one, list)]
        texts = [one for one in parts if one is not None]
        return ",".join(texts) if len(texts) == len(value) else None
    return None
