"""Runs the real engine, client and store against the simulated world; pulls the plug where it is told."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from runner.core.attempts import Attempt, AttemptState
from runner.core.errors import ExitCode, RunnerError
from runner.core.operations import (
    AskRefills,
    BeginRun,
    DoubtLeftOvers,
    EndRun,
    Mark,
    Operation,
)
from runner.core.orders import Budget, Campaign, Order, PanelProfile, Policy, RefillPolicy, RefillWhen
from runner.core.snapshot import Recorded
from runner.core.values.text import Secret
from runner.engine.cancel import cancel_orders
from runner.engine.results import ApplyResult
from runner.engine.run import PlanRequest, apply
from runner.engine.session import Session
from runner.panel.client import PanelClient
from runner.planning.refills.cancels import too_late
from runner.planning.refills.due_refills import service_of
from runner.store.disk.lock import StateLock, acquire
from runner.store.disk.paths import StatePaths
from runner.store.read.snapshot import read_state
from runner.store.startup.opening import open_writer
from runner.store.write.writer import Writer
from tests.crash.journal import SimulatedJournal
from tests.crash.loop import SimulatedClock, SimulatedLoop, run_on
from tests.crash.upkeep_world import UpkeepFault
from tests.crash.world import Crash, Disk, Fault, PanelWorld, Ports, SimulatedTransport, When

Done = TypeVar("Done", bound=ApplyResult | ExitCode)

LINK = "https://example.com/our-brand/"


def campaign(
    orders: int = 4,
    *,
    quantity: int = 1000,
    budget: str | None = "50.00",
    refill: RefillPolicy | None = None,
    policy: Policy | None = None,
) -> Campaign:
    """`orders` orders of 0.90 each; every fourth is of a service without refills and cancels, the second is protected."""
    return Campaign(
        name="c",
        panel="p",
        links=(LINK,),
        budget=Budget(total=None if budget is None else Decimal(budget)),
        policy=replace(policy or Policy(), refill=refill or RefillPolicy()),
        orders=[
            Order("c", f"o{n}", "2" if n % 4 == 3 else "1", f"{LINK}{n}", quantity, None, None, "c.yaml", n)
            for n in range(orders)
        ],
        moved={},
        removed=frozenset(),
        source="c.yaml",
        digest="d",
        protected=frozenset({"o1"}),
    )


@dataclass(slots=True)
class RunEnd:
    """How one run of the program ended."""

    code: ExitCode | None  # None: the plug was pulled
    calls: int
    trace: list[str]
    result: ApplyResult | None = None  # of an apply
    refused: str = ""
    command: str = "apply"


@dataclass
class World:
    """One history: a panel, a disk and a clock that live through any number of runs and crashes."""

    folder: Path
    template: Path
    seed: int = 0
    faults: dict[int, Fault] = field(default_factory=dict)
    upkeep_faults: dict[int, UpkeepFault] = field(default_factory=dict)
    parallel: int = 2
    disk_is_synced: bool = True  # False: the journal does not wait for the disk (synchronous=NORMAL)
    journal_type: type[SimulatedJournal] = SimulatedJournal
    transport_type: Callable[..., SimulatedTransport] = SimulatedTransport
    panel_type: Callable[..., PanelWorld] = PanelWorld
    exclusive: bool = False  # panels.yaml says that nobody else spends the balance

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.clock = SimulatedClock()
        self.panel = self.panel_type(self.faults, self.upkeep_faults, self.clock)
        self.panel.on_add = self._expect_a_durable_mark
        self.panel.upkeep.on_refill = self._expect_durable_requests
        self.disk = Disk(self.folder, self.template)
        self.paths = replace(StatePaths.at(self.disk.db), marks=None)  # one template is many histories
        self.durable_marks: list[str] = []
        self.unmarked_sends: list[str] = []
        self.durable_requests: set[int] = set()  # attempts whose refill is being asked for, of the present run
        self.unmarked_refills: list[str] = []
        self.runs = 0

    def go_on_from(self, former: "World") -> None:
        """Take over what became of `former`, whose folder is this world's template."""
        self.panel.sold += deepcopy(former.panel.sold)
        self.panel.adds, self.panel.funds = former.panel.adds, former.panel.funds
        self.runs = former.runs
        self.clock.wait_until(former.clock.monotonic())

    def note_durable(self, operations: Iterable[Operation]) -> None:
        """What is on the disk from now on."""
        for one in operations:
            match one:
                case Mark(attempt):
                    self.durable_marks.append(attempt.link)
                case AskRefills(attempt_ids):
                    self.durable_requests.update(attempt_ids)

    def _expect_a_durable_mark(self, form: dict[str, str]) -> None:
        """Each send uses up one mark that is on the disk."""
        if form["link"] in self.durable_marks:
            self.durable_marks.remove(form["link"])
        else:
            self.unmarked_sends.append(form["link"])

    def _expect_durable_requests(self, order_ids: Iterable[str]) -> None:
        """A list that the panel does not take is asked for one by one, so a request is not used up."""
        requested = {one.panel_order_id for one in self.attempts() if one.id in self.durable_requests}
        self.unmarked_refills += [each for each in order_ids if each not in requested]

    def run(
        self,
        wanted: Campaign,
        crash_at: int | None = None,
        when: When = When.BEFORE,
        *,
        stop_after: float | None = None,
        max_cost: Decimal | None = None,
    ) -> RunEnd:
        """One `apply`, from the lock to the end, or to the crash; after `stop_after` seconds a signal asks it to end."""

        async def carry_out(session: Session) -> ApplyResult:
            if stop_after is not None:
                asyncio.get_running_loop().call_later(stop_after, session.stop.request)
            return await self._apply(session, wanted, max_cost)

        return self._run("apply", carry_out, crash_at, when)

    def prune(self, wanted: Campaign, crash_at: int | None = None, when: When = When.BEFORE) -> RunEnd:
        """One `apply --prune`, the same."""
        pruning = replace(wanted, prune=True)
        return self._run("prune", lambda session: self._apply(session, pruning), crash_at, when)

    def cancel(self, order_ids: Iterable[str], crash_at: int | None = None, when: When = When.BEFORE) -> RunEnd:
        """One `runner cancel` of the orders of these ids that are placed and not too late."""
        recorded, names = self.recorded(), frozenset(order_ids)  # as the command does: before it takes the lock
        chosen = [
            attempt
            for attempts in recorded.attempts.values()
            for attempt in attempts
            if attempt.state is AttemptState.PLACED and attempt.order_id in names
            if not too_late(attempt, service_of(recorded, attempt))
        ]

        async def carry_out(session: Session) -> ExitCode:
            await cancel_orders(session, chosen)
            return ExitCode.OK

        return self._run("cancel", carry_out, crash_at, when)

    def _run(
        self,
        command: str,
        carry_out: Callable[[Session], Awaitable[ApplyResult | ExitCode]],
        crash_at: int | None,
        when: When,
    ) -> RunEnd:
        self.runs += 1
        self.durable_requests.clear()
        ports = Ports(crash_at=crash_at, when=when)
        loop = SimulatedLoop(self.rng.randrange(2**32))
        self.clock.attach(loop)
        with self._process() as process:
            session = self._session(command, ports, loop, process, f"run-{self.runs}")
            try:
                result: ApplyResult | ExitCode | BaseException = run_on(loop, _within(session, carry_out))
            except (Crash, RunnerError) as error:
                result = error
        return self._end(result, ports, command)

    def run_two(self, wanted: Campaign, *, second_after: float, lock_lost_after: float | None = None) -> list[RunEnd]:
        """Two runs of the program at once over one state; `lock_lost_after` seconds somebody deletes the lock file."""
        loop = SimulatedLoop(self.rng.randrange(2**32))
        self.clock.attach(loop)
        ports = [Ports(), Ports()]
        if lock_lost_after is not None:
            loop.call_later(lock_lost_after, self.paths.lock.unlink, True)  # missing_ok

        self.durable_requests.clear()

        async def rival(number: int, process: Process) -> ApplyResult:
            self.runs += 1
            await asyncio.sleep(second_after * number)
            session = self._session("apply", ports[number], loop, process, f"run-{self.runs}-{number}")
            return await _within(session, lambda session: self._apply(session, wanted))

        async def both(processes: Sequence[Process]) -> list[ApplyResult | BaseException]:
            runs = (rival(number, process) for number, process in enumerate(processes))
            return await asyncio.gather(*runs, return_exceptions=True)

        with self._process() as one, self._process() as two:
            results = run_on(loop, both((one, two)))
        return [self._end(result, port, "apply") for result, port in zip(results, ports, strict=True)]

    @staticmethod
    def _end(result: ApplyResult | ExitCode | BaseException, ports: Ports, command: str) -> RunEnd:
        match result:
            case Crash():
                return RunEnd(None, ports.calls, ports.trace, command=command)
            case RunnerError():
                return RunEnd(result.code, ports.calls, ports.trace, refused=result.message, command=command)
            case ExitCode():
                return RunEnd(result, ports.calls, ports.trace, command=command)
            case ApplyResult():
                return RunEnd(result.exit_code, ports.calls, ports.trace, result)
        raise result

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

    async def _session(
        self, command: str, ports: Ports, loop: SimulatedLoop, process: "Process", run_id: str
    ) -> Session:
        """What `runner.cli.composition` puts together."""
        process.lock = await acquire(self.paths, command, self.clock)
        process.writer = _open(self.paths, process.lock, self.clock)
        journal = self.journal_type(self, process.writer, ports, loop)
        await journal.record(BeginRun(run_id, command, self.clock.now()))
        profile = PanelProfile(
            name="p",
            url="http://127.0.0.1:1",
            key=Secret("k"),
            parallel_add=self.parallel,
            parallel_read=2,
            exclusive=self.exclusive,
        )
        transport = self.transport_type(self.panel, ports, self.rng, self.clock.sleep)
        client = PanelClient(profile, Secret("k"), clock=self.clock, rng=self.rng, transport=transport)
        return Session(run_id=run_id, journal=journal, panels={"p": client}, clock=self.clock)

    async def _apply(self, session: Session, wanted: Campaign, max_cost: Decimal | None = None) -> ApplyResult:
        counts = self.panel.counts() if wanted.policy.refill.when is RefillWhen.DROP else None
        return await apply(
            session, PlanRequest(campaigns=[wanted], counts=counts, max_cost=max_cost), lambda _plan: True
        )

    def decide(self, *operations: Operation) -> list[Any]:
        """Record a person's decisions, as the doubt commands do: under the lock, in a run of its own, after recovery."""
        self.runs += 1
        run_id, at = f"run-{self.runs}", self.clock.now()
        loop = SimulatedLoop(0)
        self.clock.attach(loop)
        with self._process() as process:
            process.lock = run_on(loop, acquire(self.paths, "doubt", self.clock))
            process.writer = _open(self.paths, process.lock, self.clock)
            process.writer.commit([BeginRun(run_id, "doubt", at)])
            process.writer.commit([DoubtLeftOvers(at)])
            results = process.writer.commit(operations) if operations else []
            process.writer.commit([EndRun(run_id, 0, at)])
            self.disk.sync()
        return results

    def recorded(self) -> Recorded:
        """What any command would read now."""
        return read_state(self.paths, lock_is_free=True)

    def attempts(self) -> list[Attempt]:
        """All attempts that the state holds."""
        return [attempt for attempts in self.recorded().attempts.values() for attempt in attempts]


_compiled: dict[str, Any] = {}  # a dialect and its compiled statements


def _open(paths: StatePaths, lock: StateLock, clock: SimulatedClock) -> Writer:
    """The real writer; its statements are compiled once for all runs, which is a fifth of their time."""
    writer = open_writer(paths, lock, clock).writer
    connection = writer._connection
    connection.dialect = _compiled.setdefault("dialect", connection.dialect)
    connection.engine._compiled_cache = _compiled.setdefault("cache", connection.engine._compiled_cache)
    return writer


async def _within(opening: Awaitable[Session], carry_out: Callable[[Session], Awaitable[Done]]) -> Done:
    """What `carry_out` makes of a session, with the end of the run recorded; a `RunnerError` is an end, too."""
    session = await opening
    try:
        done = await carry_out(session)
    except RunnerError as error:
        with suppress(RunnerError):
            await session.journal.record(EndRun(session.run_id, error.code, session.clock.now()))
        raise
    code = done.exit_code if isinstance(done, ApplyResult) else done
    await session.journal.record(EndRun(session.run_id, code, session.clock.now()))
    return done


@dataclass(slots=True)
class Process:
    """What one process holds."""

    lock: StateLock | None = None
    writer: Writer | None = None
