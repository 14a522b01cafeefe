import json

import pytest

from runner.core.refills import CancelState, Finality, RefillState
from runner.panel.parse.complaints import Trouble, TroubleKind
from runner.panel.parse.refill_answers import (
    RefillAnswer,
    finality_of,
    parse_cancels,
    parse_refill_statuses,
    parse_refills,
)
from tests.panel.alone import parse_cancel, parse_refill, parse_refill_status


def requested(refill_id):
    return RefillAnswer(state=RefillState.REQUESTED, refill_id=refill_id)


def test_the_documented_refills_are_read():
    rows = [
        {"order": 1, "refill": 1},
        {"order": 2, "refill": 2},
        {"order": 3, "refill": {"error": "Incorrect order ID"}},
    ]
    found = parse_refills(json.dumps(rows), ("1", "2", "3", "4"), str)
    assert found["1"] == requested("1")
    assert found["2"] == requested("2")
    assert found["3"] == RefillAnswer(state=RefillState.REFUSED, finality=Finality.FINAL, message="Incorrect order ID")
    assert found["4"].state is RefillState.UNKNOWN


@pytest.mark.parametrize(
    "body",
    [
        {"refill": "77"},
        {"refill": 77},
        {"order": 1, "refill": 77},
        [{"order": 1, "refill": 77}],
        [{"refill": 77}],
        {"status": "success", "refill": "77", "message": "Refill created"},
        {"1": {"refill": 77}},
        {"1": 77},
        {"data": [{"order": "1", "refill": "77"}]},
    ],
    ids=str,
)
def test_a_refill_id_is_found_in_every_shape(body):
    assert parse_refill(json.dumps(body), "1", str) == {"1": requested("77")}


def test_a_refill_id_may_equal_the_order_id():
    assert parse_refills('[{"order": 3, "refill": 3}]', ("3", "4"), str)["3"] == requested("3")


def test_a_single_object_when_one_valid_id_is_left_goes_by_its_order():
    found = parse_refills('{"order": 2, "refill": 9}', ("1", "2"), str)
    assert (found["1"].state, found["2"]) == (RefillState.UNKNOWN, requested("9"))
    assert parse_refills('{"refill": 9}', ("1", "2"), str)["1"].state is RefillState.UNKNOWN


@pytest.mark.parametrize(
    "body",
    [
        {"refill": {"error": "Please wait 24 hours"}},
        {"order": 1, "error": "Please wait 24 hours"},
        [{"order": 1, "refill": {"error": "Please wait 24 hours"}}],
        [{"order": 1, "error": "Please wait 24 hours"}],
        {"error": "Please wait 24 hours"},
        {"status": "fail", "message": "Please wait 24 hours"},
    ],
    ids=str,
)
def test_a_refused_refill_is_found_in_every_shape(body):
    found = parse_refill(json.dumps(body), "1", str)["1"]
    assert (found.state, found.finality) == (RefillState.REFUSED, Finality.LATER)
    assert found.message == "Please wait 24 hours"


@pytest.mark.parametrize(
    "body", [{"refill": bad} for bad in (0, "0", None, False, True, [], {}, "")] + [[], None, {}, 5]
)
def test_a_refill_without_an_id_is_unknown(body):
    found = parse_refill(json.dumps(body), "1", str)
    assert isinstance(found, Trouble) or found["1"].state is RefillState.UNKNOWN


@pytest.mark.parametrize(
    ("text", "finality"),
    [
        ("Incorrect order ID", Finality.FINAL),
        ("Refill not allowed", Finality.FINAL),
        ("Order is not eligible for refill", Finality.FINAL),
        ("This service does not support refill", Finality.FINAL),
        ("Refill days are over", Finality.FINAL),
        ("Please wait 24 hours before the next refill", Finality.LATER),
        ("Refill already requested", Finality.LATER),
        ("There is an open request", Finality.LATER),
        ("Refill is not available yet", Finality.LATER),
        ("Refill period (30 days) has expired", Finality.FINAL),
        ("The refill time of 720 hours is over", Finality.FINAL),
        ("Warranty of this order ended", Finality.FINAL),
        ("Maximum number of refills reached for this order", Finality.FINAL),
        ("No refill for this service", Finality.FINAL),
        ("Canceled orders can't be refilled", Finality.FINAL),
        ("Order was not found", Finality.FINAL),
        ("Refill can be requested once per day", Finality.LATER),
        ("You can request the next refill in 17 hours", Finality.LATER),
        ("A refill has already been requested", Finality.LATER),
        ("You have an active refill for this order", Finality.LATER),
        ("Order already refilled, try again tomorrow", Finality.LATER),
        ("Refill is not available, the order is not completed", Finality.LATER),
        ("Order is in progress, refill is not possible", Finality.LATER),
        ("Nothing to refill", Finality.LATER),
        ("Not eligible: the order has not dropped", Finality.LATER),
        ("Kaputt", None),
    ],
)
def test_refusals_of_refills_are_final_or_not(text, finality):
    assert finality_of(text) is finality


@pytest.mark.parametrize(
    "text", ["Something went wrong, please try again later", "There was an error, contact support", "SQL error"]
)
def test_a_vague_error_does_not_prove_that_no_refill_was_recorded(text):
    shapes = ({"error": text}, [{"order": 1, "refill": {"error": text}}], {"order": 1, "error": text})
    for body in shapes:
        assert parse_refill(json.dumps(body), "1", str)["1"] == RefillAnswer(state=RefillState.UNKNOWN, message=text)


def test_whole_answers_that_are_errors_are_trouble():
    assert parse_refills('{"error": "Invalid API key"}', ("1",), str).kind is TroubleKind.KEY
    assert parse_refill('{"error": "Unknown action"}', "1", str).kind is TroubleKind.UNKNOWN_ACTION
    assert parse_cancels('{"error": "Incorrect request"}', ("1", "2"), str).kind is TroubleKind.REQUEST
    assert parse_refills("<html>", ("1",), str).kind is TroubleKind.UNREADABLE


def test_the_documented_refill_statuses_are_read():
    rows = [
        {"refill": 1, "status": "Completed"},
        {"refill": 2, "status": "Rejected"},
        {"refill": 3, "status": {"error": "Refill not found"}},
        {"refill": 5, "status": "Teleporting"},
    ]
    found = parse_refill_statuses(json.dumps(rows), tuple("12345"), str)
    assert found["1"].state is RefillState.COMPLETED
    assert found["2"].state is RefillState.REJECTED
    assert found["3"].error == "Refill not found"
    assert "4" not in found
    assert (found["5"].state, found["5"].state_text) == (RefillState.REQUESTED, "Teleporting")


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("Pending", RefillState.REQUESTED),
        ("In progress", RefillState.REQUESTED),
        ("Refilling", RefillState.REQUESTED),
        ("Approved", RefillState.REQUESTED),
        ("completed", RefillState.COMPLETED),
        ("Rejected", RefillState.REJECTED),
        ("Declined", RefillState.REJECTED),
        ("Error", RefillState.REJECTED),
        ("Canceled", RefillState.REJECTED),
    ],
)
@pytest.mark.parametrize(
    "shape", [lambda row: row, lambda row: [row], lambda row: {"7": row}, lambda row: {"7": row["status"]}]
)
def test_refill_words_fold_in_every_shape(word, state, shape):
    assert parse_refill_status(json.dumps(shape({"status": word})), "7", str)["7"].state is state


@pytest.mark.parametrize("body", [[None], None, [], {"status": None}])
def test_a_refill_status_of_nothing_says_nothing(body):
    assert parse_refill_status(json.dumps(body), "7", str) == {}


def test_an_unknown_refill_asked_alone_is_its_error():
    assert parse_refill_status('{"error": "Refill not found"}', "7", str)["7"].error == "Refill not found"


def test_the_documented_cancels_are_read():
    rows = [{"order": 9, "cancel": {"error": "Incorrect order ID"}}, {"order": 2, "cancel": 1}]
    found = parse_cancels(json.dumps(rows), ("9", "2", "3"), str)
    assert (found["9"].state, found["9"].message) == (CancelState.REFUSED, "Incorrect order ID")
    assert found["2"].state is CancelState.RECORDED
    assert found["3"].state is CancelState.UNKNOWN


@pytest.mark.parametrize("value", [1, "1", 5521, "req_5", {"status": 1}, {"id": 5}, True, "success"])
@pytest.mark.parametrize(
    "shape", [lambda value: [{"order": 2, "cancel": value}], lambda value: {"order": 2, "cancel": value}]
)
def test_a_request_to_cancel_is_recorded_whatever_stands_for_yes(value, shape):
    assert parse_cancel(json.dumps(shape(value)), "2", str)["2"].state is CancelState.RECORDED


def test_a_cancel_that_says_no_or_nothing_is_not_recorded():
    assert parse_cancel('{"cancel": 0}', "2", str)["2"].state is CancelState.UNKNOWN
    assert parse_cancel('[{"order": 2, "error": "Too late"}]', "2", str)["2"].state is CancelState.REFUSED
    assert parse_cancel('{"error": "Too late"}', "2", str)["2"].state is CancelState.REFUSED


WHOLE_YES = [
    {"status": "success", "message": "Your cancellation request was received"},
    {"status": "success"},
    {"status": "Success", "msg": "ok", "data": []},
    {"success": True},
    {"success": 1, "message": "done"},
    {"ok": True},
    {"result": "ok"},
    True,
    1,
    "success",
]
WHOLE_NOTHING = [
    None,
    0,
    False,
    "",
    [],
    {},
    [[]],
    {"ok": False},
    {"status": 0},
    {"message": "Hello"},
    {"foo": "bar"},
    -1,
    5.5,
]


@pytest.mark.parametrize("body", WHOLE_YES, ids=json.dumps)
def test_a_success_of_the_whole_call_is_a_request_taken_for_each_order(body):
    for ids in (("1",), ("1", "2")):
        found = parse_cancels(json.dumps(body), ids, str)
        assert {one.state for one in found.values()} == {CancelState.RECORDED}
        assert set(found) == set(ids)


@pytest.mark.parametrize("body", WHOLE_NOTHING, ids=json.dumps)
def test_an_answer_that_says_nothing_is_never_a_refusal_and_says_so(body):
    for ids in (("1",), ("1", "2")):
        found = parse_cancels(json.dumps(body), ids, str)
        assert {one.state for one in found.values()} == {CancelState.UNKNOWN}
        assert all(one.message for one in found.values()), "an unknown says why"
        refills = parse_refills(json.dumps(body), ids, str)
        assert {one.state for one in refills.values()} == {RefillState.UNKNOWN}
        assert all(one.message for one in refills.values())


@pytest.mark.parametrize("body", WHOLE_YES, ids=json.dumps)
def test_a_refill_without_a_number_may_have_been_recorded_and_is_no_refusal(body):
    for ids in (("1",), ("1", "2")):
        found = parse_refills(json.dumps(body), ids, str)
        assert {one.state for one in found.values()} == {RefillState.UNKNOWN}
        assert all(one.message for one in found.values())


@pytest.mark.parametrize("body", [*WHOLE_YES, *WHOLE_NOTHING], ids=json.dumps)
def test_such_an_answer_about_refills_leaves_them_open(body):
    for ids in (("7",), ("7", "8")):
        found = parse_refill_statuses(json.dumps(body), ids, str)
        assert not isinstance(found, Trouble)
        assert all(one.error or one.state is RefillState.COMPLETED for one in found.values())
        if body not in ({"status": "success"}, {"message": "Hello"}):
            assert found == {}


@pytest.mark.parametrize(
    "answer",
    [
        {"status": "error", "message": "Cancel is not available"},
        {"success": False, "message": "Too late to cancel"},
        {"error": "Order can't be cancelled"},
        {"message": "This order cannot be canceled"},
        {"order": 1, "cancel": "Cancellation is not allowed"},
        [{"order": 1, "cancel": {"error": "Order already completed"}}],
        {"1": "Incorrect order ID"},
    ],
    ids=json.dumps,
)
def test_a_cancel_that_is_refused_in_words_is_refused_in_every_shape(answer):
    found = parse_cancel(json.dumps(answer), "1", str)["1"]
    assert (found.state, bool(found.message)) == (CancelState.REFUSED, True)


@pytest.mark.parametrize("text", ["Something went wrong", "There was an error, contact the admin", "Internal error"])
def test_a_vague_error_does_not_prove_that_no_request_to_cancel_was_recorded(text):
    for body in ({"error": text}, [{"order": 1, "cancel": {"error": text}}], {"status": "error", "message": text}):
        found = parse_cancel(json.dumps(body), "1", str)["1"]
        assert (found.state, found.message) == (CancelState.UNKNOWN, text)


@pytest.mark.parametrize("value", ["Pending", "processing", "in progress", "requested", "Canceled"])
def test_a_request_to_cancel_that_is_under_way_is_recorded(value):
    assert parse_cancels(json.dumps([{"order": 1, "cancel": value}]), ("1",), str)["1"].state is CancelState.RECORDED


@pytest.mark.parametrize("value", ["rejected", "no", "", "false", None, 0, False])
def test_a_word_that_is_no_yes_is_no_yes(value):
    assert (
        parse_cancels(json.dumps([{"order": 1, "cancel": value}]), ("1",), str)["1"].state is not CancelState.RECORDED
    )


def test_a_refill_under_a_success_with_words_is_requested():
    body = {"success": "Your order will be refill asap. Thank you for patience", "refill": 12345}
    assert parse_refills(json.dumps(body), ("1",), str)["1"] == requested("12345")


def test_an_error_with_a_text_is_no_refill_that_failed():
    found = parse_refill_statuses('{"status": "error", "message": "Refill not found"}', ("7",), str)
    assert isinstance(found, Trouble) or found["7"].error == "Refill not found"
