"""The texts that prove a refusal (docs/protocol.md, Add: surely not placed), as patterns over folded text. Data, no rules.

Folded text is in lower case, without links, its words separated by single spaces; a number such as `1,000` is `1 000`.
"""

import re
from typing import NamedTuple

from runner.core.attempts import RefusalReason


class Phrase(NamedTuple):
    """One known refusal."""

    reason: RefusalReason
    pattern: re.Pattern[str]
    whole: bool  # must be the whole text: too short to prove anything inside a sentence


_WRONG = "(?:invalid|incorrect|wrong)"
_OFF = "(?:suspended|inactive|not active|banned|disabled|blocked)"
_IS = "(?:is |are |was |were |has been |have been )?"
_NUMBER = r"\d+(?: \d{3})*"
_LEAST = "(?:minimum|minimal|min)"
_MOST = "(?:maximum|maximal|max)"
_AMOUNT = "(?:number|quantity|amount|order|limit)"
_SMALLER, _LARGER = "(?:less|lower|smaller|fewer)", "(?:more|greater|higher|larger|bigger)"
_PAGE = "(?:link|url|page|post|account|profile|username)"
_SAME = f"(?:this|the same|same|that) {_PAGE}"
_STANDING = "(?:active|pending|open|running|existing|uncompleted|unfinished)"

# May stand inside a sentence, with few words around and none that tell of a purchase.
_PHRASES: tuple[tuple[RefusalReason, str], ...] = (
    (RefusalReason.KEY, f"(?:missing|bad|{_WRONG}) api key"),
    (RefusalReason.KEY, f"api key (?:is )?(?:not valid|required|missing|{_WRONG})"),
    (RefusalReason.KEY, f"(?:account|user) (?:is |was |has been )?(?:currently )?{_OFF}"),
    (RefusalReason.RATE, "too many requests"),
    (RefusalReason.RATE, "rate limit (?:is |was )?(?:exceeded|reached)"),
    (RefusalReason.FUNDS, "(?:not enough|insufficient) (?:funds|balance|money|credits?)"),
    (RefusalReason.FUNDS, "(?:do not|dont) have enough (?:funds|balance|money|credits?)"),
    (RefusalReason.FUNDS, "(?:balance|funds) (?:is |are )?(?:not enough|insufficient|too low)"),
    (RefusalReason.DUPLICATE, f"{_STANDING} orders? (?:in progress )?(?:with|for|on) {_SAME}"),
    (RefusalReason.DUPLICATE, f"orders? (?:is |are )?(?:already )?in progress (?:with|for|on) {_SAME}"),
    (RefusalReason.DUPLICATE, f"same {_PAGE} (?:\\w+ ){{0,6}}active order"),
    (RefusalReason.DUPLICATE, "identical order was just placed"),
    (RefusalReason.QUANTITY, f"quantity (?:is )?{_SMALLER} than (?:the )?{_LEAST}"),
    (RefusalReason.QUANTITY, f"quantity (?:is )?{_LARGER} than (?:the )?{_MOST}"),
    (RefusalReason.QUANTITY, "quantity (?:must|should) be (?:between|at least|at most)"),
    (RefusalReason.QUANTITY, f"{_WRONG} quantity"),
    (RefusalReason.SERVICE, f"{_WRONG} service id"),
    (RefusalReason.SERVICE, "service (?:id )?(?:is |was )?(?:not found|invalid|inactive|not active|disabled)"),
    (RefusalReason.SERVICE, "service (?:id )?(?:does not|doesnt|not) exists?"),
    (RefusalReason.LINK, f"(?:bad|{_WRONG}) (?:link|url)"),
    (RefusalReason.LINK, "enter a valid (?:link|url)"),
    (RefusalReason.LINK, f"(?:link|url) is (?:not valid|bad|{_WRONG})"),
    (RefusalReason.REQUEST, "missing (?:required )?(?:parameters?|params?|data)"),
    (RefusalReason.REQUEST, "(?:quantity|link|runs|interval|service|action)(?: field| id| time)? is required"),
    (RefusalReason.REQUEST, "drip ?feed (?:is )?(?:not (?:supported|available|allowed)|unsupported|disabled)"),
    (RefusalReason.REQUEST, "(?:does not|doesnt) support drip ?feed"),
    (RefusalReason.REQUEST, f"{_WRONG} (?:interval|runs)"),
)

# What may follow a text that says something about a quantity: the limits themselves.
_LIMITS = rf"(?: (?:{_LEAST}|{_MOST}|{_AMOUNT}|is|of|and|to|from|between|allowed|service|for|this|the|{_NUMBER}))*"
_WHOM = "(?: for (?:this|your|the) (?:account|user|key|service|panel))?"
_HELP = "(?:(?: please)? contact (?:the |our )?(?:support|admin|administrator))?"
# Too short, or too common, to prove anything inside a longer sentence: "minimum quantity is 50" may be followed by "so we
# ordered 50", and a panel that forwards orders passes its supplier's "incorrect request" on.
_WHOLE: tuple[tuple[RefusalReason, str], ...] = (
    (RefusalReason.KEY, f"(?:missing|bad|{_WRONG}) key|key is (?:required|missing|{_WRONG})"),
    (RefusalReason.KEY, f"{_OFF} (?:account|user)"),
    (
        RefusalReason.KEY,
        (
            f"(?:your )?(?:api|api access|api orders?|ordering|orders|new orders|order placement) {_IS}"
            f"(?:currently |temporarily |now )?(?:disabled?|turned off|switched off|not allowed|not enabled){_WHOM}{_HELP}"
        ),
    ),
    (RefusalReason.KEY, "api is disabled? for this user or user not found(?: contact the support)?"),
    (RefusalReason.DUPLICATE, "link duplicate"),
    (RefusalReason.QUANTITY, "(?:min|max) quantity"),
    (RefusalReason.QUANTITY, rf"quantity {_IS}out of (?:bounds?|range|limits?){_LIMITS}"),
    (
        RefusalReason.QUANTITY,
        rf"(?:{_LEAST}|{_MOST})(?: order)?(?: {_AMOUNT})?(?: of order)?(?: is| of| are)? {_NUMBER}{_LIMITS}",
    ),
    # "must to be" is how one family writes it.
    (
        RefusalReason.QUANTITY,
        (
            rf"(?:your )?(?:total )?(?:order )?quantity (?:must|should|has)(?: to)? be (?:{_SMALLER}|{_LARGER}) than"
            rf"(?: or equals? to)?(?: the)? (?:{_LEAST}|{_MOST}){_LIMITS}"
        ),
    ),
    (RefusalReason.QUANTITY, rf"(?:you |your order )?(?:did not|didnt) (?:meet|reach) the {_LEAST} {_AMOUNT}{_LIMITS}"),
    (
        RefusalReason.QUANTITY,
        rf"{_LEAST} {_AMOUNT} (?:was |has )?(?:not met|not been met|not reached|not been reached){_LIMITS}",
    ),
    (RefusalReason.QUANTITY, rf"(?:you )?(?:have )?(?:exceeded|exceeds) the {_MOST} {_AMOUNT}{_LIMITS}"),
    (RefusalReason.QUANTITY, rf"{_MOST} {_AMOUNT} {_IS}exceeded{_LIMITS}"),
    (
        RefusalReason.QUANTITY,
        rf"(?:you )?(?:cannot|can not|cant|may not|must not) order more than {_NUMBER}(?: \w+)? (?:per|for (?:a|one|each|this|the same)) {_PAGE}",
    ),
    (RefusalReason.SERVICE, f"{_WRONG} service"),
    (RefusalReason.LINK, "neworder error link"),
    (RefusalReason.REQUEST, "incorrect request"),
    (RefusalReason.REQUEST, f"{_WRONG} (?:parameters?|params?)"),
    # With a key that just read the balance it is the request that is wrong.
    (RefusalReason.REQUEST, f"{_WRONG} (?:request|parameters?) or (?:{_WRONG} )?(?:api )?key"),
    (
        RefusalReason.REQUEST,
        "(?:you )?(?:must |should |have to |need to |please )?fill (?:in |out )?(?:all )?(?:of )?(?:the )?required fields?",
    ),
    (RefusalReason.REQUEST, f"(?:unknown|{_WRONG}) action|action is (?:invalid|incorrect)"),
)
KNOWN: tuple[Phrase, ...] = (
    *(Phrase(reason, re.compile(rf"\b(?:{pattern})\b"), whole=False) for reason, pattern in _PHRASES),
    *(Phrase(reason, re.compile(rf"(?:{pattern})"), whole=True) for reason, pattern in _WHOLE),
)
