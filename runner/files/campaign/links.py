"""Checks links: inside one of the campaign's prefixes, and written so that no panel reads them otherwise.

Pure. Panels decode links once or twice and resolve dots, so whatever could mean another page then is refused here.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from urllib.parse import quote, unquote

from runner.core.values.links import is_own_key, page_key

LONGEST = 2048
_PORTS = {"http": "80", "https": "443"}
_HIGHEST_PORT = 65535
_DECODINGS = 4  # rounds of percent-decoding looked through
# Behind an allowed prefix, a link of nothing but these characters, with no two dots in a row and none before a slash, can't
# mean another page. Behind a prefix that is its own key they make no other spelling of a page either, unless an empty
# query ends them.
_SAFE_TEXT = r"[A-Za-z0-9_~/?=&:-]*+(?:\.[A-Za-z0-9_-][A-Za-z0-9_~/?=&:-]*+)*+(?<!\?)"
_SAFE = re.compile(_SAFE_TEXT).fullmatch
_PARTS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?", re.DOTALL).fullmatch
_HOST = re.compile(r"(?:[^\W_](?:[\w-]*[^\W_])?)(?:\.[^\W_](?:[\w-]*[^\W_])?)*|\[[0-9a-f:.]+\]").fullmatch
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_DECODED_BY_PANELS = re.compile(r"[%+<]").search
# Characters of other categories that show nothing: fillers, joiners, variation selectors, blank braille.
_BLANKS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


# What joins letters and chooses their form: it is a part of many addresses in Persian, Hindi or with emoji.
_PARTS_OF_LETTERS = re.compile("[\u034f\u180b-\u180d\u180f\u200c\u200d\ufe00-\ufe0f\U000e0100-\U000e01ef]").match


class BadLink(ValueError):
    """The link can't be used; the text says why and what to do."""

    def __init__(self, problem: str, mended: str | None = None) -> None:
        """`mended` is the link without this fault, to be checked for further ones; None if it can't be checked further."""
        super().__init__(problem)
        self.mended = mended


class WebAddress(NamedTuple):
    """The parts of an http or https address."""

    scheme: str  # lower case
    host: str  # lower case
    port: str  # empty for the scheme's own
    path: str  # as written, `/` if empty
    query: str
    fragment: str


def parse_address(text: str) -> WebAddress:
    """An http or https address of an unambiguous form; raises BadLink otherwise, whose text never holds user or password."""
    if len(text) > LONGEST:
        raise BadLink(f"is longer than {LONGEST} characters: shorten it")
    for character in text:
        if _is_blank(character):
            raise BadLink(_blank(character), "".join(one for one in text if not _is_blank(one)))
    if "\\" in text:
        raise BadLink("holds a backslash: write `/`", text.replace("\\", "/"))
    found = _PARTS(text)
    scheme = found[1].lower() if found else ""
    if found is None or scheme not in _PORTS:
        raise BadLink("must begin with https:// or http://")
    _, authority, path, query, fragment = found.groups(default="")
    if "@" in authority:
        user, _, _ = authority.rpartition("@")
        raise BadLink("holds a user name or password before `@`: remove it", text.replace(f"{user}@", "", 1))
    host, port = _host_and_port(authority.lower())
    _check_path(path)
    if _BAD_PERCENT.search(text):
        raise BadLink("holds a `%` that encodes nothing: write %25", _BAD_PERCENT.sub("%25", text))
    return WebAddress(scheme, host, "" if port == _PORTS[scheme] else port, path or "/", query, fragment)


class LinkRules:
    """The prefixes of a campaign's `links:`; tells which links may be ordered for."""

    def __init__(self, prefixes: Iterable[str]) -> None:
        """From prefixes that `prefix_problem` finds nothing wrong with."""
        self._prefixes = tuple(prefixes)
        self._allowed = tuple(page_key(prefix).rstrip("/") for prefix in self._prefixes)
        self._starts = tuple(prefix.rstrip("/") + "/" for prefix in self._prefixes)
        safe_starts = "|".join(re.escape(start) for start in self._starts if _SAFE(start) and is_own_key(start))
        # Of a whole list at once, which takes half as long as link by link.
        self._all_fine = re.compile(rf"(?:(?:{safe_starts}){_SAFE_TEXT}\n)*+").fullmatch if safe_starts else None

    def surely_fine(self, link: str) -> bool:
        """True if the link needs no closer look; quick."""
        return link.startswith(self._starts) and _SAFE(link) is not None

    def all_surely_fine(self, links: Sequence[str]) -> bool:
        """True if none of the links needs a closer look, and each is its own key; quick."""
        lines = "\n".join(links) + "\n"
        return bool(self._all_fine and self._all_fine(lines)) and lines.count("\n") == len(links)

    def problems(self, link: str) -> list[str]:
        """Why the link may not be ordered for, each reason with what to do; empty if it may."""
        found: list[str] = []
        mended: str | None = link
        while mended is not None:
            link = mended
            try:
                parse_address(link)
            except BadLink as bad:
                found.append(str(bad))
                mended = bad.mended
            else:
                break
        else:
            return found
        return [*found, *self._outside(link)]

    def _outside(self, link: str) -> list[str]:
        # A key has no user, no port that could be left out, no dots to resolve: the page and its prefix are compared as texts.
        key = page_key(link)
        for allowed in self._allowed:
            if key.startswith(allowed) and (len(key) == len(allowed) or key[len(allowed)] in "/?"):
                return []
        shown = ", ".join(self._prefixes[:3]) + (", …" if len(self._prefixes) > len(self._prefixes[:3]) else "")
        return [
            f"is outside the campaign's `links:` ({shown}): correct it, or add its prefix there if the page is yours"
        ]


def prefix_problem(prefix: str) -> str | None:
    """Why a text can't stand in `links:`; None if it can."""
    try:
        address = parse_address(prefix)
    except BadLink as bad:
        return str(bad)
    if address.query or address.fragment or prefix.endswith(("?", "#")):
        return "is a prefix and ends with the path: remove everything from `?` or `#` on"
    return None


def may_be_decoded(link: str) -> bool:
    """True for links that some panels change on their way (docs/protocol.md, Transport: decoded twice, tags stripped)."""
    return _DECODED_BY_PANELS(link) is not None


def _is_blank(character: str) -> bool:
    return unicodedata.category(character)[0] in "CZ" or _BLANKS.match(character) is not None


def _blank(character: str) -> str:
    """What is wrong with an invisible character, and what to do; joiners and variation selectors may belong to the address."""
    name = f"U+{ord(character):04X}"
    if unicodedata.category(character) in ("Cc", "Cs"):
        return f"holds the control character {name}: remove it"
    encoded = quote(character, safe="")
    if character == " ":
        return f"holds a space: write {encoded} if it belongs to the address, or remove it"
    if _PARTS_OF_LETTERS(character):
        return f"holds the invisible character {name}, which may belong to the letter before it: percent-encode it, {encoded}"
    return f"holds the invisible or blank character {name}: remove it, or write {encoded} if it belongs to the address"


def _host_and_port(authority: str) -> tuple[str, str]:
    host, colon, port = authority.rpartition(":") if not authority.endswith("]") else (authority, "", "")
    if not colon:
        host, port = authority, ""
    elif not (port.isascii() and port.isdigit() and 0 < int(port[:6]) <= _HIGHEST_PORT):
        raise BadLink("has a port that is no number from 1 to 65535: correct it")
    if not _HOST(host):
        raise BadLink("has no valid host name after `://`: correct it")
    if not host.isascii() and not _has_ascii_form(host):
        raise BadLink("has a host name that can't be looked up: correct it, or write its ASCII form (xn--…)")
    return host, port.lstrip("0")


def _has_ascii_form(host: str) -> bool:
    import idna  # only where a host is not ASCII

    try:
        idna.encode(host, uts46=True)
    except UnicodeError:
        return False
    return True


def _check_path(path: str) -> None:
    decoded = path
    for _ in range(_DECODINGS):
        for segment in decoded.split("/"):
            if segment.partition(";")[0] in (".", ".."):
                raise BadLink("holds a `.` or `..` between slashes: write the path it leads to")
        further = unquote(decoded)
        if further == decoded:
            return
        if further.count("/") > decoded.count("/") or "\\" in further:
            raise BadLink("hides a slash behind `%`: write the slash itself")
        if any(unicodedata.category(character) == "Cc" for character in further):
            raise BadLink("hides a control character behind `%`: remove it")
        decoded = further
    raise BadLink("is percent-encoded over and over: write it plainly")
