"""Reads what the first orders of each service were charged before many follow. One for each panel and run.

Whoever wants to mark the next order of a service asks `is_free`, a look into a set; only while the service is on trial
does a worker wait, holding no mark. No charge to be seen is told and holds nothing.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from runner.core.attempts import Outcome, OutcomeKind
from runner.core.errors import KeyRejected, PanelUnreachable, StateRefused
from runner.core.events import EventType
from runner.core.orders import Order
from runner.core.recorded import Recorded
from runner.engine.ports import Panel
from runner.engine.session import Session
from runner.planning.allowance import Purchase
from runner.planning.first_charge import Observed, known_charge, mismatch, observed_in

FIRST = 4  # orders of a service whose charge is read; with no more than that of it in a run, nobody waits
_PAUSES = (0.2, 0.8, 2.0)  # seconds between looks: some panels show "0" for a moment


class _Placed(NamedTuple):
    """One of the first orders of a service."""

    purchase: Purchase
    attempt_id: int


class _Trial:
    """One service whose charge is not known yet."""

    __slots__ = ("judging", "placed")

    def __init__(self) -> None:
        self.placed: dict[str, _Placed] = {}  # by the panel's order id
        self.judging: asyncio.Task[None] | None = None


class FirstCharges:
    """The services of one panel in one run: free, on trial, or stopped."""

    def __init__(self, session: Session, panel: Panel) -> None:
        self._session = session
        self._panel = panel
        self._free: set[str] = set()
        self._trials: dict[str, _Trial] = {}
        self._few: dict[str, list[Order]] = {}  # orders placed of services of which few are to come
        self.stopped: dict[str, str] = {}  # service -> why no more of it is bought

    def expect(self, purchases: Iterable[Purchase]) -> None:
        """Put those services on trial of which many orders are to come."""
        for service, number in Counter(purchase.order.service for purchase in purchases).items():
            if number <= FIRST:
                self._free.add(service)
                self._few[service] = []
            else:
                self._trials[service] = _Trial()

    def is_free(self, service: str) -> bool:
        """True if the next order of the service may be marked at once."""
        return service in self._free

    def note_placed(self, purchase: Purchase, outcome: Outcome, attempt_id: int) -> None:
        """The panel gave an order id; before the worker marks its next order."""
        if outcome.kind is not OutcomeKind.PLACED or outcome.panel_order_id is None:
            return
        service = purchase.order.service
        trial = self._trials.get(service)
        if trial is None:
            if service in self._few:
                self._few[service].append(purchase.order)
        elif len(trial.placed) < FIRST:
            trial.placed[outcome.panel_order_id] = _Placed(purchase, attempt_id)

    async def judged(self, service: str) -> None:
        """Return when the service is free or stopped, or too few of its orders are placed to tell; safe to cancel."""
        trial = self._trials.get(service)
        if trial is None or len(trial.placed) < FIRST:
            return
        if trial.judging is None:
            trial.judging = asyncio.ensure_future(self._judge(service, trial))
        await asyncio.shield(trial.judging)

    def warnings(self, recorded: Recorded) -> list[str]:
        """What was charged otherwise than expected: of the services that were stopped, and of those of few orders."""
        found = list(self.stopped.values())
        for orders in self._few.values():
            bought = [recorded.attempts[order.key][-1] for order in orders if order.key in recorded.attempts]
            if words := mismatch(observed_in(bought), self._panel.profile):
                found.append(words)
        return found

    async def close(self) -> None:
        """End what is still being read."""
        left = [trial.judging for trial in self._trials.values() if trial.judging is not None]
        for task in left:
            task.cancel()
        for failure in await asyncio.gather(*left, return_exceptions=True):
            if isinstance(failure, Exception):
                raise failure

    async def _judge(self, service: str, trial: _Trial) -> None:
        session, profile = self._session, self._panel.profile
        try:
            observed = await self._observe(trial)
        except (PanelUnreachable, KeyRejected, StateRefused) as error:
            session.tell(
                EventType.NOTE, message=f"what service {service} is charged could not be read: {error.message}"
            )
            observed = []
        else:
            if not observed:
                message = f"{profile.name} shows no charge for the first orders of service {service}: not compared"
                session.tell(EventType.NOTE, message=message)
        if words := mismatch(observed, profile):
            self.stopped[service] = f"{words}; no further order of it is sent"
            session.tell(EventType.NOTE, message=self.stopped[service])
        self._free.add(service)
        del self._trials[service]

    async def _observe(self, trial: _Trial) -> list[Observed]:
        """The charges that the panel shows; it is asked again a few times while it shows none."""
        session = self._session
        wanted = {order_id: placed.attempt_id for order_id, placed in trial.placed.items()}
        order_ids = {attempt_id: order_id for order_id, attempt_id in wanted.items()}
        for pause in (*_PAUSES, None):
            seen = await self._panel.statuses(wanted, session.clock.now())
            await session.journal.see_statuses(seen)
            found = [
                _observed(order_ids[one.attempt_id], trial.placed[order_ids[one.attempt_id]].purchase, charge)
                for one in seen
                if (charge := known_charge(one.charge, one.status)) is not None
            ]
            if found or pause is None:
                return found
            await session.clock.sleep(pause)
        return []


def _observed(order_id: str, purchase: Purchase, charge: Decimal) -> Observed:
    return Observed(order_id, purchase.order.service, purchase.rate, purchase.units, charge)
