"""One month on virtual time: days of edits, weather, accidents and passes, then rest; promises checked all along."""

import os
import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from runner.core.attempts import Attempt, AttemptKind
from runner.core.errors import ExitCode, PanelUnreachable
from runner.core.orders import Campaign
from runner.core.snapshot import Recorded
from runner.core.values.clock import ManualClock
from runner.planning.plan import Refusal
from runner.sandbox.settings import MANY_STATUSES, ChargeStyle, DuplicateLinks, SandboxSettings
from tests.month.desire import Wanted, read
from tests.month.editor import Editor, starting_campaigns
from tests.month.operator import Operator
from tests.month.panels import ACCIDENTS, FINAL, MonthPanel, open_panel
from tests.month.promises import Promises

# Thousands of commits: other tests show that they reach a disk.
IN_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
START = datetime(2026, 3, 1, tzinfo=UTC)
_PATIENCE = 4  # mended one thing after the other
REST = 8  # days without edits at the end, until everything is final and every correction was seen


class Month:
    """Everything that happens, by one seed."""

    def __init__(self, folder: Path, *, seed: int, orders: int, days: int) -> None:
        self.tally: Counter[str] = Counter()
        self._folder = folder
        self._rng = random.Random(f"month {seed}")
        self._seed = seed
        self._days = days
        self._clock = ManualClock(START)
        self._campaigns: dict[str, Wanted] = starting_campaigns()
        self._editor = Editor(random.Random(f"editor {seed}"), self._campaigns, orders, days)

    async def live_through(self) -> Counter[str]:
        """The whole month; what happened in it. AssertionError for the first promise that is broken."""
        settings = {
            "north": SandboxSettings(seed=self._seed),
            "south": SandboxSettings(
                seed=self._seed + 1, charge_style=ChargeStyle.LATE, duplicate_links=DuplicateLinks.REJECT
            ),
            "west": SandboxSettings(seed=self._seed + 2, lacks=frozenset({"refill", "cancel", MANY_STATUSES})),
        }
        async with AsyncExitStack() as stack:
            panels: Mapping[str, MonthPanel] = {
                name: await stack.enter_async_context(open_panel(name, self._folder, self._clock, given))
                for name, given in settings.items()
            }
            panels["west"].has_many = False
            await self._live(panels)
        return self.tally

    async def _live(self, panels: Mapping[str, MonthPanel]) -> None:
        files = self._folder / "campaigns"
        files.mkdir()
        self._panels = panels
        self._operator = Operator(
            state=self._folder / "state" / "runner.db", panels=panels, clock=self._clock, rng=self._rng
        )
        self._promises = Promises(self._campaigns, panels, self._clock)
        self._editor.begin()
        for day in range(self._days + REST):
            restless = day < self._days
            if restless and day:
                self._editor.add(day)
            await self._day(files, START + timedelta(days=day), restless=restless)
        await self._end(files)

    async def _day(self, files: Path, midnight: datetime, *, restless: bool) -> None:
        passes = self._rng.sample(range(1440), self._rng.randint(2, 3))
        passes += [minute + self._rng.randint(5, 50) for minute in passes if self._rng.random() < 0.8]
        for number, minute in enumerate(sorted(passes)):
            wait = (midnight + timedelta(minutes=minute) - self._clock.now()).total_seconds()
            if wait > 0:
                self._clock.advance(wait)
            for panel in self._panels.values():
                panel.clear()
            if restless:
                if self._clock.now() > START + timedelta(days=1):
                    self._editor.edit({(one.campaign, one.order_id) for one in self._at_work()})
                self._make_weather()
                self._correct()
                self._prepare_accident()
            await self._operator.settle_doubts()
            self._count_pages()
            await self._pass(files)
            if restless and self._rng.random() < 0.1:
                await self._watch(files)
            if number == 0 and restless:
                await self._cancel_by_hand()

    # What happens to panels

    def _make_weather(self) -> None:
        for panel in self._panels.values():
            if not panel.is_down and self._rng.random() < 0.04:
                panel.go_down(self._rng.uniform(1, 9), refuses=self._rng.random() < 0.5)
                self.tally["outages"] += 1

    def _prepare_accident(self) -> None:
        if self._rng.random() < 0.35:
            panel = self._rng.choice(list(self._panels.values()))
            action = self._rng.choices(("add", "refill", "status", "cancel"), (8, 3, 1, 1))[0]
            panel.have_accident(self._rng.choice(ACCIDENTS), action, self._rng.randint(0, 2))

    def _correct(self) -> None:
        """An administrator sets final orders to something else.

        No later than the runner looks at them: what is corrected then is told by the balance alone.
        """
        for panel in self._panels.values():
            if self._rng.random() > 0.06:
                continue
            done = [order for order, seen in panel.orders() if seen.status == "Completed" and panel.is_recent(order)]
            if not done:
                continue
            order = self._rng.choice(done)
            what = self._rng.choice(("partial", "canceled", "refunded", "dearer"))
            if what == "partial":
                panel.correct_status(order, "Partial", self._rng.randint(1, order.total))
            elif what == "dearer":
                panel.correct_charge(order, order.charge + Decimal("0.11"))
            else:
                panel.correct_status(order, what.capitalize())
            self.tally[f"corrections: {what}"] += 1

    def _count_pages(self) -> None:
        """What a script of the user counts on the pages, for campaigns that refill drops."""
        for campaign in self._campaigns.values():
            if campaign.asks_for_drops:
                panel = self._panels[campaign.panel]
                links = {line.link for line in campaign.lines.values()}
                for order, seen in panel.orders():
                    if order.link in links:
                        campaign.counts[order.link] = max(panel.count_on_page(order, seen), 0)

    # What people do

    async def _watch(self, files: Path) -> None:
        """An hour of passes like those of `runner watch`: every few minutes, asking for what is due."""
        self.tally["hours watched"] += 1
        for _ in range(self._rng.randint(4, 10)):
            self._clock.advance(self._rng.uniform(60, 900))
            await self._operator.settle_doubts()
            await self._pass(files, adaptive=True)

    async def _pass(self, files: Path, *, adaptive: bool = False) -> None:
        campaigns = read(self._campaigns, files)
        try:
            for _ in range(_PATIENCE):
                if await self._reconcile(read(self._campaigns, files), adaptive=adaptive):
                    break
            else:
                raise AssertionError(f"refused {_PATIENCE} times in a row")
        except PanelUnreachable:
            self._promises.nothing_was_sent()
            self.tally["passes without a panel"] += 1
            up = [one for one in campaigns if not self._panels[one.panel].is_down]
            if len(up) < len(campaigns):
                try:  # the others go on: `runner apply` with the files of their campaigns
                    await self._reconcile(up, adaptive=adaptive)
                except PanelUnreachable:
                    self.tally["passes without a panel"] += 1

    async def _reconcile(self, campaigns: Sequence[Campaign], *, adaptive: bool) -> bool:
        """One apply; False if it was refused for an edit, which is taken back then."""
        if not campaigns:
            return True
        before = self._operator.remembered() if self._operator.state.exists() else None
        self._promises.begin(before, adaptive=adaptive)
        result = await self._operator.apply(campaigns, adaptive=adaptive)
        self.tally["passes"] += 1
        self.tally[f"exit {int(result.exit_code)}"] += 1
        if result.exit_code is ExitCode.GUARD:
            self._promises.nothing_was_sent()
            self._promises.end(self._operator.remembered(), {one.panel for one in campaigns})
            return self._take_back(result.plan.refusals)
        assert not result.plan.problems, result.plan.problems
        self.tally["orders placed"] += result.placed
        self.tally["refills granted"] += result.refills
        for order in result.orders:
            self.tally[f"sent: {order.outcome}"] += 1
            if order.outcome == "refused":
                self.tally[order.message] += 1
        self._promises.end(self._operator.remembered(), {one.panel for one in campaigns})
        for campaign in campaigns:
            self._campaigns[campaign.name].agree()
        return True

    def _take_back(self, refusals: Sequence[Refusal]) -> bool:
        """What a person does who reads why nothing was sent."""
        recorded = self._operator.remembered()
        for refusal in refusals:
            self.tally[f"refused by {refusal.guard}, and mended"] += 1
            campaign = self._campaigns[refusal.subject]
            if refusal.guard == "on_change":
                self._restore(campaign, recorded)
            elif refusal.guard == "rename":
                self._name_the_former(campaign, recorded)
            elif refusal.guard == "unconfirmed":  # charges that come late, and a refund that is not known yet
                self._clock.advance(3600)
            elif refusal.guard == "charge":
                self._accept_the_charge(refusal.message)
            else:
                assert refusal.guard == "policy.max_cancel", refusal
                campaign.prune = False
        return False

    def _accept_the_charge(self, told: str) -> None:
        """`accepted_charges:` for the order that the message names, in the panel's profile: an administrator set it right."""
        found = re.search(r" on (\w+): order (\S+) was charged", told)
        assert found is not None, told
        panel = self._panels[found[1]]
        panel.profile = replace(panel.profile, accepted_charges=panel.profile.accepted_charges | {found[2]})

    def _restore(self, campaign: Wanted, recorded: Recorded) -> None:
        """Write the lines as the last pass took them; where that was to replace what is completed by now, as bought."""
        for line in list(campaign.lines.values()):
            attempts = recorded.attempts.get((campaign.name, line.id), ())
            bought = [one for one in attempts if one.is_live or one.is_final]
            whole = [one for one in bought if one.kind in (AttemptKind.INITIAL, AttemptKind.REPLACEMENT)]
            former = campaign.agreed.get(line.id)
            if whole and campaign.policy["on_change"] == "replace":
                campaign.list(replace(line, quantity=whole[-1].quantity))
            elif former is not None:
                campaign.list(replace(line, **former.bought_fields))

    def _name_the_former(self, campaign: Wanted, recorded: Recorded) -> None:
        """`moved:` for a rename that was forgotten to be told; `removed:` for an order that is a second one."""
        gone = {
            (attempts[0].service, attempts[0].link): order_id
            for (name, order_id), attempts in recorded.attempts.items()
            if name == campaign.name and order_id not in campaign.lines
        }
        for line in list(campaign.lines.values()):
            former = gone.get((line.service, line.link))
            if former is None or (campaign.name, line.id) in recorded.attempts:
                continue
            if campaign.untold.get(line.id) == former:
                campaign.moved[line.id] = former
            else:
                campaign.removed.add(former)

    def _at_work(self) -> list[Attempt]:
        if not self._operator.state.exists():
            return []
        attempts = self._operator.remembered().attempts.values()
        return [one for several in attempts for one in several if one.is_live]

    async def _cancel_by_hand(self) -> None:
        live = [
            one
            for one in self._at_work()
            if not self._panels[one.panel].is_down and one.order_id not in self._campaigns[one.campaign].guarded
        ]
        if live and self._rng.random() < 0.3:
            chosen = self._rng.choice(live)
            campaign = self._campaigns[chosen.campaign]
            campaign.cancelled.add(chosen.order_id)
            if chosen.order_id in campaign.lines:
                campaign.drop(chosen.order_id)
            try:
                await self._operator.cancel([chosen])
            except PanelUnreachable:
                return
            self.tally["cancelled by hand"] += 1

    async def _end(self, files: Path) -> None:
        for panel in self._panels.values():
            panel.outage = None
            panel.clear()
        for _ in range(3):
            self._clock.advance(86400)
            await self._operator.settle_doubts()
            self._count_pages()
            await self._pass(files)
        recorded = self._operator.remembered()
        self._promises.all_kept(self._operator.remembered())
        self.tally.update({f"edits: {name}": number for name, number in self._editor.edits.items()})
        self.tally.update({f"doubts: {name}": number for name, number in self._operator.decided.items()})
        self.tally.update(self._promises.tally)
        self.tally["orders on panels"] = sum(1 for panel in self._panels.values() for _ in panel.orders())
        self.tally["orders listed ever"] = sum(len(one.most) for one in self._campaigns.values())
        self.tally["attempts"] = sum(len(several) for several in recorded.attempts.values())
        for panel in self._panels.values():
            for _, seen in panel.orders():
                assert seen.status in FINAL, seen
                self.tally[f"ended {seen.status}"] += 1
