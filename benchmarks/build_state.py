"""Makes a state through the journal itself: a known catalogue, and every order of a campaign placed.

Usage: STATE [CAMPAIGN]; without a campaign nothing is placed. A process of its own, so that its memory is not ours.
"""

import asyncio
import sys
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from itertools import count
from pathlib import Path

from benchmarks.opened import opened
from benchmarks.orders import PANEL, QUANTITY, RATE, SERVICE
from benchmarks.panel_server import FIRST_ID
from runner.core.attempts import AttemptKind, LiveStatus, NewAttempt, Outcome, OutcomeKind, StatusSeen
from runner.core.catalogue import Balance, BalanceSeen, Catalogue, Service
from runner.core.errors import ExitCode
from runner.core.operations import BeginRun, EndRun, Mark, SeeBalance, SeeCatalogue, SeeStatuses, Settle
from runner.core.orders import Order
from runner.core.values.clock import SystemClock
from runner.core.values.money import expected_charge
from runner.files.campaigns import load_campaigns
from runner.store.journal import Journal

RUN_ID = "built"
_CHUNK = 1000  # orders that are marked, settled and seen together
_CHARGE = expected_charge(RATE, QUANTITY, None)


def _catalogue(now: datetime) -> Catalogue:
    service = Service(SERVICE, "Followers", "default", "First Category", RATE, 50, 10000, True, True, None)
    return Catalogue(panel=PANEL, services={SERVICE: service}, fetched_at=now)


async def _place(journal: Journal, orders: Sequence[Order], panel_ids: "count[int]", now: datetime) -> None:
    """All of them placed and live, as the first poll after a purchase finds them."""
    marks = (_new_attempt(order) for order in orders)
    attempts = await asyncio.gather(*(journal.record(Mark(mark, RUN_ID, now)) for mark in marks))
    outcomes = (Outcome(OutcomeKind.PLACED, str(next(panel_ids))) for _ in orders)
    await asyncio.gather(
        *(journal.record(Settle(attempt, outcome, now)) for attempt, outcome in zip(attempts, outcomes, strict=True))
    )
    await journal.record(SeeStatuses([_seen(attempt, now) for attempt in attempts]))


def _new_attempt(order: Order) -> NewAttempt:
    what = (order.service, order.link, order.quantity, order.runs, order.interval)
    return NewAttempt(order.campaign, order.id, AttemptKind.INITIAL, 0, PANEL, *what, RATE, _CHARGE)


def _seen(attempt_id: int, now: datetime) -> StatusSeen:
    return StatusSeen(attempt_id, LiveStatus.IN_PROGRESS, "In progress", _CHARGE, 3572, 157, "USD", now)


async def build(state: str, campaign: str | None) -> None:
    """The state at `state`, made anew."""
    clock = SystemClock()
    orders: Sequence[Order] = ()
    if campaign is not None:
        loaded = load_campaigns([Path(campaign)])
        if loaded.diagnostics:
            raise SystemExit(f"the campaign has errors: {loaded.diagnostics[0]}")
        orders = loaded.campaigns[0].orders
    panel_ids = count(FIRST_ID)
    async with opened(state, "https://panel.example", clock) as journal:
        now = clock.now()
        await journal.record(BeginRun(RUN_ID, "apply", now))
        await journal.record(SeeCatalogue(_catalogue(now)))
        balance = Balance(amount=Decimal(99_999_999), currency="USD")
        await journal.record(SeeBalance(BalanceSeen(panel=PANEL, balance=balance, seen_at=now)))
        for start in range(0, len(orders), _CHUNK):
            await _place(journal, orders[start : start + _CHUNK], panel_ids, now)
        await journal.record(EndRun(RUN_ID, ExitCode.OK, clock.now()))


if __name__ == "__main__":
    asyncio.run(build(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None))
