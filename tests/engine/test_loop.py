"""Passes again and again over a real journal, a panel in memory and a clock that only moves when somebody waits."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from runner.core.attempts import OutcomeKind, RefusalReason
from runner.core.doubts import Decision
from runner.core.errors import (
    ExitCode,
    GuardRefused,
    InvalidInput,
    KeyRejected,
    PanelUnreachable,
    StateLocked,
    StateRefused,
)
from runner.core.operations import Adopt, BeginRun
from runner.core.orders import Budget, Campaign, Order
from runner.core.values.clock import ManualClock
from runner.engine.watch.loop import LOOK, Ended
from runner.planning.status.completion import Until
from runner.planning.status.wakeups import Pace
from tests.engine.simulated import LINK, campaign, lost, refused
from tests.engine.watching import WORK, WorkingPanel, World


@pytest.fixture
def panel(clock):
    return WorkingPanel(clock)


@pytest.fixture
def world(open_run, clock, panel):
    return World(open_run, clock, panel, [campaign(3)])


def same_link(order_id: str, campaign_name: str = "spring") -> Order:
    return Order(campaign_name, order_id, "1", f"{LINK}0", 100, None, None, "spring.yaml", 9)


async def test_a_watch_buys_polls_and_ends_when_all_is_final(world, panel):
    watched = await world.watch()
    assert (watched.ended, watched.exit_code) == (Ended.OVER, ExitCode.OK)
    assert sorted(panel.links) == [f"{LINK}{n}" for n in range(3)]
    assert watched.result.placed == 3
    assert watched.seconds >= WORK
    assert world.ear.passes[-1][1].live == 0


async def test_it_looks_often_at_young_orders_and_rarely_at_old_ones(world, panel):
    panel.works = 8 * 3600.0
    await world.watch()
    gaps = world.gaps()
    assert min(gaps) >= 15
    assert max(gaps) <= 3600
    assert gaps[0] < 120 < gaps[-1]
    assert len(gaps) < 60


async def test_until_placed_ends_without_waiting_for_the_panel(world):
    watched = await world.watch(until=Until.PLACED)
    assert (watched.exit_code, watched.passes, watched.result.placed) == (ExitCode.OK, 1, 3)
    assert watched.outlook.live == 3


async def test_an_order_for_the_same_link_is_bought_once_the_first_is_final(world, panel):
    first = campaign(1)
    world.campaigns = [replace(first, orders=[*first.orders, same_link("again")])]
    watched = await world.watch()
    assert watched.result.placed == 2
    assert panel.links == [f"{LINK}0", f"{LINK}0"]
    first_end = panel.sold_at["23501"] + timedelta(seconds=WORK)
    assert panel.sold_at["23502"] >= first_end


async def test_until_placed_waits_for_an_order_that_waits(world, panel):
    first = campaign(1)
    world.campaigns = [replace(first, orders=[*first.orders, same_link("again")])]
    watched = await world.watch(until=Until.PLACED)
    assert watched.result.placed == 2
    assert watched.outlook.live == 1


async def test_an_outage_is_waited_out_with_growing_pauses(world, panel):
    def before(tries):
        panel.read_error = PanelUnreachable("it does not answer") if 2 <= tries <= 7 else None

    world.before = before
    watched = await world.watch()
    assert watched.exit_code is ExitCode.OK
    times = [at for at, _, _ in world.ear.errors]
    pauses = [(b - a).total_seconds() for a, b in pairwise(times)]
    assert pauses == [30, 60, 120, 240, 480]
    assert [times for _, _, times in world.ear.errors] == [1, 2, 3, 4, 5, 6]
    assert sorted(panel.links) == [f"{LINK}{n}" for n in range(3)]


async def test_a_panel_that_never_answered_ends_the_watch_at_once(world, panel):
    panel.read_error = PanelUnreachable("it does not answer")
    with pytest.raises(PanelUnreachable):
        await world.watch()
    assert world.tries == 1


async def test_a_rejected_key_is_not_tried_again(world, panel):
    def before(tries):
        panel.read_error = KeyRejected("invalid key") if tries == 2 else None

    world.before = before
    watched = await world.watch()
    assert world.tries == 2
    assert (watched.ended, watched.exit_code) == (Ended.STOPPED, ExitCode.PARTLY)


async def test_a_locked_state_is_waited_for_even_at_the_first_pass(world):
    def before(tries):
        if tries <= 3:
            raise StateLocked("the state is locked")

    world.before = before
    watched = await world.watch()
    assert (watched.exit_code, watched.result.placed) == (ExitCode.OK, 3)
    assert len(world.ear.errors) == 3


async def test_a_state_that_is_refused_ends_the_watch(world):
    def before(tries):
        if tries == 2:
            raise StateRefused("another lineage", "look")

    world.before = before
    watched = await world.watch()
    assert watched.ended is Ended.STOPPED
    assert watched.trouble.message == "another lineage"
    assert watched.exit_code is ExitCode.PARTLY


class SleepyClock(ManualClock):
    """A machine that sleeps once: its wall clock goes on, its monotonic clock does not."""

    def __init__(self, at: float, nap: float) -> None:
        super().__init__()
        self._at = at
        self._nap = nap
        self.longest = 0.0

    async def sleep(self, seconds: float) -> None:
        self.longest = max(self.longest, seconds)
        await super().sleep(seconds)
        if self._nap and self._elapsed >= self._at:
            self._now += timedelta(seconds=self._nap)
            self._nap = 0.0


async def test_after_a_machines_sleep_there_is_one_pass_and_no_burst(tmp_path, panel):
    clock = SleepyClock(at=400, nap=8 * 3600)
    panel = WorkingPanel(clock)
    panel.works = 12 * 3600
    world = World(_opener(tmp_path, clock, panel), clock, panel, [campaign(3)])
    watched = await world.watch()
    assert watched.exit_code is ExitCode.OK
    assert clock.longest <= LOOK
    gaps = world.gaps()
    (nap,) = (place for place, gap in enumerate(gaps) if gap >= 8 * 3600)
    assert min(gaps[nap + 1 : nap + 5]) >= 15
    assert gaps[nap] < 8 * 3600 + 3600


async def test_a_clock_that_is_put_back_does_not_stop_a_watch(tmp_path):
    clock = SleepyClock(at=400, nap=-5 * 3600)
    panel = WorkingPanel(clock)
    world = World(_opener(tmp_path, clock, panel), clock, panel, [campaign(1)])
    panel.works = 0.0
    watched = await world.watch(timeout=timedelta(days=2))
    assert watched.exit_code is ExitCode.OK
    assert clock.monotonic() < 4 * 3600


def _opener(tmp_path, clock, panel):
    from contextlib import asynccontextmanager
    from itertools import count

    from runner.engine.session import Session
    from runner.store.disk.lock import acquire
    from runner.store.disk.paths import StatePaths
    from runner.store.journal import open_journal

    paths, numbers = StatePaths.at(tmp_path / "other" / "runner.db"), count()

    @asynccontextmanager
    async def opened(*panels):
        with await acquire(paths, "watch", clock) as lock:
            async with open_journal(paths, lock, clock) as journal:
                run_id = f"run-{next(numbers)}"
                await journal.record(BeginRun(run_id, "watch", clock.now()))
                known = {one.profile.name: one for one in panels or (panel,)}
                yield Session(run_id=run_id, journal=journal, panels=known, clock=clock)

    return opened


async def test_an_edit_between_two_passes_is_bought(world, panel):
    def before(tries):
        if tries == 2:
            world.campaigns = [campaign(5)]

    world.before = before
    watched = await world.watch()
    assert watched.result.placed == 5
    assert sorted(panel.links) == [f"{LINK}{n}" for n in range(5)]


async def test_while_files_are_not_valid_nothing_is_bought_and_statuses_go_on(world, panel):
    broken = InvalidInput("1 error in the files")
    asked = []

    def before(tries):
        if tries == 2:
            world.campaigns = [campaign(5)]
        asked.append(len(panel.status_calls))
        return broken if 2 <= tries <= 4 else None

    world.before = before
    panel.works = 3000.0
    watched = await world.watch()
    assert watched.exit_code is ExitCode.OK
    assert sorted(panel.links) == [f"{LINK}{n}" for n in range(5)]
    assert asked[4] > asked[1]
    assert panel.sold_at["23504"] >= world.ear.passes[4][0]


async def test_files_that_stay_broken_end_the_watch_with_their_code_once_all_else_is_final(world):
    world.before = lambda tries: InvalidInput("1 error in the files") if tries > 1 else None
    watched = await world.watch()
    assert watched.exit_code is ExitCode.PARTLY
    assert watched.trouble.message == "1 error in the files"
    assert [outlook.live for _, outlook in world.ear.passes[-2:]] == [0, 0]


async def test_a_time_out_ends_with_16_and_buys_nothing_more(world, panel):
    panel.works = 1e9
    watched = await world.watch(timeout=timedelta(minutes=40))
    assert (watched.ended, watched.exit_code) == (Ended.TIMED_OUT, ExitCode.TIMED_OUT)
    assert 2400 <= watched.seconds < 2460
    assert watched.result.placed == 3


async def test_a_doubt_wins_over_the_time_out(world, panel):
    panel.works = 1e9
    panel.script = lambda attempt, number: lost(panel, attempt, bought=True) if number == 2 else None
    watched = await world.watch(timeout=timedelta(minutes=40))
    assert (watched.ended, watched.exit_code) == (Ended.TIMED_OUT, ExitCode.IN_DOUBT)


async def test_a_doubtful_order_is_never_sent_again_and_the_others_rest_for_a_while(world, panel):
    world.campaigns = [campaign(40)]
    panel.script = lambda attempt, number: lost(panel, attempt, bought=True) if number == 3 else None
    watched = await world.watch()
    assert watched.exit_code is ExitCode.IN_DOUBT
    assert sorted(panel.links) == sorted(f"{LINK}{n}" for n in range(40))
    early = [at for at in panel.sold_at.values() if at == world.ear.passes[0][0]]
    rest = min(at for at in panel.sold_at.values() if at > world.ear.passes[0][0])
    assert 3 <= len(early) < 40
    assert rest - world.ear.passes[0][0] >= timedelta(minutes=10)
    assert watched.result.placed == 39


async def test_a_doubt_that_a_person_settles_in_between_lets_the_watch_end_well(world, open_run, panel):
    panel.script = lambda attempt, number: lost(panel, attempt, bought=True) if number == 2 else None
    watch_pass = world.one_pass

    async def with_a_person(number, leaving):
        if number == 3:
            async with open_run(panel) as session:
                recorded = await session.journal.recorded()
                (doubt,) = (one for several in recorded.attempts.values() for one in several if one.is_open_doubt)
                (panel_id,) = (key for key, sold in panel.ids.items() if sold.order_id == doubt.order_id)
                decision = Decision("seen", "anna", "host", world.clock.now())
                await session.journal.record(Adopt(doubt.id, panel_id, decision))
        return await watch_pass(number, leaving)

    world.one_pass = with_a_person
    watched = await world.watch()
    assert watched.exit_code is ExitCode.OK
    assert len(panel.links) == len(set(panel.links)) == 3


async def test_a_refused_order_is_not_sent_again_until_its_line_is_edited(world, panel):
    tried = []

    def script(attempt, _number):
        tried.append((attempt.order_id, attempt.quantity))
        return refused(RefusalReason.LINK) if attempt.order_id == "o1" and attempt.quantity == 100 else None

    def before(tries):
        if tries == 4:
            world.campaigns = [_edited(campaign(3))]

    panel.script = script
    world.before = before
    watched = await world.watch()
    assert [one for one in tried if one[0] == "o1"] == [("o1", 100), ("o1", 200)]
    assert watched.exit_code is ExitCode.OK


def _edited(former: Campaign) -> Campaign:
    return replace(
        former, orders=[one._replace(quantity=200) if one.id == "o1" else one for one in former.orders], digest="e"
    )


async def test_a_refused_order_that_nobody_mends_ends_the_watch_with_14(world, panel):
    tried = []

    def script(attempt, _number):
        tried.append(attempt.order_id)
        return refused(RefusalReason.LINK) if attempt.order_id == "o1" else None

    panel.script = script
    watched = await world.watch()
    assert watched.exit_code is ExitCode.PARTLY
    assert tried.count("o1") == 1
    assert (watched.result.placed, watched.result.refused) == (2, 1)


async def test_a_guard_at_the_first_pass_ends_with_its_code(world, panel):
    world.campaigns = [campaign(3, budget=Budget(total=Decimal("0.10")))]
    watched = await world.watch()
    assert (watched.exit_code, watched.passes, panel.adds) == (ExitCode.GUARD, 1, 0)


async def test_a_guard_in_a_later_pass_stops_buying_but_not_polling(world, panel):
    def before(tries):
        if tries == 2:
            world.campaigns = [campaign(5, budget=Budget(total=Decimal("0.30")))]

    world.before = before
    watched = await world.watch()
    assert watched.exit_code is ExitCode.PARTLY
    assert sorted(panel.links) == [f"{LINK}{n}" for n in range(3)]
    assert watched.outlook.live == 0


async def test_what_the_days_budget_holds_back_is_bought_on_the_next_day(world, panel, clock):
    def before(tries):
        if tries == 2:
            world.campaigns = [campaign(5, budget=Budget(per_day=Decimal("0.30")))]

    world.before = before
    watched = await world.watch()
    assert watched.exit_code is ExitCode.OK
    assert sorted(panel.links) == [f"{LINK}{n}" for n in range(5)]
    days = [at.date() for at in panel.sold_at.values()]
    assert days[3] == days[0] + timedelta(days=1)
    assert panel.sold_at["23504"] - datetime(2026, 1, 2, tzinfo=UTC) < timedelta(seconds=30)


async def test_what_nobody_agreed_to_is_left_and_the_watch_ends_when_all_else_is_final(world, panel):
    def before(tries):
        if tries == 2:
            world.campaigns = [campaign(5)]
        return GuardRefused("2 orders to place and nobody to ask") if tries >= 2 else None

    world.before = before
    watched = await world.watch()
    assert len(panel.links) == 3
    assert watched.exit_code is ExitCode.PARTLY


async def test_ctrl_c_in_a_pause_ends_with_130_and_the_sum_so_far(world, panel):
    panel.works = 1e9

    original = world.clock.sleep

    async def sleep(seconds):
        if world.clock.monotonic() > 500:
            world.stop.request()
        await original(seconds)

    world.clock.sleep = sleep
    watched = await world.watch()
    assert (watched.ended, watched.exit_code) == (Ended.INTERRUPTED, ExitCode.INTERRUPTED)
    assert watched.result.placed == 3
    assert watched.seconds < 700


async def test_a_woken_watch_makes_its_pass_at_once(world, panel):
    panel.works = 3600.0
    original = world.clock.sleep

    async def sleep(seconds):
        if len(world.ear.passes) == 2:
            world.loop.wake()
        await original(seconds)

    world.clock.sleep = sleep
    await world.watch(pace=Pace(floor=timedelta(minutes=10)))
    assert world.gaps()[1] <= LOOK
    assert min(world.gaps()[2:]) >= 600


async def test_killed_at_any_pass_and_watched_again_nothing_is_bought_twice(world, panel):
    class Killed(BaseException):
        pass

    world.campaigns = [campaign(12)]
    panel.script = lambda attempt, number: (_ for _ in ()).throw(Killed) if number in (3, 9) else None
    for _ in range(2):
        with pytest.raises(Killed):
            await world.watch()
    watched = await world.watch()
    assert watched.exit_code is ExitCode.IN_DOUBT
    assert len(panel.links) == len(set(panel.links))
    outcomes = {one.order: one.outcome for one in watched.result.orders}
    assert OutcomeKind.IN_DOUBT in outcomes.values()


async def test_a_refusal_that_may_pass_is_tried_again_less_and_less_often(world, panel):
    tried = []

    def script(attempt, _number):
        if attempt.order_id != "o1":
            return None
        tried.append(world.clock.now())
        return refused(RefusalReason.DUPLICATE, "You have active order with this link") if len(tried) <= 3 else None

    panel.script = script
    watched = await world.watch()
    assert watched.exit_code is ExitCode.OK
    minutes = [(b - a).total_seconds() / 60 for a, b in pairwise(tried)]
    assert [round(one) for one in minutes] == [5, 10, 20]


async def test_a_refusal_that_does_not_pass_is_given_up_in_the_end(world, panel):
    tried = []

    def script(attempt, _number):
        tried.append(attempt.order_id)
        return (
            refused(RefusalReason.DUPLICATE, "You have active order with this link")
            if attempt.order_id == "o1"
            else None
        )

    panel.script = script
    watched = await world.watch()
    assert watched.exit_code is ExitCode.PARTLY
    assert tried.count("o1") == 6
