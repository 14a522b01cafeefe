"""Long random histories: files edited, runs, crashes, faults, rivals, days that pass with refills and cancels.

Doubts settled rightly and wrongly, and old copies of the state, too.
"""

import asyncio
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from runner.core.attempts import Attempt
from runner.core.doubts import Decision
from runner.core.errors import ExitCode
from runner.core.operations import Abandon, Adopt, NotPlaced
from runner.core.orders import OnChange, OnShort, Policy, RefillPolicy, RefillWhen
from tests.crash.books import HOUR
from tests.crash.harness import LINK, RunEnd, World, campaign
from tests.crash.loop import SimulatedLoop, run_on
from tests.crash.promises import check, check_recovered
from tests.crash.upkeep_world import UpkeepFault
from tests.crash.world import Fault, When

REFILLS = RefillPolicy(when=RefillWhen.DUE, every=timedelta(hours=24), max=3)
FAULTS = [fault for fault in Fault if fault is not Fault.OLD_ID]  # a panel that lies about ids has a test of its own


class Histories(RuleBasedStateMachine):
    """One state and one panel through anything that people, panels and power cuts do to them."""

    folder: Path
    template: Path
    policy = Policy()

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.folder / "history", self.template, seed=1)
        self.orders = list(campaign(3).orders)
        self.made = 3
        self.wronged: set[str] = set()
        self.last: list[RunEnd] = []
        self.copy: Path | None = None

    @property
    def wanted(self):
        return replace(campaign(0, budget=None, refill=REFILLS, policy=self.policy), orders=list(self.orders))

    def doubts(self) -> list[Attempt]:
        return [attempt for attempt in self.world.attempts() if attempt.is_open_doubt]

    @rule()
    def list_another_order(self):
        self.orders += [campaign(self.made + 1).orders[-1]]
        self.made += 1

    @precondition(lambda self: self.orders)
    @rule(which=st.integers(0, 99))
    def take_an_order_off_the_list(self, which):
        del self.orders[which % len(self.orders)]

    @precondition(lambda self: self.orders)
    @rule(which=st.integers(0, 99))
    def edit_an_order(self, which):
        place = which % len(self.orders)
        self.orders[place] = self.orders[place]._replace(quantity=3000 - self.orders[place].quantity)

    @precondition(lambda self: len(self.orders) > 1)
    @rule()
    def reorder_the_rows(self):
        self.orders.reverse()

    @rule(fault=st.sampled_from(FAULTS), soon=st.integers(1, 3))
    def let_the_panel_fail(self, fault, soon):
        self.world.faults[self.world.panel.adds + soon] = fault

    @rule(fault=st.sampled_from(UpkeepFault), soon=st.integers(1, 3))
    def let_refills_and_cancels_fail(self, fault, soon):
        self.world.upkeep_faults[self.world.panel.upkeep.calls + soon] = fault

    @rule(hours=st.sampled_from([0.2, 1.0, 23.99, 24.0, 80.0]))
    def let_time_pass(self, hours):
        """Orders end, refills end, requests to cancel are carried out, intervals end."""
        self.world.clock.wait_until(self.world.clock.monotonic() + hours * HOUR)

    @rule()
    def apply(self):
        self.last = [self.world.run(self.wanted)]
        if self.last[0].result is not None:
            check_recovered(self.world, self.wanted, self.last, self.wronged)

    @precondition(lambda self: self.orders)
    @rule(which=st.integers(0, 99), at=st.none() | st.integers(0, 30), when=st.sampled_from(list(When)))
    def edit_an_order_and_see_it_through(self, which, at, when):
        """Time enough for a cancellation; the plug may be pulled in the run that goes on with the order."""
        self.apply()
        self.edit_an_order(which)
        self.apply()
        self.let_time_pass(0.2)
        self.last = [self.world.run(self.wanted, at, when)]

    @precondition(lambda self: self.orders)
    @rule(which=st.sets(st.integers(0, 9), min_size=1, max_size=3), at=st.none() | st.integers(0, 9))
    def cancel_by_hand(self, which, at):
        names = {self.orders[each % len(self.orders)].id for each in which}
        self.last = [self.world.cancel(names, at, When.AFTER)]

    @rule(at=st.integers(0, 30), when=st.sampled_from(list(When)))
    def apply_and_pull_the_plug(self, at, when):
        self.last = [self.world.run(self.wanted, at, when)]

    @rule(after=st.floats(0, 0.3), lost=st.none() | st.floats(0, 0.3))
    def apply_twice_at_once(self, after, lost):
        self.last = self.world.run_two(self.wanted, second_after=after, lock_lost_after=lost)

    @precondition(lambda self: self.doubts())
    @rule(which=st.integers(0, 99))
    def settle_a_doubt_rightly(self, which):
        doubts = self.doubts()
        doubt = doubts[which % len(doubts)]
        known = {attempt.panel_order_id for attempt in self.world.attempts()}
        bought = [order.id for order in self.world.panel.sold if order.link == doubt.link and order.id not in known]
        if bought:
            self.decide(Adopt(doubt.id, bought[0], self.decision()))
        else:
            self.decide(NotPlaced(doubt.id, self.decision()))

    @precondition(lambda self: self.doubts())
    @rule(which=st.integers(0, 99))
    def declare_not_placed_without_looking(self, which):
        doubts = self.doubts()
        doubt = doubts[which % len(doubts)]
        if any(order.link == doubt.link for order in self.world.panel.sold):
            self.wronged.add(doubt.link)
        self.decide(NotPlaced(doubt.id, self.decision()))

    @precondition(lambda self: self.doubts())
    @rule(which=st.integers(0, 99))
    def abandon_a_doubt(self, which):
        doubts = self.doubts()
        self.decide(Abandon(doubts[which % len(doubts)].id, self.decision()))

    def decide(self, operation):
        for result in self.world.decide(operation):
            assert not isinstance(result, Exception), result

    def decision(self) -> Decision:
        return Decision(reason="looked", user="u", host="h", at=self.world.clock.now(), forced=False)

    @rule()
    def keep_a_copy_of_the_state(self):
        self.copy = self.world.folder.with_name("copy")
        shutil.rmtree(self.copy, ignore_errors=True)
        shutil.copytree(self.world.folder, self.copy)

    @precondition(lambda self: self.copy is not None and self.last)
    @rule()
    def put_an_old_copy_in_its_place_and_find_it_refused(self):
        """Only the database is copied, as people do; lineage.json knows better."""
        present = self.world.folder.with_name("present")
        shutil.rmtree(present, ignore_errors=True)
        shutil.copytree(self.world.folder, present)
        (self.world.folder / "runner.db").write_bytes((self.copy / "runner.db").read_bytes())
        for name in ("runner.db-wal", "runner.db-shm"):
            (self.world.folder / name).unlink(missing_ok=True)
        if (self.copy / "runner.db-wal").exists():
            (self.world.folder / "runner.db-wal").write_bytes((self.copy / "runner.db-wal").read_bytes())
        same = (present / "lineage.json").read_bytes() == (self.copy / "lineage.json").read_bytes()
        if not same:
            adds = self.world.panel.adds
            assert self.world.run(self.wanted).code is ExitCode.STATE
            assert self.world.panel.adds == adds
        shutil.rmtree(self.world.folder)
        shutil.copytree(present, self.world.folder)

    @invariant()
    def every_promise_holds(self):
        check(self.world, self.wanted, self.last, self.wronged)

    @invariant()
    def nothing_is_bought_for_other_links(self):
        assert all(order.link.startswith(LINK) for order in self.world.panel.sold)


CHANGES = [
    Policy(),
    Policy(on_change=OnChange.TOP_UP, on_partial=OnShort.REORDER, on_canceled=OnShort.REORDER),
    Policy(on_change=OnChange.REPLACE, on_partial=OnShort.REORDER),
]


@pytest.mark.parametrize("policy", CHANGES, ids=lambda policy: policy.on_change.value)
def test_every_promise_holds_through_any_history(fast_folder, template, policy):
    class Here(Histories):
        pass

    Here.folder, Here.template, Here.policy = fast_folder, template, policy
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=10,
            stateful_step_count=20,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.slow
@pytest.mark.parametrize("policy", CHANGES, ids=lambda policy: policy.on_change.value)
def test_every_promise_holds_through_many_long_histories(fast_folder, template, policy):
    class Here(Histories):
        pass

    Here.folder, Here.template, Here.policy = fast_folder, template, policy
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=300, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_a_callback_that_cannot_be_called_is_told_and_is_no_broken_promise():
    loop = SimulatedLoop(seed=1)

    async def main() -> None:
        loop.call_soon(lambda missing: missing)
        await asyncio.sleep(1)

    with pytest.raises(RuntimeError, match="wrong in itself"):
        run_on(loop, main())
