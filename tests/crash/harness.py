"""Runs the real engine, client and store against the simulated world; pulls the plug where it is told; checks the books."""

import asyncio
import random
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from runner.core.attempts import Attempt, AttemptState
from runner.core.errors import ExitCode, RunnerError, StateRefused
from runner.core.orders import Budget, Campaign, Order, PanelProfile, Policy
from runner.core.recorded import Recorded
from runner.core.text import Secret
from runner.engine.result import ApplyResult
from runner.engine.run import Wish, apply
from runner.engine.session import Session
from runner.panel.client import PanelClient
from runner.store.journal_ops import Writer
from runner.store.lock import StateLock, acquire
from runner.store.opening import open_writer
from runner.store.operations import (
    BeginRun,
    DoubtLeftOvers,
    EndRun,
    Mark,
    Operation,
    Rename,
    SeeBalance,
    SeeCatalogue,
    SeeStatuses,
    Settle,
)
from runner.store.paths import StatePaths
from runner.store.queries import read_state
from tests.crash.loop import SimulatedClock, SimulatedLoop, run_on
from tests.crash.world import Crash, Disk, Fault, PanelWorld, Ports, SimulatedTransport, When

LINK = "https://example.com/our-brand/"


def campaign(orders: int = 4, *, quantity: int = 1000, budget: str | None = "50.00") -> Campaign:
    """`orders` orders of 0.90 each."""
    return Campaign(
        name="c",
        panel="p",
        links=(LINK,),
        budget=Budget(total=None if budget is None else Decimal(budget)),
        policy=Policy(),
        orders=[Order("c", f"o{n}", "1", f"{LINK}{n}", quantity, None, None, "c.yaml", n) for n in range(orders)],
        moved={},
        removed=frozenset(),
        source="c.yaml",
        digest="d",
    )


class SimulatedJournal:
    """The engine's journal without its thread: what came in meanwhile is committed together, a little later."""

    def __init__(self, world: "World", writer: Writer, ports: Ports, loop: SimulatedLoop) -> None:
        self._world = world
        self._writer = writer
        self._ports = ports
        self._loop = loop
        self._queue: list[tuple[Operation, asyncio.Future[Any]]] = []

    def told(self, operation: Operation) -> "asyncio.Future[Any]":
        waiting = self._loop.create_future()
        if not self._queue:
            self._loop.call_later(self._world.rng.uniform(0.0, 0.002), self._flush)
        self._queue.append((operation, waiting))
        return waiting

    def _flush(self) -> None:
        group, self._queue = self._queue, []
        batch = [operation for operation, _ in group]
        when = self._ports.cut("commit " + " ".join(type(one).__name__ for one in batch))
        if when is When.BEFORE:
            raise Crash
        results = self._writer.commit(batch)
        if when is When.TORN:
            self._world.disk.tear(self._world.rng)
            raise Crash
        if self._world.disk_is_synced:
            self._world.disk.sync()
            for one in batch:
                if isinstance(one, Mark):
                    self._world.durable_marks.append(one.attempt.link)
        if when is When.AFTER:
            raise Crash
        for (_, waiting), result in zip(group, results, strict=True):
            if waiting.done():
                continue
            if isinstance(result, RunnerError):
                waiting.set_exception(result)
            else:
                waiting.set_result(result)

    async def begin_run(self, run_id: str, command: str, at: Any) -> None:
        await self.told(BeginRun(run_id, command, at))

    async def doubt_left_overs(self, at: Any) -> Sequence[Attempt]:
        return await self.told(DoubtLeftOvers(at))

    async def rename(self, moves: Any) -> int:
        return await self.told(Rename(moves))

    async def mark(self, attempt: Any, run_id: str, at: Any) -> int:
        return await self.told(Mark(attempt, run_id, at))

    def settle(self, attempt_id: int, outcome: Any, at: Any) -> "asyncio.Future[Any]":
        return self.told(Settle(attempt_id, outcome, at))

    async def see_statuses(self, seen: Any) -> None:
        await self.told(SeeStatuses(seen))

    async def see_catalogue(self, catalogue: Any) -> None:
        await self.told(SeeCatalogue(catalogue))

    async def see_balance(self, seen: Any) -> None:
        await self.told(SeeBalance(seen))

    async def end_run(self, run_id: str, exit_code: int, at: Any) -> None:
        await self.told(EndRun(run_id, exit_code, at))

    async def recorded(self) -> Recorded:
        if self._ports.cut("read") is not None:
            raise Crash
        return read_state(self._world.paths)


@dataclass(slots=True)
class RunEnd:
    """How one run of the program ended."""

    code: ExitCode | None  # None: the plug was pulled
    calls: int
    trace: list[str]
    result: ApplyResult | None = None
    refused: str = ""


@dataclass
class World:
    """One history: a panel, a disk and a clock that live through any number of runs and crashes."""

    folder: Path
    template: Path
    seed: int = 0
    faults: dict[int, Fault] = field(default_factory=dict)
    parallel: int = 2
    disk_is_synced: bool = True  # False: the journal does not wait for the disk (synchronous=NORMAL)
    journal_type: type[SimulatedJournal] = SimulatedJournal
    transport_type: Callable[..., SimulatedTransport] = SimulatedTransport

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.clock = SimulatedClock()
        self.panel = PanelWorld(self.faults)
        self.panel.on_add = self._expect_a_durable_mark
        self.disk = Disk(self.folder, self.template)
        self.paths = StatePaths.at(self.disk.db)
        self.durable_marks: list[str] = []
        self.unmarked_sends: list[str] = []
        self.runs = 0

    def _expect_a_durable_mark(self, form: dict[str, str]) -> None:
        """Each send uses up one mark that is on the disk."""
        if form["link"] in self.durable_marks:
            self.durable_marks.remove(form["link"])
        else:
            self.unmarked_sends.append(form["link"])

    def run(self, wanted: Campaign, crash_at: int | None = None, when: When = When.BEFORE) -> RunEnd:
        """One `apply`, from the lock to the end, or to the crash."""
        self.runs += 1
        ports = Ports(crash_at=crash_at, when=when)
        loop = SimulatedLoop(self.rng.randrange(2**32))
        self.clock.attach(loop)
        with self._process() as process:
            try:
                result = run_on(loop, self._apply(wanted, ports, loop, process, f"run-{self.runs}"))
            except Crash:
                return RunEnd(None, ports.calls, ports.trace)
            except StateRefused as error:
                return RunEnd(ExitCode.STATE, ports.calls, ports.trace, refused=error.message)
        return RunEnd(result.exit_code, ports.calls, ports.trace, result)

    def run_two(self, wanted: Campaign, *, second_after: float, lock_lost_after: float | None = None) -> list[RunEnd]:
        """Two runs of the program at once over one state; `lock_lost_after` seconds somebody deletes the lock file."""
        loop = SimulatedLoop(self.rng.randrange(2**32))
        self.clock.attach(loop)
        ports = [Ports(), Ports()]
        if lock_lost_after is not None:
            loop.call_later(lock_lost_after, self.paths.lock.unlink, True)  # missing_ok

        async def rival(number: int, process: Process) -> ApplyResult:
            self.runs += 1
            await asyncio.sleep(second_after * number)
            return await self._apply(wanted, ports[number], loop, process, f"run-{self.runs}-{number}")

        async def both(processes: Sequence[Process]) -> list[ApplyResult | BaseException]:
            runs = (rival(number, process) for number, process in enumerate(processes))
            return await asyncio.gather(*runs, return_exceptions=True)

        with self._process() as one, self._process() as two:
            results = run_on(loop, both((one, two)))
        return [self._end(result, port) for result, port in zip(results, ports, strict=True)]

    @staticmethod
    def _end(result: ApplyResult | BaseException, ports: Ports) -> RunEnd:
        if isinstance(result, RunnerError):
            return RunEnd(result.code, ports.calls, ports.trace, refused=result.message)
        if isinstance(result, BaseException):
            raise result
        return RunEnd(result.exit_code, ports.calls, ports.trace, result)

    @contextmanager
    def _process(self) -> Iterator["Process"]:
        """What the operating system takes back when a process ends, and what the disk then shows."""
        process = Process()
        try:
            yield process
        finally:
            if process.writer is not None:
                process.writer.close()
                self.disk.power_cut()
            if process.lock is not None:
                process.lock.release()

    async def _apply(
        self, wanted: Campaign, ports: Ports, loop: SimulatedLoop, process: "Process", run_id: str
    ) -> ApplyResult:
        process.lock = await acquire(self.paths, "apply", self.clock)
        process.writer = open_writer(self.paths, process.lock, self.clock).writer
        journal = self.journal_type(self, process.writer, ports, loop)
        await journal.begin_run(run_id, "apply", self.clock.now())
        profile = PanelProfile(
            name="p", url="http://127.0.0.1:1", key=Secret("k"), parallel_add=self.parallel, parallel_read=2
        )
        transport = self.transport_type(self.panel, ports, self.rng, self.clock.sleep)
        client = PanelClient(profile, Secret("k"), clock=self.clock, rng=self.rng, transport=transport)
        session = Session(run_id=run_id, journal=journal, panels={"p": client}, clock=self.clock)
        result = await apply(session, Wish(campaigns=[wanted]), lambda _plan: True)
        await journal.end_run(run_id, result.exit_code, self.clock.now())
        return result

    def decide(self, *operations: Operation) -> list[Any]:
        """Record a person's decisions, as the doubt commands do: under the lock, in a run of its own."""
        self.runs += 1
        run_id, at = f"run-{self.runs}", self.clock.now()
        loop = SimulatedLoop(0)
        self.clock.attach(loop)
        with self._process() as process:
            process.lock = run_on(loop, acquire(self.paths, "doubt", self.clock))
            process.writer = open_writer(self.paths, process.lock, self.clock).writer
            results = process.writer.commit([BeginRun(run_id, "doubt", at)])
            results += process.writer.commit(operations)
            results += process.writer.commit([EndRun(run_id, 0, at)])
            self.disk.sync()
        return results[1:-1]

    def recorded(self) -> Recorded:
        """What any command would read now."""
        return read_state(self.paths, lock_is_free=True)

    def attempts(self) -> list[Attempt]:
        """All attempts that the state holds."""
        return [attempt for attempts in self.recorded().attempts.values() for attempt in attempts]


@dataclass(slots=True)
class Process:
    """What one process holds."""

    lock: StateLock | None = None
    writer: Writer | None = None


class BrokenPromise(AssertionError):
    """An invariant does not hold; says which, and the history that broke it."""


def check(world: World, wanted: Campaign, ends: Sequence[RunEnd], wronged: Collection[str] = ()) -> None:
    """The invariants of the design, over everything the panel sold and everything the state holds.

    `wronged`: links about which a person told the runner what is not true.
    """

    def expect(holds: object, promise: str) -> None:
        if not holds:
            history = "\n".join(f"  run {n}: {' | '.join(end.trace)} -> {end.code}" for n, end in enumerate(ends, 1))
            raise BrokenPromise(f"{promise} (seed {world.seed}, faults {world.faults})\n{history}")

    attempts = world.attempts()
    links = [order.link for order in world.panel.sold]
    judged = [link for link in links if link not in wronged]
    expect(len(judged) == len(set(judged)), "at most one panel order for an order")
    expect(not world.unmarked_sends, "no send before its mark is durable")
    known = {attempt.panel_order_id for attempt in attempts if attempt.state is AttemptState.PLACED}
    doubtful = {attempt.link for attempt in attempts if attempt.state is AttemptState.IN_DOUBT}
    abandoned = {attempt.link for attempt in attempts if attempt.state is AttemptState.ABANDONED}
    # A panel that answers with another order's id, before we know that id as ours, can't be seen through at once: then
    # the mix-up must at least have left a doubt, which stops the panel and brings a person to its order page.
    lied = Fault.OLD_ID in world.faults.values() and doubtful
    for order in world.panel.sold:
        told = order.link in doubtful or order.link in abandoned or order.link in wronged
        expect(order.id in known or told or lied, "every panel order is linked or in doubt")
    sold_ids = {order.id for order in world.panel.sold}
    for attempt in attempts:
        if attempt.state is AttemptState.PLACED:
            expect(attempt.panel_order_id in sold_ids, "what is placed exists on the panel")
        expect(attempt.state is not AttemptState.SENDING, "no mark is left open once nobody runs")
    by_link: dict[str, set[AttemptState]] = {}
    for attempt in attempts:
        by_link.setdefault(attempt.link, set()).add(attempt.state)
    for link, states in by_link.items():
        if states <= {AttemptState.REFUSED, AttemptState.NOT_SENT}:
            expect(link not in judged, "refused and not sent mean that nothing was bought")
    for end in ends:
        if end.result is not None:
            refused = end.result.plan.exit_code is not ExitCode.OK  # 10 and 11 win: nothing was sent at all
            expect(
                refused or (end.code is ExitCode.IN_DOUBT) == (end.result.in_doubt > 0), "the exit code tells of doubts"
            )
    spent = sum((order.charge for order in world.panel.sold), Decimal(0))
    expect(world.panel.funds == world.panel.opening - spent, "the panel's books add up")
    expect(spent <= (wanted.budget.total or spent), "nothing beyond the budget")
    last = ends[-1].result if ends else None
    if last is not None and last.report.spent is not None and not wronged:
        held = last.report.spent + (last.report.reserved or 0) + (last.report.in_doubt or 0)
        expect(held >= spent, "spent, reserved and in doubt cover what the panel took")
