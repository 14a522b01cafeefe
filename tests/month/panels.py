"""The month's panels: sandboxes over HTTP on the month's clock, with weather, mistakes of their administrators, and books."""

import random
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from runner.core.orders import PanelProfile
from runner.core.values.clock import ManualClock
from runner.core.values.text import Secret
from runner.panel.client import PanelClient
from runner.sandbox.faults import ANY, Fault, FaultKind
from runner.sandbox.serve import SandboxServer
from runner.sandbox.settings import DEFAULT_KEY, SandboxSettings
from runner.sandbox.world import DAY, PanelOrder, Progress, dropped, end_of, progress

FINAL = ("Completed", "Partial", "Canceled", "Refunded")
# What can happen to the answer to a request; each strikes once.
ACCIDENTS = (
    Fault(kind=FaultKind.RESET_AFTER, times=1),
    Fault(kind=FaultKind.RESET_BEFORE, times=1),
    Fault(kind=FaultKind.EMPTY_BODY, times=1),
    Fault(kind=FaultKind.TRUNCATED, times=1),
    Fault(kind=FaultKind.HTML_BODY, times=1, placed=False),
    Fault(kind=FaultKind.STATUS_5XX, times=1),
    Fault(kind=FaultKind.ERROR_AFTER_PLACING, times=1),
    Fault(kind=FaultKind.LATE_PLACING, times=1, seconds=180),
)


class Outage(NamedTuple):
    """A time without answers."""

    until: datetime
    refuses: bool  # the connection; else every call is answered with HTTP 502


class MonthPanel:
    """One panel and what is done to it. Made by `open_panel`."""

    def __init__(self, server: SandboxServer, profile: PanelProfile, clock: ManualClock, dead_port: int) -> None:
        self.server = server
        self.profile = profile
        self.has_many = True  # `status` takes many ids
        self.outage: Outage | None = None
        self._clock = clock
        self._dead = f"http://127.0.0.1:{dead_port}/api/v2"

    @property
    def name(self) -> str:
        return self.profile.name

    @asynccontextmanager
    async def client(self, rng: random.Random) -> AsyncIterator[PanelClient]:
        """Spoken to as the weather allows."""
        profile = self.profile
        if self.is_down and self.outage is not None and self.outage.refuses:
            profile = replace(profile, url=self._dead)
        client = PanelClient(profile, Secret(DEFAULT_KEY), clock=self._clock, rng=rng)
        try:
            yield client
        finally:
            await client.close()

    # Weather

    @property
    def is_down(self) -> bool:
        return self.outage is not None and self._clock.now() < self.outage.until

    def go_down(self, hours: float, *, refuses: bool) -> None:
        self.outage = Outage(self._clock.now() + timedelta(hours=hours), refuses)
        if not refuses:
            self.server.faults.replace([Fault(kind=FaultKind.STATUS_5XX, action=ANY, status=502)])

    def clear(self) -> None:
        """Whatever was wrong is over, unless it lasts."""
        if self.outage is not None and not self.is_down:
            self.outage = None
        if self.outage is None:
            self.server.faults.replace([])

    def have_accident(self, fault: Fault, action: str, after: int) -> None:
        """Strike one call of `action`, after some that go well."""
        if self.outage is None:
            self.server.faults.replace([replace(fault, action=action, after=after)])

    # Books

    def orders(self) -> Iterator[tuple[PanelOrder, Progress]]:
        """All that was ever bought here, as it stands now."""
        now = self.server.book.catch_up()
        for entry in self.server.book.entries():
            yield entry.order, progress(entry.order, now)

    def count_on_page(self, order: PanelOrder, seen: Progress) -> int:
        """What the page of an order shows now."""
        lost = dropped(order, self.server.book.refills_of(order.id), self.server.book.catch_up())
        return (seen.start_count or 0) + seen.delivered - lost

    @property
    def status_calls(self) -> int:
        return self.server.book.counts["status"]

    # Administrators

    def is_recent(self, order: PanelOrder) -> bool:
        """True for two weeks after it ended, and if nobody has corrected it."""
        now = self.server.book.catch_up()
        return order.forced_at is None and now - end_of(order, now) < 14 * DAY

    def correct_status(self, order: PanelOrder, status: str | None, remains: int | None = None) -> None:
        """Set an order to another status; None lets it go its own way again."""
        now = self.server.book.catch_up()
        changed = order._replace(
            forced_at=None if status is None else now, forced_status=status, forced_remains=remains
        )
        self.server.book.change(changed, now)

    def correct_charge(self, order: PanelOrder, charge: Decimal) -> None:
        self.server.book.correct_charge(order, charge, self.server.book.catch_up())


@asynccontextmanager
async def open_panel(
    name: str, folder: Path, clock: ManualClock, settings: SandboxSettings
) -> AsyncIterator[MonthPanel]:
    """A panel whose minutes are the clock's; it takes connections until the block ends."""
    settings = replace(settings, speed=1 / 60, balance=Decimal("20000.00"))
    with socket.socket() as refusing:  # bound and never listening: whoever connects is refused
        refusing.bind(("127.0.0.1", 0))
        async with SandboxServer(folder / f"{name}.panel.db", settings=settings, clock=clock) as server:
            profile = PanelProfile(
                name=name, url=server.url, key=Secret(DEFAULT_KEY), currency="USD", exclusive=True, connect_timeout=5.0
            )
            yield MonthPanel(server, profile, clock, refusing.getsockname()[1])
