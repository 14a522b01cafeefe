"""A watch over a real journal: passes as the command line makes them, a panel that finishes its work, and an ear."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise

from runner.core.attempts import LiveStatus, NewAttempt, Outcome, StatusSeen
from runner.core.errors import RunnerError
from runner.core.operations import EndRun
from runner.core.orders import Campaign
from runner.core.values.clock import ManualClock
from runner.engine.run import apply
from runner.engine.stopping import Stop
from runner.engine.watch.loop import Watch, WatchResult, WatchTerms
from runner.engine.watch.totals import Backoff, PassResult
from runner.planning.guards.price_guard import PriceTerms
from runner.planning.reconcile.plan_request import PlanRequest, plan_of
from runner.planning.refills.due_refills import RefillInputs
from runner.planning.status.completion import Outlook
from runner.planning.status.selectors import Selector
from runner.planning.status.wakeups import Moment
from tests.engine.simulated import SimulatedPanel

WORK = 700.0  # seconds that the panel works on an order


class WorkingPanel(SimulatedPanel):
    """Completes each order so long after it was sold; its own ear for how often it was asked."""

    def __init__(self, clock: ManualClock, **parts: object) -> None:
        super().__init__(clock=clock, **parts)  # type: ignore[arg-type]
        self.sold_at: dict[str, datetime] = {}
        self.works = WORK

    def sell(self, attempt: NewAttempt) -> Outcome:
        outcome = super().sell(attempt)
        self.sold_at[outcome.panel_order_id or ""] = self.clock.now()
        return outcome

    async def statuses(self, wanted, at):
        if self.read_error:
            raise self.read_error
        seen = await super().statuses(wanted, at)
        return [self._grown(one, wanted) for one in seen]

    def _grown(self, one: StatusSeen, wanted) -> StatusSeen:
        (panel_id,) = (panel_id for panel_id, attempt_id in wanted.items() if attempt_id == one.attempt_id)
        if (self.clock.now() - self.sold_at[panel_id]).total_seconds() < self.works:
            return one
        return one._replace(status=LiveStatus.COMPLETED, status_text="Completed", remains=0)


@dataclass
class Ear:
    """What was heard between the passes."""

    clock: ManualClock
    passes: list[tuple[datetime, Outlook]] = field(default_factory=list)
    errors: list[tuple[datetime, RunnerError, int]] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)

    def passed(self, number: int, passed: PassResult, outlook: Outlook) -> None:
        assert number == len(self.passes) + 1
        self.passes.append((self.clock.now(), outlook))

    def failed(self, error: RunnerError, times: int) -> None:
        self.errors.append((self.clock.now(), error, times))

    def waiting(self, moment: Moment) -> None:
        self.moments.append(moment)


@dataclass
class World:
    """A watch over one state: `before` may change the world, and raise, before each pass."""

    open_run: Callable
    clock: ManualClock
    panel: SimulatedPanel
    campaigns: list[Campaign]
    before: Callable[[int], object] = lambda _tries: None
    tries: int = 0
    stop: Stop = field(default_factory=Stop)

    def __post_init__(self) -> None:
        self.ear = Ear(self.clock)

    async def one_pass(self, number: int, leaving: Backoff) -> PassResult:
        self.tries += 1
        obstacle = self.before(self.tries)
        async with self.open_run(self.panel) as opened:
            session = replace(opened, stop=self.stop)
            left = leaving.addresses(self.campaigns, self.clock.now())
            request = PlanRequest(
                campaigns=self.campaigns, selection=Selector().without(left) if left else None, adaptive=True
            )
            result = await apply(session, request, lambda _plan: obstacle is None)
            recorded = await session.journal.recorded()
            profiles = {self.panel.profile.name: self.panel.profile}
            whole = replace(request, selection=None)
            next_plan = plan_of(whole, recorded, RefillInputs(now=self.clock.now()), PriceTerms(profiles=profiles))
            await session.journal.record(EndRun(session.run_id, result.exit_code, self.clock.now()))
        return PassResult(
            result=result,
            recorded=recorded,
            campaigns=self.campaigns,
            next_plan=next_plan,
            profiles=profiles,
            obstacle=obstacle if isinstance(obstacle, RunnerError) else None,
        )

    async def watch(self, **terms: object) -> WatchResult:
        self.loop = Watch(self.one_pass, WatchTerms(**terms), self.clock, self.stop, self.ear)  # type: ignore[arg-type]
        return await self.loop.run()

    def gaps(self) -> list[float]:
        """Seconds between passes."""
        times = [at for at, _ in self.ear.passes]
        return [(b - a).total_seconds() for a, b in pairwise(times)]
