"""Reads single values as panels write them: ids, amounts, whole numbers, flags, words. None means unknown. Pure."""

import re
from decimal import Decimal

from runner.core.attempts import LiveStatus
from runner.core.values.money import parse_panel_number

_ID_LENGTH = 64
_NO_ID = re.compile(
    r"-?0*\Z|-[0-9]+\Z|(?:null|none|nil|false|true|undefined|nan|error|fail|failed|ok|success|unknown|n/a)\Z",
    re.IGNORECASE,
)
_AMOUNT = re.compile(r"[+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][+-]?[0-9]{1,3})?\Z", re.ASCII)
# Thousands in groups of three, behind one to three digits of which the first is no 0: what looks otherwise are decimals.
_SIGN, _LEAD, _CENTS = r"(?P<sign>[+-]?)", "[1-9][0-9]{0,2}", "(?P<cents>[0-9]{1,30})"
_GROUPED = tuple(
    re.compile(f"{_SIGN}{form}\\Z", re.ASCII)
    for form in (
        f"(?P<whole>{_LEAD}(?:,[0-9]{{3}}){{1,9}})\\.{_CENTS}",  # 1,234.56
        f"(?P<whole>{_LEAD}(?:\\.[0-9]{{3}}){{1,9}}),{_CENTS}",  # 1.234,56
        f"(?P<whole>{_LEAD}(?:[ '\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}][0-9]{{3}}){{1,9}})(?:[.,]{_CENTS})?",
        f"(?P<whole>{_LEAD}(?:,[0-9]{{3}}){{2,9}})(?P<cents>)",  # 1,234,567: a decimal comma comes once
        f"(?P<whole>{_LEAD}(?:\\.[0-9]{{3}}){{2,9}})(?P<cents>)",
        "(?P<whole>[0-9]{1,30}),(?P<cents>[0-9]{1,2}|[0-9]{4,30})",  # 12,5: no group of three
        "(?P<whole>0+|[0-9]{4,30}),(?P<cents>[0-9]{3})",  # 0,125 and 1234,567: no group in front of it
    )
)
_WHOLE = re.compile(r"(-?[0-9]{1,18})(?:\.0{1,11})?\Z", re.ASCII)
_LARGEST = 10**18  # fits the 64-bit integers of the state
_FLAGS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}

_STATUS_WORDS = {
    word: status
    for status, words in (
        (LiveStatus.PENDING, "0 pending awaiting awaitingapproval creating"),
        (LiveStatus.PROCESSING, "1 processing"),
        # One panel spells it so; and a drip-feed's parent that is paused may go on.
        (LiveStatus.IN_PROGRESS, "inprogress inprogess active paused"),
        (LiveStatus.COMPLETED, "2 completed complete success"),
        (LiveStatus.PARTIAL, "3 partial"),
        (LiveStatus.CANCELED, "4 canceled cancelled cancel"),
        (LiveStatus.REFUNDED, "5 refunded refunds"),
        # An expired parent sends no more runs, and does not say what was delivered.
        (LiveStatus.FAILED, "fail failed error expired limit"),
    )
    for word in words.split()
}


def read_id(value: object) -> str | None:
    """An order or refill id as text: a positive int, or up to 64 printable characters without space or comma.

    Never a bool, a float, zero, a negative number, or a word such as `null` (docs/protocol.md, Add).
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return str(value) if 0 < value < 10**_ID_LENGTH else None
    if not isinstance(value, str) or not 0 < len(value) <= _ID_LENGTH:
        return None
    # isprintable() is false for controls, surrogates and invisible characters; a comma would split a list of ids.
    if not value.isprintable() or " " in value or "," in value or _NO_ID.match(value):
        return None
    return value


def read_amount(value: object) -> Decimal | None:
    """A finite number from an int, a float or its text."""
    if isinstance(value, str):
        value = value.strip()
        if not _AMOUNT.match(value):
            return None
    return parse_panel_number(value)


def read_balance(value: object) -> Decimal | None:
    """As `read_amount`, and text with thousands separators or a decimal comma where only one meaning is possible.

    `1,234.56`, `1.234,56`, `1 234,56`, `1,234,567` and `12,5` are read; `1,234` may be either and says nothing.
    """
    amount = read_amount(value)
    if amount is not None or not isinstance(value, str):
        return amount
    text = value.strip()
    for form in _GROUPED:
        if found := form.match(text):
            sign, whole, cents = found["sign"] or "", found["whole"], found["cents"]
            return read_amount(f"{sign}{re.sub('[^0-9]', '', whole)}.{cents or 0}")
    return None


def read_whole(value: object) -> int | None:
    """A whole number that a 64-bit column holds; `+2`, `N/A` and fractions say nothing."""
    if isinstance(value, bool):
        return None
    if isinstance(value, Decimal):
        whole = read_amount(value)
        return (
            int(whole) if whole is not None and whole == whole.to_integral_value() and abs(whole) < _LARGEST else None
        )
    if isinstance(value, str):
        found = _WHOLE.match(value.strip())
        return int(found[1]) if found else None
    return value if isinstance(value, int) and abs(value) < _LARGEST else None


def read_flag(value: object) -> bool | None:
    """A flag from true, 1, "1", "0", "true"; the text "0" is false."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | str):
        return _FLAGS.get(str(value).strip().lower())
    return None


def fold_word(text: str) -> str:
    """A status word without case, spaces, `_` and `-`."""
    return re.sub(r"[\s_-]+", "", text[:_ID_LENGTH]).lower()


def fold_status(value: object) -> LiveStatus:
    """The status behind a panel's word or number; UNKNOWN for any other (docs/protocol.md, Status)."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return LiveStatus.UNKNOWN
    if isinstance(value, int) and not 0 <= value <= 9:  # noqa: PLR2004  # one digit; a huge int is slow to print
        return LiveStatus.UNKNOWN
    return _STATUS_WORDS.get(fold_word(str(value)), LiveStatus.UNKNOWN)


def fold_type(text: str) -> str:
    """A service type in lower case, `_` and `-` as single spaces."""
    return " ".join(re.sub(r"[_-]", " ", text).lower().split())
