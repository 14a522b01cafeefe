"""The search over what follows a purchase: refills asked for on three days, and cancels by hand, cut and disturbed anywhere.

A history is a script of commands at given hours; a command that is cut is followed by one that recovers.
"""

import itertools
import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from runner.core.orders import Campaign, RefillPolicy, RefillWhen
from runner.core.refills import Refill
from tests.crash.books import HOUR
from tests.crash.harness import LINK, RunEnd, World, campaign
from tests.crash.promises import BrokenPromise, check, check_recovered
from tests.crash.search import Tally, can_be_torn
from tests.crash.upkeep_world import UpkeepFault
from tests.crash.world import When

Cut = tuple[int, When]

DAY = timedelta(hours=24)
DUE = RefillPolicy(when=RefillWhen.DUE, every=DAY, max=2)
DROP = RefillPolicy(when=RefillWhen.DROP, every=DAY, max=2)


class Step(NamedTuple):
    """One command of a history."""

    hour: float  # after the purchase, at which it begins, if all before it is over
    command: str = "apply"  # or `cancel`, `prune`


# Asked for as soon as the orders are completed, and within milliseconds of the interval's end; then `max` is reached.
REFILLING = (Step(2), Step(26.00001))
# Cancelled while pending, twice; carried out ten minutes later; what was not cancelled is completed and refilled.
CANCELLING = (Step(0.1, "cancel"), Step(0.2, "cancel"), Step(2))
# Two of the four leave the file beside a third that can't be cancelled, and one of the two is protected; then all are back.
PRUNING = (Step(0.1, "prune"), Step(0.2, "prune"), Step(2))
SCRIPTS = (REFILLING, CANCELLING, PRUNING)


class UpkeepSearch:
    """Histories that begin with four placed orders; every one is checked at each step and to its end."""

    def __init__(self, folder: Path, template: Path, **world: Any) -> None:
        self._folder = folder
        self._template = template
        self._world = world
        self._placed: dict[int, World] = {}
        self.tally = Tally()

    def history(
        self,
        seed: int,
        script: tuple[Step, ...],
        cuts: dict[int, tuple[Cut, ...]] | None = None,
        faults: dict[int, UpkeepFault] | None = None,
        policy: RefillPolicy = DUE,
    ) -> list[RunEnd]:
        """The script, each command cut as told (by its place) and then recovered; raises `BrokenPromise`."""
        world, wanted = self.placed_world(seed, faults or {}), campaign(refill=policy)
        began, adds, ends = world.clock.monotonic(), world.panel.adds, list[RunEnd]()
        for place, step in enumerate(script):
            world.clock.wait_until(began + step.hour * HOUR)
            own_cuts = (cuts or {}).get(place, ())
            for number, cut in enumerate((*own_cuts, None)):
                # Every second recovery is made by hand, twice, before the next command.
                if number and (seed + own_cuts[number - 1][0]) % 2:
                    self._recover_twice(world)
                ends.append(_carry_out(world, wanted, step.command, cut))
                check(world, wanted, ends)
        if script is PRUNING:
            self._check_pruned(world, ends, is_disturbed=bool(faults))
        self._check_rest(world, wanted, ends)
        if world.panel.adds != adds:
            raise BrokenPromise(f"refills and cancels bought something (seed {seed}): {ends[-1].trace}")
        self._count(world, ends, faults or {})
        return ends

    def placed_world(self, seed: int, faults: dict[int, UpkeepFault]) -> World:
        """A world in which the four orders are placed; bought once for a few seeds."""
        which = seed % 4
        if which not in self._placed:
            folder = self._folder.with_name(f"{self._folder.name}-placed-{which}")
            self._placed[which] = World(folder, self._template, seed=which)
            self._placed[which].run(campaign())
        former = self._placed[which]
        world = World(self._folder, former.folder, seed=seed, upkeep_faults=faults, **self._world)
        world.go_on_from(former)
        return world

    @staticmethod
    def _recover_twice(world: World) -> None:
        """Recovering twice is recovering once."""
        world.decide()
        once = _requests(world)
        world.clock.wait_until(world.clock.monotonic() + 1)
        world.decide()
        if _requests(world) != once:
            raise BrokenPromise("a second recovery changed requests for refills")

    @staticmethod
    def _check_pruned(world: World, ends: list[RunEnd], *, is_disturbed: bool) -> None:
        """Asked to cancel was what is unlisted, cancellable and not protected: that, and only that."""
        links = {order.id: order.link for order in world.panel.sold}
        named = {links.get(each) for each in world.panel.upkeep.cancels_named}
        pruned = {f"{LINK}2"}
        if not named <= pruned or not (is_disturbed or named == pruned):
            raise BrokenPromise(f"prune asked to cancel {named}: {[end.trace for end in ends]}")

    @staticmethod
    def _check_rest(world: World, wanted: Campaign, ends: list[RunEnd]) -> None:
        """A day later `max` keeps all quiet, too; then a run at the same time asks for nothing, and changes no request."""
        world.clock.wait_until(world.clock.monotonic() + 25 * HOUR)
        to_come = sum(call > world.panel.upkeep.calls for call in world.upkeep_faults)
        ends += [world.run(wanted) for _ in range(to_come + 2)]
        check_recovered(world, wanted, ends)
        before = _requests(world)
        ends.append(world.run(wanted))
        check_recovered(world, wanted, ends)
        is_quiet = not any(call.startswith(("send refill ", "send cancel", "send add")) for call in ends[-1].trace)
        if not is_quiet or _requests(world) != before:
            raise BrokenPromise(f"a settled history asked again: {ends[-1].trace}")

    def _count(self, world: World, ends: list[RunEnd], faults: dict[int, UpkeepFault]) -> None:
        self.tally.histories += 1
        self.tally.runs += len(ends)
        self.tally.crashes += sum(end.code is None for end in ends)
        self.tally.faults.update(f"upkeep {fault.value}" for fault in faults.values())
        self.tally.refills += len(world.panel.upkeep.asked)
        self.tally.cancels += world.panel.upkeep.cancels

    def every_cut(self, seed: int) -> None:
        """One crash, at each call of each command of the scripts, in each way."""
        for script in SCRIPTS:
            for place, end in enumerate(self.history(seed, script)[: len(script)]):
                self._cuts(seed, script, place, end, 0)

    def cuts_at_requests(self, seed: int) -> None:
        """As `every_cut`, for the first command of each script, from the call on that begins to ask for something."""
        for script in SCRIPTS:
            first = self.history(seed, script)[0]
            self._cuts(seed, script, 0, first, _first_asking(first))

    def _cuts(self, seed: int, script: tuple[Step, ...], place: int, undisturbed: RunEnd, first: int) -> None:
        for at, when in itertools.product(range(first, undisturbed.calls), When):
            if when is not When.TORN or can_be_torn(undisturbed.trace[at]):
                self.history(seed, script, {place: ((at, when),)})

    def short(self) -> None:
        """The search for planted bugs, the quickest parts first."""
        self.history(1, REFILLING, faults={1: UpkeepFault.SLOW_TIMEOUT})
        self.history(1, PRUNING)
        for seed in range(6):
            self.history(seed, REFILLING)
        for script in SCRIPTS:
            asking = _first_asking(self.history(1, script)[0])
            for at in range(asking, asking + 3):
                self.history(1, script, {0: ((at, When.AFTER),)})
        self.cuts_at_requests(seed=1)
        self.single_faults()
        self.faults_and_cuts(range(20))

    def pairs_of_cuts(self, seed: int, step: int = 1) -> None:
        """A crash in the run that asks for refills, or cancels, then a crash in the recovery from it."""
        for script in SCRIPTS:
            calls = self.history(seed, script)[0].calls
            for first, second in itertools.product(range(0, calls, step), repeat=2):
                ways = random.Random(f"{seed} {first} {second}")
                cuts = ((first, ways.choice(list(When))), (second, ways.choice(list(When))))
                self.history(seed, script, {0: cuts})

    def single_faults(self) -> None:
        """Each fault at the first request for refills, at the first look at one, and at the first cancel."""
        for seed, fault in enumerate(UpkeepFault):
            for script, call in ((REFILLING, 1), (REFILLING, 2), (CANCELLING, 1), (PRUNING, 1)):
                self.history(seed, script, faults={call: fault})

    def faults_and_cuts(self, seeds: range) -> None:
        """Random scripts of up to three faults, with up to three random crashes, now and then with a counts file."""
        for seed in seeds:
            chance = random.Random(f"upkeep {seed}")
            script = chance.choice(SCRIPTS)
            faults = {chance.randint(1, 6): chance.choice(list(UpkeepFault)) for _ in range(chance.randint(0, 3))}
            cuts: dict[int, tuple[Cut, ...]] = {}
            for _ in range(chance.randint(0, 3)):
                place = chance.randrange(len(script))
                cuts[place] = (*cuts.get(place, ()), (chance.randrange(12), chance.choice(list(When))))
            self.history(seed, script, cuts, faults, policy=chance.choice((DUE, DUE, DROP)))

    def two_runs(self, seeds: range) -> None:
        """Two runs at once when refills are due, in every second history with the lock file deleted under the first."""
        for seed in seeds:
            chance = random.Random(f"rivals {seed}")
            world, wanted, ends = self.placed_world(seed, {}), campaign(refill=DUE), list[RunEnd]()
            began = world.clock.monotonic()
            for hour in (2, 26.00001):
                world.clock.wait_until(began + hour * HOUR)
                lost = chance.uniform(0.0, 0.3) if seed % 2 else None
                ends += world.run_two(wanted, second_after=chance.uniform(0.0, 0.3), lock_lost_after=lost)
                check(world, wanted, ends)
                self.tally.rivals += 1
            self._check_rest(world, wanted, ends)
            self._count(world, ends, {})


def _first_asking(end: RunEnd) -> int:
    asking = ("commit AskRefills", "send cancel")
    return next(place for place, call in enumerate(end.trace) if call.startswith(asking))


def _carry_out(world: World, wanted: Campaign, command: str, cut: Cut | None) -> RunEnd:
    at, when = cut or (None, When.BEFORE)
    if command == "cancel":
        return world.cancel(("o0", "o1", "o3"), at, when)
    if command == "prune":
        return world.prune(replace(wanted, orders=wanted.orders[:1], protected=frozenset()), at, when)
    return world.run(wanted, at, when)


def _requests(world: World) -> dict[int, list[Refill]]:
    """All requests for refills, without the time of the last look."""
    return {
        attempt: [one._replace(checked_at=None) for one in several]
        for attempt, several in world.recorded().refills.items()
    }
