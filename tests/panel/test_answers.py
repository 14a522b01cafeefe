import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.core.attempts import LiveStatus
from runner.core.catalogue import Service
from runner.panel.parse import refill_answers
from runner.panel.parse.answers import (
    BalanceAnswer,
    StatusAnswer,
    UnclearBalance,
    parse_balance,
    parse_services,
    parse_statuses,
)
from runner.panel.parse.complaints import Trouble, TroubleKind
from runner.panel.parse.price_list import PriceList, PricePage
from tests.panel import alone
from tests.panel.alone import parse_status


def text_of(body):
    return body if isinstance(body, str) else json.dumps(body)


def services(body):
    page = parse_services(text_of(body), str)
    if isinstance(page, Trouble):
        return page
    found = PriceList()
    found.add_page(page)
    return found


def balance(body):
    return parse_balance(text_of(body), str)


def statuses(body, *ids):
    return parse_statuses(text_of(body), ids, str)


ROW = {
    "service": 1,
    "name": "Followers",
    "type": "Default",
    "category": "First Category",
    "rate": "0.90",
    "min": "50",
    "max": "10000",
    "refill": True,
    "cancel": True,
}


def test_the_documented_service_list_is_read():
    answer = services([ROW, ROW | {"service": 2, "type": "Custom Comments", "rate": "8", "refill": False}])
    assert answer.skipped == 0
    assert list(answer.services) == ["1", "2"]
    assert answer.services["1"] == Service(
        id="1",
        name="Followers",
        type="default",
        category="First Category",
        rate=Decimal("0.90"),
        min=50,
        max=10000,
        refill=True,
        cancel=True,
        dripfeed=None,
    )
    assert answer.services["2"].type == "custom comments"


def test_services_are_read_in_every_dress():
    odd = {"service": "77", "name": None, "type": "DEFAULT_", "category": None, "rate": 1.5e-4, "min": 1, "max": 2.0}
    odd |= {"refill": "0", "cancel": 1, "dripfeed": "true", "desc": "x", "average_time": 7}
    found = services([odd]).services["77"]
    assert (found.name, found.category, found.type) == ("", "", "default")
    assert (found.rate, found.min, found.max) == (Decimal("0.00015"), 1, 2)
    assert (found.refill, found.cancel, found.dripfeed) == (False, True, True)


def test_hostile_names_become_harmless():
    assert services([ROW | {"name": "\x1b[2Jred\u202e\n" + "x" * 999}]).services["1"].name.isprintable()


def test_rows_that_cannot_be_read_are_skipped_and_counted():
    bad = [ROW | change for change in ({"rate": "?"}, {"rate": "-1"}, {"min": None}, {"max": "lots"}, {"service": 0})]
    answer = services([*bad, {}, ROW])
    assert (answer.skipped, answer.repeated()) == (6, {})
    assert answer.services["1"].rate == Decimal("0.90")


def test_a_service_that_comes_twice_is_one_of_which_the_dearer_price_counts():
    answer = services([ROW, ROW | {"service": str(ROW["service"]), "rate": "99"}])
    assert answer.services["1"].rate == Decimal(99)
    assert answer.repeated()["1"].rates == (Decimal("0.90"), Decimal(99))


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("", TroubleKind.UNREADABLE),
        ("<html></html>", TroubleKind.UNREADABLE),
        ([], TroubleKind.UNREADABLE),
        ({}, TroubleKind.UNREADABLE),
        (None, TroubleKind.UNREADABLE),
        ([1, 2], TroubleKind.UNREADABLE),
        ([ROW, "x"], TroubleKind.UNREADABLE),
        ([{"service": 1}], TroubleKind.UNREADABLE),
        ({"status": "success", "data": [ROW]}, TroubleKind.UNREADABLE),
        (json.dumps([ROW])[:-5], TroubleKind.UNREADABLE),
        ({"error": "Invalid API key"}, TroubleKind.KEY),
        ([{"error": "Invalid API key"}], TroubleKind.KEY),
        ({"error": "Rate limit exceeded"}, TroubleKind.RATE),
        ({"error": "Unknown action"}, TroubleKind.UNKNOWN_ACTION),
        ({"error": "Incorrect request"}, TroubleKind.REQUEST),
        ({"error": "Kaputt"}, TroubleKind.OTHER),
        ({"error": 113}, TroubleKind.OTHER),
        ({"status": "fail"}, TroubleKind.OTHER),
    ],
    ids=str,
)
def test_only_a_list_of_services_is_a_catalogue(body, kind):
    trouble = services(body)
    assert isinstance(trouble, Trouble)
    assert trouble.kind is kind
    assert trouble.message


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"balance": "100.84292", "currency": "USD"}, BalanceAnswer(amount=Decimal("100.84292"), currency="USD")),
        ({"balance": -3.5, "currency": "usd"}, BalanceAnswer(amount=Decimal("-3.5"), currency="USD")),
        ({"balance": 7}, BalanceAnswer(amount=Decimal(7), currency=None)),
        ({"balance": "1e2", "currency": "<b>"}, BalanceAnswer(amount=Decimal(100), currency="<b>")),
        (
            {"balance": "5", "currency": "US Dollars and more"},
            BalanceAnswer(amount=Decimal(5), currency="US Dollars and …"),
        ),
        ({"status": "success", "data": {"balance": "5"}}, BalanceAnswer(amount=Decimal(5), currency=None)),
        ({"balance": "1,234.56"}, BalanceAnswer(amount=Decimal("1234.56"), currency=None)),
        ({"balance": "5", "error": ""}, BalanceAnswer(amount=Decimal(5), currency=None)),
    ],
    ids=str,
)
def test_a_balance_is_read(body, expected):
    assert balance(body) == expected


@pytest.mark.parametrize(
    "body",
    [{"balance": None}, {"balance": "lots"}, {"balance": True}, {}, [], "x", {"balance": 1, "error": "no"}],
    ids=str,
)
def test_what_is_no_balance_is_trouble(body):
    assert isinstance(balance(body), Trouble)


DOCUMENTED = {
    "1": {"charge": "0.27819", "start_count": "3572", "status": "Partial", "remains": "157", "currency": "USD"},
    "10": {"error": "Incorrect order ID"},
    "100": {"charge": "1.44219", "start_count": "234", "status": "In progress", "remains": "10", "currency": "USD"},
}
PARTIAL = StatusAnswer(LiveStatus.PARTIAL, "Partial", Decimal("0.27819"), 3572, 157, "USD")


def test_the_documented_statuses_are_read():
    found = statuses(DOCUMENTED, "1", "10", "100", "1000")
    assert found["1"] == PARTIAL
    assert found["10"] == StatusAnswer(error="Incorrect order ID")
    assert found["100"].status is LiveStatus.IN_PROGRESS
    assert "1000" not in found


@pytest.mark.parametrize(
    "body",
    [
        DOCUMENTED["1"],
        {"1": DOCUMENTED["1"]},
        [DOCUMENTED["1"]],
        [DOCUMENTED["1"] | {"order": 1}],
        {"status": "success", "data": {"1": DOCUMENTED["1"]}},
        {"data": DOCUMENTED["1"]},
        {"orders": {"1": DOCUMENTED["1"]}},
        {"orders": [DOCUMENTED["1"] | {"id": "1"}]},
        DOCUMENTED["1"] | {"error": ""},
        DOCUMENTED["1"] | {"message": "ok"},
    ],
    ids=str,
)
def test_one_order_is_read_from_every_shape(body):
    assert parse_status(text_of(body), "1", str) == {"1": PARTIAL}


def test_rows_in_a_list_go_by_their_own_ids():
    rows = [{"order": 2, "status": "Pending"}, {"order": "1", "status": "Completed"}, {"order": 9, "status": "Partial"}]
    found = statuses(rows, "1", "2")
    assert {order_id: seen.status for order_id, seen in found.items()} == {
        "1": LiveStatus.COMPLETED,
        "2": LiveStatus.PENDING,
    }


def test_bare_words_and_bare_errors_per_order_are_read():
    found = statuses({"1": "Completed", "2": "Incorrect order ID", "3": "Teleporting", "4": None, "5": 2}, *"12345")
    assert found["1"].status is LiveStatus.COMPLETED
    assert found["2"] == StatusAnswer(error="Incorrect order ID")
    assert found["3"] == StatusAnswer(status_text="Teleporting")
    assert "4" not in found
    assert found["5"].status is LiveStatus.COMPLETED


def test_an_error_nested_in_the_status_is_the_orders_error():
    assert statuses({"1": {"status": {"error": "Gone"}}}, "1") == {"1": StatusAnswer(error="Gone")}
    assert statuses([{"order": 1, "error": "Gone"}], "1", "2") == {"1": StatusAnswer(error="Gone")}


@pytest.mark.parametrize(
    ("field", "values", "expected"),
    [
        ("start_count", [None, "", 0, "0", "N/A", "-5", True], None),
        ("start_count", [3572, "3572", "3572.0"], 3572),
        ("remains", ["+2", "Unknown", "", None, 1.5, "9" * 30], None),
        ("remains", [-20, "-20"], -20),
        ("remains", [0, "0"], 0),
        ("charge", [None, "", "N/A", "NaN"], None),
        ("charge", ["0", 0, "0.00"], Decimal(0)),
        ("charge", ["1.5E-1", 0.15], Decimal("0.15")),
        ("currency", [None, "", " ", "null", "N/A", "xxx", True, ["USD"], {"code": "USD"}], None),
        ("currency", ["usd", " USD "], "USD"),
        ("currency", ["₹"], "₹"),
    ],
)
def test_odd_numbers_say_nothing_rather_than_something_wrong(field, values, expected):
    for value in values:
        found = parse_status(text_of({"status": "Pending", field: value}), "1", str)["1"]
        assert getattr(found, field) == expected, value


def test_a_drip_parent_without_money_is_read():
    found = statuses({"1": {"status": "Active", "runs": "5", "orders": [11, 12]}}, "1")
    assert found == {"1": StatusAnswer(LiveStatus.IN_PROGRESS, "Active")}
    alone = parse_status(
        text_of({"status": "Completed", "runs": 5, "orders": [{"id": 11, "status": "Partial"}]}), "1", str
    )
    assert alone["1"].status is LiveStatus.COMPLETED


def test_a_failed_status_is_a_status_and_not_an_error_of_the_answer():
    assert statuses({"status": "Error", "charge": "1"}, "1")["1"].status is LiveStatus.FAILED


@pytest.mark.parametrize(
    "body", ["[]", "{}", "null", '{"7": {"status": "Partial"}}', '[{"order": 7, "status": "Partial"}]']
)
def test_an_answer_about_nothing_of_ours_says_nothing(body):
    assert statuses(body, "1", "2") == {}
    assert statuses(body, "1") == {}


def test_one_status_for_several_orders_cannot_be_assigned():
    trouble = statuses(DOCUMENTED["1"], "1", "2")
    assert trouble.kind is TroubleKind.REQUEST


def test_an_unknown_order_asked_alone_is_the_orders_error():
    body = text_of({"error": "Incorrect order ID"})
    assert parse_status(body, "1", str) == {"1": StatusAnswer(error="Incorrect order ID")}
    assert parse_statuses(body, ("1", "2"), str).kind is TroubleKind.UNKNOWN_ID
    assert parse_status(text_of({"error": "Invalid API key"}), "1", str).kind is TroubleKind.KEY
    assert parse_status("<html>", "1", str).kind is TroubleKind.UNREADABLE


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["1", "2", "Completed"])
NAMES = (
    st.sampled_from(["1", "2", "order", "status", "error", "refill", "cancel", "data", "balance", "service"])
    | st.text()
)
BODIES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=10
)


@settings(max_examples=300, deadline=None)
@given(text=BODIES.map(json.dumps) | st.text() | st.binary().map(lambda raw: raw.decode(errors="replace")))
def test_every_reader_reads_any_text_without_raising(text):
    assert isinstance(parse_services(text, str), PricePage | Trouble)
    assert isinstance(parse_balance(text, str), BalanceAnswer | UnclearBalance | Trouble)
    for parse in (
        parse_statuses,
        refill_answers.parse_refills,
        refill_answers.parse_refill_statuses,
        refill_answers.parse_cancels,
    ):
        for ids in (("1",), ("1", "2")):
            found = parse(text, ids, str)
            assert isinstance(found, Trouble) or set(found) <= set(ids)
    for parse_one in (parse_status, alone.parse_refill, alone.parse_refill_status, alone.parse_cancel):
        found = parse_one(text, "1", str)
        assert isinstance(found, Trouble) or set(found) <= {"1"}


@pytest.mark.parametrize("word", ["success", "ok", "fail", "error", ""])
def test_a_call_that_calls_itself_a_success_says_nothing_of_the_order(word):
    found = parse_status(text_of({"status": word, "message": "done"}), "1", str)
    assert isinstance(found, Trouble) or not found or not found["1"].status_text
    assert statuses({"status": "success"}, "1") == {}
    assert statuses({"1": {"status": "success"}}, "1")["1"].status is LiveStatus.COMPLETED


@pytest.mark.parametrize(
    "body",
    [None, False, 0, True, 1, '"OK"', '""', [], {}, [None], {"ok": True}, {"success": True, "message": "done"}],
    ids=str,
)
def test_a_whole_answer_without_a_word_about_our_orders_leaves_them_unknown(body):
    """Whole, so that asking the same again brings the same; and no error of any order."""
    assert statuses(body, "1") == {}
    assert statuses(body, "1", "2") == {}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": "Incorrect order ID"}, TroubleKind.UNKNOWN_ID),
        ({"error": "Order not found.", "status": "104"}, TroubleKind.UNKNOWN_ID),
        ({"error": "Incorrect request"}, TroubleKind.REQUEST),
        ({"error": "Order ID is required parameter. Please check your API Manual"}, TroubleKind.REQUEST),
        (
            {"message": "The given data was invalid.", "errors": {"order": ["The order field is required."]}},
            TroubleKind.REQUEST,
        ),
        ({"error": "This action is invalid"}, TroubleKind.UNKNOWN_ACTION),
    ],
    ids=str,
)
def test_a_list_of_orders_answered_with_one_error_says_what_is_wrong_with_the_call(body, kind):
    assert statuses(body, "1", "2").kind is kind


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("Active", LiveStatus.IN_PROGRESS),
        ("Paused", LiveStatus.IN_PROGRESS),
        ("Expired", LiveStatus.FAILED),
        ("Limit", LiveStatus.FAILED),
    ],
)
def test_a_drip_parent_has_a_status_that_is_never_final_and_no_charge(word, status):
    found = statuses({"status": word, "runs": 5, "orders": [11, 12]}, "1")["1"]
    assert (found.status, found.status_text) == (status, word)
    assert (found.charge, found.remains, found.error) == (None, None, "")
    assert statuses({"1": {"status": word, "runs": "5", "orders": []}}, "1", "2")["1"] == found


@pytest.mark.parametrize(
    ("entry", "shown"),
    [
        ({"status": "", "charge": "1"}, '""'),
        ({"status": "   ", "charge": "1"}, '""'),
        ({"status": None, "charge": "1"}, "null"),
        ({"status": False, "charge": "1"}, "false"),
        ({"status": [], "charge": "1"}, "[]"),
        ({"charge": "1", "remains": 5}, "(none)"),
        ("", '""'),
    ],
    ids=str,
)
def test_a_status_that_is_no_word_is_shown_as_what_it_is(entry, shown):
    """It is told like an unknown word: an empty text would look as if nobody had been asked."""
    found = statuses({"1": entry}, "1")["1"]
    assert (found.status, found.status_text, found.error) == (LiveStatus.UNKNOWN, shown, "")


@pytest.mark.parametrize("written", ["$1,000.50", "1,234", "1000.50 USD", "5%"])
def test_a_balance_that_may_be_several_amounts_is_kept_as_written(written):
    assert balance({"balance": written}) == UnclearBalance(written)
    assert balance({"data": {"balance": written}}) == UnclearBalance(written)
