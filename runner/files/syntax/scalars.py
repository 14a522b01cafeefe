"""Turns scalars into values: YAML's core schema without surprises, CSV cells, amounts, times, rates.

Pure; knows no files and no places.
"""

import re
from datetime import timedelta
from decimal import Decimal

_MEMO = 10_000  # texts remembered: quantities repeat, a file of distinct numbers must not fill memory
_WHOLE = re.compile(r"(?:0|-?[1-9][0-9]{0,17})\Z")
# What YAML 1.1 or 1.2 read as a number in some other way than plain decimal digits.
_ODD = re.compile(
    r"""[-+]?(?:
        [0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?     # 1:30, base 60
      | 0[xX][0-9a-fA-F_]+ | 0[oO][0-7_]+ | 0[bB][01_]+
      | (?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?  # floats, 010, 1_000, +5, huge numbers
      | \.(?:inf|Inf|INF)
      )\Z | \.(?:nan|NaN|NAN)\Z""",
    re.VERBOSE,
)
SPECIAL_TEXTS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}
_MINUTES = {"s": Decimal(60), "min": Decimal(1), "h": Decimal(1) / Decimal(60)}
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class OddNumber:
    """A text that some reader would take for a number; no schema accepts it, the message says what to write."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


Value = bool | int | str | OddNumber | None


def plain_value(text: str) -> Value:
    """An unquoted YAML scalar: true, false, null, a plain decimal int, an odd number, else the text itself."""
    if text in SPECIAL_TEXTS:
        return SPECIAL_TEXTS[text]
    if _WHOLE.match(text):
        return int(text)
    return OddNumber(text) if _ODD.match(text) else text


def plain_text(text: str) -> str | bool | None:
    """The same where text is wanted: numbers of all kinds stay text, only true, false and null do not."""
    return SPECIAL_TEXTS.get(text, text)


class PlainValues(dict[str, Value]):
    """`plain_value`, remembered: equal texts become one object, and a look-up instead of a call."""

    def __missing__(self, text: str) -> Value:
        """Work it out once."""
        value = plain_value(text)
        if len(self) < _MEMO:
            self[text] = value
        return value


class NumberCells(dict[str, Value]):
    """CSV cells that hold whole numbers; spaces around are fine, an empty cell is None, anything else an OddNumber."""

    def __missing__(self, text: str) -> Value:
        """Work it out once."""
        cell = text.strip()
        value: Value = (int(cell) if _WHOLE.match(cell) else OddNumber(cell)) if cell else None
        if len(self) < _MEMO:
            self[text] = value
        return value


class FlagCells(dict[str, Value]):
    """CSV cells that hold true or false; an empty cell is None, anything else an OddNumber."""

    def __missing__(self, text: str) -> Value:
        """Work it out once."""
        cell = text.strip()
        value: Value = (SPECIAL_TEXTS[cell] if cell in ("true", "false") else OddNumber(cell)) if cell else None
        if len(self) < _MEMO:
            self[text] = value
        return value


class TagCells(dict[str, list[str] | None]):
    """CSV cells that hold words with spaces or semicolons between them; an empty cell is None."""

    def __missing__(self, text: str) -> list[str] | None:
        """Work it out once."""
        words = text.replace(";", " ").split() or None
        if len(self) < _MEMO:
            self[text] = words
        return words


def duration(text: str) -> timedelta:
    """`90s`, `10m`, `24h` or `30d`, as the schemas allow them."""
    return timedelta(**{_UNITS[text[-1]]: int(text[:-1])})


def per_minute(text: str) -> float:
    """`60/min`, `2/s` or `600/h` as events a minute."""
    count, _, unit = text.partition("/")
    return float(int(count) * _MINUTES[unit])


def fraction(text: str) -> Decimal:
    """`2.5%` as 0.025."""
    return Decimal(text.removesuffix("%")) / 100
