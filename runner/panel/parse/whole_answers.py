"""Reads answers that name no order: the call was taken, or nothing is known. Pure."""

from runner.panel.parse.json_text import Json
from runner.panel.parse.values import fold_word
from runner.panel.redact import Redact, said

_TELLING = frozenset({"status", "success", "ok", "result", "response", "state"})
_YES = frozenset(
    {"success", "successful", "succeeded", "ok", "okay", "done", "true", "yes", "1", "accepted", "received"}
)


def is_yes(value: Json) -> bool:
    """True for `true`, 1 and the words that panels write for them."""
    if isinstance(value, str):
        return fold_word(value) in _YES
    return value is True or (isinstance(value, int) and value == 1)


def says_success(body: Json) -> bool:
    """True if an answer says that the call was taken, whatever it was about."""
    if isinstance(body, dict):
        return any(name.lower() in _TELLING and is_yes(value) for name, value in body.items())
    return is_yes(body)


def nothing_said(text: str, redact: Redact) -> str:
    """The message of an answer that is whole and yet says nothing about an order."""
    quoted = said(text, redact, 120)
    return f"the panel answered {quoted}, which does not say" if quoted else "the panel did not say"
