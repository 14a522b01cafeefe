"""Who runs the runner: passes like those of the command line, honest words about doubts, cancels by hand."""

import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from runner.core.attempts import Attempt
from runner.core.doubts import Decision, DecisionKind
from runner.core.errors import ExitCode, PanelUnreachable
from runner.core.operations import BeginRun, EndRun
from runner.core.orders import Campaign
from runner.core.snapshot import Recorded
from runner.core.values.clock import ManualClock
from runner.engine.cancel import cancel_orders
from runner.engine.decisions.settle_doubt import Choice, check_adoption, check_looked, find, record
from runner.engine.results import ApplyResult
from runner.engine.run import apply
from runner.engine.session import Session
from runner.panel.capabilities import CapabilityChange
from runner.planning.doubts.evidence import gather, weigh
from runner.planning.reconcile.plan_request import PlanRequest
from runner.store.disk.lock import acquire
from runner.store.disk.paths import StatePaths
from runner.store.journal import open_journal
from runner.store.read.doubts import read_kept
from runner.store.read.panel_memory import read_panel_memory
from runner.store.read.snapshot import read_state
from tests.month.panels import MonthPanel

USER, HOST = "operator", "office"


@dataclass(slots=True, kw_only=True)
class Operator:
    """Runs commands on one state and these panels."""

    state: Path
    panels: Mapping[str, MonthPanel]
    clock: ManualClock
    rng: random.Random
    runs: int = 0
    decided: dict[str, int] = field(default_factory=dict)

    @property
    def paths(self) -> StatePaths:
        return StatePaths.at(self.state)

    def remembered(self) -> Recorded:
        return read_state(self.paths, lock_is_free=True)

    @asynccontextmanager
    async def session(self, command: str, panels: Sequence[str]) -> AsyncIterator[Session]:
        """What the command line opens for one run."""
        self.runs += 1
        async with AsyncExitStack() as stack:
            lock = stack.enter_context(await acquire(self.paths, command, self.clock))
            clients = {
                name: await stack.enter_async_context(self.panels[name].client(self.rng)) for name in sorted(panels)
            }
            journal = await stack.enter_async_context(open_journal(self.paths, lock, self.clock))
            run_id = f"run-{self.runs}"
            await journal.record(BeginRun(run_id, command, self.clock.now()))
            for name, client in clients.items():
                lacking, calls = read_panel_memory(self.paths, name)
                client.remember(CapabilityChange(lacking - {command}, calls))
            try:
                yield Session(run_id=run_id, journal=journal, panels=clients, clock=self.clock)
            except PanelUnreachable as error:
                await journal.record(EndRun(run_id, error.code, self.clock.now()))
                raise

    async def apply(self, campaigns: Sequence[Campaign], **wishes: object) -> ApplyResult:
        """`runner apply --yes`. Raises `PanelUnreachable`."""
        async with self.session("apply", {one.panel for one in campaigns}) as session:  # type: ignore[arg-type]
            result = await apply(session, PlanRequest(campaigns=campaigns, **wishes), lambda _plan: True)  # type: ignore[arg-type]
            await session.journal.record(EndRun(session.run_id, result.exit_code, self.clock.now()))
        return result

    async def cancel(self, attempts: Sequence[Attempt]) -> None:
        """`runner cancel ADDR…`."""
        async with self.session("cancel", {one.panel for one in attempts}) as session:  # type: ignore[arg-type]
            await cancel_orders(session, attempts)
            await session.journal.record(EndRun(session.run_id, ExitCode.OK, self.clock.now()))

    # Doubts

    async def settle_doubts(self) -> None:
        """Look every order in doubt up in the panel's own list, and say what is there: nothing else."""
        for attempts in self.remembered().attempts.values():
            for attempt in attempts:
                panel = self.panels[attempt.panel]
                if not attempt.is_open_doubt or panel.is_down:
                    continue
                # What was lost on its way may still appear: who looks too early says what is not true.
                if self.clock.now() >= (attempt.settled_at or self.clock.now()) + panel.profile.settle:
                    await self._settle(attempt)

    async def _settle(self, doubt: Attempt) -> None:
        recorded = self.remembered()
        case, panel = find(recorded, doubt.address), self.panels[doubt.panel]
        attempt, now = case.attempt, self.clock.now()
        found = self._on_the_panel(attempt, recorded)
        seen, forced = None, False
        async with panel.client(self.rng) as client:
            if found is not None:
                seen, _ = await check_adoption(case, found, client, recorded, now, force=False)
            else:
                kept = read_kept(self.paths, [attempt.id])[attempt.id]
                settle = panel.profile.settle
                evidence = gather(recorded, attempt, kept, exclusive=True, settle=settle, now=now)
                forced = check_looked(case, weigh(evidence), settle, now, checked=True)
        kind = DecisionKind.NOT_PLACED if found is None else DecisionKind.ADOPT
        choice = Choice(kind, Decision("looked at the panel's list", USER, HOST, now, forced), found)
        with await acquire(self.paths, "doubt", self.clock) as lock:
            async with open_journal(self.paths, lock, self.clock) as journal:
                self.runs += 1
                await record(journal, f"run-{self.runs}", case, choice, seen)
        self.decided[kind.value] = self.decided.get(kind.value, 0) + 1

    def _on_the_panel(self, attempt: Attempt, recorded: Recorded) -> str | None:
        """The order that the panel made of it: of its terms, and of no other attempt."""
        known = {
            one.panel_order_id
            for several in recorded.attempts.values()
            for one in several
            if one.panel == attempt.panel
        }
        terms = (attempt.service, attempt.link, attempt.quantity, attempt.runs or 1)
        fitting = [
            str(order.id)
            for order, _ in self.panels[attempt.panel].orders()
            if str(order.id) not in known and (str(order.service), order.link, order.quantity, order.runs) == terms
        ]
        assert len(fitting) <= 1, f"{attempt.address} was bought {len(fitting)} times for one mark: {fitting}"
        return fitting[0] if fitting else None
