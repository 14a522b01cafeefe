"""Turns numbers as people and spreadsheets write them into ours, as advice in a message, never as a value. Pure."""

import re

# Marks between groups of three digits: comma, point, apostrophes, underscore, spaces (also the narrow and the fixed one).
_MARKS = ",.'\u2019_ \u00a0\u202f"
_GROUPED = re.compile(rf"[1-9][0-9]{{0,2}}(?:[{_MARKS}][0-9]{{3}})+")
_SHORT = re.compile(r"([1-9][0-9]{0,5})(?:[.,]([0-9]))? ?([kKmM])")
_ZEROS = {"k": 3, "m": 6}
_AMOUNT = re.compile(rf"([0-9](?:[0-9{_MARKS}]*[0-9])?)")
_AROUND = re.compile(r"[A-Za-z]{0,5}[^0-9A-Za-z.,-]{0,4}")  # a currency before or behind
_LAST_PART = re.compile(r"(.*)[.,]([0-9]{1,2}|[0-9]{4,})")
_LONGEST = 40


def as_whole(text: str) -> str | None:
    """`1,000`, `1 000`, `1.5k`, `+5`, `1e3`, `1000.0` or `010` as plain digits; None if the number is not plain to see."""
    text = text.strip()
    if len(text) > _LONGEST:
        return None
    if _GROUPED.fullmatch(text) and len({mark for mark in text if mark in _MARKS}) == 1:
        return re.sub(r"[^0-9]", "", text)
    if found := _SHORT.fullmatch(text):
        whole, tenth, unit = found.groups()
        return whole + (tenth or "") + "0" * (_ZEROS[unit.lower()] - (1 if tenth else 0))
    if found := re.fullmatch(r"\+?0*([1-9][0-9]*)(?:\.0*)?", text):
        return found[1]
    if found := re.fullmatch(r"([1-9])[eE]\+?0*([1-9])", text):
        return found[1] + "0" * int(found[2])
    return None


def as_amount(text: str) -> str | None:
    """`$1,000.50`, `1.000,50 EUR` or `1000` as `1000.50`, `1000.50`, `1000`; None if it could mean two amounts."""
    text = text.strip()
    found = _AMOUNT.search(text)
    if len(text) > _LONGEST or found is None:
        return None
    before, number, behind = text[: found.start()], found[1], text[found.end() :]
    if not (_AROUND.fullmatch(before.strip()) and _AROUND.fullmatch(behind.strip())):
        return None
    if number.isdigit():
        return number.lstrip("0") or "0"
    whole, fraction = number, ""
    if parts := _LAST_PART.fullmatch(number):
        whole, fraction = parts.groups()
    marks = {mark for mark in whole if mark in _MARKS}
    if whole.isdigit():
        return f"{whole.lstrip('0') or '0'}.{fraction}" if fraction else None
    if len(marks) != 1 or not _GROUPED.fullmatch(whole):
        return None
    if not fraction and marks & {".", ","} and len(whole) <= len("999.999"):
        return None if "." in marks else re.sub(r"[^0-9]", "", whole)  # 1.000 may be one with three decimals
    digits = re.sub(r"[^0-9]", "", whole)
    return f"{digits}.{fraction}" if fraction else digits
