"""Removes the API key from a panel's text before anything else looks at it. Reveals the key to itself only."""

import html
import json
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus

from runner.core.text import Secret, clean

Redact = Callable[[str], str]

STARS = "***"
EXCERPT = 2000  # characters of an answer that are kept as evidence
_LOOK = 4096  # characters of a panel's text that are searched and then shortened to a line
_STUB = 4  # a cut-off key of fewer characters tells nothing and would hit ordinary words


class Redactor:
    """Replaces the key in every dress a server may echo it in: raw, form, URL, JSON and HTML escaped, any case.

    A key cut off by the end of the text goes too.
    """

    __slots__ = ("_dresses", "_pattern")

    def __init__(self, key: Secret) -> None:
        value = key.reveal()
        dresses = {
            value,
            quote_plus(value),
            quote(value),
            quote(value, safe=""),
            html.escape(value),
            json.dumps(value)[1:-1],
            value.replace("/", "\\/"),
        }
        self._dresses = tuple(sorted(filter(None, dresses), key=len, reverse=True))
        self._pattern = re.compile("|".join(map(re.escape, self._dresses)), re.IGNORECASE) if value else None

    def __call__(self, text: str) -> str:
        """`text` without the key."""
        if self._pattern is None:
            return text
        text = self._pattern.sub(STARS, text)
        for dress in self._dresses:
            if dress[:_STUB] not in text[-len(dress) :]:
                continue
            for length in range(len(dress) - 1, _STUB - 1, -1):
                if text.endswith(dress[:length]):
                    return text[:-length] + STARS
        return text

    def __repr__(self) -> str:
        return "Redactor(***)"


def said(text: str, redact: Redact, limit: int = 300) -> str:
    """A panel's words as one harmless line of at most `limit` characters, without the key."""
    return clean(redact(text[:_LOOK]), limit)
