"""Removes the API key from a panel's text before anything else sees it."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from html.entities import html5

from runner.core.values.text import Secret, clean

Redact = Callable[[str], str]

STARS = "***"
EXCERPT = 2000  # characters of an answer that are kept as evidence
_LOOK = 4096  # characters of a panel's text that are searched and then shortened to a line
_STUB = 4  # a cut-off key of fewer characters tells nothing and would hit ordinary words
_PIECE = 8  # a piece of so many characters goes too, whatever an unknown escape made of the rest
_VARIED = 5  # different characters that such a piece has at least: `00000000` is in many texts
_STEP = _PIECE - _STUB + 1  # of stubs so far apart, every piece holds one whole

_ESCAPES = re.compile(r"[%\\&]")
# What the end of the text has left of a character, at most 60 characters of an escape that is escaped again; or nothing.
_END = (
    r"(?:(?=[\s\S]{1,60}\Z)(?:(?:%[0-9A-Fa-f]*)+|(?:\\(?:[uU]\{?[0-9A-Fa-f]*|x[0-9A-Fa-f]*|[0-7]*))+"
    r"|&[#0-9A-Za-z;]{0,12}))?\Z"
)


class Redactor:
    """Replaces the key in every encoding in which a server may echo it, in any case; each character may have another one.

    It knows the raw key, percent-encoding, backslash escapes (JSON, Python, PHP) and HTML references, each also applied
    twice. It also replaces a key that the end of the text cuts off, and plain pieces of 8 characters of it that don't
    look like padding.
    """

    __slots__ = ("_is_odd", "_key", "_lowered", "_pattern", "_stubs")

    def __init__(self, key: Secret) -> None:
        self._key = key
        self._lowered = key.reveal().lower()
        self._is_odd = not key.reveal().isascii() or " " in key.reveal()  # may be changed without an escape
        places = range(0, len(self._lowered) - _STUB + 1, _STEP) if len(self._lowered) >= _PIECE else ()
        self._stubs = tuple((place, self._lowered[place : place + _STUB]) for place in places)
        # Made when first needed, as that takes some 20 ms: most texts can't hold the key, and a look shows it.
        self._pattern: re.Pattern[str] | None = None

    def __call__(self, text: str) -> str:
        """`text` without the key; redacting once more changes nothing."""
        while self._lowered:
            redacted = self._once(text)
            if len(redacted) >= len(text):  # nothing found, or a key so short that stars are no shorter
                return redacted
            text = redacted  # the stars may have brought together what was apart
        return text

    def _once(self, text: str) -> str:
        lowered = text.lower()
        has_stub = False
        for _, stub in self._stubs:
            if stub in lowered:
                has_stub = True
                break
        if has_stub or self._is_odd or _ESCAPES.search(text) or self._lowered[:_STUB] in lowered:
            if self._pattern is None:
                self._pattern = re.compile(_whole_or_cut_off(self._key.reveal()))
            text = self._pattern.sub(STARS, text)
        return self._without_pieces(text) if has_stub else text

    def _without_pieces(self, text: str) -> str:
        lowered = text.lower()
        if len(lowered) != len(text):  # places would not fit
            lowered = text
        kept, end = [], 0
        for first, last in sorted(self._pieces(lowered)):
            if last > end:
                kept.append(text[end:first] + STARS if first >= end else "")
                end = last
        return "".join(kept) + text[end:]

    def _pieces(self, text: str) -> Iterator[tuple[int, int]]:
        """Where pieces of the key stand, as (begin, end), each as long as it fits; they may overlap."""
        key = self._lowered
        for place, stub in self._stubs:
            found = text.find(stub)
            while found >= 0:
                before, after = 0, _STUB
                while before < min(place, found) and text[found - before - 1] == key[place - before - 1]:
                    before += 1
                while place + after < len(key) and text[found + after : found + after + 1] == key[place + after]:
                    after += 1
                first, last = found - before, found + after
                if last - first >= _PIECE and len(set(text[first:last])) >= _VARIED:
                    yield first, last
                found = text.find(stub, found + 1)

    def __repr__(self) -> str:
        return "Redactor(***)"


def said(text: str, redact: Redact, limit: int = 300) -> str:
    """A panel's words as one harmless line of at most `limit` characters, without the key."""
    return clean(redact(text[:_LOOK]), limit)


def _whole_or_cut_off(key: str) -> str:
    """A pattern of the key in every dress, or of a beginning of it that the end of the text cut off."""
    dresses = ["|".join(_kinds(character)) for character in key]
    return "".join(f"(?:{each}|{_END})" if number >= _STUB else f"(?:{each})" for number, each in enumerate(dresses))


@cache
def _kinds(character: str) -> tuple[str, ...]:
    """Patterns of one character: as an HTML reference, with a backslash, with a percent sign, and as it is.

    Each starts with one literal: the search then skips at once what can't be a beginning. Runs of backslashes are
    bounded: a text full of them must not keep us busy.
    """
    percents, slashes, references = [], [], []
    alike = sorted({character, *_cases(character)})
    for each in alike:
        code = ord(each)
        references += [rf"#0*{code}(?:;|(?![0-9]))", rf"#[xX]0*{_hex(code, 1)}(?:;|(?![0-9A-Fa-f]))"]
        slashes += [_units(each), rf"U{_hex(code, 8)}", rf"u\{{0*{_hex(code, 1)}\}}"]
        for encoding in ("utf-8", "latin-1"):
            raw = each.encode(encoding, "ignore")
            if raw:
                percents.append("%(?:25)*".join(_hex(byte, 2) for byte in raw))
                slashes.append(r"\\\\{0,7}".join(f"x{_hex(byte, 2)}" for byte in raw))
                slashes.append(r"\\\\{0,7}".join(f"{byte:03o}" for byte in raw))
    if not character.isalnum():
        references += [re.escape(name) for name in _names().get(character, ())]
        slashes.append("" if character == "\\" else re.escape(character))
    most = 3 if character == "\\" else 7  # a key of backslashes could be anywhere in a text of them
    forms = [re.escape(each) for each in alike]
    forms += [
        rf"%(?:25)*(?:{_either(percents)})",
        rf"\\\\{{0,{most}}}(?:{_either(slashes)})",
        rf"&(?:amp;)*(?:{_either(references)})",
    ]
    if character == " ":
        forms.append(r"\+")
    if not character.isascii():  # what a wrong decoding makes of it
        forms += ["\ufffd\ufffd{0,3}", r"\?\?{0,3}"]
    return tuple(reversed(forms))


def _either(forms: list[str]) -> str:
    """Longest first, so that nothing of a form is left over."""
    return "|".join(sorted(dict.fromkeys(forms), key=len, reverse=True))


def _cases(character: str) -> set[str]:
    return {each for each in (character.lower(), character.upper()) if len(each) == 1}


def _hex(number: int, digits: int) -> str:
    """At least so many digits, each in either case."""
    return "".join(f"[{each}{each.upper()}]" if each.isalpha() else each for each in f"{number:0{digits}x}")


def _units(character: str) -> str:
    """JSON's escape: one unit of UTF-16, or two."""
    raw = character.encode("utf-16-be", "surrogatepass")
    units = (int.from_bytes(raw[place : place + 2], "big") for place in range(0, len(raw), 2))
    return r"\\\\{0,7}".join(f"u{_hex(unit, 4)}" for unit in units)


@cache
def _names() -> dict[str, list[str]]:
    """HTML's names of each character, the semicolon included."""
    names: dict[str, list[str]] = {}
    for name, meaning in html5.items():
        if name.endswith(";"):
            names.setdefault(meaning, []).append(name)
    return names
