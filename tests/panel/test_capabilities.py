"""What a client finds out about its panel, and what it makes of what it is told to remember."""

from datetime import UTC, date, datetime, timedelta

import pytest

from runner.core.errors import PanelUnreachable
from runner.core.refills import CancelState, RefillState
from runner.core.values.clock import ManualClock
from runner.panel.capabilities import CapabilityChange

AT = datetime(2026, 1, 1, tzinfo=UTC)
TODAY = date(2026, 1, 1)
NOTHING = CapabilityChange(frozenset(), {})


def status(order_id="1"):
    return {order_id: {"status": "Pending", "charge": "1"}}


async def test_a_panel_without_lists_is_learnt_once_and_remembered_by_the_next_client(serve, client_of, answer):
    refused, one = answer({"error": "Incorrect request"}), answer({"status": "Pending", "charge": "1"})
    panel = await serve(refused, one, one, one, one)
    first = await client_of(panel.url)
    await first.statuses({"1": 1, "2": 2}, AT)
    assert first.capability_changes() == CapabilityChange(frozenset({"multi_status"}), {})
    assert first.capability_changes() == NOTHING
    second = await client_of(panel.url)
    second.remember(CapabilityChange(frozenset({"multi_status"}), {}))
    assert len(await second.statuses({"1": 1, "2": 2}, AT)) == 2
    assert ["orders" in form for form in panel.forms] == [True, False, False, False, False]
    assert second.capability_changes() == NOTHING, "it is nothing new"


async def test_a_panel_known_to_have_no_cancel_or_refill_is_not_asked_again(serve, client_of):
    panel = await serve()
    client = await client_of(panel.url)
    client.remember(CapabilityChange(frozenset({"cancel", "refill", "refill_status"}), {}))
    assert (await client.cancel(["1", "2"]))["2"].state is CancelState.REFUSED
    assert (await client.refill(["1"]))["1"].state is RefillState.REFUSED
    assert (await client.refill_statuses(["r1"]))["r1"].error
    assert panel.forms == []


async def test_that_a_panel_has_no_statuses_at_all_is_never_believed(serve, client_of, answer):
    panel = await serve(answer({"error": "Invalid action"}), answer({"status": "Pending"}))
    first = await client_of(panel.url)
    with pytest.raises(PanelUnreachable):
        await first.statuses({"1": 1}, AT)
    second = await client_of(panel.url)
    second.remember(first.capability_changes())
    assert len(await second.statuses({"1": 1}, AT)) == 1


async def test_status_calls_of_a_limited_day_are_counted_repeats_and_all(serve, client_of, say, answer):
    clock = ManualClock(AT + timedelta(hours=23))
    panel = await serve(say.Reply(close=True), answer(status()), answer({"balance": "1"}), answer(status()))
    client = await client_of(panel.url, clock=clock, status_per_day=10)
    client.remember(CapabilityChange(frozenset(), {TODAY: 5, date(2025, 12, 31): 99}))
    assert client.polls_left() == 500
    await client.statuses({"1": 1}, AT)
    await client.balance()
    assert client.polls_left() == 300
    assert client.capability_changes().status_calls == {TODAY: 2}
    assert client.capability_changes() == NOTHING
    assert client.polls_left() == 300, "what is recorded still counts"
    clock.advance(3600)
    assert client.polls_left() == 1000, "a new day"
    await client.statuses({"1": 1}, AT)
    assert client.capability_changes().status_calls == {date(2026, 1, 2): 1}


async def test_a_used_up_day_is_never_less_than_nothing_and_a_panel_without_lists_has_one_order_a_call(
    serve, client_of
):
    client = await client_of((await serve()).url, clock=ManualClock(AT), status_per_day=10)
    client.remember(CapabilityChange(frozenset({"multi_status"}), {TODAY: 4}))
    assert client.polls_left() == 6
    client.remember(CapabilityChange(frozenset(), {TODAY: 40}))
    assert client.polls_left() == 0


async def test_without_a_limit_nothing_is_counted(serve, client_of, answer):
    panel = await serve(answer(status()))
    client = await client_of(panel.url)
    await client.statuses({"1": 1}, AT)
    assert client.polls_left() is None
    assert client.capability_changes() == NOTHING
