"""Joins the rooms for one run: state, panels, signals. Loads network and database code, so it is imported late."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from runner.cli.arguments.options import Settings
from runner.cli.arguments.project import STATE
from runner.cli.io.inputs import Inputs, admit_run
from runner.cli.io.listener import listener
from runner.cli.process.signals import draining
from runner.core.errors import ExitCode, InvalidInput, RunnerError
from runner.core.events import Event, EventType, Listener, no_op
from runner.core.operations import BeginRun, DoubtLeftOvers, EndRun
from runner.core.orders import SANDBOX, Campaign, KeySource, PanelProfile
from runner.core.snapshot import Recorded
from runner.core.values.accounts import account_of
from runner.core.values.clock import Clock, SystemClock, to_the_second
from runner.core.values.text import Secret
from runner.engine.bookkeeping import record_capabilities
from runner.engine.refresh import refresh
from runner.engine.session import Session
from runner.engine.stopping import Stop
from runner.files.panels import read_key
from runner.panel.capabilities import CapabilityChange
from runner.panel.client import PanelClient
from runner.report.terminal.style import attention
from runner.sandbox.settings import DEFAULT_KEY, SandboxSettings
from runner.store.disk.paths import StatePaths
from runner.store.read.panel_memory import read_panel_memory
from runner.store.run_ids import new_run_id
from runner.store.startup.first_start import holds_permit, make_permit, take_permit
from runner.store.state import SharedState, State, is_there

if TYPE_CHECKING:
    from runner.store.journal import Lock

Result = TypeVar("Result")

_BY_HAND = frozenset({"refill", "cancel"})  # commands named like the ability they use


@asynccontextmanager
async def open_panels(
    settings: Settings,
    names: Collection[str],
    profiles: Mapping[str, PanelProfile],
    on_note: Callable[[str], None] | None = None,
) -> AsyncIterator[dict[str, PanelClient]]:
    """A client for each named panel; the sandbox is started here, inside this process, and ends with it.

    `on_note` is called when a panel asks to wait; without it, a note goes to stderr.
    """
    clock = SystemClock()
    note = on_note or (lambda text: settings.stderr().line(attention("note:"), text))

    def waits(panel: str, until: datetime, said: str) -> None:
        note(f"panel {panel} asks to wait; it is asked again at {to_the_second(until)} ({said})")

    async with AsyncExitStack() as stack:
        clients: dict[str, PanelClient] = {}
        for name in names:
            profile = await stack.enter_async_context(_sandbox(settings)) if name == SANDBOX else profiles[name]
            if settings.parallel:
                profile = replace(profile, parallel_add=settings.parallel, parallel_read=settings.parallel)
            key = read_key(profile.key, name) if isinstance(profile.key, KeySource) else profile.key
            clients[name] = PanelClient(
                profile,
                key,
                clock=clock,
                rng=random.Random(),  # noqa: S311  # jitter, no secret
                patience=settings.patience,
                on_pause=waits,
            )
            stack.push_async_callback(clients[name].close)
        yield clients


@asynccontextmanager
async def _sandbox(settings: Settings) -> AsyncIterator[PanelProfile]:
    """The built-in panel; its database lies beside the state, so that the next run finds the same orders."""
    from runner.sandbox.serve import SandboxServer

    async with SandboxServer(settings.paths.sandbox, settings=SandboxSettings(), clock=SystemClock()) as server:
        yield PanelProfile(name=SANDBOX, url=server.url, key=Secret(DEFAULT_KEY), currency="USD", exclusive=True)


@asynccontextmanager
async def open_session(
    settings: Settings,
    inputs: Inputs,
    command: str,
    listen: Listener = no_op,
    once_locked: Callable[[], None] = lambda: None,
    *,
    panels: Collection[str] | None = None,
    stop: Stop | None = None,
    copies: bool = False,
) -> AsyncIterator[Session]:
    """A session for one run: takes the lock, checks the lineage, makes a backup, opens panels and journal.

    Raises `StateRefused` (exit 12). `once_locked` is called under the lock before anything is written, and may raise.
    Keys are read before the journal is opened, so that a missing key leaves the state unchanged. `panels` are the names
    of those to open; None: those of the campaigns. `stop` comes from a caller that handles signals itself; None:
    signals are handled here. `copies`: whether to make a backup.
    """
    from runner.store.journal import open_journal

    clock, where = SystemClock(), settings.where
    run_id = new_run_id(clock.now())
    names = inputs.panels if panels is None else panels
    async with AsyncExitStack() as stack:
        if stop is None:
            stack.enter_context(draining(stop := Stop()))
        if not is_there(where):  # before the lock makes its directory
            admit_run(settings, inputs, command, names)
        async with stop.interruptible():
            lock = await take_lock(settings, command, names, inputs.profiles)
        stack.callback(lock.release)
        once_locked()
        begins = admit_run(settings, inputs, command, names)
        if copies:
            back_up(where, clock)

        def note(text: str) -> None:
            listen(Event(type=EventType.NOTE, time=clock.now(), run_id=run_id, facts={"message": text}))

        clients = await stack.enter_async_context(open_panels(settings, names, inputs.profiles, note))
        if begins:
            about_to_begin(where, clock)
        journal = await stack.enter_async_context(open_journal(where, lock, clock, begins=begins))
        await journal.record(BeginRun(run_id, command, clock.now()))
        _remember(where, clients, command)
        session = Session(run_id=run_id, journal=journal, panels=clients, clock=clock, listen=listen, stop=stop)
        session.tell(EventType.RUN_STARTED, command=command)
        if begins:
            session.tell(EventType.NOTE, message=begun(settings))
        if journal.note:
            session.tell(EventType.NOTE, message=journal.note)
        try:
            yield session
        except RunnerError as error:
            with suppress(RunnerError):  # a broken journal can't close its run either
                await end_run(session, error.code)
            raise


def in_session(
    settings: Settings,
    inputs: Inputs,
    command: str,
    carry_out: Callable[[Session], Awaitable[Result]],
    code_of: Callable[[Result], ExitCode] = lambda _: ExitCode.OK,
    *,
    panels: Collection[str] | None = None,
) -> Result:
    """Run `carry_out` in a session and return its result; `code_of` gives the run's exit code. Shows progress."""

    async def run() -> Result:
        with listener(settings) as listen:
            async with open_session(settings, inputs, command, listen, panels=panels) as session:
                result = await carry_out(session)
                await end_run(session, code_of(result))
        return result

    return asyncio.run(run())


async def look(session: Session, campaigns: Sequence[Campaign]) -> Recorded:
    """The state after a refresh of all panels; left-overs of former runs have become doubts."""
    await session.journal.record(DoubtLeftOvers(session.clock.now()))
    await refresh(session, await session.journal.recorded(), campaigns=campaigns)
    return await session.journal.recorded()


async def take_lock(
    settings: Settings,
    command: str,
    panels: Collection[str],
    profiles: Mapping[str, PanelProfile],
    *,
    keys_may_lack: bool = False,
) -> "Lock":
    """The lock of a file; on a server the leases of the accounts at `panels`.

    InvalidInput if a key is missing, which an account is known by; with `keys_may_lack` the panel's name is leased alone,
    which every run on that panel needs, too.
    """
    from runner.store.journal import hold

    where = settings.where
    accounts: dict[str, str] = {}
    for name in panels if isinstance(where, SharedState) else ():
        try:
            accounts[name] = _account(name, profiles, settings)
        except (InvalidInput, KeyError):
            if not keys_may_lack or not isinstance(where, SharedState):
                raise
            from runner.store.postgres.leases import of_panel

            accounts[name] = of_panel(name, where.address)
    return await hold(where, accounts, command, SystemClock(), settings.lock_timeout)


def _account(name: str, profiles: Mapping[str, PanelProfile], settings: Settings) -> str:
    if name == SANDBOX:  # inside this process, with a book on this machine
        return account_of(str(settings.paths.sandbox.absolute()), socket.gethostname())
    profile = profiles[name]
    key = read_key(profile.key, name) if isinstance(profile.key, KeySource) else profile.key
    return account_of(profile.url, key.reveal())


def back_up(state: State, clock: Clock) -> None:
    """Copy a state that is in a file; a server has its own backups."""
    from runner.store.startup.backup import backup

    if isinstance(state, StatePaths):
        backup(state, clock)


def about_to_begin(state: State, clock: Clock) -> None:
    """Make a permit if there is none, so that a run that is killed while it makes the state can be repeated."""
    if isinstance(state, StatePaths) and not holds_permit(state):
        make_permit(state, clock)


def begun(settings: Settings) -> str:
    """Take the permits away, so that no second state begins for this project; returns a note for the user."""
    for place in (settings.paths, StatePaths.at(settings.project / STATE)):
        take_permit(place)
    where = settings.where
    return f"a new state begins: {where.db if isinstance(where, StatePaths) else where}"


def _remember(state: State, clients: Mapping[str, PanelClient], command: str) -> None:
    """Tell the clients what the state knows of their panels, but for the ability that the command itself asks for."""
    for name, client in clients.items():
        lacking, calls = read_panel_memory(state, name)
        by_hand = {command} & _BY_HAND
        client.remember(CapabilityChange(lacking - by_hand - {f"multi_{one}" for one in by_hand}, calls))


async def end_run(session: Session, code: ExitCode) -> None:
    """Record the run's exit code, and send the last event."""
    with suppress(RunnerError):  # what was found out about panels can be found out again
        await record_capabilities(session)
    await session.journal.record(EndRun(session.run_id, code, session.clock.now()))
    session.tell(EventType.RUN_FINISHED, exit_code=int(code))
