"""Reads the price list again in a long run, so that nothing is bought at a price that is no longer listed."""

import asyncio
from collections.abc import Iterable, Mapping
from decimal import Decimal

from runner.core.errors import RunnerError
from runner.core.events import EventType
from runner.core.operations import SeeCatalogue
from runner.core.values.money import plain
from runner.engine.ports import Panel
from runner.engine.session import Session
from runner.planning.allowance import Purchase

EVERY = 600.0  # seconds: panels ask for few reads of their list (docs/protocol.md, Services)


class PriceList:
    """The listed prices of one panel's services in one run.

    `stopped` says why a service is no longer bought, `failed` why nothing is: the list could not be read.
    """

    def __init__(self, session: Session, panel: Panel, purchases: Iterable[Purchase]) -> None:
        self._session = session
        self._panel = panel
        self._rates: dict[str, Decimal] = {one.order.service: one.rate for one in purchases}
        self._next = session.clock.monotonic() + EVERY
        self._reading: asyncio.Task[None] | None = None
        self.stopped: dict[str, str] = {}
        self.failed = ""

    def is_old(self) -> bool:
        """True if the list has to be read before the next order."""
        return self._session.clock.monotonic() >= self._next

    async def read(self) -> None:
        """Read the list, once for all who ask. Safe to cancel."""
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._read())
        try:
            await asyncio.shield(self._reading)
        finally:
            if self._reading is not None and self._reading.done():
                self._reading = None

    async def _read(self) -> None:
        name = self._panel.profile.name
        try:
            catalogue = await self._panel.services(self._session.clock.now())
            await self._session.journal.record(SeeCatalogue(catalogue))
        except RunnerError as error:
            self.failed = (
                f"the price list of {name} could not be read again ({error.message}): nothing is bought at old prices"
            )
            return
        self._next = self._session.clock.monotonic() + EVERY
        listed = {service.id: service.rate for service in catalogue.services.values()}
        for service, why in self._changes(listed).items():
            self.stopped[service] = why
            self._session.tell(EventType.NOTE, message=why)

    def _changes(self, listed: Mapping[str, Decimal]) -> dict[str, str]:
        found = {}
        for service, planned in self._rates.items():
            rate = listed.get(service)
            if service in self.stopped or (rate is not None and rate <= planned):
                continue
            now = "is no longer listed" if rate is None else f"costs {plain(rate)} per 1000 now"
            found[service] = (
                f"service {service} on {self._panel.profile.name} {now} and was planned at {plain(planned)}: no further "
                "order of it is sent; look at it with `runner plan`"
            )
        return found
