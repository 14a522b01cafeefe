"""Asks the panels how things stand: catalogue, balance, and statuses of live orders and refills in batches of 100."""

import asyncio
from collections.abc import Awaitable, Iterable, Mapping, Sequence

from runner.core.catalogue import BalanceSeen
from runner.core.errors import KeyRejected, PanelUnreachable
from runner.core.events import EventType
from runner.core.recorded import Recorded
from runner.engine.batches import in_batches
from runner.engine.ports import Panel
from runner.engine.refill import refresh_refills
from runner.engine.session import Session


async def refresh(session: Session, recorded: Recorded) -> None:
    """Bring catalogue, balance, live orders and open refills of every panel of the session up to date in the journal.

    Raises `PanelUnreachable` or `KeyRejected` for the first panel that can't be read: nothing may be bought unseen.
    """
    live: dict[str, list[tuple[str, int]]] = {name: [] for name in session.panels}
    for attempts in recorded.attempts.values():
        for attempt in attempts:
            if attempt.is_live and attempt.panel in live and attempt.panel_order_id is not None:
                live[attempt.panel].append((attempt.panel_order_id, attempt.id))
    async with session.stop.interruptible():
        await asyncio.gather(
            *(_refresh_panel(session, panel, live[name], recorded) for name, panel in session.panels.items())
        )


async def _refresh_panel(session: Session, panel: Panel, live: Sequence[tuple[str, int]], recorded: Recorded) -> None:
    """Balance first: it is the cheapest proof that the panel answers and takes the key."""
    session.tell(EventType.REFRESH_STARTED, panel=panel.profile.name, live=len(live))
    await refresh_balance(session, panel)
    await _refresh_catalogue(session, panel, known=panel.profile.name in recorded.catalogues)
    await refresh_statuses(session, panel, live)
    await refresh_refills(session, panel, recorded)


async def refresh_balance(session: Session, panel: Panel) -> None:
    """Read and record one panel's balance."""
    balance = await panel.balance()
    seen = BalanceSeen(panel=panel.profile.name, balance=balance, seen_at=session.clock.now())
    await session.journal.see_balance(seen)


async def _refresh_catalogue(session: Session, panel: Panel, *, known: bool) -> None:
    """An unreadable list keeps the former one, and says so (PROTOCOL, services)."""
    try:
        catalogue = await panel.services(session.clock.now())
    except KeyRejected:
        raise
    except PanelUnreachable as error:
        if not known:
            raise
        session.tell(EventType.NOTE, message=f"{error.message}; the former price list is kept")
        return
    await session.journal.see_catalogue(catalogue)


async def refresh_statuses(session: Session, panel: Panel, live: Iterable[tuple[str, int]]) -> None:
    """Poll `live` orders, (panel order id, attempt id), in ceil(n/100) calls, and record each batch as it comes."""
    batches = in_batches(live)

    async def work() -> None:
        for batch in batches:  # one iterator shared by all workers
            seen = await panel.statuses(dict(batch), session.clock.now())
            await session.journal.see_statuses(seen)
            session.tell(EventType.STATUSES, panel=panel.profile.name, asked=len(batch), answered=len(seen))

    await asyncio.gather(*(work() for _ in range(panel.profile.parallel_read)))


async def refresh_placed(session: Session, bought: Mapping[str, Mapping[str, int]]) -> None:
    """Poll what has just been bought, by panel and panel order id, so that the report holds charges and no guesses."""
    async with session.stop.interruptible():
        reads: list[Awaitable[None]] = []  # side by side: each waits for a panel
        for name, placed in bought.items():
            reads += (
                refresh_statuses(session, session.panels[name], placed.items()),
                refresh_balance(session, session.panels[name]),
            )
        failures = await asyncio.gather(*reads, return_exceptions=True)  # nothing goes on behind our back
        for failure in failures:
            if failure is not None:
                raise failure
