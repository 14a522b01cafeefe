"""One pass over a real journal and a panel in memory."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest

from runner.core.attempts import AttemptState, OutcomeKind, RefusalReason
from runner.core.errors import ExitCode, Interrupted, JournalBroken, PanelUnreachable, PlanStale
from runner.core.events import EventType
from runner.core.operations import KeepPlan, Mark, Settle
from runner.core.orders import Budget
from runner.engine.results import ApplyResult
from runner.engine.run import PlanRequest, apply, prepare
from runner.engine.session import Session
from runner.planning.fingerprint import SavedPlan, decisions
from runner.planning.plan import Plan
from runner.store.operations.saved_plans import kept_plan
from tests.engine.simulated import NOT_SENT, SimulatedPanel, campaign, instead, lost, refused


class Killed(BaseException):
    """The plug is pulled: no handler for errors may soften it."""


def yes(_plan: object) -> bool:
    return True


async def run(session: Session, *campaigns: object, **wishes: object) -> ApplyResult:
    return await apply(session, PlanRequest(campaigns=campaigns, **wishes), yes)  # type: ignore[arg-type]


async def states(session: Session) -> list[AttemptState]:
    recorded = await session.journal.recorded()
    return [attempt.state for attempts in recorded.attempts.values() for attempt in attempts]


async def test_everything_missing_is_bought_once_and_a_second_run_buys_nothing(open_run, panel):
    async with open_run() as session:
        first = await run(session, campaign(255))
    async with open_run() as session:
        second = await run(session, campaign(255))
    assert (first.placed, first.exit_code) == (255, ExitCode.OK)
    assert (second.placed, second.exit_code, second.plan.ok) == (0, ExitCode.OK, 255)
    assert len(panel.links) == len(set(panel.links)) == 255


@pytest.mark.parametrize("rate", ["0.90", "1.80"])
async def test_a_question_that_stood_for_hours_buys_at_the_prices_that_it_showed_or_not_at_all(
    open_run, panel, clock, rate
):
    def after_lunch(_plan: object) -> bool:
        clock.advance(3600)
        panel.services_by_id["1"] = panel.services_by_id["1"]._replace(rate=Decimal(rate))
        return True

    async with open_run() as session:
        applied = apply(session, PlanRequest(campaigns=(campaign(3),)), after_lunch)
        if rate == "0.90":
            assert (await applied).placed == 3
        else:
            with pytest.raises(PlanStale, match="price lists have changed"):
                await applied
    assert len(panel.links) == (3 if rate == "0.90" else 0)


async def test_statuses_are_asked_in_batches_of_a_hundred(open_run, panel):
    async with open_run() as session:
        await run(session, campaign(255))
    panel.status_calls.clear()
    async with open_run() as session:
        await run(session, campaign(255))
    assert sorted(panel.status_calls) == [55, 100, 100]


async def test_the_report_after_an_apply_holds_charges_and_explains_the_balance(open_run, panel):
    async with open_run() as session:
        result = await run(session, campaign(10, quantity=1000))
    assert result.report.spent == Decimal("9.0")
    assert result.report.reserved == 0
    assert result.report.balance == Decimal("991.00")
    assert result.report.unexplained == 0


async def test_no_more_than_the_profiles_number_of_orders_is_in_flight(open_run, clock):
    panel = SimulatedPanel(clock=clock, parallel=7, pace=1)
    async with open_run(panel) as session:
        await run(session, campaign(50))
    assert 1 < panel.most_in_flight <= 7


async def test_every_order_is_marked_before_it_is_sent(open_run, panel):
    """The panel looks into the database at the moment of each add."""
    seen: list[list[AttemptState]] = []
    async with open_run() as session:
        sell = panel.add

        async def look_then_sell(attempt, owned_ids, **_deadline):
            recorded = await session.journal.recorded()
            seen.append([one.state for one in recorded.attempts[attempt.campaign, attempt.order_id]])
            return await sell(attempt, owned_ids)

        panel.add = look_then_sell
        await run(session, campaign(9))
    assert seen == [[AttemptState.SENDING]] * 9


async def test_a_saved_plan_is_used_before_the_first_order_is_sent_and_never_again(open_run, panel, clock, kept_in):
    used: list[str | None] = []

    def saved(plan: Plan) -> SavedPlan:
        return SavedPlan(
            digest="d1",
            lineage=plan.lineage,
            run="run-0",
            expires_at=clock.now(),
            actions=list(decisions(plan)),
            digests=plan.digests,
            services=plan.services,
        )

    async with open_run() as session:
        plan, _ = await prepare(session, PlanRequest(campaigns=(campaign(2),)))
        now = clock.now()
        await session.journal.record(KeepPlan("d1", session.run_id, now, now + timedelta(days=1)))
    async with open_run() as session:
        sell = panel.add

        async def look_then_sell(attempt, owned_ids, **_deadline):
            kept = kept_plan(kept_in, "d1")
            used.append(None if kept is None else kept.used_by)
            return await sell(attempt, owned_ids)

        panel.add = look_then_sell
        result = await run(session, campaign(4), saved=saved(plan))  # two that the plan does not hold
        run_id = session.run_id
    assert (result.placed, used) == (2, [run_id] * 2)
    async with open_run() as session:
        more, _ = await prepare(session, PlanRequest(campaigns=(campaign(4),)))
        assert len(more.purchases()) == 2
        with pytest.raises(PlanStale, match="was used"):
            await run(session, campaign(4), saved=saved(more))
    assert len(panel.links) == 2


async def test_a_lost_answer_is_in_doubt_and_never_sent_again(open_run, panel):
    panel.script = lambda attempt, number: lost(panel, attempt, bought=True) if number == 1 else None
    async with open_run() as session:
        first = await run(session, campaign(1))
    assert (first.exit_code, first.in_doubt) == (ExitCode.IN_DOUBT, 1)
    for _ in range(3):
        async with open_run() as session:
            again = await run(session, campaign(1))
        assert (again.exit_code, again.in_doubt, again.placed) == (ExitCode.IN_DOUBT, 1, 0)
        assert again.orders[0].outcome is OutcomeKind.IN_DOUBT
    assert panel.adds == 1


async def test_the_first_doubt_stops_marking_on_that_panel_and_not_on_others(open_run, clock):
    one, two = SimulatedPanel("one", clock=clock, parallel=2), SimulatedPanel("two", clock=clock, parallel=2)
    one.script = lambda attempt, number: lost(one, attempt, bought=False) if number == 3 else None
    async with open_run(one, two) as session:
        result = await run(session, campaign(20, panel="one"), campaign(20, name="other", panel="two"))
    assert result.exit_code is ExitCode.IN_DOUBT
    assert one.adds < 8
    assert len(two.sold) == 20


async def test_later_runs_buy_everything_but_the_doubtful_order(open_run, panel):
    panel.script = lambda attempt, number: lost(panel, attempt, bought=True) if number == 3 else None
    async with open_run() as session:
        await run(session, campaign(20))
    async with open_run() as session:
        result = await run(session, campaign(20))
    assert result.exit_code is ExitCode.IN_DOUBT
    assert sorted(panel.links) == sorted(one.link for one in campaign(20).orders)


async def test_marks_left_by_a_killed_run_are_in_doubt_and_never_sent_again(open_run, panel):
    async def die(_attempt, _owned, **_deadline):
        panel.adds += 1
        raise Killed

    sell, panel.add = panel.add, die
    async with open_run() as session:
        with pytest.raises(Killed):
            await run(session, campaign(1))
        assert await states(session) == [AttemptState.SENDING]
    panel.add = sell
    async with open_run() as session:
        result = await run(session, campaign(1))
        assert await states(session) == [AttemptState.IN_DOUBT]
    assert (result.exit_code, result.in_doubt, panel.sold) == (ExitCode.IN_DOUBT, 1, [])


async def test_a_refused_order_is_shown_and_tried_again_only_by_a_later_run(open_run, panel):
    panel.script = lambda _attempt, number: refused(RefusalReason.LINK) if number == 2 else None
    async with open_run() as session:
        first = await run(session, campaign(5))
    assert (first.exit_code, first.placed, first.refused, panel.adds) == (ExitCode.PARTLY, 4, 1, 5)
    async with open_run() as session:
        second = await run(session, campaign(5))
    assert (second.exit_code, second.placed) == (ExitCode.OK, 1)


@pytest.mark.parametrize("reason", [RefusalReason.KEY, RefusalReason.FUNDS])
async def test_a_refusal_that_holds_for_all_stops_the_panel(open_run, clock, reason):
    panel = SimulatedPanel(clock=clock, parallel=1)
    panel.script = lambda _attempt, number: refused(reason) if number == 3 else None
    async with open_run(panel) as session:
        result = await run(session, campaign(10))
    assert (panel.adds, result.placed, result.exit_code) == (3, 2, ExitCode.PARTLY)


async def test_a_rate_limit_is_waited_out_and_everything_is_bought(open_run, panel, events):
    panel.script = lambda _attempt, number: refused(RefusalReason.RATE, retry_after=7) if number in (2, 5) else None
    async with open_run() as session:
        result = await run(session, campaign(8))
    assert (result.exit_code, result.placed, result.refused) == (ExitCode.OK, 8, 0)
    assert panel.waits == [7, 7]
    assert len(panel.links) == len(set(panel.links)) == 8
    assert EventType.RATE_LOWERED in {event.type for event in events}


async def test_a_panel_that_only_says_too_many_requests_is_left_alone_after_a_few_tries(open_run, panel):
    panel.script = lambda _attempt, _number: refused(RefusalReason.RATE)
    async with open_run() as session:
        result = await run(session, campaign(8))
    assert (result.exit_code, result.placed) == (ExitCode.PARTLY, 0)
    assert panel.adds <= 5 * 4


async def test_an_order_that_provably_was_not_sent_is_sent_later_in_the_same_run(open_run, panel):
    panel.script = lambda _attempt, number: NOT_SENT if number <= 2 else None
    async with open_run() as session:
        result = await run(session, campaign(4))
    assert (result.exit_code, result.placed, len(panel.sold)) == (ExitCode.OK, 4, 4)


async def test_a_panel_that_can_no_longer_be_reached_ends_the_run_with_nothing_in_doubt(open_run, panel):
    panel.script = lambda _attempt, _number: NOT_SENT
    async with open_run() as session:
        result = await run(session, campaign(4))
        assert AttemptState.IN_DOUBT not in await states(session)
    assert (result.exit_code, result.placed) == (ExitCode.PARTLY, 0)


async def test_an_id_that_is_ours_already_stops_the_panel(open_run, clock):
    panel = SimulatedPanel(clock=clock, parallel=1)
    panel.script = lambda attempt, number: (
        lost(panel, attempt, bought=False)._replace(stops_panel=True) if number == 2 else None
    )
    async with open_run(panel) as session:
        await run(session, campaign(9))
    assert panel.adds == 2


async def test_over_budget_nothing_is_sent(open_run, panel):
    async with open_run() as session:
        result = await run(session, campaign(10, quantity=1000, budget=Budget(total=Decimal("8.99"))))
    assert (result.exit_code, panel.adds) == (ExitCode.GUARD, 0)


async def test_money_is_counted_again_before_each_mark(open_run, clock):
    """The plan is bypassed: the allowance alone must keep the run under the cap."""
    from runner.engine.submit.worker import Submission
    from runner.planning.allowance import Allowance, Purchase

    panel = SimulatedPanel(clock=clock, parallel=3)
    purchases = [
        Purchase(order, "sim", Decimal("0.9"), Decimal("0.90")) for order in campaign(10, quantity=1000).orders
    ]
    async with open_run(panel) as session:
        submission = Submission(session, panel, Allowance({}, {"sim": Decimal("4.00")}), set())
        await submission.submit(purchases)
    assert sum(attempt.expected_charge for attempt in panel.sold) == Decimal("3.60")


async def test_an_unreachable_panel_ends_the_run_before_anything_is_sent(open_run, panel):
    panel.read_error = PanelUnreachable("no answer")
    async with open_run() as session:
        with pytest.raises(PanelUnreachable):
            await run(session, campaign(3))
    assert panel.adds == 0


async def test_without_consent_nothing_is_sent(open_run, panel):
    async with open_run() as session:
        result = await apply(session, PlanRequest(campaigns=[campaign(3)]), lambda _plan: False)
    assert (panel.adds, result.placed) == (0, 0)


async def test_a_wish_to_stop_drains_what_is_in_flight_and_loses_no_outcome(open_run, clock):
    panel = SimulatedPanel(clock=clock, parallel=4)
    async with open_run(panel) as session:

        def stop_at_ten(_attempt, number):
            if number == 10:
                session.stop.request()

        panel.script = stop_at_ten
        result = await run(session, campaign(100))
        recorded = await states(session)
    assert result.exit_code is ExitCode.INTERRUPTED
    assert len(panel.sold) == result.placed < 20
    assert recorded == [AttemptState.PLACED] * result.placed


async def test_a_cancelled_run_loses_no_outcome(open_run, clock):
    panel = SimulatedPanel(clock=clock, parallel=4)
    async with open_run(panel) as session:
        running = asyncio.create_task(run(session, campaign(100)))

        def cancel_at_ten(_attempt, number):
            if number == 10:
                running.cancel()

        panel.script = cancel_at_ten
        with pytest.raises(asyncio.CancelledError):
            await running
        assert await states(session) == [AttemptState.PLACED] * len(panel.sold)
    assert 10 <= len(panel.sold) < 20


async def test_a_stop_before_the_plan_is_made_sends_nothing(open_run, panel):
    async with open_run() as session:
        session.stop.request()
        with pytest.raises(Interrupted):
            await run(session, campaign(3))
    assert panel.adds == 0


async def test_an_outcome_that_cannot_be_recorded_is_told_with_its_id_and_ends_the_run(open_run, clock):
    panel = SimulatedPanel(clock=clock, parallel=1)
    async with open_run(panel) as session:
        record = session.journal.record

        async def broken_at_last(operation):
            if panel.adds == 3:
                raise JournalBroken("disk full")
            return await record(operation)

        instead(session.journal, Mark | Settle, broken_at_last)
        result = await run(session, campaign(10))
    assert (panel.adds, result.exit_code) == (3, ExitCode.IN_DOUBT)
    assert any("23503" in one.message and "keep this line" in one.message for one in result.orders)


async def test_a_renamed_order_is_not_bought_again_even_when_the_move_is_later_removed(open_run, panel):
    async with open_run() as session:
        await run(session, campaign(1))
    renamed = [campaign(1).orders[0]._replace(id="new-name")]
    async with open_run() as session:
        await run(session, campaign(orders=renamed, moved={"new-name": "o0"}))
    async with open_run() as session:
        result = await run(session, campaign(orders=renamed))
    assert (panel.adds, result.plan.ok) == (1, 1)


async def test_the_same_link_waits_while_another_campaigns_order_is_in_flight(open_run, panel):
    async with open_run() as session:
        await run(session, campaign(1))
    async with open_run() as session:
        result = await run(session, campaign(1, name="other"))
    assert (panel.adds, result.plan.summary.get("wait")) == (1, 1)


async def test_planning_sends_nothing(open_run, panel):
    async with open_run() as session:
        plan, _ = await prepare(session, PlanRequest(campaigns=[campaign(5)]))
    assert (panel.adds, plan.cost) == (0, Decimal("0.45"))
