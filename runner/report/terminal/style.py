"""Names styles by what they mean; rich understands the names."""

from enum import StrEnum
from typing import NamedTuple

from runner.core.attempts import OutcomeKind


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

# Outcomes other than a purchase.
TROUBLES = {
    OutcomeKind.REFUSED: Style.BAD,
    OutcomeKind.NOT_SENT: Style.ATTENTION,
    OutcomeKind.IN_DOUBT: Style.BAD,
}


def counted(number: int, style: Style) -> Span:
    """`1,225` in `style`; a dim zero."""
    return Span(f"{number:,}", style if number else Style.DIM)


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
