"""The search: every call of a run x every way to cut it, pairs of cuts, and scripts of faults crossed with cuts."""

import itertools
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.crash.harness import RunEnd, World, campaign
from tests.crash.promises import check
from tests.crash.world import Fault, When

SETTLED = 3  # runs without a crash after which nothing may change any more


@dataclass
class Tally:
    """What a search went through."""

    histories: int = 0
    runs: int = 0
    crashes: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    doubts: int = 0
    rivals: int = 0
    refills: int = 0  # orders named in requests for refills that the panel looked at
    cancels: int = 0  # orders named in requests to cancel that the panel took

    def add(self, other: "Tally") -> None:
        self.histories += other.histories
        self.runs += other.runs
        self.crashes += other.crashes
        self.faults.update(other.faults)
        self.doubts += other.doubts
        self.rivals += other.rivals
        self.refills += other.refills
        self.cancels += other.cancels

    def __str__(self) -> str:
        return (
            f"{self.histories} histories, {self.runs} runs, {self.crashes} crash points, "
            f"{sum(self.faults.values())} faults of {len(self.faults)} kinds, {self.doubts} histories with doubts, "
            f"{self.rivals} pairs of rival runs, {self.refills} refills asked, {self.cancels} cancels asked"
        )


class Search:
    """Histories over one template state; every one is checked to its end."""

    def __init__(self, folder: Path, template: Path, **world: Any) -> None:
        self._folder = folder
        self._template = template
        self._world = world
        self.tally = Tally()

    def history(
        self,
        seed: int,
        cuts: tuple[tuple[int, When], ...] = (),
        faults: dict[int, Fault] | None = None,
        orders: int = 4,
    ) -> list[RunEnd]:
        """Runs cut as told, then runs to the end; raises `BrokenPromise` where an invariant fails."""
        world = World(self._folder, self._template, seed=seed, faults=faults or {}, **self._world)
        wanted = campaign(orders)
        ends = [world.run(wanted, at, when) for at, when in cuts] + [world.run(wanted) for _ in range(SETTLED)]
        check(world, wanted, ends)
        self._check_rest(world, ends)
        self.tally.histories += 1
        self.tally.runs += len(ends)
        self.tally.crashes += sum(end.code is None for end in ends)
        self.tally.faults.update(fault.value for fault in (faults or {}).values())
        self.tally.doubts += any(end.result is not None and end.result.in_doubt for end in ends)
        return ends

    @staticmethod
    def _check_rest(world: World, ends: list[RunEnd]) -> None:
        """Recovering twice is recovering once: the last run sent nothing that the one before had not settled."""
        sends = sum(call.startswith("send add") for call in ends[-1].trace)
        if sends and not world.faults:
            raise AssertionError(f"a settled history sent again: {ends[-1].trace}")

    def short(self) -> None:
        """The search for planted bugs, the quickest parts first."""
        for at in range(12, 20, 2):
            self.history(1, ((at, When.AFTER),))
        for faults in single_faults():
            self.history(3, faults=faults)
        self.every_cut(seed=1)
        self.faults_and_cuts(range(60))

    def every_cut(self, seed: int) -> None:
        """One crash, at each call of a whole run, in each way."""
        for (at, call), when in itertools.product(enumerate(self._calls(seed)), When):
            if when is not When.TORN or can_be_torn(call):
                self.history(seed, ((at, when),))

    def pairs_of_cuts(self, seed: int, step: int = 1) -> None:
        """A crash, then a crash in the recovery from it; `step` thins both."""
        for first, second in itertools.product(range(0, len(self._calls(seed)), step), repeat=2):
            ways = random.Random(f"{seed} {first} {second}")
            self.history(seed, ((first, ways.choice(list(When))), (second, ways.choice(list(When)))))

    def faults_and_cuts(self, seeds: range) -> None:
        """Random scripts of up to three faults, each with up to two random crashes."""
        for seed in seeds:
            chance = random.Random(seed)
            faults = {chance.randint(1, 6): chance.choice(list(Fault)) for _ in range(chance.randint(1, 3))}
            cuts = tuple((chance.randrange(28), chance.choice(list(When))) for _ in range(chance.randint(0, 2)))
            self.history(seed, cuts, faults, orders=chance.randint(2, 6))

    def two_runs(self, seeds: range) -> None:
        """Two runs at once, in every second history with the lock file deleted under the first; then runs to the end."""
        for seed in seeds:
            chance = random.Random(seed)
            world = World(self._folder, self._template, seed=seed, **self._world)
            wanted = campaign(chance.randint(3, 8))
            lost = chance.uniform(0.0, 0.3) if seed % 2 else None
            ends = world.run_two(wanted, second_after=chance.uniform(0.0, 0.3), lock_lost_after=lost)
            ends += [world.run(wanted) for _ in range(SETTLED)]
            check(world, wanted, ends)
            self.tally.histories += 1
            self.tally.runs += len(ends)
            self.tally.rivals += 1

    def _calls(self, seed: int) -> list[str]:
        """The calls of a run that nothing disturbs."""
        world = World(self._folder, self._template, seed=seed, **self._world)
        return world.run(campaign()).trace


def can_be_torn(call: str) -> bool:
    """Only a commit: a request has been taken or has not."""
    return call.startswith("commit")


def single_faults() -> Iterator[dict[int, Fault]]:
    """Each fault at each of the first four adds."""
    for fault, number in itertools.product(Fault, range(1, 5)):
        yield {number: fault}
