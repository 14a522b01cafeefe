"""Names styles by what they mean; rich understands the names."""

from enum import StrEnum
from typing import NamedTuple


class Style(StrEnum):
    """Only the sixteen colours that a user's own terminal theme defines."""

    PLAIN = ""
    GOOD = "green"  # done, ready, fine
    ATTENTION = "yellow"  # waits, or somebody should look
    BAD = "red"  # refused, blocked, in doubt, an error
    HEADING = "bold cyan"
    COMMAND = "cyan"  # something to type
    DIM = "dim"  # secondary: still there when asked for
    STRONG = "bold"


class Span(NamedTuple):
    """A piece of text with a meaning."""

    text: str
    style: Style = Style.PLAIN


Written = str | Span


def good(text: str) -> Span:
    """Done, ready, fine."""
    return Span(text, Style.GOOD)


def attention(text: str) -> Span:
    """Waits, or somebody should look."""
    return Span(text, Style.ATTENTION)


def bad(text: str) -> Span:
    """Refused, blocked, in doubt, an error."""
    return Span(text, Style.BAD)


def dim(text: str) -> Span:
    """Secondary."""
    return Span(text, Style.DIM)


def strong(text: str) -> Span:
    """The figure that the line is about."""
    return Span(text, Style.STRONG)


def command(text: str) -> Span:
    """Something to type."""
    return Span(text, Style.COMMAND)
