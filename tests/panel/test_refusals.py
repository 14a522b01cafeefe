"""Which texts prove that nothing was bought, and, much sharper, which do not."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from runner.core.attempts import OutcomeKind, RefusalReason
from runner.panel.exchange import Answer
from runner.panel.parse.outcome import classify_add
from runner.panel.parse.refusal_phrases import KNOWN
from runner.panel.parse.refusals import _span, fold, proven_refusal

R = RefusalReason

# As panels wrote them, in full.
SEEN = [
    ("You must fill in the required fields.", R.REQUEST),
    ("You did not meet the minimum number.", R.QUANTITY),
    ("The maximum number has been exceeded.", R.QUANTITY),
    ("Maximum number exceeded", R.QUANTITY),
    ("Quantity out of bounds", R.QUANTITY),
    ("Incorrect parameters", R.REQUEST),
    ("Incorrect request or API key", R.REQUEST),
    ("Minimum quantity is 50", R.QUANTITY),
    ("min quantity: 50", R.QUANTITY),
    ("Ordering is disabled", R.KEY),
    ("API access disabled", R.KEY),
    ("API is disabled", R.KEY),
    ("Api is disable for this user or user not found contact the support", R.KEY),
    ("Quantity must to be greater than or equal to minimum amount 50", R.QUANTITY),
    ("Total quantity must to be greater than or equal to minimum amount 50", R.QUANTITY),
    ("Quantity must to be less than or equal to maximum amount 10000", R.QUANTITY),
    ("You can not order more than 5000 per link", R.QUANTITY),
    ("can not order more than 5000 per link", R.QUANTITY),
    ("Interval time is required", R.REQUEST),
    ("There are missing required parameters. Please check your API manual", R.REQUEST),
    ("Service is inactive or not found", R.SERVICE),
    ("You have insufficient balance", R.FUNDS),
    ("You do not have enough funds to Place order", R.FUNDS),
    (
        (
            "There is an active order with the same link already. You can place another order but only after the current "
            "order is completed."
        ),
        R.DUPLICATE,
    ),
    (
        (
            "You have an active order with this link, but it is not completed yet. Please wait until your previous order is "
            "completed before placing a new order with the same link."
        ),
        R.DUPLICATE,
    ),
    (
        (
            "We found an active order with the same link (Pending, Processing or In progress), but you can place a new one "
            "after the active one has been completed"
        ),
        R.DUPLICATE,
    ),
]
VARIED = [
    ("you must fill the required field", R.REQUEST),
    ("Please fill in all required fields", R.REQUEST),
    ("You did not reach the minimum quantity of 50", R.QUANTITY),
    ("The minimum quantity was not met: 50", R.QUANTITY),
    ("Maximum quantity is exceeded (10,000)", R.QUANTITY),
    ("You have exceeded the maximum amount", R.QUANTITY),
    ("The quantity is out of range: min 50, max 10,000", R.QUANTITY),
    ("Quantity out of bounds (50 - 10000)", R.QUANTITY),
    ("Invalid parameter", R.REQUEST),
    ("Invalid request or invalid key", R.REQUEST),
    ("Minimum order quantity is 1,000", R.QUANTITY),
    ("The minimum is 50", R.QUANTITY),
    ("Max quantity: 10 000", R.QUANTITY),
    ("Orders are temporarily disabled", R.KEY),
    ("API access is currently disabled for your account, please contact support", R.KEY),
    ("The API has been disabled", R.KEY),
    ("Can't order more than 3 orders for the same link", R.QUANTITY),
    ("Your balance is too low", R.FUNDS),
    ("There is already an order in progress for this link", R.DUPLICATE),
    ("Invalid service", R.SERVICE),
    ("Suspended account", R.KEY),
]


def judge(body, status=200):
    text = body if isinstance(body, str) else json.dumps(body)
    return classify_add(Answer(status, {}, text, size=len(text)), (), (), str)


def dressed(text):
    """The same words in other clothes."""
    yield text
    yield text.upper()
    yield text.lower()
    yield text.rstrip(".") + "!"
    yield f"Error: {text}"
    yield f"  {text}  "
    yield text.replace(" ", "  ")
    yield text.replace(" ", "_")


@pytest.mark.parametrize(("text", "reason"), [*SEEN, *VARIED])
def test_a_sure_refusal_is_one_in_any_case_and_punctuation(text, reason):
    for worn in dressed(text):
        for body in ({"error": worn}, {"errors": [worn]}, {"status": "fail", "message": worn}):
            outcome = judge(body)
            assert (outcome.kind, outcome.reason) == (OutcomeKind.REFUSED, reason), (worn, outcome.message)


@pytest.mark.parametrize(
    "text_and_code", [(SEEN[0][0], 107), (SEEN[1][0], 108), (SEEN[2][0], 109)], ids=["107", "108", "109"]
)
def test_a_code_beside_the_text_may_be_a_number_or_text_under_any_name(text_and_code):
    text, code = text_and_code
    for written in (code, str(code)):
        for body in (
            {"error": text, "status": written},
            {"error": text, "code": written},
            {"error": written, "message": text},
            {"errors": {"code": written, "text": text}},
            {"error": {"code": written, "message": text}},
        ):
            assert judge(body).kind is OutcomeKind.REFUSED, body


@pytest.mark.parametrize("code", [107, 108, 109])
def test_a_code_alone_proves_nothing(code):
    for written in (code, str(code)):
        for body in (
            {"error": written},
            {"status": written},
            {"error": "", "code": written},
            {"error": True, "status": written},
        ):
            assert judge(body).kind is OutcomeKind.IN_DOUBT, body


@pytest.mark.parametrize(("text", "reason"), [*SEEN, *VARIED])
def test_no_such_text_counts_beside_an_id_or_under_a_server_error(text, reason):
    for body in ({"error": text, "order": 5}, {"order": 1, "error": text}, {"error": text, "data": {"order_id": 7}}):
        assert judge(body).kind is OutcomeKind.IN_DOUBT, reason
    assert judge({"order": 5, "message": text}).kind is OutcomeKind.IN_DOUBT
    assert judge({"error": text}, 500).kind is OutcomeKind.IN_DOUBT


@pytest.mark.parametrize(
    "text",
    [
        "Failed to create order",
        "There was an error, contact the admin",
        "There was an error processing your request. Please try again later",
        "An error occurred while placing your order.",
        "The order was made, then: Failed to create order",
        "The order was made, then: Not enough funds",
        "Minimum quantity is 50, so we ordered 50",
        "Minimum quantity is 50 and 50 were bought",
        "Minimum quantity is used",
        "You did not meet the minimum number, the order goes on with 50",
        "The maximum number has been exceeded, the rest is left out",
        "Quantity out of bounds, adjusted to 50",
        "Quantity must to be greater than or equal to minimum amount 50: increased",
        "Ordering is disabled from tomorrow on",
        "The supplier's API access disabled",
        "API access disabled after this order",
        "Incorrect parameters were ignored",
        "Incorrect parameters: runs ignored, ordered at once",
        "You must fill in the required fields next time",
        "You can not order more than 5000 per link, so 5000",
        "Order number 555: not enough funds",
        "Your order was added to the active order with this link, but wait until it is completed",
        "You have active order with this link but your order was placed",
        "You have active order with this link, but your order is queued, wait until it is completed",
        "Active order with this link found, but your order will start when it is completed",
        "Active order with this link found, however it was split, wait until both are done",
        "Active order with this link found, but we made it anyway, please wait",
        "An active order with this link exists, but thank you: wait until both are done",
        "You have active order with this link, but no matter",
    ],
)
def test_a_text_that_may_tell_of_a_purchase_stays_a_doubt(text):
    for worn in dressed(text):
        assert judge({"error": worn}).kind is OutcomeKind.IN_DOUBT, worn


TEXTS = st.sampled_from([text for text, _ in [*SEEN, *VARIED]])
TELLING = st.sampled_from(
    [
        "placed",
        "created",
        "accepted",
        "charged",
        "success",
        "submitted",
        "received",
        "queued",
        "sent",
        "registered",
        "added",
        "processed",
        "made",
        "adjusted",
        "replaced",
        "supplier",
        "provider",
        "pending",
        "warning",
    ]
)
WORDS = st.text("abcdefghijklmnopqrstuvwxyz", min_size=2, max_size=12)


@settings(max_examples=500, deadline=None)
@given(
    text=TEXTS,
    before=st.lists(WORDS, max_size=6),
    after=st.lists(WORDS, max_size=6),
    telling=TELLING,
    place=st.booleans(),
)
def test_a_refusal_beside_a_word_of_a_purchase_is_never_one(text, before, after, telling, place):
    words = [*before, telling, text.strip(".!"), *after] if place else [*before, text.strip(".!"), telling, *after]
    assert proven_refusal([" ".join(words)]) is None


KEY_WORDS = {word for one in KNOWN for word in re.findall("[a-z]{3,}", one.pattern.pattern)}


@settings(max_examples=1000, deadline=None)
@given(text=st.text(max_size=120) | st.lists(WORDS, max_size=20).map(" ".join))
def test_no_arbitrary_text_is_a_refusal(text):
    assume(len(KEY_WORDS.intersection(fold(text).split())) < 2)
    assert proven_refusal([text]) is None


# The words that the known texts are made of, so that chance can put them together wrongly.
VOCABULARY = sorted({word for text, _ in [*SEEN, *VARIED] for word in text.lower().replace(",", " ").split()})


@settings(max_examples=1000, deadline=None)
@given(words=st.lists(st.sampled_from(VOCABULARY), min_size=15, max_size=40))
def test_a_long_jumble_of_the_same_words_with_an_order_in_it_is_no_refusal(words):
    """Whatever stands there: an answer that says that an order was placed is none."""
    assert proven_refusal([" ".join([*words, "order placed"])]) is None


@settings(max_examples=300, deadline=None)
@given(text=TEXTS, order=st.integers(1, 10**12) | st.integers(1, 10**12).map(str))
def test_an_answer_with_an_id_is_never_a_refusal(text, order):
    for body in (
        {"order": order, "error": text},
        {"error": text, "order_id": order},
        {"message": text, "data": {"order": order}},
    ):
        assert judge(body).kind is not OutcomeKind.REFUSED


@settings(max_examples=300, deadline=None)
@given(
    texts=st.lists(TEXTS, min_size=1, max_size=4),
    other=WORDS.filter(lambda word: word not in ("error", "fail", "failed", "errors", "false", "failure")),
)
def test_one_text_that_is_not_known_beside_known_ones_leaves_a_doubt(texts, other):
    assert proven_refusal([*texts, f"{other} {other}"]) is None


def test_every_pattern_is_met_by_a_text_here_or_in_the_outcomes():
    """A pattern that no test shows may be wrong without anybody knowing."""
    outcomes = Path(__file__).with_name("test_outcome.py").read_text(encoding="utf-8")
    shown = [text for text, _ in [*SEEN, *VARIED]] + [
        line.split('"')[1] for line in outcomes.splitlines() if line.startswith('    ("')
    ]
    unmet = [one.pattern.pattern for one in KNOWN if not any(_span(one, fold(text)) for text in shown)]
    assert unmet == []
