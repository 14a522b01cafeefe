"""Writers of the store that are killed, and their files then damaged in every way: no mark that was relied on is forgotten.

Processes of their own, killed by `kill -9`; no panel. What a process was told is durable is what counts.
"""

import asyncio
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from runner.core.attempts import AttemptState
from runner.core.errors import RunnerError, StateRefused
from runner.core.operations import DoubtLeftOvers
from runner.core.snapshot import Recorded
from runner.core.values.clock import SystemClock
from runner.store.disk.lock import acquire
from runner.store.disk.paths import StatePaths
from runner.store.read.snapshot import read_state
from runner.store.recovery.restore import plan_restore, restore
from runner.store.recovery.verify import verify
from runner.store.startup.opening import open_writer
from tests.damage.kinds import AFTER_A_KILL, AT_REST, DB, LINEAGE, Files, Kind, harm
from tests.store.test_killed import MARKS_UNTIL_KILLED

_LATEST_KILL = 0.25  # seconds after the first mark


class Broken(AssertionError):
    """A promise that did not hold."""


@dataclass(slots=True)
class Told:
    """What a process was told to be durable: orders that were marked, and those that were placed."""

    marked: set[str] = field(default_factory=set)
    placed: set[str] = field(default_factory=set)

    def read(self, lines: Iterable[str]) -> None:
        """Lines of MARKS_UNTIL_KILLED; one that is cut off does not count."""
        for line in lines:
            if line.endswith("\n"):
                word, order = line.split()
                (self.marked if word == "mark" else self.placed).add(order)


@dataclass(slots=True)
class Tally:
    """What was gone through."""

    kills: int = 0
    trials: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)


class StoreLoop:
    """One state, written by processes that are killed again and again."""

    def __init__(self, folder: Path, seed: int, planted: str = "") -> None:
        """`planted` is Python that each killed process runs first: a bug that is to be found."""
        self.tally = Tally()
        self._script = planted + MARKS_UNTIL_KILLED
        self._rng = random.Random(seed)
        self._clock = SystemClock()
        self._folder = folder
        self._state = folder / "state"
        self._marks = folder / "home" / "bulk-order-runner" / "high-water"
        self._told = Told()
        self._older: list[Path] = []

    def kill_once(self, after: int = len(AFTER_A_KILL), at_rest: int | None = None) -> None:
        """One more process, killed at a random moment; then kinds of damage, each undone before the next.

        So many of those after a kill and of those at rest, chosen at random; None: as many.
        """
        self._run_and_kill()
        self._try("after a kill", self._rng.sample(AFTER_A_KILL, after))
        self._settle(self._paths())
        wanted = min(after, len(AT_REST)) if at_rest is None else at_rest
        self._try("at rest", self._rng.sample(AT_REST, wanted))
        self._keep_a_copy("at-rest")

    def open_by_another_name(self) -> None:
        """One more process, killed; its database then has two names, the other one for a user without marks."""
        self._run_and_kill()
        other = self._folder / "other"
        other.mkdir()
        os.link(self._state / DB, other / DB)
        shutil.copy2(self._state / LINEAGE, other / LINEAGE)  # it is kept in git
        try:
            for paths in (replace(StatePaths.at(other / DB), marks=self._folder / "another home"), self._paths()):
                self.tally.trials["two names"] += 1
                try:
                    self._settle(paths)
                except StateRefused:
                    self.tally.refused["two names"] += 1
                else:
                    raise Broken(f"{paths.db} is taken up, and its log is missing under its other name")
        finally:
            shutil.rmtree(other)

    def _run_and_kill(self) -> None:
        self.tally.kills += 1
        run = f"run-{self.tally.kills}"
        line = [sys.executable, "-c", self._script, str(self._state / "runner.db"), run]
        env = os.environ | {"XDG_STATE_HOME": str(self._folder / "home")}
        copy_after = self._rng.uniform(0, _LATEST_KILL)
        with subprocess.Popen(line, stdout=subprocess.PIPE, text=True, env=env) as process:
            if process.stdout is None:
                raise AssertionError("no pipe")
            self._told.read([process.stdout.readline()])
            time.sleep(copy_after)
            self._keep_a_copy("inside")  # as somebody's `cp -r` of a running state, file by file
            time.sleep(self._rng.uniform(0, _LATEST_KILL))
            process.kill()
            self._told.read(process.stdout)

    def _keep_a_copy(self, name: str) -> None:
        copy = self._folder / f"{name}-{self.tally.kills}"
        copy.mkdir()
        for path in self._state.iterdir():
            if path.is_file():
                shutil.copy2(path, copy / path.name)
        self._older.append(copy)
        while len(self._older) > 3:
            shutil.rmtree(self._older.pop(0))

    def _try(self, when: str, kinds: Sequence[Kind]) -> None:
        for kind in kinds:
            with self._put_back_after() as files:
                harm(files, self._rng, kind)
                self._judge(f"{when}: {kind.name}", files, is_harmless=kind.is_harmless)

    @contextmanager
    def _put_back_after(self) -> Iterator[Files]:
        """The state and the marks outside, in their own place: whatever happens to them there is undone."""
        kept = self._folder / "kept"
        shutil.rmtree(kept, ignore_errors=True)
        places = {self._state: kept / "state", self._marks: kept / "marks"}
        for place, copy in places.items():
            shutil.copytree(place, copy)
        yield Files(state=self._state, marks=self._marks, older=tuple(self._older))
        for place, copy in places.items():
            shutil.rmtree(place)
            shutil.copytree(copy, place)

    def _judge(self, name: str, files: Files, *, is_harmless: bool) -> None:
        """Refused, and `verify` says why; or nothing that was relied on is missing."""
        self.tally.trials[name] += 1
        paths = self._paths()
        findings = self._verified(paths)
        try:
            self._settle(paths)
            recorded = read_state(paths)
        except StateRefused as refusal:
            self.tally.refused[name] += 1
            if is_harmless:
                raise Broken(f"{name}: nothing was lost, and it was refused: {refusal.message}") from refusal
            if not findings:
                raise Broken(f"{name}: refused, and `state verify` found nothing: {refusal.message}") from refusal
            self._take_the_way_out(name, files, paths)
            return
        self._expect_all(name, recorded)

    def _take_the_way_out(self, name: str, files: Files, paths: StatePaths) -> None:
        """Accept what is there, if it can be read; else restore an older copy. Then the state can be written again."""
        shutil.copy2(self._folder / "kept" / "state" / "lineage.json", files["lineage.json"])  # it is kept in git
        copies = [copy / "runner.db" for copy in reversed(files.older) if copy.name.startswith("at-rest")]
        for source in (paths.db, *copies):
            try:
                with asyncio.run(acquire(paths, "test", self._clock)):
                    restore(paths, plan_restore(paths, source), "a test", self._clock)
            except StateRefused as refusal:
                last = refusal
                continue
            break
        else:
            if copies:
                raise Broken(f"{name}: no way out: {last.message}")
            return
        try:
            self._settle(paths)
            read_state(paths)
        except StateRefused as refusal:
            raise Broken(f"{name}: refused once it was restored: {refusal.message}") from refusal

    @staticmethod
    def _verified(paths: StatePaths) -> bool:
        try:
            return bool(verify(paths).findings)
        except StateRefused:
            return True

    def _expect_all(self, name: str, recorded: Recorded) -> None:
        known = {one.order_id: one.state for several in recorded.attempts.values() for one in several}
        if forgotten := self._told.marked - known.keys():
            raise Broken(f"{name}: taken up, and {len(forgotten)} orders are forgotten that may have been sent")
        unsettled = (AttemptState.PLACED, AttemptState.IN_DOUBT)
        if lost := [order for order in self._told.placed if known.get(order) not in unsettled]:
            raise Broken(f"{name}: taken up, and {len(lost)} placed orders are neither placed nor in doubt")

    def _settle(self, paths: StatePaths) -> None:
        """What the next run does at its start: the left-overs become doubts. Any other error than a refusal is a failure."""
        with asyncio.run(acquire(paths, "test", self._clock)) as lock:
            writer = open_writer(paths, lock, self._clock).writer
            (result,) = writer.commit([DoubtLeftOvers(self._clock.now())])
            writer.close()
        if isinstance(result, RunnerError):
            raise result

    def _paths(self) -> StatePaths:
        return replace(StatePaths.at(self._state / "runner.db"), marks=self._marks)
