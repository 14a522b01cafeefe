"""Puts the rooms together for one run: state, panels, signals. Loads the network and the database: import it late."""

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, nullcontext, suppress
from dataclasses import replace

from runner.cli.inputs import Inputs
from runner.cli.options import Settings
from runner.core.clock import SystemClock
from runner.core.errors import ExitCode, RunnerError
from runner.core.events import EventType, Listener, nobody
from runner.core.orders import SANDBOX, KeySource, PanelProfile
from runner.core.text import Secret
from runner.engine.learnt import record_learnt
from runner.engine.session import Session
from runner.engine.stopping import Stop
from runner.panel.client import PanelClient
from runner.panel.learnt import Learnt
from runner.store.paths import StatePaths
from runner.store.run_ids import new_run_id

SANDBOX_KEY = "sandbox-key"  # no secret: the sandbox sells nothing
_BY_HAND = frozenset({"refill", "cancel"})  # commands named like the ability they use


@asynccontextmanager
async def open_panels(
    settings: Settings, names: Collection[str], profiles: Mapping[str, PanelProfile]
) -> AsyncIterator[dict[str, PanelClient]]:
    """A client for each named panel; the sandbox is started here, inside this process, and ends with it."""
    from runner.files.panels import read_key

    clock = SystemClock()
    async with AsyncExitStack() as stack:
        clients: dict[str, PanelClient] = {}
        for name in names:
            profile = await stack.enter_async_context(_sandbox(settings)) if name == SANDBOX else profiles[name]
            if settings.parallel:
                profile = replace(profile, parallel_add=settings.parallel, parallel_read=settings.parallel)
            key = read_key(profile.key, name) if isinstance(profile.key, KeySource) else profile.key
            client = PanelClient(profile, key, clock=clock, rng=random.Random())  # noqa: S311  # jitter, no secret
            clients[name] = await stack.enter_async_context(client)
        yield clients


@asynccontextmanager
async def _sandbox(settings: Settings) -> AsyncIterator[PanelProfile]:
    """The built-in panel beside the state, so that the next run meets the same orders."""
    from runner.sandbox.serve import SandboxServer
    from runner.sandbox.settings import SandboxSettings

    book = StatePaths.at(settings.state).db.with_name("sandbox.db")
    async with SandboxServer(book, settings=SandboxSettings(key=SANDBOX_KEY), clock=SystemClock()) as server:
        yield PanelProfile(name=SANDBOX, url=server.url, key=Secret(SANDBOX_KEY), currency="USD", exclusive=True)


@asynccontextmanager
async def open_session(
    settings: Settings,
    inputs: Inputs,
    command: str,
    listen: Listener = nobody,
    once_locked: Callable[[], None] = lambda: None,
    *,
    panels: Collection[str] | None = None,
    stop: Stop | None = None,
    copies: bool | None = None,
) -> AsyncIterator[Session]:
    """Lock, lineage, backup, panels, journal: everything a run may write with. Raises `StateRefused` and exits 12.

    `once_locked` may raise to end it before anything was written. Keys are read before the journal is opened: a
    missing key leaves no trace in the state. `panels` names those to speak with; those of the campaigns otherwise.
    `stop` is that of a caller who listens to signals himself. `copies`: make a backup; None: if the command is apply.
    """
    from runner.store.backup import backup
    from runner.store.evidence import check
    from runner.store.journal import open_journal
    from runner.store.lock import acquire

    clock = SystemClock()
    paths = StatePaths.at(settings.state)
    run_id = new_run_id(clock.now())
    async with AsyncExitStack() as stack:
        lock = await acquire(paths, command, clock, settings.lock_timeout)
        stack.callback(lock.release)
        once_locked()
        check(paths)
        if command == "apply" if copies is None else copies:
            backup(paths, clock)
        names = inputs.panels if panels is None else panels
        clients = await stack.enter_async_context(open_panels(settings, names, inputs.profiles))
        journal = await stack.enter_async_context(open_journal(paths, lock, clock))
        await journal.begin_run(run_id, command, clock.now())
        _remember(paths, clients, command)
        session = Session(
            run_id=run_id, journal=journal, panels=clients, clock=clock, listen=listen, stop=stop or Stop()
        )
        session.tell(EventType.RUN_STARTED, command=command)
        if journal.note:
            session.tell(EventType.NOTE, message=journal.note)
        with nullcontext() if stop is not None else signals(session.stop):
            try:
                yield session
            except RunnerError as error:
                with suppress(RunnerError):  # a broken journal can't close its run either
                    await end_run(session, error.code)
                raise


def _remember(paths: StatePaths, clients: Mapping[str, PanelClient], command: str) -> None:
    """Tell the clients what the state knows of their panels; what a person asks for by hand is tried all the same."""
    from runner.store.panel_memory import read_panel_memory

    for name, client in clients.items():
        lacking, calls = read_panel_memory(paths, name)
        by_hand = {command} & _BY_HAND
        client.remember(Learnt(lacking - by_hand - {f"multi_{one}" for one in by_hand}, calls))


async def end_run(session: Session, code: ExitCode) -> None:
    """Record how the run ended, and tell it: the last event."""
    with suppress(
        RunnerError
    ):  # what was learnt of the panels can be learnt again; the end is recorded, or says why not
        await record_learnt(session)
    await session.journal.end_run(session.run_id, code, session.clock.now())
    session.tell(EventType.RUN_FINISHED, exit_code=int(code))


@contextmanager
def signals(wish: Stop) -> Iterator[None]:
    """Ctrl-C and SIGTERM: the first drains, the second leaves at once."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if wish.requested:
            in_flight = wish.in_flight
            left = f"leaving now; {in_flight} order(s) in flight will be in doubt: runner doubt list"
            print(f"\n{left}", file=sys.stderr, flush=True)  # noqa: T201
            os._exit(ExitCode.IN_DOUBT if in_flight else ExitCode.INTERRUPTED)
        wish.request()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
