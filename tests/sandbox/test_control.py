"""The control calls that tests in another process use, and that nobody has unless the settings say so."""

import pytest


async def refused(panel, name, given) -> tuple[int, dict[str, str]]:
    async with panel.session.post(panel.server.control_url + name, json=given) as answer:
        return answer.status, await answer.json()


async def test_without_the_setting_there_is_no_control(opener):
    async with opener(control=False) as panel:
        for name in ("orders", "faults", "clock"):
            async with panel.session.get(panel.server.control_url + name) as answer:
                assert answer.status == 404


async def test_faults_are_switched_on_listed_and_off_again(panel):
    await panel.control("faults", [{"kind": "empty_body", "action": "balance"}])
    assert (await panel.raw("key=sandbox-key&action=balance"))[1] == b""
    assert (await panel.control("faults"))[0]["struck"] == 1
    await panel.control("faults", {"kind": "not_json", "action": "balance"})
    assert (await panel.raw("key=sandbox-key&action=balance"))[1] == b"OK"
    await panel.control("faults", [])
    assert await panel.balance() == "1000.00"
    assert "reset_after" in await panel.control("fault-kinds")


async def test_requests_are_counted_by_action(panel):
    await panel.add()
    await panel.add(quantity=1)
    await panel.balance()
    await panel.raw("nonsense")
    counts = await panel.control("requests")
    assert counts == {"add": 2, "balance": 1, "unknown": 1}


async def test_time_is_advanced_by_hand(panel):
    order = (await panel.add())["order"]
    await panel.control("clock", {"advance_minutes": 600})
    assert (await panel.call("status", order=order))["status"] != "Pending"


async def test_money_can_be_put_in_and_taken_out(panel):
    assert (await panel.control("account", {"deposit": "0.12345"}))["balance"] == "1000.12345"
    assert (await panel.control("account", {"balance": "2.50", "currency": "EUR"})) == {
        "balance": "2.50",
        "deposits": "2.50",
        "currency": "EUR",
    }
    assert await panel.call("balance") == {"balance": "2.50", "currency": "EUR"}


async def test_prices_change_for_later_orders_only(panel):
    first = (await panel.add(quantity=1000))["order"]
    await panel.control("services", {"service": 1, "rate": "2.00", "min": 100, "refill": False})
    second = (await panel.add(quantity=1000))["order"]
    status = await panel.call("status", orders=f"{first},{second}")
    assert [status[str(order)]["charge"] for order in (first, second)] == ["0.90", "2.00"]
    service = (await panel.call("services"))[0]
    assert (service["rate"], service["min"], service["refill"]) == ("2.00", "100", False)


async def test_a_removed_service_is_gone_and_its_orders_are_not(panel):
    order = (await panel.add())["order"]
    await panel.control("services", {"service": 1, "remove": True})
    assert [s["service"] for s in await panel.call("services")] == [2, 3, 4, 5, 6]
    assert await panel.add() == {"error": "Incorrect service ID"}
    assert "status" in await panel.call("status", order=order)
    await panel.control("services", {"service": 1, "remove": False})
    assert "order" in await panel.add()


@pytest.mark.parametrize(
    ("given", "charge", "remains", "balance"),
    [
        ({"status": "Partial", "remains": 157}, "0.7587", "157", "999.2413"),
        ({"status": "Canceled"}, "0", "1000", "1000.00"),
        ({"status": "Completed"}, "0.90", "0", "999.10"),
        ({"status": "Fail"}, "0.90", "1000", "999.10"),
        ({"status": "In progress", "remains": -20}, "0.90", "-20", "999.10"),
    ],
)
async def test_a_status_is_forced_with_its_money(panel, given, charge, remains, balance):
    order = (await panel.add(quantity=1000))["order"]
    await panel.force(order, **given)
    status = await panel.call("status", order=order)
    assert (status["status"], status["charge"], status["remains"]) == (given["status"], charge, remains)
    assert await panel.balance() == balance


async def test_forcing_again_books_the_refund_once(panel):
    order = (await panel.add(quantity=1000))["order"]
    for status in ("Canceled", "Canceled", "Partial", "In progress", "Canceled"):
        await panel.force(order, status=status)
    assert await panel.balance() == "1000.00"


async def test_single_fields_of_a_status_can_be_laid_over(panel):
    order = (await panel.add())["order"]
    await panel.force(order, show={"start_count": None, "remains": "Unknown"})
    status = await panel.call("status", order=order)
    assert (status["start_count"], status["remains"], status["status"]) == (None, "Unknown", "Pending")
    await panel.force(order, show=None)
    assert (await panel.call("status", order=order))["remains"] == "100"


async def test_orders_show_what_the_api_hides(panel):
    order = (await panel.add())["order"]
    await panel.force(order, status="Completed")
    await panel.call("refill", order=order)
    (shown,) = await panel.placed()
    assert shown["refills"][0]["status"] == "Pending"
    assert {"delivered", "dropped", "created", "received", "taken"} <= shown.keys()


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("faults", [{"kind": "no such"}]),
        ("faults", 7),
        ("clock", {"advance_minutes": -1}),
        ("clock", {"advance_minutes": "nan"}),
        ("clock", []),
        ("account", {"deposit": "1e3"}),
        ("services", {"service": 99, "rate": "1"}),
        ("services", {"service": 1, "rate": "cheap"}),
        ("services", {"service": 1, "refill": "yes"}),
        ("services", {"service": 1, "id": 7}),
        ("orders/99", {"status": "Completed"}),
        ("orders/abc", {"status": "Completed"}),
        ("nothing", {}),
    ],
)
async def test_what_can_not_be_done_is_said(panel, name, given):
    status, answer = await refused(panel, name, given)
    assert status == 400
    assert answer["error"]


async def test_a_corrected_charge_is_settled_with_the_balance(panel):
    order = (await panel.add(quantity=1000))["order"]
    await panel.force(order, status="Completed")
    assert (await panel.force(order, charge="1.20"))["charge"] == "1.20"
    assert await panel.balance() == "998.80"
    await panel.force(order, charge="0.50")
    assert (await panel.call("status", order=order))["charge"] == "0.50"
    assert await panel.balance() == "999.50"
    await panel.force(order, status="Partial", remains=500)
    assert (await panel.call("status", order=order))["charge"] == "0.25"
    assert await panel.balance() == "999.75"
    await panel.force(order, status="Canceled", charge="0.80")
    assert await panel.balance() == "1000.00"


async def test_every_request_to_refill_or_cancel_is_kept_with_its_answer(panel):
    order = (await panel.add())["order"]
    await panel.call("refill", order=order)
    await panel.call("cancel", orders=f"{order},99999")
    assert [(wish["action"], wish["order"], wish["refusal"]) for wish in await panel.control("wishes")] == [
        ("refill", order, "Refill is not available, the order is not completed"),
        ("cancel", order, ""),
    ]
