"""Statuses of what a run buys, read while it still buys."""

import asyncio

import pytest

from runner.core.attempts import LiveStatus
from runner.core.errors import PanelUnreachable
from runner.core.events import EventType
from tests.engine.simulated import SimulatedPanel, campaign
from tests.engine.test_apply import run


class WatchedPanel(SimulatedPanel):
    """Notes how many orders it had sold at each status call; the n-th may fail, or never answer."""

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)  # type: ignore[arg-type]
        self.sold_at: list[int] = []
        self.failing: int | None = None
        self.silent: int | None = None

    async def statuses(self, wanted, at):  # type: ignore[no-untyped-def]
        seen = await super().statuses(wanted, at)
        self.sold_at.append(len(self.sold))
        if len(self.status_calls) == self.failing:
            raise PanelUnreachable("no answer")
        if len(self.status_calls) == self.silent:
            await asyncio.Event().wait()
        return seen


@pytest.fixture
def panel(clock) -> WatchedPanel:
    return WatchedPanel(clock=clock)


def polled(recorded) -> int:
    return sum(one.status is LiveStatus.PENDING for attempts in recorded.attempts.values() for one in attempts)


async def test_full_batches_are_read_while_the_rest_is_bought_and_nothing_is_read_twice(open_run, panel):
    async with open_run() as session:
        await run(session, campaign(450))
        recorded = await session.journal.recorded()
    assert polled(recorded) == 450
    assert sum(panel.status_calls) == 450
    assert len([asked for asked in panel.status_calls if asked < 100]) <= 9  # while the window opens, and the last ones
    assert sum(sold < 450 for sold in panel.sold_at[1:]) >= 3


async def test_a_read_that_fails_stops_nothing_and_is_made_again_at_the_end(open_run, panel, events):
    panel.failing = 2
    async with open_run() as session:
        result = await run(session, campaign(450))
        recorded = await session.journal.recorded()
    assert result.placed == 450
    assert polled(recorded) == 450
    assert not [event for event in events if event.type is EventType.NOTE]


async def test_an_interrupted_run_does_not_wait_for_a_read(open_run, panel):
    panel.silent = 2
    async with open_run() as session:
        sell = panel.sell

        def stop_at_300(attempt):
            if len(panel.sold) == 300:
                session.stop.request()
            return sell(attempt)

        panel.sell = stop_at_300
        async with asyncio.timeout(20):
            result = await run(session, campaign(450))
    assert result.interrupted
    assert 300 <= result.placed < 450
