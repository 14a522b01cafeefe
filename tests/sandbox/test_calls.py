"""Every call of the documented API against its documented shape."""

import json
import re
from decimal import Decimal

import aiohttp
import pytest

from runner.sandbox.settings import MANY_STATUSES, CancelBy, ChargeStyle, DuplicateLinks

FIELDS = ["charge", "start_count", "status", "remains", "currency"]


async def test_services_start_with_the_documented_example(panel):
    services = await panel.call("services")
    assert services[:2] == [
        {
            "service": 1,
            "name": "Followers",
            "type": "Default",
            "category": "First Category",
            "rate": "0.90",
            "min": "50",
            "max": "10000",
            "refill": True,
            "cancel": True,
        },
        {
            "service": 2,
            "name": "Comments",
            "type": "Custom Comments",
            "category": "Second Category",
            "rate": "8",
            "min": "10",
            "max": "1500",
            "refill": False,
            "cancel": True,
        },
    ]
    assert [(s["service"], s["rate"], s["min"], s["max"]) for s in services[2:]] == [
        (3, "0.35", "20", "50000"),
        (4, "0.12", "100", "1000000"),
        (5, "2.40", "100", "20000"),
        (6, "1.15", "10", "5000"),
    ]
    assert [s["service"] for s in services if s.get("dripfeed")] == [4]


async def test_flags_stay_booleans_after_a_restart(opener):
    async with opener() as panel:
        before = await panel.call("services")
    async with opener() as panel:
        after = await panel.call("services")
    assert after == before
    assert after[0]["refill"] is True


async def test_orders_are_numbered_from_the_documented_id_and_charged_at_once(panel):
    assert await panel.add(quantity=300) == {"order": 23501}
    assert await panel.add(link="https://example.com/b", quantity=300) == {"order": 23502}
    assert await panel.call("balance") == {"balance": "999.46", "currency": "USD"}


async def test_a_charge_has_five_decimals(panel):
    await panel.add(service=3, quantity=333)  # 0.35 x 333 / 1000 = 0.11655
    assert await panel.balance() == "999.88345"


async def test_the_status_of_one_order_has_the_documented_fields_as_text(panel):
    order = (await panel.add(quantity=300))["order"]
    status = await panel.call("status", order=order)
    assert list(status) == FIELDS
    assert status == {"charge": "0.27", "start_count": "0", "status": "Pending", "remains": "300", "currency": "USD"}


async def test_the_status_of_many_orders_is_keyed_by_id_with_an_error_for_each_unknown(panel):
    first, second = (await panel.add())["order"], (await panel.add(service=3))["order"]
    answer = await panel.call("status", orders=f"{first},7,{second},abc")
    assert list(answer) == [str(first), "7", str(second), "abc"]
    assert list(answer[str(first)]) == FIELDS
    assert answer["7"] == answer["abc"] == {"error": "Incorrect order ID"}


@pytest.mark.parametrize("fields", [{"order": "7"}, {"order": ""}, {"order": "-1"}, {"order": "9" * 40}, {}])
async def test_the_status_of_an_unknown_order_is_an_error(panel, fields):
    assert await panel.call("status", **fields) == {"error": "Incorrect order ID"}


@pytest.mark.parametrize(("action", "name"), [("status", "orders"), ("cancel", "orders"), ("refill", "orders")])
async def test_more_than_100_ids_refuse_the_whole_call(panel, action, name):
    for _ in range(3):
        await panel.add()
    ids = ",".join(str(23501 + n) for n in range(100))
    assert len(await panel.call(action, **{name: ids})) == 100
    assert await panel.call(action, **{name: ids + ",23601"}) == {"error": "Incorrect request"}


async def test_more_than_100_refill_ids_refuse_the_whole_call(panel):
    ids = ",".join(str(n) for n in range(1, 102))
    assert await panel.call("refill_status", refills=ids) == {"error": "Incorrect request"}
    assert await panel.call("refill_status", refills="") == {"error": "Incorrect request"}


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"service": 1, "quantity": 49}, "Quantity less than minimal 50"),
        ({"service": 1, "quantity": 10001}, "Quantity more than maximum 10000"),
        ({"service": 1, "quantity": "1e3"}, "Incorrect quantity"),
        ({"service": 1, "quantity": "-100"}, "Incorrect quantity"),
        ({"service": 1, "quantity": ""}, "Incorrect request"),
        ({"service": 1, "link": ""}, "Incorrect request"),
        ({"service": 1, "link": "example.com/a"}, "Incorrect link"),
        ({"service": 99}, "Incorrect service ID"),
        ({"service": "one"}, "Incorrect service ID"),
        ({"service": 2}, "Incorrect request"),  # Custom Comments without comments
        ({"service": 2, "comments": "one\ntwo"}, "Quantity less than minimal 10"),
        ({"service": 1, "runs": 2, "interval": 60}, "Drip-feed is not supported for this service"),
        ({"service": 1, "runs": 1}, "Drip-feed is not supported for this service"),
        ({"service": 4, "runs": 2}, "Incorrect interval"),
        ({"service": 4, "interval": 60}, "Incorrect runs"),
        ({"service": 4, "runs": 0, "interval": 60}, "Incorrect runs"),
        ({"service": 4, "quantity": 99, "runs": 2, "interval": 60}, "Quantity less than minimal 100"),
        ({"service": 4, "quantity": 600000, "runs": 2, "interval": 60}, "Quantity more than maximum 1000000"),
    ],
)
async def test_an_order_that_breaks_a_rule_is_refused_and_costs_nothing(panel, fields, error):
    assert await panel.add(**fields) == {"error": error}
    assert await panel.placed() == []
    assert await panel.balance() == "1000.00"


async def test_an_order_without_link_or_quantity_at_all_is_refused(panel):
    assert await panel.call("add", service=1, quantity=100) == {"error": "Incorrect request"}
    assert await panel.call("add", service=1, link="https://example.com/a") == {"error": "Incorrect request"}


async def test_a_drip_feed_order_is_charged_for_all_runs_and_remains_count_them_all(panel):
    order = (await panel.add(service=4, quantity=1000, runs=5, interval=60))["order"]
    assert await panel.balance() == "999.40"
    status = await panel.call("status", order=order)
    assert (status["remains"], status["charge"]) == ("5000", "0.60")


async def test_nothing_is_sold_beyond_the_balance(opener):
    async with opener(balance=Decimal("1.00")) as panel:
        assert await panel.add(quantity=1000) == {"order": 23501}
        assert await panel.add(quantity=1000) == {"error": "Not enough funds on balance"}
        assert await panel.add(quantity=111) == {"order": 23502}
        assert await panel.balance() == "0.0001"


@pytest.mark.parametrize(
    "body",
    [
        "action=balance",
        "key=&action=balance",
        "key=wrong&action=balance",
        "key=wrong&action=add&service=1&link=https://example.com/a&quantity=100",
    ],
)
async def test_a_wrong_or_missing_key_is_refused_before_anything_else(panel, body):
    assert await panel.raw(body) == (200, b'{"error": "Invalid API key"}')
    assert await panel.placed() == []


async def test_an_unknown_action_is_refused(panel):
    assert await panel.call("list_orders") == {"error": "Invalid action"}


async def test_a_field_given_twice_is_refused(panel):
    body = "key=sandbox-key&action=add&service=1&link=https://example.com/a&quantity=100&quantity=500"
    assert await panel.raw(body) == (200, b'{"error": "Incorrect request"}')
    assert await panel.placed() == []


async def test_a_call_may_come_in_any_form_that_panels_take(panel):
    url, session = panel.server.url, panel.session
    fields = {"key": "sandbox-key", "action": "balance"}
    balance = {"balance": "1000.00", "currency": "USD"}
    multipart = aiohttp.MultipartWriter("form-data")
    for name, value in fields.items():
        multipart.append(value).set_content_disposition("form-data", name=name)
    ways = {
        "form": session.post(url, data=fields),
        "multipart": session.post(url, data=multipart),
        "json": session.post(url, json=fields),
        "json without its type": session.post(url, data=json.dumps(fields), headers={"Content-Type": "text/plain"}),
        "address": session.post(url, params=fields),
        "address and form": session.post(url, params={"action": "balance"}, data={"key": "sandbox-key"}),
        "address and json": session.post(url, params={"key": "sandbox-key"}, json={"action": "balance"}),
        "get": session.get(url, params=fields),
    }
    for way, asked in ways.items():
        async with asked as answer:
            assert await answer.json() == balance, way


async def test_an_order_may_be_sent_as_json_with_numbers(panel):
    order = {"key": "sandbox-key", "action": "add", "service": 1, "link": "https://example.com/a", "quantity": 100}
    async with panel.session.post(panel.server.url, json=order | {"runs": None}) as answer:
        assert await answer.json() == {"order": 23501}
    (placed,) = await panel.placed()
    assert (placed["quantity"], placed["fields"]["service"]) == (100, "1")


async def test_ids_may_be_a_list_of_json(panel):
    orders = [(await panel.add(link=f"https://example.com/{n}"))["order"] for n in range(2)]
    asked = {"key": "sandbox-key", "action": "status", "orders": orders}
    async with panel.session.post(panel.server.url, json=asked) as answer:
        assert set(await answer.json()) == {str(order) for order in orders}


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "add", "service": "1", "link": "https://example.com/a", "quantity": "100"},
        {"action": "refill", "order": "23501"},
        {"action": "cancel", "orders": "23501"},
    ],
    ids=lambda fields: fields["action"],
)
async def test_a_get_only_ever_reads(panel, fields):
    """Anything on the way may repeat a GET."""
    async with panel.session.get(panel.server.url, params={"key": "sandbox-key"} | fields) as answer:
        assert "POST only" in (await answer.json())["error"]
    assert await panel.placed() == []
    assert await panel.control("wishes") == []


async def test_the_body_wins_over_the_address(panel):
    order = {"action": "add", "service": "1", "link": "https://example.com/a", "quantity": "100"}
    params = {"key": "sandbox-key", "quantity": "5000", "link": "https://example.com/other"}
    async with panel.session.post(panel.server.url, params=params, data=order) as answer:
        assert await answer.json() == {"order": 23501}
    (placed,) = await panel.placed()
    assert (placed["quantity"], placed["link"]) == (100, "https://example.com/a")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"key=%ff&action=balance", "application/x-www-form-urlencoded"),
        (b"[1, 2]", "application/json"),
        (b'{"key": "sandbox-key"', "application/json"),
        (b'{"key": {"a": 1}, "action": "balance"}', "application/json"),
        (b"[" * 100_000, "application/json"),
        (b"\xff\xfe", "text/plain"),
        (b"no boundary", "multipart/form-data"),
        ("&".join(f"f{n}=1" for n in range(60)).encode(), "application/x-www-form-urlencoded"),
    ],
    ids=["no utf-8", "a list", "cut json", "nested json", "deep json", "no text", "bad multipart", "too many"],
)
async def test_what_no_panel_understands_is_refused(panel, body, kind):
    async with panel.session.post(panel.server.url, data=body, headers={"Content-Type": kind}) as answer:
        assert (answer.status, await answer.json()) == (200, {"error": "Incorrect request"})


async def test_a_method_that_is_no_call_is_refused(panel):
    async with panel.session.put(panel.server.url, data={"key": "sandbox-key", "action": "balance"}) as answer:
        assert await answer.json() == {"error": "Incorrect request"}


async def test_a_catalogue_in_pages_goes_on_at_the_offset(opener):
    async with opener(services_page=4) as panel:
        pages = [await panel.call("services", **given) for given in ({}, {"offset": 4}, {"offset": 8})]
        assert [[row["service"] for row in page] for page in pages] == [[1, 2, 3, 4], [5, 6], []]


async def test_a_panel_may_know_nothing_of_offsets(opener):
    async with opener(services_page=4, takes_offset=False) as panel:
        assert await panel.call("services", offset=4) == await panel.call("services")


async def test_a_panel_may_read_one_id_in_a_cancel_and_answer_for_the_call(opener):
    async with opener(cancel_by=CancelBy.ORDER) as panel:
        order = (await panel.add())["order"]
        assert await panel.call("cancel", orders=order) == {"error": "Incorrect order ID"}
        answer = await panel.call("cancel", order=order)
        assert (answer["status"], "message" in answer) == ("success", True)
        (placed,) = await panel.placed()
        assert placed["cancel_requested"] is not None


async def test_only_the_documented_path_answers(panel):
    async with panel.session.post(panel.server.url + "/", data={"key": "sandbox-key", "action": "balance"}) as answer:
        assert answer.status == 404


async def test_refills_have_the_documented_shapes(panel):
    orders = [(await panel.add(service=1, link=f"https://example.com/{n}"))["order"] for n in range(3)]
    for order in orders:
        await panel.force(order, status="Completed")
    assert await panel.call("refill", order=orders[0]) == {"refill": "1"}
    rows = await panel.call("refill", orders=f"{orders[1]},{orders[2]},9")
    assert rows == [
        {"order": orders[1], "refill": 2},
        {"order": orders[2], "refill": 3},
        {"order": 9, "refill": {"error": "Incorrect order ID"}},
    ]
    assert await panel.call("refill_status", refill=1) == {"status": "Pending"}
    assert await panel.call("refill_status", refill=99) == {"error": "Refill not found"}
    assert await panel.call("refill_status", refills="1,99") == [
        {"refill": 1, "status": "Pending"},
        {"refill": 99, "status": {"error": "Refill not found"}},
    ]


async def test_a_refill_goes_from_pending_to_an_end_and_may_be_asked_again_a_day_later(panel):
    order = (await panel.add(service=1))["order"]
    await panel.force(order, status="Completed")
    await panel.call("refill", order=order)
    assert await panel.call("refill", order=order) == {"error": "Refill is already requested"}
    words = []
    for _ in range(23):
        await panel.control("clock", {"advance_minutes": 60})
        words.append((await panel.call("refill_status", refill=1))["status"])
    assert words == sorted(words, key=["Pending", "In progress", "Completed", "Rejected"].index)
    assert words[-1] in ("Completed", "Rejected")
    assert await panel.call("refill", order=order) == {"error": "Refill is not available yet, please wait 24 hours"}
    await panel.control("clock", {"advance_minutes": 60})
    assert await panel.call("refill", order=order) == {"refill": "2"}


async def test_a_refill_is_refused_while_it_makes_no_sense(panel):
    no_refill = (await panel.add(service=3))["order"]
    await panel.force(no_refill, status="Completed")
    assert await panel.call("refill", order=no_refill) == {"error": "This service does not support refill"}
    order = (await panel.add(service=5))["order"]
    assert await panel.call("refill", order=order) == {"error": "Refill is not available, the order is not completed"}
    await panel.force(order, status="Completed")
    await panel.control("clock", {"advance_minutes": 30 * 1440 + 1})
    assert await panel.call("refill", order=order) == {"error": "Refill days are over"}


async def test_a_cancel_is_recorded_first_and_shows_in_the_status_later_with_the_money_back(panel):
    order = (await panel.add(service=1, quantity=1000))["order"]
    kept = (await panel.add(service=3, quantity=100))["order"]
    assert await panel.call("cancel", orders=f"9,{order},{kept}") == [
        {"order": 9, "cancel": {"error": "Incorrect order ID"}},
        {"order": order, "cancel": 1},
        {"order": kept, "cancel": {"error": "Cancel is not available"}},
    ]
    assert await panel.call("cancel", orders=order) == [{"order": order, "cancel": 1}]  # asking again changes nothing
    assert (await panel.call("status", order=order))["status"] == "Pending"
    assert await panel.balance() == "999.065"
    await panel.control("clock", {"advance_minutes": 20})
    status = await panel.call("status", order=order)
    assert status["status"] in ("Canceled", "Partial")
    if status["status"] == "Canceled":
        assert (status["charge"], status["remains"]) == ("0", "1000")
    assert await panel.call("cancel", orders=order) == [
        {"order": order, "cancel": {"error": "Cancel is not available"}}
    ]


async def test_a_cancel_in_the_middle_of_delivery_keeps_what_was_delivered(panel):
    order = (await panel.add(service=4, quantity=1000, runs=10, interval=60))["order"]  # 1.20 in all
    await panel.control("clock", {"advance_minutes": 240})
    assert (await panel.call("status", order=order))["status"] == "In progress"
    assert await panel.call("cancel", orders=order) == [{"order": order, "cancel": 1}]
    await panel.control("clock", {"advance_minutes": 15})
    status = await panel.call("status", order=order)
    assert status["status"] == "Partial"
    delivered = 10_000 - int(status["remains"])
    assert 3000 <= delivered <= 6000
    assert float(status["charge"]) == pytest.approx(1.2 * delivered / 10_000, abs=1e-5)
    assert float(await panel.balance()) == pytest.approx(1000 - float(status["charge"]), abs=1e-5)


async def test_duplicate_links_are_taken_or_refused_as_the_settings_say(opener):
    async with opener(duplicate_links=DuplicateLinks.REJECT) as panel:
        order = (await panel.add())["order"]
        refusal = await panel.add()
        assert re.match("You have active order with this link", refusal["error"])
        assert "order" in await panel.add(service=3)
        await panel.force(order, status="Completed")
        assert "order" in await panel.add()


@pytest.mark.parametrize(
    ("style", "before", "after"), [("rewritten", "0.90", "0.45"), ("unchanged", "0.90", "0.90"), ("late", "0", "0.45")]
)
async def test_the_charge_is_shown_in_the_panel_s_style_and_the_balance_is_the_same(opener, style, before, after):
    async with opener(charge_style=ChargeStyle(style)) as panel:
        order = (await panel.add(quantity=1000))["order"]
        assert (await panel.call("status", order=order))["charge"] == before
        await panel.force(order, status="Partial", remains=500)
        assert (await panel.call("status", order=order))["charge"] == after
        assert await panel.balance() == "999.55"


async def test_the_form_is_kept_as_received_and_without_the_key(panel, book_path):
    await panel.add(link="https://example.com/ä?b=1&c=%20+", note="extra")
    (entry,) = await panel.placed()
    assert entry["fields"] == {
        "action": "add",
        "service": "1",
        "quantity": "100",
        "link": "https://example.com/ä?b=1&c=%20+",
        "note": "extra",
    }
    files = list(book_path.parent.iterdir())
    assert files
    assert not any(b"sandbox-key" in file.read_bytes() for file in files)


async def test_a_panel_may_lack_calls_and_statuses_of_many_orders(opener):
    async with opener(lacks=frozenset({"refill", "cancel", MANY_STATUSES})) as panel:
        order = (await panel.add())["order"]
        assert await panel.call("refill", order=order) == {"error": "Invalid action"}
        assert await panel.call("cancel", orders=order) == {"error": "Invalid action"}
        assert await panel.call("status", orders=order) == {"error": "Incorrect request"}
        assert (await panel.call("status", order=order))["status"] == "Pending"
