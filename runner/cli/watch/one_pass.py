"""Runs one pass of a watch: files are read anew, in a session of its own; the state is released afterwards."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from runner.cli.arguments.options import Settings
from runner.cli.composition import end_run, open_panels, open_session
from runner.cli.io.inputs import Inputs, others, read_inputs
from runner.cli.watch.consent import Consent, nobody_agreed
from runner.core.diagnostics import Severity
from runner.core.errors import (
    Interrupted,
    InvalidInput,
    KeyRejected,
    PanelBusy,
    PanelUnreachable,
    RunnerError,
    StateRefused,
)
from runner.core.events import Listener
from runner.core.snapshot import Recorded
from runner.core.values.clock import Clock
from runner.core.values.money import ZERO
from runner.engine.results import ApplyResult
from runner.engine.run import apply, plan_now
from runner.engine.session import Session
from runner.engine.stopping import Stop
from runner.engine.watch.loop import LONGEST_BUSY, LONGEST_OUTAGE, OUTAGE
from runner.engine.watch.totals import Backoff, Outage, PassResult
from runner.files.campaign.counts import load_counts
from runner.planning.accounting.ledger import book, make_ledger, paid_back
from runner.planning.reconcile.plan_request import PlanRequest
from runner.planning.status.selectors import Selector, only

COPY_EVERY = timedelta(days=1)  # a backup is made this often even if nothing is bought
_SHOWN = 5  # errors of the files that are told one by one


@dataclass(slots=True, kw_only=True)
class Passes:
    """Makes the passes of one watch, and keeps what one pass needs of the former ones."""

    settings: Settings
    adaptive: bool  # ask for statuses as they become due; else for all that is live in every pass
    inputs: Inputs  # the last that were valid
    clock: Clock
    stop: Stop
    listen: Listener
    consent: Consent
    say: Callable[[str], None]  # a message, told once
    wake: Callable[[], None] = lambda: None  # ends the pause before the next pass
    _outage: Outage | None = None
    _counts: Mapping[str, int] | None = None
    _selector: Selector | None = None
    _is_chosen: bool = False
    _copied_at: datetime | None = None
    _acted: bool = False  # since the last backup
    _runs: set[str] = field(default_factory=set)
    _spent: Decimal = ZERO  # by these runs, doubts at full price

    async def __call__(self, number: int, leaving: Backoff) -> PassResult:
        """One pass. Raises `RunnerError`; at the first pass `Interrupted` if the person asked says no.

        While one of several panels does not answer, the campaigns of the others go on without it.
        """
        obstacle = self._read(is_first=number == 1)
        now = self.clock.now()
        if self._outage is not None and now < self._outage.until:
            return await self._once(number, leaving, obstacle, self._outage)
        try:
            passed = await self._once(number, leaving, obstacle, None)
        except KeyRejected:
            raise
        except PanelUnreachable as error:
            if number == 1:
                raise
            self._outage = await self._look_for_others(error)
            self.say(f"{error.message}; the campaigns of other panels go on")
            return await self._once(number, leaving, obstacle, self._outage)
        self._outage = None
        return passed

    async def _look_for_others(self, error: PanelUnreachable) -> Outage:
        """Which panels do not answer, and until when; raises `error` if none or all of them answer."""
        down: set[str] = set()
        asked_for = timedelta()
        panels = self.inputs.panels
        several = panels if len(panels) > 1 else ()
        async with self.stop.interruptible(), open_panels(self.settings, several, self.inputs.profiles) as clients:
            for name, client in clients.items():
                try:
                    await client.balance()
                except PanelUnreachable as found:
                    down.add(name)
                    if isinstance(found, PanelBusy):
                        asked_for = max(asked_for, found.until - self.clock.now())
        if not down or len(down) == len(panels):
            raise error
        pause = OUTAGE if self._outage is None else min(self._outage.pause * 2, LONGEST_OUTAGE)
        until = self.clock.now() + max(pause, min(asked_for, LONGEST_BUSY))
        return Outage(frozenset(down), pause, until)

    async def _once(
        self, number: int, leaving: Backoff, obstacle: RunnerError | None, outage: Outage | None
    ) -> PassResult:
        inputs = self.inputs
        if outage is not None:
            inputs = replace(inputs, campaigns=tuple(one for one in inputs.campaigns if one.panel not in outage.panels))
        self.consent.begin(inputs.campaigns, is_off=obstacle is not None)
        copies = self._needs_copy()
        async with open_session(self.settings, inputs, "watch", self.listen, stop=self.stop, copies=copies) as session:
            # The state has begun: should it vanish now, a later pass must not begin another.
            self.settings = replace(self.settings, new_state=False)
            if copies:
                self._copied_at, self._acted = self.clock.now(), False
            if not self._is_chosen:
                self._choose(await session.journal.recorded())
            result = await apply(session, self._request(inputs, leaving), self.consent)
            passed = await self._left(session, result, inputs, obstacle)
        self._acted = self._acted or result.has_acted
        return await self._asked(replace(passed, outage=outage), number)

    async def _asked(self, passed: PassResult, number: int) -> PassResult:
        """Ask about what nobody has agreed to: the first pass waits for the answer, later ones do not."""
        if passed.obstacle is not None or passed.fatal is not None or passed.result.interrupted:
            return passed
        if passed.result.plan.exit_code or not (beyond := self.consent.review(passed.next_plan)):
            return passed
        error = nobody_agreed(beyond, can_ask=self.consent.can_ask)
        if not self.consent.can_ask:
            if number == 1:
                raise error
            self.say(error.message)
        answer = self.consent.question(passed.next_plan, beyond, passed.recorded, self.wake)
        if number == 1 and answer is not None:
            async with self.stop.interruptible():
                agreed = await answer
            if not agreed:
                raise Interrupted("not confirmed; nothing was sent")
            return replace(passed, at_once=True)
        covered = len(passed.next_plan.purchases()) > len(beyond.purchases)
        return replace(passed, obstacle=error, at_once=covered and not passed.result.placed)

    async def _left(
        self, session: Session, result: ApplyResult, inputs: Inputs, obstacle: RunnerError | None
    ) -> PassResult:
        """The result of the pass, the state after it, and what the next pass would do."""
        fatal: RunnerError | None = None
        recorded, next_plan = Recorded(), result.plan
        try:
            recorded = await session.journal.recorded()
            request = replace(self._request(inputs, None), selection=self._selector)
            next_plan = plan_now(session, request, recorded, self.clock.now())
            await end_run(session, result.exit_code)
        except StateRefused as error:  # the state went away under us: what was bought is told all the same
            fatal = error
        if len(inputs.campaigns) < len(self.inputs.campaigns) and fatal is None:
            result = replace(result, report=make_ledger(recorded, panels=self.inputs.panels))
        self._runs.add(session.run_id)
        if self.settings.max_cost is not None:
            self._spent = _spent(recorded, self._runs)
        now = self.clock.now()
        return PassResult(
            result=result,
            recorded=recorded,
            campaigns=self.inputs.campaigns,
            next_plan=next_plan,
            profiles=self.inputs.profiles,
            selection=None if self._selector is None else self._selector.bind(self.inputs.campaigns, recorded, now),
            obstacle=obstacle,
            fatal=fatal,
        )

    def _request(self, inputs: Inputs, leaving: Backoff | None) -> PlanRequest:
        campaigns, selector, most = inputs.campaigns, self._selector, self.settings.max_cost
        left = (
            self.consent.held if leaving is None else self.consent.held | leaving.addresses(campaigns, self.clock.now())
        )
        return PlanRequest(
            campaigns=campaigns,
            selection=(selector or Selector()).without(left) if left else selector,
            max_cost=None if most is None else max(most - self._spent, ZERO),
            counts=self._counts,
            adaptive=self.adaptive,
            prune=self.settings.prune,
            others=others(self.settings),
        )

    def _choose(self, recorded: Recorded) -> None:
        """Fix the selection at the first pass: orders selected by status stay selected when their status changes."""
        selector = self.settings.selection
        if selector is not None and selector.needs_state:
            bound = selector.bind(self.inputs.campaigns, recorded, self.clock.now())
            bound.warnings(self.inputs.campaigns, recorded)  # raises if one has to fit and does not
            selector = only(order.address for one in self.inputs.campaigns for order in one.orders if bound(order))
        self._selector = selector
        self._is_chosen = True

    def _needs_copy(self) -> bool:
        """True before the first pass, after one that acted, and once a day."""
        copied = self._copied_at
        return copied is None or self._acted or self.clock.now() - copied >= COPY_EVERY

    def _read(self, *, is_first: bool) -> RunnerError | None:
        """Read the files anew. Returns why they can't be used: then the former ones are polled for and nothing is bought."""
        try:
            inputs, diagnostics = read_inputs(self.settings)
            counts = self._read_counts()
        except InvalidInput as error:
            if is_first:
                raise
            self.say(f"{error.message}; nothing is bought until that is mended")
            return error
        errors = [one for one in diagnostics if one.severity is Severity.ERROR]
        if errors:
            for found in errors[:_SHOWN]:
                self.say(str(found))
            problem = InvalidInput(
                f"{len(errors)} error(s) in the files; nothing is bought until they are mended", "runner validate"
            )
            self.say(problem.message)
            return problem
        former = {one.source: one.digest for one in self.inputs.campaigns}
        for one in inputs.campaigns:
            if former.get(one.source) != one.digest:
                self.say(f"{one.source} was edited; read at {self.clock.now():%H:%M:%S} UTC")
        self.inputs, self._counts = inputs, counts
        return None

    def _read_counts(self) -> Mapping[str, int] | None:
        path = self.settings.counts
        if path is None or (self._counts is not None and not path.is_file()):
            return self._counts  # a pipe can be read once
        counts, found = load_counts(path)
        if found:
            raise InvalidInput(f"--counts {path} has errors: {found[0]}", "mend them")
        return counts


def _spent(recorded: Recorded, runs: set[str]) -> Decimal:
    """What these runs have spent towards --max-cost: purchases and doubts, without subtracting refunds."""
    bought = (
        (attempt, booked)
        for attempt in recorded.each()
        if attempt.run_id in runs and (booked := book(attempt)) is not None
    )
    return sum((booked.committed + paid_back(attempt, booked) for attempt, booked in bought), ZERO)
