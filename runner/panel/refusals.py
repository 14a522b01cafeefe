"""The texts that prove a refusal (PROTOCOL, add, *surely not placed*), as data, and how a text is held against them.

A text that is missed costs a person a look; a text that matches wrongly costs a second purchase. So: whole phrases,
few words around them, and none of the words that panels use when something was bought after all.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from runner.core.attempts import RefusalReason


class Phrase(NamedTuple):
    """One known refusal, as a pattern over folded text (lower case, words separated by single spaces)."""

    reason: RefusalReason
    pattern: re.Pattern[str]
    whole: bool  # must be the whole text: too short to prove anything inside a sentence


_WRONG = "(?:invalid|incorrect|wrong)"
_OFF = "(?:suspended|inactive|not active|banned|disabled|blocked)"
_PHRASES: tuple[tuple[RefusalReason, str], ...] = (
    (RefusalReason.KEY, f"(?:missing|bad|{_WRONG}) api key"),
    (RefusalReason.KEY, f"api key (?:is )?(?:not valid|required|missing|{_WRONG})"),
    (RefusalReason.KEY, f"(?:account|user) (?:is |was |has been )?(?:currently )?{_OFF}"),
    (RefusalReason.RATE, "too many requests"),
    (RefusalReason.RATE, "rate limit (?:is |was )?(?:exceeded|reached)"),
    (RefusalReason.FUNDS, "(?:not enough|insufficient) (?:funds|balance|money|credits?)"),
    (RefusalReason.FUNDS, "(?:balance|funds) (?:is |are )?(?:not enough|insufficient|too low)"),
    (RefusalReason.DUPLICATE, "active order (?:with|for|on) (?:this|the same|same) link"),
    (RefusalReason.DUPLICATE, "same link (?:\\w+ ){0,6}active order"),
    (RefusalReason.DUPLICATE, "identical order was just placed"),
    (RefusalReason.QUANTITY, "quantity (?:is )?(?:less|lower|smaller) than (?:the )?(?:minimum|minimal|min)"),
    (
        RefusalReason.QUANTITY,
        "quantity (?:is )?(?:more|greater|higher|larger|bigger) than (?:the )?(?:maximum|maximal|max)",
    ),
    (RefusalReason.QUANTITY, "quantity (?:must|should) be (?:between|at least|at most)"),
    (RefusalReason.QUANTITY, f"{_WRONG} quantity"),
    (RefusalReason.SERVICE, f"{_WRONG} service id"),
    (RefusalReason.SERVICE, "service (?:id )?(?:is |was )?(?:not found|invalid|inactive|not active|disabled)"),
    (RefusalReason.SERVICE, "service (?:id )?(?:does not|doesnt|not) exists?"),
    (RefusalReason.LINK, f"(?:bad|{_WRONG}) (?:link|url)"),
    (RefusalReason.LINK, "enter a valid (?:link|url)"),
    (RefusalReason.LINK, f"(?:link|url) is (?:not valid|bad|{_WRONG})"),
    (RefusalReason.REQUEST, "missing (?:required )?(?:parameters?|params?|data)"),
    (RefusalReason.REQUEST, "(?:quantity|link|runs|interval|service|action)(?: field)? is required"),
    (RefusalReason.REQUEST, "drip ?feed (?:is )?(?:not (?:supported|available|allowed)|unsupported|disabled)"),
    (RefusalReason.REQUEST, "(?:does not|doesnt) support drip ?feed"),
    (RefusalReason.REQUEST, f"{_WRONG} (?:interval|runs)"),
)
# Too short, or too common, to prove anything inside a longer sentence.
_WHOLE: tuple[tuple[RefusalReason, str], ...] = (
    (RefusalReason.KEY, f"(?:missing|bad|{_WRONG}) key|key is (?:required|missing|{_WRONG})"),
    (RefusalReason.KEY, f"{_OFF} (?:account|user)"),
    (RefusalReason.DUPLICATE, "link duplicate"),
    (RefusalReason.QUANTITY, "(?:min|max) quantity"),
    (RefusalReason.SERVICE, f"{_WRONG} service"),
    (RefusalReason.LINK, "neworder error link"),
    # A panel that forwards orders may pass its supplier's "incorrect request" on: only the bare words are its own.
    (RefusalReason.REQUEST, "incorrect request"),
    (RefusalReason.REQUEST, f"(?:unknown|{_WRONG}) action|action is (?:invalid|incorrect)"),
)
KNOWN: tuple[Phrase, ...] = (
    *(Phrase(reason, re.compile(rf"\b(?:{pattern})\b"), whole=False) for reason, pattern in _PHRASES),
    *(Phrase(reason, re.compile(rf"(?:{pattern})"), whole=True) for reason, pattern in _WHOLE),
)

_UNKNOWN_ACTION = re.compile(
    r"\b(?:(?:unknown|invalid|incorrect|wrong|unsupported) (?:action|method)|(?:action|method) (?:is )?(?:invalid|unknown|not (?:found|supported|allowed|available)))\b"
)
_UNKNOWN_ID = re.compile(
    r"\b(?:incorrect|invalid|wrong|unknown) (?:order|refill)(?: ids?)?\b|\b(?:order|refill)(?: id)? (?:is |was )?(?:not found|invalid|incorrect|unknown)\b"
    r"|\b(?:order|refill)(?: id)? (?:does not|doesnt) exist|\bno such (?:order|refill)"
)

# Words that may only stand inside the phrase itself: with them a sentence says, or may say, that something was bought.
_PLACED = (
    "placed|created|accepted|charged|deducted|debited|withdrawn|submitted|received|success|successful|successfully|succeeded"
    "|forwarded|sent|queued|registered|saved|process|processed|processing|partly|partially|refund|refunds|refunded|but"
    "|however|although|though|except|provider|upstream|supplier|vendor|reseller|maybe|may|might|unknown|unexpected|timeout"
    "|timed|pending|some|warning"
)
_VAGUE = (
    "contact|admin|administrator|support|later|try again|retry|error occurred|there was an error|something went wrong|went wrong"
    "|internal|exception|sql|database|server"
)
_PURCHASE = re.compile(rf"\b(?:{_PLACED})\b")
_VETO = re.compile(rf"\b(?:{_PLACED}|{_VAGUE})\b")
# What a plain refusal of this kind often goes on to say, and what then means nothing.
_HARMLESS = {
    RefusalReason.KEY: re.compile(r"\b(?:contact|admin|administrator|support)\b"),
    RefusalReason.RATE: re.compile(r"\b(?:later|try again|retry|server)\b"),
    RefusalReason.DUPLICATE: re.compile(r"\b(?:later|try again)\b"),
}
_AROUND = 14  # words beside the phrase; the longest plain sentences seen have eight
_LONGEST = 600  # characters of a text that is looked at; longer ones prove nothing
_MANY = 16  # texts of one answer that are looked at; more prove nothing

_LINK = re.compile(r"https?:\S+", re.IGNORECASE)
_APOSTROPHE = re.compile("['`\u00b4\u2018\u2019]")
_PUNCTUATION = re.compile(r"[\W_]+")
_LEADING = re.compile(r"(?:(?:neworder|api|error|errors|sorry|failed|fail|the) )+")
# Says that something is wrong, and nothing about what: neither proof nor contradiction beside another text.
_NEUTRAL = frozenset(
    {
        "",
        "error",
        "errors",
        "fail",
        "failed",
        "failure",
        "false",
        "bad request",
        "validation error",
        "validation failed",
    }
    | {"the given data was invalid", "unprocessable entity", "forbidden", "payment required"}
)


def fold(text: str) -> str:
    """Lower case, links left out, punctuation and `_` as single spaces."""
    text = _LINK.sub(" ", unicodedata.normalize("NFKC", text[: _LONGEST * 2]))
    return _PUNCTUATION.sub(" ", _APOSTROPHE.sub("", text).casefold()).strip()


def proven_refusal(texts: Sequence[str], listed: Sequence[str] = ()) -> RefusalReason | None:
    """Why nothing was bought, if every one of an answer's error texts says so or says nothing; else None.

    `listed` are the profile's further texts; they match as whole words anywhere in a text (RefusalReason.LISTED).
    """
    if len(texts) > _MANY:
        return None
    proven: RefusalReason | None = None
    for text in texts:
        if len(text) > _LONGEST:
            return None
        folded = fold(text)
        if folded in _NEUTRAL:
            continue
        reason = _reason(folded, listed)
        if reason is None:
            return None
        proven = proven or reason
    return proven


def likely_reason(texts: Sequence[str]) -> RefusalReason | None:
    """What the texts complain of, without proof: enough to stop asking, not to buy again."""
    for folded in map(fold, texts[:_MANY]):
        for phrase in KNOWN:
            if _span(phrase, folded) is not None:
                return phrase.reason
    return None


def is_unknown_action(texts: Sequence[str]) -> bool:
    """True if the panel does not know the call."""
    return any(_UNKNOWN_ACTION.search(fold(text)) for text in texts[:_MANY])


def is_unknown_id(texts: Sequence[str]) -> bool:
    """True if the panel does not know the order or the refill."""
    return any(_UNKNOWN_ID.search(fold(text)) for text in texts[:_MANY])


def tells_of_purchase(texts: Sequence[str]) -> bool:
    """True if a text holds a word that panels use when something was, or may have been, bought."""
    return any(_PURCHASE.search(fold(text)) for text in texts[:_MANY])


def _reason(folded: str, listed: Sequence[str]) -> RefusalReason | None:
    for phrase in KNOWN:
        span = _span(phrase, folded)
        if span is not None and _says_no_more(folded, span, phrase.reason):
            return phrase.reason
    for own in map(fold, listed):
        begin = f" {folded} ".find(f" {own} ") if own else -1
        if begin >= 0 and _says_no_more(folded, (begin, begin + len(own)), RefusalReason.LISTED):
            return RefusalReason.LISTED
    return None


def _span(phrase: Phrase, folded: str) -> tuple[int, int] | None:
    if phrase.whole:
        lead = _LEADING.match(folded)
        begin = lead.end() if lead else 0
        for start in (0, begin):  # `neworder error link` begins with a leading word of its own
            if phrase.pattern.fullmatch(folded, start):
                return start, len(folded)
        return None
    found = phrase.pattern.search(folded)
    return found.span() if found else None


def _says_no_more(folded: str, span: tuple[int, int], reason: RefusalReason) -> bool:
    around = f"{folded[: span[0]]} | {folded[span[1] :]}"
    harmless = _HARMLESS.get(reason)
    if harmless is not None:
        around = harmless.sub(" ", around)
    return len(around.split()) - 1 <= _AROUND and not _VETO.search(around)
