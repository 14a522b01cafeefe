"""Names styles by what they mean; rich understands the names."""

from enum import StrEnum
from functools import partial
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
TROUBLES = {OutcomeKind.REFUSED: Style.BAD, OutcomeKind.NOT_SENT: Style.ATTENTION, OutcomeKind.IN_DOUBT: Style.BAD}


def counted(number: int, style: Style) -> Span:
    """`1,225` in `style`; a dim zero."""
    return Span(f"{number:,}", style if number else Style.DIM)


# The text alone, in the style of that name; `strong`: the figure that the line is about.
good = partial(Span, style=Style.GOOD)
attention = partial(Span, style=Style.ATTENTION)
bad = partial(Span, style=Style.BAD)
dim = partial(Span, style=Style.DIM)
strong = partial(Span, style=Style.STRONG)
command = partial(Span, style=Style.COMMAND)
