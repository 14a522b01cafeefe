import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runner.core.attempts import Outcome, OutcomeKind, Phase, RefusalReason
from runner.core.values.text import Secret
from runner.panel.exchange import Answer, TransportFailure
from runner.panel.parse.outcome import classify_add
from runner.panel.redact import Redactor

KEY = "s3cr3tkey0123456789"
REDACT = Redactor(Secret(KEY))
R = RefusalReason


def judge(body, status=200, *, owned=(), listed=(), headers=None, complete=True):
    text = body if isinstance(body, str) else json.dumps(body)
    return classify_add(Answer(status, headers or {}, text, complete, len(text)), owned, listed, REDACT)


@pytest.mark.parametrize(
    ("body", "order_id"),
    [
        ('{"order": 23501}', "23501"),
        ('{"order":"23501"}', "23501"),
        (' \n{"order": 5}\r\n', "5"),
        ('\ufeff{"order": 5}', "5"),
        ('<br /><b>Warning</b>: Undefined array key "runs" in <b>x.php</b> on line <b>3</b><br />{"order": 5}', "5"),
        ({"status": "success", "order": 5}, "5"),
        ({"order": "ord_9f"}, "ord_9f"),
        ({"order": 5, "error": ""}, "5"),
        ({"order": 5, "error": None, "errors": []}, "5"),
        ({"order": 5, "error": False, "message": "Order placed"}, "5"),
        ({"order": 5, "status": "Pending", "charge": "0.1", "currency": "USD"}, "5"),
    ],
)
def test_a_usable_order_id_is_placed(body, order_id):
    assert judge(body) == Outcome(OutcomeKind.PLACED, order_id, http_status=200)


def test_created_is_placed_too():
    assert judge({"order": 5}, status=201).kind is OutcomeKind.PLACED


@pytest.mark.parametrize(
    "body",
    [
        "",
        "   ",
        "<html>Bad gateway</html>",
        '{"order": 5',
        '[{"order": 5}]',
        '[{"order": 5}',
        "23501",
        "null",
        "[]",
        "{}",
        '{"order": 1, "order": 2}',
        '{"order": 1, "error": "Not enough funds", "error": ""}',
        '{"order": NaN}',
        '{"order": 5.0}',
        *[
            {"order": bad}
            for bad in (0, "0", -5, "-5", True, False, None, "", " ", [], [5], {}, {"id": 5}, "1 2", "null")
        ],
        {"order": "x" * 65},
        {"Order": 5},
        {"data": {"order": 5}},
        {"id": 5},
        {"status": "success"},
        {"success": True},
        {"error": ""},
        {"error": None},
        {"error": 113},
        {"error": "113", "code": 113},
        {"error": 113, "message": "generic failure"},
        {"error": "There was an error, contact the admin"},
        {"error": "Please try again later"},
        {"error": "Something went wrong"},
        {"message": "Service Unavailable"},
        {"error": "Order placed, but not enough funds for the next run"},
        {"error": "There was an error: incorrect request, contact the admin"},
        {"error": "Provider said: not enough funds"},
        {"error": "Not enough funds", "message": "There was an error, contact the admin"},
        {"errors": ["Invalid link", "Your order was created"]},
        {"error": "We charged you; the rest: insufficient balance"},
        {"error": "Not enough funds", "order_id": 7},
        {"error": "Not enough funds", "data": {"order": 7}},
        {"error": '{"error": "Not enough funds", "order": 7}'},
        {"error": "incorrect request from the queue"},
        {"error": "The invalid key of the map"},
        {"error": "minimum quantity was delivered"},
        {"error": "Not enough funds. " + "Then we did a number of other things with it, one after the other. " * 3},
        {"error": "https://example.com/not-enough-funds"},
        {"error": {"a": {"b": {"c": {"d": {"e": "Not enough funds"}}}}}},
        {"error": ["Not enough funds"] * 17},
        {"error": "x" * 100_000},
        {"order": 5, "error": "Not enough funds"},
        {"order": 5, "error": "anything"},
        {"order": 5, "error": True},
        {"order": 5, "errors": {"link": ["odd"]}},
        {"order": 5, "message": "Not enough funds"},
        {"order": 5, "status": "error"},
        {"order": 5, "success": False},
        {"order": KEY},
    ],
    ids=str,
)
def test_whatever_is_no_proof_is_in_doubt(body):
    outcome = judge(body)
    assert outcome.kind is OutcomeKind.IN_DOUBT
    assert outcome.panel_order_id is None
    assert outcome.message
    assert KEY not in outcome.message


REFUSALS = [
    ("Invalid API key", R.KEY),
    ("incorrect api key.", R.KEY),
    ("Missing API key", R.KEY),
    ("API key is invalid", R.KEY),
    ("Invalid key", R.KEY),
    ("Your account is suspended, contact support", R.KEY),
    ("User inactive", R.KEY),
    ("Account has been banned", R.KEY),
    ("Too many requests, please try again later", R.RATE),
    ("Rate limit exceeded", R.RATE),
    ("rate_limit_exceeded", R.RATE),
    ("Not enough funds", R.FUNDS),
    ("Not enough funds on balance", R.FUNDS),
    ("Sorry, insufficient balance!", R.FUNDS),
    ("not_enough_funds", R.FUNDS),
    ("neworder.error.not_enough_funds", R.FUNDS),
    ("insufficient_balance", R.FUNDS),
    ("Insufficient funds: 1.20 needed, 0.80 left", R.FUNDS),
    ("You have active order with this link. Please wait until order being completed.", R.DUPLICATE),
    ("You have an active order with this link: https://example.com/order-created", R.DUPLICATE),
    ("link_duplicate", R.DUPLICATE),
    ("neworder.error.link_duplicate", R.DUPLICATE),
    ("Same link has an active order", R.DUPLICATE),
    ("An identical order was just placed", R.DUPLICATE),
    ("Quantity less than minimal 50", R.QUANTITY),
    ("Quantity is less than minimum", R.QUANTITY),
    ("quantity more than maximum (10000)", R.QUANTITY),
    ("Quantity must be between 10 and 1000.", R.QUANTITY),
    ("Incorrect quantity", R.QUANTITY),
    ("min_quantity", R.QUANTITY),
    ("neworder.error.max_quantity", R.QUANTITY),
    ("Incorrect service ID", R.SERVICE),
    ("Service not found", R.SERVICE),
    ("Service doesn't exist", R.SERVICE),
    ("The selected service is inactive", R.SERVICE),
    ("Service is disabled", R.SERVICE),
    ("Bad link", R.LINK),
    ("INVALID LINK", R.LINK),
    ("Enter a valid link", R.LINK),
    ("Incorrect link", R.LINK),
    ("URL is not valid", R.LINK),
    ("neworder.error.link", R.LINK),
    ("Incorrect request", R.REQUEST),
    ("error.incorrect_request", R.REQUEST),
    ("Missing parameter: runs", R.REQUEST),
    ("missing data", R.REQUEST),
    ("Invalid action", R.REQUEST),
    ("The action is invalid", R.REQUEST),
    ("The link field is required.", R.REQUEST),
    ("Quantity is required", R.REQUEST),
    ("runs is required", R.REQUEST),
    ("Drip-feed is not supported", R.REQUEST),
    ("This service does not support drip feed", R.REQUEST),
    ("Incorrect interval", R.REQUEST),
    ("Incorrect runs", R.REQUEST),
]


@pytest.mark.parametrize(("text", "reason"), REFUSALS)
def test_a_known_refusal_without_an_id_bought_nothing(text, reason):
    for status in (200, 400, 401, 402, 403, 422):
        outcome = judge({"error": text}, status)
        assert (outcome.kind, outcome.reason) == (OutcomeKind.REFUSED, reason), outcome
        assert outcome.panel_order_id is None
        assert outcome.http_status == status
        assert not outcome.stops_panel


@pytest.mark.parametrize(("text", "reason"), REFUSALS)
def test_no_refusal_counts_under_a_server_error_or_beside_an_id(text, reason):
    assert judge({"error": text}, 500).kind is OutcomeKind.IN_DOUBT
    assert judge({"error": text}, 502).kind is OutcomeKind.IN_DOUBT
    assert judge({"error": text, "order": 5}).kind is OutcomeKind.IN_DOUBT
    assert judge({"error": text}, complete=False).kind is OutcomeKind.IN_DOUBT


@pytest.mark.parametrize(("text", "reason"), REFUSALS)
@pytest.mark.parametrize(
    "sentence",
    [
        "Your order was placed, but {}",
        "{} - your order was accepted anyway",
        "Provider answered: {}",
        "{}? There was an error",
    ],
)
def test_a_refusal_inside_a_sentence_about_a_purchase_is_in_doubt(text, reason, sentence):
    assert judge({"error": sentence.format(text)}).kind is OutcomeKind.IN_DOUBT


@pytest.mark.parametrize(
    "body",
    [
        {"errors": ["Not enough funds"]},
        {"errors": {"balance": ["Not enough funds"]}},
        {"msg": "Not enough funds"},
        {"status": "fail", "message": "Not enough funds"},
        {"error": {"code": 114, "message": "Not enough funds"}},
        {"error": 113, "message": "Not enough funds"},
        {"error": '{"message": "Not enough funds"}'},
        {"error": "Error", "message": "Not enough funds"},
        {"message": "The given data was invalid.", "errors": {"x": ["Not enough funds"]}},
        {"error": "Not enough funds", "order": None},
        {"error": "Not enough funds", "order": 0},
        {"Error": "Not enough funds"},
        "<b>Notice</b>: x [y]\n" + '{"error": "Not enough funds"}',
        {"error": "Not\nenough\nfunds", "x": "\ud800"},
    ],
    ids=str,
)
def test_a_refusal_is_found_wherever_panels_put_it(body):
    outcome = judge(body)
    assert (outcome.kind, outcome.reason) == (OutcomeKind.REFUSED, R.FUNDS)


def test_overloaded_codes_are_told_apart_by_their_text():
    assert judge({"error": 113, "message": "You have active order with this link"}).reason is R.DUPLICATE
    assert judge({"error": 113, "message": "Insufficient balance"}).reason is R.FUNDS
    assert judge({"error": 113}).kind is OutcomeKind.IN_DOUBT


def test_the_profile_extends_the_list_in_any_language():
    listed = ("Solde insuffisant", "余额不足", "!!")
    assert judge({"error": "Erreur : SOLDE   insuffisant."}, listed=listed).reason is R.LISTED
    assert judge({"error": "余额不足\uff0c请充值"}, listed=listed).reason is R.LISTED
    assert judge({"error": "soldes insuffisants"}, listed=listed).kind is OutcomeKind.IN_DOUBT
    assert judge({"error": "Order placed; solde insuffisant"}, listed=listed).kind is OutcomeKind.IN_DOUBT
    assert judge({"error": "Solde insuffisant"}).kind is OutcomeKind.IN_DOUBT
    assert judge({"error": "!!"}, listed=listed).kind is OutcomeKind.IN_DOUBT


def test_an_id_that_is_ours_already_is_a_doubt_and_stops_the_panel():
    for body in ({"order": 7}, {"order": "7", "status": "success"}):
        outcome = judge(body, owned={"7"})
        assert outcome.kind is OutcomeKind.IN_DOUBT
        assert outcome.stops_panel
        assert outcome.panel_order_id is None
        assert "7" in outcome.message


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308, 399])
def test_a_redirect_is_a_doubt_and_stops_the_panel_even_with_an_id(status):
    outcome = judge({"order": 5}, status, headers={"location": f"https://evil.example/?key={KEY}"})
    assert outcome.kind is OutcomeKind.IN_DOUBT
    assert outcome.stops_panel
    assert "evil.example" in outcome.message
    assert KEY not in outcome.message


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 429, 500, 502, 503, 504, 520])
def test_an_error_status_without_json_or_with_an_id_is_in_doubt(status):
    for body in ("<html>nope</html>", "", "Too many requests", {"order": 5}, {}):
        assert judge(body, status).kind is OutcomeKind.IN_DOUBT


def test_too_many_requests_waits_as_long_as_the_panel_says():
    date = "Wed, 21 Oct 2026 07:28:00 GMT"
    for headers, wait in (
        ({}, None),
        ({"retry-after": "30"}, 30.0),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Wed, 21 Oct 2026 07:29:30 GMT", "date": date}, 90.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:29:30 GMT"}, None),
        ({"x-ratelimit-reset": "12"}, 12.0),
        ({"x-ratelimit-reset": "1792567740", "date": date}, 60.0),
        ({"x-ratelimit-reset": "1792567740"}, None),
    ):
        outcome = judge({"error": "Rate limit exceeded"}, headers=headers)
        assert (outcome.reason, outcome.retry_after) == (R.RATE, wait), headers
    assert judge({"error": "Slow down, friend"}, 429, headers={"retry-after": "9"}).retry_after == 9
    assert judge({"error": "Slow down, friend"}).kind is OutcomeKind.IN_DOUBT
    assert judge({"error": "Slow down, your order was placed"}, 429).kind is OutcomeKind.IN_DOUBT


@pytest.mark.parametrize("phase", list(Phase))
def test_only_a_phase_before_sending_proves_that_nothing_was_sent(phase):
    outcome = classify_add(TransportFailure(phase=phase, message=f"gone with {KEY}"), (), (), REDACT)
    nothing_left = phase in (Phase.QUEUED, Phase.CONNECTING)
    assert outcome.kind is (OutcomeKind.NOT_SENT if nothing_left else OutcomeKind.IN_DOUBT)
    assert outcome.phase is phase
    assert KEY not in outcome.message


def test_what_was_answered_is_kept_as_evidence_unless_it_was_placed():
    refused = judge({"error": "Not enough funds"})
    assert (refused.answer, refused.size) == ('{"error": "Not enough funds"}', 29)
    doubt = judge("<html>\n<b>Bad\x00 gateway</b>", 502)
    assert (doubt.answer, doubt.size) == (r"<html> <b>Bad\x00 gateway</b>", 26)
    placed = judge({"order": 5})
    assert (placed.answer, placed.size) == ("", 0)
    cut = TransportFailure(
        phase=Phase.ANSWERING, message="reset", bytes_received=9, http_status=200, answer='{"order":'
    )
    outcome = classify_add(cut, (), (), REDACT)
    assert (outcome.kind, outcome.answer, outcome.size, outcome.http_status) == (
        OutcomeKind.IN_DOUBT,
        '{"order":',
        9,
        200,
    )


@pytest.mark.parametrize(
    "text",
    [
        f'{{"error": "odd", "key": "{KEY}"}}',
        "x" * 1995 + KEY,
        "x" * 4090 + KEY,
        "\\ud800" * 400 + KEY,
        KEY * 300,
        "z" * 100_000,
        KEY[:12],
    ],
    ids=lambda text: text[:12],
)
def test_the_evidence_is_short_and_never_holds_the_key(text):
    for exchange in (
        Answer(200, {}, text, True, len(text)),
        TransportFailure(phase=Phase.ANSWERING, message="reset", answer=text),
    ):
        outcome = classify_add(exchange, (), (), REDACT)
        assert outcome.kind is OutcomeKind.IN_DOUBT
        assert len(outcome.answer) <= 2000
        assert KEY not in outcome.answer + outcome.message
        assert KEY[:12] not in outcome.answer


@pytest.mark.parametrize("again", [{"order": 5}, {"order": "5"}, {"order": 5, "status": "success"}])
def test_a_repeated_id_is_placed_once_and_then_a_doubt(again):
    owned: set[str] = set()
    first = judge(again, owned=owned)
    assert first.panel_order_id == "5"
    owned.add(first.panel_order_id)
    assert (judge(again, owned=owned).kind, judge(again, owned=owned).stops_panel) == (OutcomeKind.IN_DOUBT, True)


@pytest.mark.parametrize(
    "error",
    ["5", 5, "114", 114, "Недостаточно средств", "رصيد غير كاف", "Bakiye yetersiz", "insuficiente", "\ud83d\ude22"],
    ids=ascii,
)
def test_numeric_codes_and_texts_in_other_languages_prove_nothing_unless_the_profile_lists_them(error):
    for body in ({"error": error}, {"error": error, "order": None}, {"status": "fail", "message": error}):
        outcome = judge(body)
        assert (outcome.kind, outcome.panel_order_id) == (OutcomeKind.IN_DOUBT, None)
        assert outcome.answer


@pytest.mark.parametrize(
    "order_id", ["5.0", "5.7", 5.7, 1e3, "1e3", "-0", "+5", "\u0665", "order placed", "5,6"], ids=ascii
)
def test_what_looks_like_an_id_but_may_be_none_is_no_refusal_either(order_id):
    outcome = judge({"error": "Not enough funds", "order": order_id})
    assert outcome.kind is OutcomeKind.IN_DOUBT


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([t for t, _ in REFUSALS])
)
NAMES = (
    st.sampled_from(["order", "error", "errors", "message", "msg", "status", "code", "id", "data", "order_id"])
    | st.text()
)
BODIES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=8
)
TEXTS = st.binary().map(lambda raw: raw.decode(errors="replace")) | st.text() | BODIES.map(json.dumps)


@settings(max_examples=400, deadline=None)
@given(text=TEXTS, status=st.integers(0, 999) | st.sampled_from([200, 400, 429]), complete=st.booleans())
@example(text='{"order": ' + "9" * 5000 + "}", status=200, complete=True)
@example(text='{"order":' * 3000, status=200, complete=True)
def test_every_answer_has_an_outcome_and_only_proof_is_believed(text, status, complete):
    outcome = judge(text, status, owned={"7"}, listed=("solde insuffisant",), complete=complete)
    assert (outcome.kind is OutcomeKind.PLACED) == (outcome.panel_order_id is not None)
    assert (outcome.kind is OutcomeKind.REFUSED) == (outcome.reason is not None)
    assert outcome.kind is not OutcomeKind.NOT_SENT
    if outcome.kind is OutcomeKind.IN_DOUBT:
        assert outcome.message
        return
    assert complete
    body = json.loads(text.lstrip("\ufeff"))
    if outcome.kind is OutcomeKind.PLACED:
        assert 200 <= status < 300
        assert str(body["order"]) == outcome.panel_order_id != "7"
        assert not body.get("error")
    else:
        assert status == 200 or 400 <= status < 500
        assert not body.get("order")
