"""Refills and cancels through the ports: the mark is durable before the request, and no answer makes a second one."""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta

import pytest

from runner.core.attempts import LiveStatus, StatusSeen
from runner.core.errors import KeyRejected, PanelUnreachable
from runner.core.events import EventType
from runner.core.operations import AskRefills, SettleRefills
from runner.core.orders import Policy, RefillPolicy, RefillWhen
from runner.core.refills import CancelState, Finality, Refill, RefillState
from runner.core.snapshot import Recorded
from runner.core.values.clock import ManualClock
from runner.engine.cancel import cancel_orders
from runner.engine.refill import LOST_AFTER, seen_of
from runner.engine.results import RequestOutcome
from runner.engine.run import PlanRequest, apply
from runner.panel.parse.refill_answers import (
    CancelAnswer,
    RefillAnswer,
    RefillStatusAnswer,
)
from tests.engine.simulated import SimulatedPanel, campaign, instead, lost

DAY = 24 * 3600.0
POLICY = Policy(refill=RefillPolicy(when=RefillWhen.DUE, every=timedelta(hours=24), max=3))
REQUESTED = RefillAnswer(state=RefillState.REQUESTED, refill_id="r1")
UNKNOWN = RefillAnswer(state=RefillState.UNKNOWN, message="connection reset")


class UpkeepPanel(SimulatedPanel):
    """Completes every order at once; answers refills and cancels as told."""

    def __init__(self, **parts) -> None:
        super().__init__(**parts)
        self.refill_calls: list[list[str]] = []
        self.cancel_calls: list[list[str]] = []
        self.refill_status_calls: list[list[str]] = []
        self.grant: Callable[[str], RefillAnswer] = lambda _order_id: REQUESTED
        self.cancelling: Callable[[str], CancelAnswer] = lambda _order_id: CancelAnswer(state=CancelState.RECORDED)
        self.on_refill: Callable[[], None] = lambda: None
        self.refill_state: RefillStatusAnswer | None = RefillStatusAnswer(state_text="Pending")
        self.refill_status_error: Exception | None = None
        self.status = LiveStatus.COMPLETED

    async def statuses(self, wanted: Mapping[str, int], at) -> list[StatusSeen]:
        return [one._replace(status=self.status) for one in await super().statuses(wanted, at)]

    async def refill(self, order_ids: Iterable[str], **_deadline: float) -> Mapping[str, RefillAnswer]:
        self.refill_calls.append(list(order_ids))
        self.on_refill()
        return {each: self.grant(each) for each in self.refill_calls[-1]}

    async def refill_statuses(self, refill_ids: Iterable[str]) -> Mapping[str, RefillStatusAnswer]:
        self.refill_status_calls.append(list(refill_ids))
        if self.refill_status_error:
            raise self.refill_status_error
        return {} if self.refill_state is None else dict.fromkeys(self.refill_status_calls[-1], self.refill_state)

    async def cancel(self, order_ids: Iterable[str]) -> Mapping[str, CancelAnswer]:
        self.cancel_calls.append(list(order_ids))
        return {each: self.cancelling(each) for each in self.cancel_calls[-1]}


@pytest.fixture
def panel(clock: ManualClock) -> UpkeepPanel:
    return UpkeepPanel(clock=clock)


def wish(count: int = 3) -> PlanRequest:
    return PlanRequest(campaigns=[campaign(count, policy=POLICY)])


@pytest.fixture
def run(open_run):
    """One apply of `count` orders."""

    async def once(count: int = 3):
        async with open_run() as session:
            return await apply(session, wish(count), lambda _plan: True)

    return once


async def states(open_run) -> list[list[RefillState]]:
    async with open_run() as session:
        recorded: Recorded = await session.journal.recorded()
    return [[one.state for one in several] for several in recorded.refills.values()]


async def test_every_request_is_marked_before_it_leaves(open_run, panel, run):
    await run()
    marked: list[int] = []

    async with open_run() as session:
        journal = session.journal
        panel.on_refill = lambda: marked.append(len(asked))
        asked: list[int] = []
        record = journal.record

        async def counted(asking):
            ids = await record(asking)
            asked.extend(ids)
            return ids

        instead(journal, AskRefills, counted)
        result = await apply(session, wish(), lambda _plan: True)
    assert marked == [3]
    assert result.refills == 3
    assert [one.outcome for one in result.refill_results] == [RequestOutcome.REQUESTED] * 3


async def test_a_run_that_breaks_off_after_the_mark_has_asked_for_the_window(open_run, panel, run, clock):
    await run()

    def pull_the_plug() -> None:
        raise RuntimeError("killed")

    panel.on_refill = pull_the_plug
    with pytest.raises(RuntimeError):
        await run()
    panel.on_refill = lambda: None
    for _ in range(3):
        assert (await run()).refills == 0
    assert len(panel.refill_calls) == 1
    assert await states(open_run) == [[RefillState.UNKNOWN]] * 3
    clock.advance(DAY)
    assert (await run()).refills == 3
    assert len(panel.refill_calls) == 2


async def test_a_call_of_which_nothing_was_answered_ends_the_asking_and_the_rest_comes_later(panel, run, events):
    await run(230)
    panel.grant = lambda _order_id: UNKNOWN
    first = await run(230)
    assert (first.exit_code, first.refills, len(first.refill_results)) == (0, 0, 100)
    panel.grant = lambda _order_id: REQUESTED
    second = await run(230)
    assert second.refills == 130
    assert [len(ids) for ids in panel.refill_calls] == [100, 100, 30]
    told = [event.facts["outcome"] for event in events if event.type is EventType.REFILLED]
    assert told == ["unknown"] * 100 + ["requested"] * 130
    assert len({order_id for ids in panel.refill_calls for order_id in ids}) == 230


async def test_one_answer_that_is_missing_does_not_hold_up_the_others(panel, run):
    await run(150)
    panel.grant = lambda order_id: UNKNOWN if order_id == "23501" else REQUESTED
    assert (await run(150)).refills == 149


@pytest.mark.parametrize(
    ("answer", "state", "finality", "asked_again"),
    [
        (RefillAnswer(state=RefillState.NOT_SENT, message="no connection"), RefillState.NOT_SENT, None, True),
        (
            RefillAnswer(state=RefillState.NOT_SENT, message="rate", stops_panel=True),
            RefillState.NOT_SENT,
            None,
            True,
        ),
        (
            RefillAnswer(state=RefillState.REFUSED, finality=Finality.FINAL),
            RefillState.REFUSED,
            Finality.FINAL,
            False,
        ),
        (
            RefillAnswer(state=RefillState.REFUSED, finality=Finality.LATER),
            RefillState.REFUSED,
            Finality.LATER,
            False,
        ),
    ],
)
async def test_what_an_answer_means_for_the_next_run(open_run, panel, run, clock, answer, state, finality, asked_again):
    await run(1)
    panel.grant = lambda _order_id: answer
    assert (await run(1)).refills == 0
    panel.grant = lambda _order_id: REQUESTED
    assert (await run(1)).refills == int(asked_again)
    async with open_run() as session:
        (refills,) = (await session.journal.recorded()).refills.values()
    assert (refills[0].state, refills[0].finality) == (state, finality)
    clock.advance(DAY)
    assert (await run(1)).refills == int(state is RefillState.REFUSED and finality is Finality.LATER)


async def test_nothing_is_asked_for_on_a_panel_that_placing_stopped_on(panel, run):
    await run(2)
    panel.script = lambda attempt, _number: lost(panel, attempt, bought=True)
    result = await run(3)
    assert (result.exit_code, result.refills) == (15, 0)
    assert panel.refill_calls == []
    assert (await run(3)).refills == 2


async def test_an_answer_that_can_not_be_recorded_is_told_and_counts_as_asked(open_run, panel, run):
    await run(1)
    async with open_run() as session:

        async def broken(_settling):
            raise PanelUnreachable("disk full")

        instead(session.journal, SettleRefills, broken)
        result = await apply(session, wish(1), lambda _plan: True)
    (told,) = result.refill_results
    assert told.outcome is RequestOutcome.UNKNOWN
    assert "could not be recorded (disk full)" in told.message
    assert (await run(1)).refills == 0


async def test_only_open_refills_are_followed_until_they_end(open_run, panel, run):
    await run(1)
    await run(1)
    assert panel.refill_status_calls == []
    await run(1)
    assert panel.refill_status_calls == [["r1"]]
    panel.refill_state = RefillStatusAnswer(state=RefillState.REJECTED, state_text="Rejected")
    await run(1)
    await run(1)
    assert len(panel.refill_status_calls) == 2
    assert await states(open_run) == [[RefillState.REJECTED]]


async def test_unreadable_refill_statuses_are_a_note_and_a_rejected_key_is_not(panel, run, events):
    await run(1)
    await run(1)
    panel.refill_status_error = PanelUnreachable("down")
    assert (await run(2)).placed == 1
    assert any("refills could not be followed: down" in str(event.facts.get("message")) for event in events)
    panel.refill_status_error = KeyRejected("no")
    with pytest.raises(KeyRejected):
        await run(2)


def test_a_refill_that_the_panel_does_not_know_is_given_up_after_three_days():
    now = ManualClock().now()
    refill = Refill(5, 1, RefillState.REQUESTED, "r1", None, "", now - LOST_AFTER, None, None)
    unknown = {"r1": RefillStatusAnswer(error="Refill not found")}
    assert seen_of([refill], unknown, now)[0].state is RefillState.REQUESTED
    (given_up,) = seen_of([refill], unknown, now + timedelta(seconds=1))
    assert (given_up.state, given_up.message) == (
        RefillState.UNKNOWN,
        "the panel no longer knows refill r1: Refill not found",
    )
    assert seen_of([refill], {}, now) == []
    odd = {"r1": RefillStatusAnswer(state_text="Brewing")}
    assert seen_of([refill], odd, now + LOST_AFTER)[0].state is RefillState.REQUESTED


async def test_cancels_go_in_calls_of_a_hundred_and_each_answer_is_kept(open_run, panel, run):
    panel.status = LiveStatus.PENDING
    await run(120)
    panel.cancelling = lambda order_id: CancelAnswer(
        state=CancelState.REFUSED if order_id == "23501" else CancelState.RECORDED, message=""
    )
    async with open_run() as session:
        recorded = await session.journal.recorded()
        attempts = [one for several in recorded.attempts.values() for one in several]
        results = await cancel_orders(session, attempts)
        recorded = await session.journal.recorded()
    assert [len(ids) for ids in panel.cancel_calls] == [100, 20]
    assert len(results) == len(recorded.cancels) == 120
    assert recorded.cancels[attempts[0].id][0].state is CancelState.REFUSED


async def test_a_panel_that_is_down_is_not_asked_to_cancel(open_run, panel, run):
    await run(1)
    panel.read_error = PanelUnreachable("down")
    async with open_run() as session:
        recorded = await session.journal.recorded()
        attempts = [one for several in recorded.attempts.values() for one in several]
        with pytest.raises(PanelUnreachable):
            await cancel_orders(session, attempts)
    assert panel.cancel_calls == []


async def test_an_interrupted_run_asks_for_nothing_more(open_run, panel, run):
    await run(150)
    async with open_run() as session:
        panel.on_refill = session.stop.request
        result = await apply(session, wish(150), lambda _plan: True)
    assert (result.exit_code, result.refills) == (130, 100)
    assert len(panel.refill_calls) == 1
    assert result.interrupted
