"""Compares a panel's text with the texts that prove a refusal. Pure.

A text that is missed costs a person a look; a text that matches wrongly costs a second purchase. So: whole phrases,
few words around them, and none of the words that panels use when something was bought after all.
"""

import re
import unicodedata
from collections.abc import Sequence

from runner.core.attempts import RefusalReason
from runner.panel.parse.refusal_phrases import KNOWN, Phrase

# The panel does not know the call.
UNKNOWN_ACTION = re.compile(
    r"\b(?:(?:unknown|invalid|incorrect|wrong|unsupported) (?:action|method)|(?:action|method) (?:is )?(?:invalid|unknown|not (?:found|supported|allowed|available)))\b"
)
# The panel does not know the order or the refill.
UNKNOWN_ID = re.compile(
    r"\b(?:incorrect|invalid|wrong|unknown) (?:order|refill)(?: ids?)?\b|\b(?:order|refill)(?: id)? (?:is |was )?(?:not found|invalid|incorrect|unknown)\b"
    r"|\b(?:order|refill)(?: id)? (?:does not|doesnt) exist|\bno such (?:order|refill)"
)
# The panel found no id where it looks for one: it reads another field than was sent.
NO_ID_GIVEN = re.compile(
    r"\b(?:orders?|refills?)(?: ids?)?(?: field| parameter)? (?:is |are |was |were )?(?:a )?(?:required|missing|empty|not (?:specified|given|provided|set))\b"
    r"|\b(?:no|missing|empty|required) (?:orders?|refills?)(?: ids?)?(?: specified| given| provided)?$"
)

# Words that may only stand inside the phrase itself: with them a sentence says, or may say, that something was bought.
_PLACED = (
    "placed|created|accepted|charged|deducted|debited|withdrawn|submitted|received|success|successful|successfully|succeeded"
    "|forwarded|sent|queued|registered|saved|process|processed|processing|partly|partially|refund|refunds|refunded|but"
    "|however|although|though|except|provider|upstream|supplier|vendor|reseller|maybe|may|might|unknown|unexpected|timeout"
    "|timed|pending|some|warning|made|added|merged|combined|joined|appended|attached|adjusted|replaced|rounded|increased|extended|updated"
    r"|reduced|order (?:id|number|no|nr) (?:is )?\w*\d\w*"
)
_VAGUE = (
    "contact|admin|administrator|support|later|try again|retry|error occurred|there was an error|something went wrong|went wrong"
    "|internal|exception|sql|database|server"
)
PURCHASE = re.compile(rf"\b(?:{_PLACED})\b")
_VETO = re.compile(rf"\b(?:{_PLACED}|{_VAGUE})\b")
# What a plain refusal of this kind often goes on to say, and what then means nothing.
_HARMLESS = {
    RefusalReason.KEY: re.compile(r"\b(?:contact|admin|administrator|support)\b"),
    RefusalReason.RATE: re.compile(r"\b(?:later|try again|retry|server)\b"),
    RefusalReason.DUPLICATE: re.compile(r"\b(?:later|try again)\b"),
}
# Some explain at length why a second order has to wait: "… but you can order again only after it is completed". Of such a
# text this much means nothing, if it says nowhere that something goes on.
_HAS_TO_WAIT = re.compile(
    r"\b(?:but|however) (?:\w+ ){0,12}?(?:wait|until|only (?:after|when|once)|(?:after|once|when) (?:\w+ ){1,6}(?:completed?|finished|done)"
    r"|(?:cannot|can not|cant|must not|not allowed to) (?:order|add|place|create|make))\b"
)
_WHILE_WAITING = re.compile(
    r"\b(?:may|can) (?:\w+ ){0,3}(?:again|another|new|more)\b|\b(?:pending|processing|in progress|inprogress|awaiting)"
    r"(?: (?:or |and )?(?:pending|processing|in progress|inprogress|awaiting))+\b"
)
_GOES_ON = re.compile(
    r"\b(?:anyway|nevertheless|worry|thanks?|fine|okay|ok|taken|started|starts|we (?!can|do not|dont|found)\w+"
    r"|(?:(?:your|new|this|the|second) order|it|they) (?:will|is|are|has been|was|were)(?! not)(?! (?:being )?(?:completed?|finished|done|delivered)))\b"
)
_AROUND = 14  # words beside the phrase; the longest plain sentences seen have eight
_AROUND_A_DUPLICATE = 40
_LONGEST = 600  # characters of a text that is looked at; longer ones prove nothing
_MANY = 16  # texts of one answer that are looked at; more prove nothing

_LINK = re.compile(r"https?:\S+", re.IGNORECASE)
_APOSTROPHE = re.compile("['`\u00b4\u2018\u2019]")
_PUNCTUATION = re.compile(r"[\W_]+")
_LEADING = re.compile(r"(?:neworder|api|error|errors|sorry|failed|fail|the) ")
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


def says(what: re.Pattern[str], texts: Sequence[str]) -> bool:
    """True if one of the texts says it: `what` is one of the patterns of this module that have a name."""
    return any(what.search(fold(text)) for text in texts[:_MANY])


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
        start = 0
        while not phrase.pattern.fullmatch(folded, start):  # `neworder error link` begins with leading words of its own
            lead = _LEADING.match(folded, start)
            if lead is None:
                return None
            start = lead.end()
        return start, len(folded)
    found = phrase.pattern.search(folded)
    return found.span() if found else None


def _says_no_more(folded: str, span: tuple[int, int], reason: RefusalReason) -> bool:
    around = f"{folded[: span[0]]} | {folded[span[1] :]}"
    longest = _AROUND
    if reason is RefusalReason.DUPLICATE and _HAS_TO_WAIT.search(around) and not _GOES_ON.search(around):
        around, longest = _WHILE_WAITING.sub(" ", _HAS_TO_WAIT.sub(" ", around)), _AROUND_A_DUPLICATE
    harmless = _HARMLESS.get(reason)
    if harmless is not None:
        around = harmless.sub(" ", around)
    return len(around.split()) - 1 <= longest and not _VETO.search(around)
