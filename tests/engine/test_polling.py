"""What a refresh asks for, what it remarks on, and what is remembered of the panels."""

from datetime import timedelta
from decimal import Decimal

import pytest

from runner.core.attempts import LiveStatus
from runner.core.events import EventType
from runner.core.orders import Policy, RefillPolicy
from runner.engine.bookkeeping import record_capabilities
from runner.engine.refresh import BUYING_AGE, CATALOGUE_AGE, refresh
from runner.engine.run import PlanRequest, apply, prepare
from tests.engine.simulated import campaign

DAY = 24 * 3600.0


@pytest.fixture
def buy(open_run, panel):
    """Buys a campaign, and forgets the calls that this took."""

    async def bought(wanted):
        async with open_run() as session:
            await apply(session, PlanRequest(campaigns=[wanted]), lambda _plan: True)
        panel.status_calls.clear()

    return bought


@pytest.fixture
def look(open_run, panel):
    """One refresh; how many ids each call asked for."""

    async def looked(wanted, **how):
        panel.status_calls.clear()
        async with open_run() as session:
            await refresh(session, await session.journal.recorded(), campaigns=[wanted], **how)
        return sorted(panel.status_calls)

    return looked


def notes(events):
    return [event.facts["message"] for event in events if event.type is EventType.NOTE]


def completed(panel):
    panel.say = lambda _id: {"status": LiveStatus.COMPLETED, "status_text": "Completed"}


async def test_final_orders_are_looked_at_once_a_day_until_the_refill_window_ends(buy, look, panel, clock):
    wanted = campaign(250, policy=Policy(refill=RefillPolicy(within=timedelta(days=3))))
    await buy(wanted)
    completed(panel)
    assert await look(wanted) == [50, 100, 100]
    assert await look(wanted) == []
    calls = []
    for _ in range(20):
        clock.advance(DAY / 4)
        calls.append(len(await look(wanted)))
    assert calls == [0, 0, 0, 3, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]


async def test_final_orders_fill_the_calls_that_live_ones_need(buy, look, panel, clock):
    await buy(campaign(60))
    completed(panel)
    await look(campaign(60))
    panel.say = lambda _id: {}
    clock.advance(0.6 * DAY)
    await buy(campaign(90))
    assert await look(campaign(90)) == [90]


async def test_an_adaptive_look_asks_for_what_is_due_and_reads_prices_once_an_hour(buy, look, panel, clock):
    catalogues = []
    services = panel.services

    async def counted(at):
        catalogues.append(at)
        return await services(at)

    panel.services = counted
    wanted = campaign(3)
    await buy(wanted)
    catalogues.clear()
    assert await look(wanted, adaptive=True) == []
    clock.advance(60)
    assert await look(wanted, adaptive=True) == [3]
    clock.advance(CATALOGUE_AGE.total_seconds())
    assert catalogues == []
    await look(wanted, adaptive=True)
    assert len(catalogues) == 1


async def test_nothing_is_bought_by_prices_that_only_a_poll_could_do_with(buy, open_run, panel, clock):
    await buy(campaign(1))
    panel.services_by_id["1"] = panel.services_by_id["1"]._replace(rate=Decimal("0.80"))
    clock.advance(BUYING_AGE.total_seconds())
    async with open_run() as session:
        plan, recorded = await prepare(session, PlanRequest(campaigns=[campaign(2)], adaptive=True))
    assert recorded.catalogues["sim"].services["1"].rate == Decimal("0.80")
    assert plan.cost == Decimal("0.08")


async def test_after_the_clock_was_put_back_prices_and_statuses_of_tomorrow_are_read_anew(
    buy, look, open_run, panel, clock
):
    await buy(campaign(1))
    panel.services_by_id["1"] = panel.services_by_id["1"]._replace(rate=Decimal("0.80"))
    clock.advance(-DAY)
    assert await look(campaign(1), adaptive=True) == [1]
    async with open_run() as session:
        plan, _ = await prepare(session, PlanRequest(campaigns=[campaign(2)], adaptive=True))
    assert plan.cost == Decimal("0.08")


async def test_what_the_calls_of_the_day_do_not_reach_is_told_and_the_longest_overdue_come_first(
    buy, look, panel, clock, events
):
    panel.profile = type(panel.profile)(
        name="sim", url="http://127.0.0.1:1", key=panel.profile.key, status_per_day=7, parallel_read=1
    )
    await buy(campaign(150))
    clock.advance(600)
    await buy(campaign(300))
    clock.advance(3600)
    asked = []
    statuses = panel.statuses

    async def noted(wanted, at):
        asked.extend(wanted)
        return await statuses(wanted, at)

    panel.statuses, panel.calls_left = noted, 2
    events.clear()
    assert await look(campaign(300)) == [100, 100]
    assert set(asked[:150]) == {str(23501 + n) for n in range(150)}, "placed first, looked at last the longest ago"
    (told,) = notes(events)
    assert "100 orders were not asked for, the 7 status calls of the day" in told
    assert "2026-01-02 00:00 UTC" in told
    panel.calls_left = 0
    events.clear()
    assert await look(campaign(300)) == []
    assert "300 orders" in notes(events)[0]


async def test_an_unknown_word_is_told_once_and_the_order_stays_live(buy, look, panel, events):
    await buy(campaign(3))
    panel.say = lambda _id: {"status": LiveStatus.UNKNOWN, "status_text": "Brewing"}
    events.clear()
    assert await look(campaign(3)) == [3]
    assert len([one for one in notes(events) if "`Brewing`" in one]) == 1
    events.clear()
    assert await look(campaign(3)) == [3], "still asked for"
    assert notes(events) == []


async def test_a_completed_order_that_goes_on_is_told_polled_and_its_charge_booked(
    buy, look, panel, open_run, clock, events
):
    await buy(campaign(1, quantity=1000))
    completed(panel)
    await look(campaign(1, quantity=1000))
    clock.advance(DAY)
    panel.say = lambda _id: {"status": LiveStatus.PARTIAL, "charge": Decimal("0.45"), "remains": 500}
    events.clear()
    assert await look(campaign(1, quantity=1000)) == [1]
    assert (
        "spring/o0 was final, and the panel corrects it: completed -> partial, charge 0.90 -> 0.45" in notes(events)[0]
    )
    assert next(event.order for event in events if event.type is EventType.NOTE) == "spring/o0"
    panel.say = lambda _id: {"status": LiveStatus.IN_PROGRESS, "charge": Decimal("0.45")}
    clock.advance(DAY)
    await look(campaign(1, quantity=1000))
    assert await look(campaign(1, quantity=1000)) == [1], "live again"
    async with open_run() as session:
        recorded = await session.journal.recorded()
    ((attempt,),) = recorded.attempts.values()
    assert (attempt.is_live, attempt.final_at, attempt.charge) == (True, None, Decimal("0.45"))


async def test_apply_warns_once_of_orders_that_the_panel_no_longer_knows(buy, panel, open_run, clock, events):
    await buy(campaign(5))
    panel.say = lambda _id: {"status": LiveStatus.UNKNOWN, "status_text": "", "error": "Incorrect order ID"}
    for _ in range(3):
        clock.advance(1800)
        events.clear()
        async with open_run() as session:
            result = await apply(session, PlanRequest(campaigns=[campaign(5)]), lambda _plan: True)
    told = [event.facts["message"] for event in events if event.type is EventType.WARNING]
    assert len(told) == 1
    assert "5 live orders: spring/o0 (23501)" in told[0]
    assert list(result.warnings) == told


async def test_what_a_panel_lacks_is_recorded_and_told_once(buy, look, panel, open_run, events):
    await buy(campaign(1))
    panel.lacks = {"multi_status", "cancel"}
    events.clear()
    await look(campaign(1))
    assert notes(events) == [
        "panel sim can't cancel orders",
        "panel sim takes no lists in status: each order is a call of its own",
    ]
    async with open_run() as session:
        events.clear()
        await record_capabilities(session)
        assert (await session.journal.recorded()).lacking == {"sim": {"cancel", "multi_status"}}
    assert notes(events) == []
