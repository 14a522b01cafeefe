import asyncio
import json
import logging
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from runner.core.attempts import AttemptKind, LiveStatus, NewAttempt, OutcomeKind, Phase, RefusalReason
from runner.core.catalogue import Balance
from runner.core.errors import KeyRejected, PanelBusy, PanelUnreachable
from runner.core.refills import CancelState, Finality, RefillState
from runner.core.values.clock import ManualClock

AT = datetime(2026, 1, 1, tzinfo=UTC)
ROW = {"service": 1, "name": "N", "type": "Default", "rate": "0.9", "min": 1, "max": 9}


def an_attempt(**changes):
    facts = {
        "campaign": "c",
        "order_id": "o",
        "kind": AttemptKind.INITIAL,
        "slot": 0,
        "panel": "testpanel",
        "service": "1",
        "link": "https://example.com/p",
        "quantity": 100,
        "runs": None,
        "interval": None,
        "rate": Decimal(1),
        "expected_charge": Decimal("0.1"),
    }
    return NewAttempt(**(facts | changes))


async def test_services_come_as_a_catalogue(serve, client_of, answer, caplog):
    caplog.set_level(logging.DEBUG, "runner.panel")
    panel = await serve(answer([ROW, {"service": 2}]))
    catalogue = await (await client_of(panel.url)).services(AT)
    assert (catalogue.panel, catalogue.fetched_at, list(catalogue.services)) == ("testpanel", AT, ["1"])
    assert "1 rows skipped" in caplog.text
    assert panel.forms[0]["action"] == "services"


async def test_a_large_catalogue_is_read(serve, client_of, answer):
    panel = await serve(answer([ROW | {"service": n, "name": "x" * 300} for n in range(1, 8001)]))
    assert len((await (await client_of(panel.url)).services(AT)).services) == 8000


@pytest.mark.parametrize("body", [[], {}, {"status": "success", "data": [ROW]}, [ROW, 1], {"error": "Kaputt"}], ids=str)
async def test_an_answer_that_is_no_catalogue_raises_so_that_the_former_is_kept(serve, client_of, answer, body):
    panel = await serve(*[answer(body)] * 4)
    with pytest.raises(PanelUnreachable, match="testpanel"):
        await (await client_of(panel.url)).services(AT)


async def test_the_balance_has_the_panels_currency_or_else_the_profiles(serve, client_of, answer):
    cases = [({"currency": "usd"}, "EUR", "USD"), ({}, "eur", "EUR"), ({}, None, None), ({"currency": "€"}, "USD", "€")]
    for named, currency, expected in cases:
        panel = await serve(answer({"balance": "100.84292"} | named))
        client = await client_of(panel.url, currency=currency)
        assert await client.balance() == Balance(amount=Decimal("100.84292"), currency=expected)


async def test_a_read_is_repeated_with_growing_pauses(serve, client_of, say, answer):
    clock = ManualClock()
    panel = await serve(
        say.Reply(close=True), say.http("<html>busy</html>", 502), say.http("<html>"), answer({"balance": "1"})
    )
    balance = await (await client_of(panel.url, clock=clock)).balance()
    assert balance.amount == 1
    assert len(panel.forms) == 4
    assert 0.25 + 0.5 + 1 <= clock.monotonic() <= 0.75 + 1.5 + 3


async def test_a_server_error_is_not_believed_even_with_a_good_body(serve, client_of, answer):
    panel = await serve(answer({"balance": "1"}, 500), answer({"balance": "2"}))
    assert (await (await client_of(panel.url)).balance()).amount == 2


async def test_a_panel_that_never_answers_is_unreachable_and_says_why(serve, client_of, say):
    panel = await serve(*[say.http(f"<html>down {say.KEY}</html>", 503)] * 9)
    with pytest.raises(PanelUnreachable) as caught:
        await (await client_of(panel.url)).balance()
    assert len(panel.forms) == 4
    assert "testpanel" in caught.value.message
    assert "HTTP 503" in caught.value.message
    assert say.KEY not in str(caught.value) + repr(caught.value)
    assert caught.value.hint


async def test_a_rejected_key_is_never_tried_twice(serve, client_of, answer):
    for refused in (answer({"error": "Invalid API key"}), answer({"error": "Unauthorized"}, 401)):
        panel = await serve(*[refused] * 4)
        with pytest.raises(KeyRejected):
            await (await client_of(panel.url)).balance()
        assert len(panel.forms) == 1


async def test_a_rate_limit_is_obeyed(serve, client_of, answer):
    clock = ManualClock()
    limited = {"error": "Rate limit exceeded"}
    panel = await serve(answer(limited, Retry_After="40"), answer(limited, 429), answer({"balance": "1"}))
    await (await client_of(panel.url, clock=clock)).balance()
    assert clock.monotonic() >= 50
    panel = await serve(*[answer(limited, Retry_After="601")] * 4)
    with pytest.raises(PanelBusy, match="asks to wait until 2026-01-01 00:10:01 UTC") as caught:
        await (await client_of(panel.url)).balance()
    assert len(panel.forms) == 1
    assert caught.value.until == ManualClock().now() + timedelta(seconds=601)


async def test_a_panel_that_is_down_may_say_for_how_long(serve, client_of, answer):
    clock = ManualClock()
    panel = await serve(answer({}, 503, Retry_After="40"), answer({"balance": "1"}))
    await (await client_of(panel.url, clock=clock)).balance()
    assert clock.monotonic() >= 40
    panel = await serve(answer({}, 503, Retry_After="86400"))
    with pytest.raises(PanelBusy):
        await (await client_of(panel.url)).balance()


async def test_reads_side_by_side_give_up_together(serve, client_of, answer):
    limited = answer({"error": "Rate limit exceeded"}, 429, Retry_After="31536000")
    panel = await serve(answer({"error": "Incorrect request"}), *[limited] * 9)
    client = await client_of(panel.url)
    with pytest.raises(PanelBusy):
        await asyncio.wait_for(client.statuses({str(n): n for n in range(1, 9)}, AT), 5)
    assert len(panel.forms) <= 2 + 4


async def test_the_pauses_of_reads_are_told(serve, client_of, answer):
    told = []
    limited = answer({"error": "Rate limit exceeded"}, Retry_After="40")
    panel = await serve(limited, answer({"balance": "1"}))
    client = await client_of(panel.url, on_pause=lambda *facts: told.append(facts))
    await client.balance()
    assert told == [("testpanel", ManualClock().now() + timedelta(seconds=40), "Rate limit exceeded")]


async def test_a_refill_is_not_asked_for_while_the_panel_wants_nothing(serve, client_of, answer):
    panel = await serve(answer({"error": "Too many requests"}, 429, Retry_After="86400"))
    client = await client_of(panel.url)
    await client.refill(["1"])
    (again,) = (await client.refill(["2"])).values()
    assert (again.stops_panel, len(panel.forms)) == (True, 1)


async def test_a_redirect_of_a_read_tells_where_to_without_going_there(serve, client_of, answer):
    other = await serve(answer({"balance": "1"}))
    panel = await serve(answer({}, 308, Location=other.url))
    with pytest.raises(PanelUnreachable, match="redirects") as caught:
        await (await client_of(panel.url)).balance()
    assert other.url in caught.value.message
    assert (other.connections, len(panel.forms)) == (0, 1)


async def test_statuses_of_many_orders_take_one_call(serve, client_of, answer):
    panel = await serve(
        answer({"1": {"status": "Completed", "charge": "0", "start_count": 0}, "2": {"error": "Incorrect order ID"}})
    )
    seen = await (await client_of(panel.url)).statuses({"1": 11, "2": 22, "3": 33}, AT)
    assert panel.forms[0]["orders"] == "1,2,3"
    first, second = seen
    assert (first.attempt_id, first.status, first.charge, first.start_count) == (
        11,
        LiveStatus.COMPLETED,
        Decimal(0),
        None,
    )
    assert first.checked_at == AT
    assert (second.attempt_id, second.status, second.error) == (22, LiveStatus.UNKNOWN, "Incorrect order ID")


async def test_more_than_a_hundred_statuses_are_refused(client_of):
    client = await client_of("http://127.0.0.1:1/")
    with pytest.raises(ValueError, match="101"):
        await client.statuses({str(n): n for n in range(1, 102)}, AT)


async def test_no_orders_need_no_call(client_of):
    client = await client_of("http://127.0.0.1:1/")
    assert await client.statuses({}, AT) == []
    assert await client.refill(()) == {}
    assert await client.cancel(()) == {}


@pytest.mark.parametrize(
    "refusal", [{"error": "Incorrect request"}, {"error": "Unknown action"}, {"status": "Pending"}]
)
async def test_a_panel_without_multi_status_is_asked_one_by_one_and_that_is_remembered(
    serve, client_of, answer, refusal
):
    single = [answer({"status": "Completed"})] * 3
    panel = await serve(answer(refusal), *single, *single, *single)
    client = await client_of(panel.url, parallel_read=1)
    wanted = {"1": 11, "2": 22, "3": 33}
    assert [seen.attempt_id for seen in await client.statuses(wanted, AT)] == [11, 22, 33]
    assert client.capability_changes().lacking == {"multi_status"}
    await client.statuses(wanted, AT)
    asked = [form.get("orders") or form["order"] for form in panel.forms]
    assert asked == ["1,2,3", "1", "2", "3", "1", "2", "3"]


async def test_one_bad_id_that_spoils_a_batch_is_not_remembered_against_the_panel(serve, client_of, answer):
    gone, done = answer({"error": "Incorrect order ID"}), answer({"status": "Completed"})
    panel = await serve(gone, done, gone)
    client = await client_of(panel.url, parallel_read=1)
    seen = await client.statuses({"1": 11, "2": 22}, AT)
    assert [one.status for one in seen] == [LiveStatus.COMPLETED, LiveStatus.UNKNOWN]
    assert client.capability_changes().lacking == frozenset()


async def test_one_order_is_asked_alone(serve, client_of, answer):
    panel = await serve(answer({"status": "Partial", "remains": "-5"}), answer([]))
    client = await client_of(panel.url)
    assert (await client.statuses({"7": 1}, AT))[0].remains == -5
    assert panel.forms[0]["order"] == "7"
    assert await client.statuses({"8": 1}, AT) == []


async def test_status_calls_are_spaced_by_the_profile(serve, client_of, answer):
    clock = ManualClock()
    panel = await serve(*[answer({"status": "Partial"})] * 3)
    client = await client_of(panel.url, clock=clock, status_per_minute=30)
    for _ in range(3):
        await client.statuses({"7": 1}, AT)
    assert clock.monotonic() == 4


async def test_an_add_is_sent_as_marked(serve, client_of, answer):
    panel = await serve(answer({"order": 5}), answer({"order": 6}))
    client = await client_of(panel.url)
    outcome = await client.add(an_attempt(), ())
    assert (outcome.kind, outcome.panel_order_id) == (OutcomeKind.PLACED, "5")
    await client.add(an_attempt(runs=5, interval=60), ())
    wanted = {"action": "add", "service": "1", "link": "https://example.com/p", "quantity": "100"}
    assert {name: value for name, value in panel.forms[0].items() if name != "key"} == wanted
    assert {name: value for name, value in panel.forms[1].items() if name != "key"} == wanted | {
        "runs": "5",
        "interval": "60",
    }


async def test_a_lost_answer_is_in_doubt_and_never_sent_again(serve, client_of, say, answer):
    panel = await serve(say.Reply(close=True), answer({"order": 6}))
    outcome = await (await client_of(panel.url)).add(an_attempt(), ())
    assert (outcome.kind, outcome.phase) == (OutcomeKind.IN_DOUBT, Phase.SENDING)
    assert len(panel.forms) == 1


async def test_the_key_in_an_answer_reaches_nobody(serve, client_of, say, caplog):
    caplog.set_level(logging.DEBUG)
    panel = await serve(say.http(""))
    client = await client_of(panel.url)
    await client.add(an_attempt(), ())
    echo = panel.bodies[0]
    panel.replies += [
        say.http(echo),
        say.http(json.dumps({"error": f"bad form {echo.decode()} {say.KEY}"})),
        say.http(json.dumps({"order": say.KEY})),
        say.http(b"x", 307, Location=f"http://127.0.0.1:1/?{echo.decode()}"),
        say.Reply(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + echo[:20], close=True),
    ]
    outcomes = [await client.add(an_attempt(), ()) for _ in range(5)]
    assert {outcome.kind for outcome in outcomes} == {OutcomeKind.IN_DOUBT}
    told = repr(outcomes) + caplog.text
    for dress in (say.KEY, say.KEY[:8], say.KEY.replace("/", "%2F"), "s3cr3t%2F"):
        assert dress not in told


async def test_adding_takes_no_turn_by_itself_and_slows_down_when_told(serve, client_of, answer):
    clock = ManualClock()
    panel = await serve(answer({"error": "Too many requests"}, 429, Retry_After="7"), answer({"order": 1}))
    client = await client_of(panel.url, clock=clock, add_per_minute=60)
    await client.add_turn()
    outcome = await client.add(an_attempt(), ())
    assert (outcome.reason, outcome.retry_after) == (RefusalReason.RATE, 7)
    assert clock.monotonic() == 0
    assert client.slow_down_adds(outcome.retry_after).per_minute == 30
    await client.add_turn()
    assert clock.monotonic() == 7


async def test_the_profiles_refusals_are_known(serve, client_of, answer):
    panel = await serve(answer({"error": "Solde insuffisant"}))
    outcome = await (await client_of(panel.url, refusals=("solde insuffisant",))).add(an_attempt(), ())
    assert outcome.reason is RefusalReason.LISTED


async def test_refills_go_in_calls_of_a_hundred(serve, client_of, answer):
    ids = [str(n) for n in range(1, 202)]
    replies = [[{"order": n, "refill": n + 1000} for n in batch] for batch in (range(1, 101), range(101, 201))]
    panel = await serve(*map(answer, replies), answer({"refill": "9"}))
    found = await (await client_of(panel.url)).refill([*ids, "1"])
    assert [len(form.get("orders", form.get("order")).split(",")) for form in panel.forms] == [100, 100, 1]
    assert panel.forms[2]["order"] == "201"
    assert (found["1"].refill_id, found["200"].refill_id, found["201"].refill_id) == ("1001", "1200", "9")


async def test_a_refill_is_never_asked_for_again_once_a_byte_may_have_left(serve, client_of, say, answer):
    panel = await serve(say.Reply(close=True), answer([]), answer({"refill": 1}))
    found = await (await client_of(panel.url)).refill(["1", "2"])
    assert {one.state for one in found.values()} == {RefillState.UNKNOWN}
    assert len(panel.forms) == 1


async def test_a_refill_that_never_left_says_so(client_of):
    client = await client_of("http://127.0.0.1:1/")
    assert (await client.refill(["1"]))["1"].state is RefillState.NOT_SENT


async def test_a_panel_without_multi_refill_is_asked_one_by_one(serve, client_of, answer):
    panel = await serve(
        answer({"error": "Incorrect request"}),
        answer({"refill": 5}),
        answer({"refill": {"error": "Refill not allowed"}}),
    )
    client = await client_of(panel.url)
    found = await client.refill(["1", "2"])
    assert found["1"].refill_id == "5"
    assert found["2"].finality is Finality.FINAL
    assert client.capability_changes().lacking == {"multi_refill"}


async def test_a_panel_without_refills_is_not_asked_twice(serve, client_of, answer):
    panel = await serve(*[answer({"error": "Unknown action"})] * 9)
    client = await client_of(panel.url)
    found = await client.refill(["1", "2"])
    assert (found["1"].state, found["1"].finality) == (RefillState.REFUSED, Finality.FINAL)
    assert (found["2"].state, found["2"].finality) == (RefillState.REFUSED, Finality.FINAL)
    asked = len(panel.forms)
    third = (await client.refill(["3"]))["3"]
    assert (third.state, third.finality, third.stops_panel) == (RefillState.REFUSED, Finality.FINAL, True)
    assert len(panel.forms) == asked == 2


async def test_a_rejected_key_or_a_rate_limit_ends_the_wishes(serve, client_of, answer):
    for text in ("Invalid API key", "Too many requests"):
        panel = await serve(*[answer({"error": text})] * 9)
        found = await (await client_of(panel.url)).refill([str(n) for n in range(1, 151)])
        assert {one.state for one in found.values()} == {RefillState.NOT_SENT}
        assert all(one.stops_panel for one in found.values())
        assert len(panel.forms) == 1


async def test_refill_statuses_go_in_calls_of_a_hundred_or_one_by_one(serve, client_of, answer):
    panel = await serve(
        answer([{"refill": n, "status": "Completed"} for n in range(1, 100)]),
        answer({"error": "Incorrect request"}),
        answer({"status": "Rejected"}),
        answer({"error": "Refill not found"}),
    )
    client = await client_of(panel.url, parallel_read=1)
    found = await client.refill_statuses([str(n) for n in range(1, 103)])
    assert found["1"].state is RefillState.COMPLETED
    assert "100" not in found
    assert found["101"].state is RefillState.REJECTED
    assert found["102"].error == "Refill not found"


async def test_cancelling_may_be_repeated(serve, client_of, say, answer):
    panel = await serve(
        say.Reply(close=True), answer([{"order": 1, "cancel": 1}, {"order": 2, "cancel": {"error": "No"}}])
    )
    found = await (await client_of(panel.url)).cancel(["1", "2", "3"])
    assert [found[each].state for each in "123"] == [CancelState.RECORDED, CancelState.REFUSED, CancelState.UNKNOWN]
    assert [form["orders"] for form in panel.forms] == ["1,2,3"] * 2


async def test_one_cancel_uses_the_list_form_too(serve, client_of, answer):
    panel = await serve(answer({"order": 1, "cancel": 1}))
    assert (await (await client_of(panel.url)).cancel(["1"]))["1"].state is CancelState.RECORDED
    assert panel.forms[0]["orders"] == "1"


async def test_a_panel_that_cannot_cancel_refuses_and_one_that_is_down_leaves_it_open(serve, client_of, answer):
    panel = await serve(*[answer({"error": "Invalid action"})] * 9)
    client = await client_of(panel.url)
    assert (await client.cancel(["1", "2"]))["2"].state is CancelState.REFUSED
    assert client.capability_changes().lacking == {"cancel"}
    assert (await (await client_of("http://127.0.0.1:1/")).cancel(["1"]))["1"].state is CancelState.UNKNOWN
    panel = await serve(*[answer({"error": "Invalid API key"})] * 9)
    found = await (await client_of(panel.url)).cancel([str(n) for n in range(1, 151)])
    assert {one.state for one in found.values()} == {CancelState.REFUSED}
    assert len(panel.forms) == 1


async def test_wishes_one_by_one_end_at_a_rejected_key_and_keep_what_was_had(serve, client_of, answer):
    panel = await serve(
        answer({"error": "Incorrect order ID"}), answer({"refill": 5}), *[answer({"error": "Invalid API key"})] * 9
    )
    found = await (await client_of(panel.url)).refill(["1", "2", "3"])
    assert [found[each].state for each in "123"] == [RefillState.REQUESTED, RefillState.NOT_SENT, RefillState.NOT_SENT]
    assert len(panel.forms) == 3


async def test_a_refill_answer_that_is_not_understood_is_unknown(serve, client_of, say, answer):
    panel = await serve(
        say.http("<html>"), answer({"error": "Not available now"}, 500), say.http(" " * 2**21), answer({"refill": 1})
    )
    client = await client_of(panel.url)
    for ids in (["1", "2"], ["3"], ["4"]):
        assert {one.state for one in (await client.refill(ids)).values()} == {RefillState.UNKNOWN}
    assert len(panel.forms) == 3


async def test_an_endless_answer_to_a_read_is_asked_for_again(serve, client_of, say, answer):
    panel = await serve(say.http(" " * 2**21), answer({"balance": "1"}))
    assert (await (await client_of(panel.url)).balance()).amount == 1


async def test_a_key_rejected_among_single_calls_is_raised(serve, client_of, answer):
    panel = await serve(
        answer({"error": "Incorrect request"}), answer({"status": "Partial"}), answer({"error": "Invalid API key"})
    )
    client = await client_of(panel.url, parallel_read=1)
    with pytest.raises(KeyRejected):
        await client.statuses({"1": 11, "2": 22}, AT)


SUCCESS = {"status": "success", "message": "Your cancellation request was received"}


@pytest.mark.parametrize("body", [SUCCESS, {"ok": True}], ids=str)
@pytest.mark.parametrize("ids", [["1"], ["1", "2", "3"]], ids=len)
async def test_a_cancel_that_was_taken_as_a_whole_is_sent_once(serve, client_of, answer, body, ids):
    panel = await serve(*[answer(body)] * 9)
    found = await (await client_of(panel.url)).cancel(ids)
    assert {one.state for one in found.values()} == {CancelState.RECORDED}
    assert len(panel.forms) == 1


@pytest.mark.parametrize("body", [None, 0, False, {}, []], ids=str)
@pytest.mark.parametrize("ids", [["1"], ["1", "2", "3"]], ids=len)
async def test_a_cancel_that_is_answered_with_nothing_is_unknown_and_tried_in_the_other_form(
    serve, client_of, answer, body, ids
):
    panel = await serve(*[answer(body)] * 9)
    client = await client_of(panel.url)
    found = await client.cancel(ids)
    assert {one.state for one in found.values()} == {CancelState.UNKNOWN}
    assert all("does not say" in one.message for one in found.values())
    assert [(form.get("orders"), form.get("order")) for form in panel.forms] == [(",".join(ids), None), ("1", "1")]
    assert client.capability_changes().lacking == frozenset()


@pytest.mark.parametrize(
    "refused",
    [
        {"error": "Incorrect order ID"},
        {"error": "Order ID is required parameter. Please check your API Manual"},
        {"error": "Incorrect request"},
        {"errors": {"order": ["The order field is required."]}},
        None,
        [],
    ],
    ids=str,
)
async def test_a_panel_that_reads_one_id_is_found_out_and_remembered(serve, client_of, answer, refused):
    panel = await serve(answer(refused), *[answer(SUCCESS)] * 9)
    client = await client_of(panel.url)
    found = await client.cancel(["1", "2", "3"])
    assert {one.state for one in found.values()} == {CancelState.RECORDED}
    assert [form.get("order") for form in panel.forms] == [None, "1", "2", "3"]
    assert client.capability_changes().lacking == {"multi_cancel"}
    await client.cancel(["4"])
    assert (panel.forms[-1]["order"], len(panel.forms)) == ("4", 5)


@pytest.mark.parametrize("status", [400, 404, 405, 422])
async def test_a_list_to_cancel_that_is_refused_by_its_status_is_tried_one_by_one(
    serve, client_of, answer, say, status
):
    page = say.http("<html>no</html>", status)
    panel = await serve(page, *[answer(SUCCESS)] * 9)
    found = await (await client_of(panel.url)).cancel(["1", "2"])
    assert {one.state for one in found.values()} == {CancelState.RECORDED}


async def test_a_page_instead_of_an_answer_is_no_refusal_of_a_cancel(serve, client_of, say):
    panel = await serve(*[say.http("<html>no</html>", 404)] * 9)
    found = await (await client_of(panel.url)).cancel(["1", "2"])
    assert {one.state for one in found.values()} == {CancelState.UNKNOWN}
    assert len(panel.forms) <= 3


async def test_one_cancel_that_is_refused_is_asked_once(serve, client_of, answer):
    panel = await serve(*[answer({"error": "Cancel is not available"})] * 9)
    found = await (await client_of(panel.url)).cancel(["1"])
    assert (found["1"].state, found["1"].message, len(panel.forms)) == (
        CancelState.REFUSED,
        "Cancel is not available",
        1,
    )


@pytest.mark.parametrize("status", [200, 400, 404, 405, 422])
@pytest.mark.parametrize(
    "body",
    [{"error": "Order not found.", "status": "104"}, {"message": "The given data was invalid."}, None, []],
    ids=str,
)
async def test_a_list_of_statuses_that_is_refused_as_a_whole_is_asked_one_by_one(
    serve, client_of, answer, status, body
):
    panel = await serve(answer(body, status), answer({"status": "Completed"}), answer({"status": "Partial"}))
    client = await client_of(panel.url)
    seen = await client.statuses({"1": 11, "2": 22}, AT)
    assert [(one.attempt_id, one.status) for one in seen] == [(11, LiveStatus.COMPLETED), (22, LiveStatus.PARTIAL)]


@pytest.mark.parametrize("status", [404, 410, 422])
@pytest.mark.parametrize("body", ['{"message": "Not Found"}', "<html>Not Found</html>", "null", ""])
async def test_one_status_that_is_not_found_is_the_orders_error_or_unknown(serve, client_of, say, status, body):
    panel = await serve(say.http(body, status))
    seen = await (await client_of(panel.url)).statuses({"1": 11}, AT)
    assert len(panel.forms) == 1
    for one in seen:
        assert (one.status, bool(one.error), one.charge) == (LiveStatus.UNKNOWN, True, None)


async def test_a_list_answered_with_nothing_costs_one_more_call_and_proves_nothing(serve, client_of, answer):
    """A replica may lag behind: the panel knows none of them yet, in either form."""
    panel = await serve(answer([]), answer({"error": "Incorrect order ID"}))
    client = await client_of(panel.url)
    seen = await client.statuses({"1": 11, "2": 22, "3": 33}, AT)
    assert [one.error for one in seen] == ["Incorrect order ID"]
    assert len(panel.forms) == 2
    assert client.capability_changes().lacking == frozenset()


async def test_a_list_answered_with_null_by_a_panel_that_reads_one_id_is_remembered(serve, client_of, answer):
    panel = await serve(answer(None), answer({"status": "Completed"}), answer({"status": "Completed"}))
    client = await client_of(panel.url)
    assert len(await client.statuses({"1": 11, "2": 22}, AT)) == 2
    assert client.capability_changes().lacking == {"multi_status"}


@pytest.mark.parametrize("body", ["null", "0", "false", "{}", '{"status": "success", "message": "ok"}'])
async def test_a_refill_is_asked_for_once_whatever_is_answered(serve, client_of, say, body):
    panel = await serve(*[say.http(body)] * 5)
    client = await client_of(panel.url)
    for ids in (["1"], ["2", "3"]):
        found = await client.refill(ids)
        assert {one.state for one in found.values()} == {RefillState.UNKNOWN}
        assert all(one.message for one in found.values())
    assert len(panel.forms) == 2


@pytest.mark.parametrize("body", ["null", "0", "false", "{}", "[]", '{"ok": true}'])
async def test_open_refills_that_nothing_is_said_of_stay_open(serve, client_of, say, body):
    panel = await serve(*[say.http(body)] * 5)
    assert await (await client_of(panel.url)).refill_statuses(["1", "2"]) == {}
    assert len(panel.forms) == 2
