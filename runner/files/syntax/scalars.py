"""Turns scalars into values: YAML's core schema without surprises, CSV cells, amounts, times, rates.

Pure; knows no files and no places.
"""

import re
from datetime import timedelta
from decimal import Decimal

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
    """Return a scalar where text is wanted: numbers of all kinds stay text, only true, false and null do not."""
    return SPECIAL_TEXTS.get(text, text)


def number_cell(text: str) -> Value:
    """A CSV cell that holds a whole number; spaces around are fine, an empty cell is None, anything else an OddNumber."""
    cell = text.strip()
    if not cell:
        return None
    return int(cell) if _WHOLE.match(cell) else OddNumber(cell)


def flag_cell(text: str) -> Value:
    """A CSV cell that holds true or false; an empty cell is None, anything else an OddNumber."""
    cell = text.strip()
    if not cell:
        return None
    return SPECIAL_TEXTS[cell] if cell in ("true", "false") else OddNumber(cell)


def tag_cell(text: str) -> list[str] | None:
    """A CSV cell that holds words with spaces or semicolons between them; an empty cell is None."""
    return text.replace(";", " ").split() or None


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
