"""Reads catalogue, balance, and the statuses of orders and refills in batches of 100."""

import asyncio
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from runner.core.attempts import BATCH, Attempt
from runner.core.catalogue import BalanceSeen, Catalogue
from runner.core.errors import KeyRejected, PanelUnreachable
from runner.core.events import EventType
from runner.core.operations import SeeBalance, SeeCatalogue, SeeStatuses
from runner.core.orders import Campaign
from runner.core.snapshot import Recorded
from runner.core.values.batches import in_batches
from runner.core.values.clock import to_the_minute
from runner.engine.bookkeeping import record_capabilities
from runner.engine.ports import Panel
from runner.engine.refill import refresh_refills
from runner.engine.session import Session
from runner.planning.status.poll_schedule import Poll, due_polls, next_day, terms_of

CATALOGUE_AGE = timedelta(hours=1)  # panels ask for at most hourly to daily reads (docs/protocol.md, Services)
BUYING_AGE = timedelta(minutes=5)  # nothing is bought by an older list


async def refresh(
    session: Session, recorded: Recorded, *, adaptive: bool = False, campaigns: Iterable[Campaign] = ()
) -> None:
    """Bring catalogue, balance, statuses and open refills of every panel of the session up to date in the journal.

    All live orders are asked for and the final ones that are due (`planning.status.poll_schedule`). With `adaptive`
    of the live ones too only those that are due, and the price list is read once an hour: `refresh_prices` before
    buying. `campaigns` tell how long final orders are looked at. Raises `PanelUnreachable` or `KeyRejected` for the
    first panel that can't be read: nothing may be bought unseen.
    """
    polls = due_polls(recorded, session.clock.now(), everything=not adaptive, terms=terms_of(campaigns))
    session.words.learn(recorded)
    known = recorded.by_id()
    async with session.stop.interruptible():
        await asyncio.gather(
            *(
                _refresh_panel(session, panel, polls.get(name, ()), recorded, known, adaptive=adaptive)
                for name, panel in session.panels.items()
            )
        )
    await record_capabilities(session)


async def _refresh_panel(
    session: Session,
    panel: Panel,
    polls: Sequence[Poll],
    recorded: Recorded,
    known: Mapping[int, Attempt],
    *,
    adaptive: bool,
) -> None:
    """Balance first: it is the cheapest proof that the panel answers and takes the key."""
    session.tell(EventType.REFRESH_STARTED, panel=panel.profile.name, live=len(polls))
    await refresh_balance(session, panel)
    listed = recorded.catalogues.get(panel.profile.name)
    if listed is None or not adaptive or _is_older(listed, CATALOGUE_AGE, session.clock.now()):
        await _refresh_catalogue(session, panel, known=listed is not None)
    await refresh_statuses(session, panel, polls, known)
    await refresh_refills(session, panel, recorded)


async def refresh_balance(session: Session, panel: Panel) -> None:
    """Read and record one panel's balance."""
    balance = await panel.balance()
    seen = BalanceSeen(panel=panel.profile.name, balance=balance, seen_at=session.clock.now())
    await session.journal.record(SeeBalance(seen))


async def refresh_prices(session: Session, recorded: Recorded) -> bool:
    """Read again the price lists that are too old to buy by (BUYING_AGE); True if there were any. Raises as `refresh`."""
    old = old_lists(session, recorded)
    async with session.stop.interruptible():
        for name in old:
            await _refresh_catalogue(session, session.panels[name], known=True)
    return bool(old)


def old_lists(session: Session, recorded: Recorded) -> list[str]:
    """The panels whose remembered price list is too old to buy by (BUYING_AGE)."""
    now = session.clock.now()
    return [
        name
        for name in session.panels
        if name in recorded.catalogues and _is_older(recorded.catalogues[name], BUYING_AGE, now)
    ]


def _is_older(catalogue: Catalogue, age: timedelta, now: datetime) -> bool:
    """A list with a future time counts as old: the clock was put back, so its age is unknown."""
    return not timedelta() <= now - catalogue.fetched_at < age


async def _refresh_catalogue(session: Session, panel: Panel, *, known: bool) -> None:
    """Read the list; if it is unreadable, tell so and keep the former one to be shown, not to buy by (docs/protocol.md, Services)."""
    try:
        catalogue = await panel.services(session.clock.now())
    except KeyRejected:
        raise
    except PanelUnreachable as error:
        if not known:
            raise
        session.tell(
            EventType.NOTE, message=f"{error.message}; the former price list is shown, and nothing is bought by it"
        )
        return
    await session.journal.record(SeeCatalogue(catalogue))


async def refresh_statuses(
    session: Session, panel: Panel, polls: Iterable[Poll], known: Mapping[int, Attempt] | None = None
) -> None:
    """Ask for `polls`, (panel order id, attempt id), in ceil(n/100) calls, and record each batch as it comes.

    In their order, as far as the day's calls go: a note tells of the rest, and others of what is odd. `known` are the
    attempts by id as they stood before; None: the orders have just been placed.
    """
    wanted = list(polls)
    asked = 0
    batches = in_batches(wanted[: panel.polls_left()], BATCH)

    async def work() -> None:
        nonlocal asked
        for batch in batches:  # one iterator shared by all workers
            if panel.polls_left() == 0:  # repeated calls count too
                return
            asked += len(batch)
            seen = await panel.statuses(dict(batch), session.clock.now())
            await session.journal.record(SeeStatuses(seen))
            session.tell(EventType.STATUSES, panel=panel.profile.name, asked=len(batch), answered=len(seen))
            words, name = session.words, panel.profile.name
            odd = words.of_new_orders(seen, name) if known is None else words.of_known_orders(seen, known)
            for remark in odd:
                session.tell(EventType.NOTE, remark.order, message=remark.message)

    await asyncio.gather(*(work() for _ in range(panel.profile.parallel_read)))
    if asked < len(wanted):
        _tell_of_the_rest(session, panel, len(wanted) - asked)


def _tell_of_the_rest(session: Session, panel: Panel, orders: int) -> None:
    day = next_day(session.clock.now())
    message = (
        f"panel {panel.profile.name}: {orders:,} orders were not asked for, the {panel.profile.status_per_day:,} status "
        f"calls of the day (rate.status_per_day) are used up; it goes on at {to_the_minute(day)}"
    )
    session.tell(EventType.NOTE, message=message)


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
