"""The cancel step of an apply: after placing and refills, in calls of 100, and never twice for one answer within a day."""

from collections.abc import Callable, Iterable, Mapping

import pytest

from runner.core.attempts import LiveStatus, StatusSeen
from runner.core.errors import JournalBroken, RunnerError
from runner.core.events import EventType
from runner.core.operations import Rename, SeeCancels
from runner.core.orders import Limit, Policy
from runner.core.refills import CancelState
from runner.core.values.clock import ManualClock
from runner.engine.results import RequestOutcome
from runner.engine.run import PlanRequest, apply
from runner.panel.parse.refill_answers import CancelAnswer
from runner.planning.status.selectors import only
from tests.engine.simulated import SimulatedPanel, campaign, instead, lost

ALL = Policy(max_cancel=Limit(number=1000))
RECORDED = CancelAnswer(state=CancelState.RECORDED)
DAY = 24 * 3600.0


class CancellingPanel(SimulatedPanel):
    """Answers cancels as told; what it was told to cancel shows in its statuses from then on."""

    def __init__(self, **parts) -> None:
        super().__init__(**parts)
        self.cancel_calls: list[list[str]] = []
        self.answer: Callable[[str], CancelAnswer] = lambda _order_id: RECORDED
        self.on_cancel: Callable[[], None] = lambda: None
        self.cancelled: set[str] = set()

    async def statuses(self, wanted: Mapping[str, int], at) -> list[StatusSeen]:
        names = {attempt_id: panel_id for panel_id, attempt_id in wanted.items()}
        return [
            one._replace(status=LiveStatus.CANCELED) if names[one.attempt_id] in self.cancelled else one
            for one in await super().statuses(wanted, at)
        ]

    async def cancel(self, order_ids: Iterable[str]) -> Mapping[str, CancelAnswer]:
        self.cancel_calls.append(list(order_ids))
        self.on_cancel()
        return {each: self.answer(each) for each in self.cancel_calls[-1]}

    @property
    def named(self) -> list[str]:
        return [each for ids in self.cancel_calls for each in ids]


@pytest.fixture
def panel(clock: ManualClock) -> CancellingPanel:
    return CancellingPanel(clock=clock)


@pytest.fixture
def run(open_run):
    """One apply with --prune of a file that lists `listed`; everything is agreed to."""

    async def once(listed, *, prune: bool = True, **parts):
        parts = {"policy": ALL} | parts
        async with open_run() as session:
            file = campaign(0, orders=[one for one in campaign(300).orders if one.id in listed], **parts)
            return await apply(session, PlanRequest(campaigns=[file], prune=prune), lambda _plan: True)

    return once


def ids(*numbers: int) -> set[str]:
    return {f"o{number}" for number in numbers}


async def test_a_plan_with_nothing_but_cancels_is_carried_out(panel, run, events):
    await run(ids(0, 1, 2))
    result = await run(ids(0))
    assert (result.exit_code, result.placed, result.cancels) == (0, 0, 2)
    assert panel.cancel_calls == [["23502", "23503"]]
    assert [(one.order, one.outcome) for one in result.cancel_results] == [
        ("spring/o1", RequestOutcome.RECORDED),
        ("spring/o2", RequestOutcome.RECORDED),
    ]
    told = [(one.order, one.facts["outcome"]) for one in events if one.type is EventType.CANCEL_ASKED]
    assert told == [("spring/o1", "recorded"), ("spring/o2", "recorded")]


async def test_without_prune_nobody_is_asked_to_cancel(panel, run):
    await run(ids(0, 1))
    assert (await run(ids(0), prune=False)).cancels == 0
    assert panel.cancel_calls == []


async def test_a_campaign_may_ask_for_it_by_itself(open_run, panel, run):
    await run(ids(0, 1))
    async with open_run() as session:
        result = await apply(session, PlanRequest(campaigns=[campaign(1, policy=ALL, prune=True)]), lambda _plan: True)
    assert (result.cancels, panel.named) == (1, ["23502"])


async def test_nothing_is_asked_unless_it_was_agreed_to(open_run, panel, run):
    await run(ids(0, 1))
    async with open_run() as session:
        wish = PlanRequest(campaigns=[campaign(1, policy=ALL)], prune=True)
        result = await apply(session, wish, lambda plan: not plan.cancels)
    assert (result.exit_code, result.cancels, panel.cancel_calls) == (0, 0, [])


async def test_cancels_go_in_calls_of_a_hundred_and_after_the_purchases(panel, run):
    await run(ids(*range(251)))
    bought: list[int] = []
    panel.on_cancel = lambda: bought.append(panel.adds)
    result = await run(ids(0, 260))
    assert (result.placed, result.cancels) == (1, 250)
    assert [len(each) for each in panel.cancel_calls] == [100, 100, 50]
    assert bought == [252, 252, 252]
    assert len(set(panel.named)) == 250


async def test_a_request_is_repeated_only_a_day_after_its_answer(panel, run, clock):
    await run(ids(0, 1))
    await run(ids(0))
    for _ in range(3):
        again = await run(ids(0))
        assert (again.exit_code, again.cancels, again.plan.summary) == (0, 0, {"wait": 1, "ok": 1})
    clock.advance(DAY)
    assert (await run(ids(0))).cancels == 1
    assert panel.cancel_calls == [["23502"]] * 2


async def test_what_the_panel_has_cancelled_is_asked_for_no_more(panel, run, clock):
    await run(ids(0, 1))
    await run(ids(0))
    panel.cancelled = {"23502"}
    clock.advance(DAY)
    over = await run(ids(0))
    assert (over.plan.summary, over.cancels) == ({"ok": 1}, 0)
    assert len(panel.cancel_calls) == 1


async def test_the_look_after_the_request_sees_what_happened_at_once(open_run, panel, run):
    await run(ids(0, 1))
    panel.on_cancel = lambda: panel.cancelled.add("23502")
    await run(ids(0))
    async with open_run() as session:
        recorded = await session.journal.recorded()
    assert recorded.attempts["spring", "o1"][0].status is LiveStatus.CANCELED


@pytest.mark.parametrize(("state", "asked_again"), [(CancelState.REFUSED, False), (CancelState.UNKNOWN, True)])
async def test_a_request_that_was_not_taken_ends_with_14(panel, run, state, asked_again):
    await run(ids(0, 1, 2))
    panel.answer = lambda order_id: CancelAnswer(state=state, message="no") if order_id == "23502" else RECORDED
    result = await run(ids(0))
    assert (result.exit_code, result.cancels) == (14, 1)
    panel.answer = lambda _order_id: RECORDED
    assert (await run(ids(0))).cancels == int(asked_again)


async def test_a_call_of_which_nothing_was_answered_ends_the_asking(panel, run):
    await run(ids(*range(205)))
    panel.answer = lambda _order_id: CancelAnswer(state=CancelState.UNKNOWN, message="connection reset")
    result = await run(ids(0))
    assert (result.exit_code, result.cancels, len(panel.cancel_calls)) == (14, 0, 1)
    panel.answer = lambda _order_id: RECORDED
    assert (await run(ids(0))).cancels == 204


async def test_an_answer_that_is_not_about_the_orders_ends_the_asking(panel, run):
    await run(ids(*range(205)))
    panel.answer = lambda _order_id: CancelAnswer(state=CancelState.REFUSED, message="invalid key", stops_panel=True)
    assert (await run(ids(0))).exit_code == 14
    assert len(panel.cancel_calls) == 1


async def test_a_panel_that_placing_stopped_on_is_not_asked_to_cancel(panel, run):
    await run(ids(0, 1))
    panel.script = lambda attempt, _number: lost(panel, attempt, bought=True)
    result = await run(ids(0, 2))
    assert (result.exit_code, result.cancels, panel.cancel_calls) == (15, 0, [])
    panel.script = lambda _attempt, _number: None
    assert (await run(ids(0, 2))).cancels == 1


async def test_an_interrupted_run_asks_for_nothing_more(open_run, panel, run):
    await run(ids(*range(150)))
    async with open_run() as session:
        panel.on_cancel = session.stop.request
        result = await apply(session, PlanRequest(campaigns=[campaign(1, policy=ALL)], prune=True), lambda _plan: True)
    assert (result.exit_code, result.cancels) == (130, 100)
    assert len(panel.cancel_calls) == 1


async def test_an_answer_that_can_not_be_recorded_hides_nothing_of_the_run(open_run, panel, run):
    await run(ids(0, 1))
    async with open_run() as session:

        async def broken(_requests):
            raise JournalBroken("disk full")

        instead(session.journal, SeeCancels, broken)
        files = [campaign(0, orders=[*campaign(1).orders, *campaign(1, start=5).orders], policy=ALL)]
        result = await apply(session, PlanRequest(campaigns=files, prune=True), lambda _plan: True)
    assert (result.placed, result.exit_code, result.cancels) == (1, 14, 0)
    assert "could not be recorded (disk full)" in result.cancel_results[0].message


async def test_more_than_the_cap_is_refused_before_anything_is_bought_or_cancelled(panel, run):
    await run(ids(*range(20)))
    result = await run(ids(*range(10), 25), policy=Policy())
    assert (result.exit_code, result.placed, result.cancels, panel.cancel_calls) == (11, 0, 0, [])


# Protection


async def test_protection_outlives_the_line_and_ends_with_a_line_without_it(open_run, panel, run):
    await run(ids(0, 1), protected=frozenset({"o1"}))
    gone = await run(ids(0))
    assert (gone.cancels, gone.plan.summary) == (0, {"ok": 1})
    assert any("spring/o1" in note and "protected" in note for note in gone.plan.notes)
    await run(ids(0, 1))
    assert (await run(ids(0))).cancels == 1
    assert panel.cancel_calls == [["23502"]]


async def test_an_order_is_protected_before_it_is_bought(open_run, panel, run):
    panel.script = lambda _attempt, _number: pytest.fail("killed")
    with pytest.raises(BaseException, match="killed"):
        await run(ids(0), protected=frozenset({"o0"}))
    async with open_run() as session:
        assert (await session.journal.recorded()).protected == {("spring", "o0")}


async def test_what_the_selection_leaves_out_stays_protected(open_run, run):
    await run(ids(0, 1), protected=frozenset({"o1"}))
    async with open_run() as session:
        wish = PlanRequest(campaigns=[campaign(2)], selection=only({"spring/o0"}))
        await apply(session, wish, lambda _plan: True)
        assert (await session.journal.recorded()).protected == {("spring", "o1")}


# Renames


async def test_a_move_keeps_the_purchase_its_protection_and_its_history(open_run, panel, run, events):
    await run(ids(0, 1), protected=frozenset({"o1"}))
    async with open_run() as session:
        orders = [one._replace(id="new") if one.id == "o1" else one for one in campaign(2).orders]
        file = campaign(0, orders=orders, moved={"new": "between", "between": "o1"}, protected=frozenset({"new"}))
        result = await apply(session, PlanRequest(campaigns=[file], prune=True), lambda _plan: True)
        recorded = await session.journal.recorded()
    assert (result.placed, result.plan.summary) == (0, {"ok": 2})
    assert set(recorded.attempts) == {("spring", "o0"), ("spring", "new")}
    assert recorded.protected == {("spring", "new")}
    notes = [event.facts["message"] for event in events if event.type is EventType.NOTE]
    assert notes == ["spring/o1 is spring/between from now on", "spring/between is spring/new from now on"]


async def test_a_move_that_was_made_already_writes_nothing(open_run, run):
    await run(ids(0))
    file = campaign(0, orders=[one._replace(id="new") for one in campaign(1).orders], moved={"new": "o0"})
    async with open_run() as session:
        await apply(session, PlanRequest(campaigns=[file]), lambda _plan: True)
    async with open_run() as session:

        async def rename(_moves):
            raise RunnerError("renamed in vain")

        instead(session.journal, Rename, rename)
        assert (await apply(session, PlanRequest(campaigns=[file]), lambda _plan: True)).plan.ok == 1
