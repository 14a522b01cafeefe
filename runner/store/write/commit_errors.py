"""Tells whether one operation's own data made a commit fail, and words the error."""

import sqlite3

from sqlalchemy.exc import DataError, IntegrityError

from runner.core.attempts import OutcomeKind
from runner.core.errors import StateRefused
from runner.core.operations import Mark, MarkRefused, Operation, Settle, SettleRefused
from runner.store.connection import NO_SPACE

# What one operation's own data can cause; anything else is about the database and ends the journal.
REFUSALS = (
    IntegrityError,
    DataError,
    sqlite3.IntegrityError,
    sqlite3.DataError,
    OverflowError,
    UnicodeError,
    StateRefused,
)

# By the words that SQLite, and the name of the index that PostgreSQL puts into its error.
_TAKEN = {
    ("attempts.campaign", "one_open_attempt"): "it already has an attempt that may have bought it",
    ("attempts.link", "one_unsettled_send"): "the same service and link is being sent, or is in doubt, on this panel",
    ("refills.attempt_id", "one_open_refill"): "a refill of it is asked for already",
    ("attempts.panel_order_id", "one_owner_per_panel_order"): (
        "the panel's order id belongs to another attempt already"
    ),
}


def lacks_space(error: Exception) -> bool:
    """True if the file system had no room for it."""
    return getattr(getattr(error, "orig", error), "sqlite_errorcode", None) in NO_SPACE


def words(error: Exception) -> str:
    """What the driver said, without the statement and its parameters."""
    return str(getattr(error, "orig", None) or error) or type(error).__name__


def refused(operation: Operation, error: Exception) -> StateRefused:
    """The error for the caller of the one operation that caused it."""
    if isinstance(error, StateRefused) and not isinstance(operation, Settle):
        return error
    said = words(error)
    why = next((sentence for signs, sentence in _TAKEN.items() if any(sign in said for sign in signs)), said)
    match operation:
        case Mark(attempt):
            return MarkRefused(
                f"{attempt.campaign}/{attempt.order_id} may not be sent: {why}",
                "look at it with `runner status`, and at what is in doubt with `runner doubt list`",
            )
        case Settle(attempt_id, outcome):
            bought = f" as order {outcome.panel_order_id}" if outcome.kind is OutcomeKind.PLACED else ""
            return SettleRefused(
                f"attempt {attempt_id} can't be settled{bought}: {why}", "an attempt that stays open becomes a doubt"
            )
        case _:
            return StateRefused(f"the state refused {type(operation).__name__}: {why}")
