"""Opens a shared state for writing: on a safe server, with the leases of all accounts that the run speaks with."""

import getpass
import os
import socket
import uuid
from collections.abc import Mapping
from contextlib import suppress
from typing import Self

import psycopg

from runner.core.errors import StateRefused
from runner.core.values.clock import Clock, to_text
from runner.store.disk.lock import Holder
from runner.store.disk.paths import make_directory
from runner.store.integrity.high_water import address_in_a_mark, note_mark, standing
from runner.store.integrity.lineage import Lineage
from runner.store.integrity.progress_evidence import refuse_shared_if_behind
from runner.store.postgres.leases import Leases, of_panel
from runner.store.postgres.reader import Reader, lineage_in
from runner.store.postgres.schema import ensure, revision_of
from runner.store.postgres.server import connect, identity_of, in_words, refuse_unsafe
from runner.store.read.runs import read_runs
from runner.store.read.snapshot import read_state
from runner.store.startup.first_start import is_begun
from runner.store.startup.former_states import BEGUN
from runner.store.startup.spill_replay import merge_kept
from runner.store.state import SharedState, refuse_if_closed
from runner.store.write.postgres_writer import Beside, PostgresWriter
from runner.store.write.spill_file import SpillFile

_IDENTITY = ("system", "timeline", "database")  # keys of `meta`


class SharedLock:
    """The leases of a run, and the connection that they live on. Made by `acquire_shared`."""

    def __init__(self, connection: psycopg.Connection, leases: Leases, panels: frozenset[str]) -> None:
        self.connection = connection
        self.leases = leases
        self.panels = panels

    def release(self) -> None:
        """Let others in; harmless when done twice."""
        with suppress(psycopg.Error):
            self.leases.release()
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_told: object) -> None:
        self.release()


async def acquire_shared(
    state: SharedState,
    accounts: Mapping[str, str],
    command: str,
    clock: Clock,
    timeout: float = 0.0,  # noqa: ASYNC109
    *,
    all_known: bool = False,
) -> SharedLock:
    """The leases of these accounts (by the name of their panel), waiting up to `timeout` seconds for those who hold them.

    With `all_known` also of every account that the project's runs were the last to use: their keys are not needed.

    StateLocked naming a holder; StateRefused if the server is not safe, or is not the one that the state was begun on.
    """
    address = state.address
    connection = connect(address, command)
    try:
        refuse_unsafe(connection, address, lambda: connect(address, "looks for a pooler"))
        refuse_other_history(connection, state)
        holder = Holder(os.getpid(), socket.gethostname(), getpass.getuser(), command, to_text(clock.now()))
        leases = Leases(connection, address, str(holder))
        names = (of_panel(panel, address) for panel in accounts)
        known = leases.known() if all_known else ()
        await leases.take((*accounts.values(), *names, *known), clock, timeout)
    except psycopg.Error as error:
        connection.close()
        raise StateRefused(f"the state {state} can't be locked: {in_words(error)}", "put the cause right") from error
    except BaseException:
        connection.close()
        raise
    return SharedLock(connection, leases, frozenset(accounts))


def open_shared_writer(
    state: SharedState, lock: SharedLock, clock: Clock, *, begins: bool
) -> tuple[PostgresWriter, str | None]:
    """The writer of one run, made and migrated where needed, and what its user should be told.

    What this machine noted while the server was gone is settled first. StateRefused if the state can't be written.
    """
    address, connection = state.address, lock.connection
    make_directory(state.beside.db.parent)
    spill = SpillFile(state.beside)
    try:
        ensure(connection, address)
        with connection.transaction():
            _begin(connection, begins=begins)  # waits for a copy under way, which shows then
            refuse_if_closed(Reader(connection), state)
        writer = PostgresWriter(
            connection,
            lock.leases,
            lock.panels,
            Beside(clock, spill, lambda: _connect_again(state), lambda last: note_standing(last, state)),
        )
        merged = None
        if spill.kept():
            merged = merge_kept(writer, spill, read_state(state), read_runs(state), writer.settle_doubt)
        return writer, "; ".join([*_others(lock.leases), *([merged] if merged else [])]) or None
    except psycopg.Error as error:
        spill.close()
        raise StateRefused(f"the state {state} can't be written: {in_words(error)}", "put the cause right") from error
    except BaseException:
        spill.close()
        raise


def _connect_again(state: SharedState) -> psycopg.Connection:
    """To record outcomes; StateRefused where another server answers now."""
    connection = connect(state.address, "records outcomes")
    try:
        refuse_other_history(connection, state)
    except BaseException:
        connection.close()
        raise
    return connection


def _others(leases: Leases) -> list[str]:
    former = [(lease.account.partition("#")[0], lease.former_project) for lease in leases.held.values()]
    return [
        f"the account at {url} was last used by project {project}: both spend from one balance, and neither counts "
        "what the other has bought"
        for url, project in former
        if project is not None
    ]


def accept(state: SharedState, reason: str, clock: Clock) -> bool:
    """A person says that what this server holds is right, from now on; False if there was nothing to accept.

    A new epoch begins: what machines know of the former one counts no more. The reason is kept as that of a run.
    """
    with connect(state.address, "state verify --accept") as connection:
        if revision_of(connection, state.address) is None:
            raise StateRefused(f"there is no state {state}", "correct the address (its project=, its database)")
        with connection.transaction():
            connection.execute("LOCK TABLE meta IN EXCLUSIVE MODE")
            try:
                refuse_other_history(connection, state)
            except StateRefused:
                pass
            else:
                return False
            _note(connection, history_of(connection))
            name, serial = lineage_in(Reader(connection))
            _note(connection, {"lineage": Lineage(name, serial).in_next_epoch()})
            now = to_text(clock.now())
            connection.execute(
                "INSERT INTO runs (id, command, started_at, ended_at, exit_code) VALUES (%s, %s, %s, %s, 0)",
                (f"accept-{serial}-{now}", f"state verify --accept: {reason}", now, now),
            )
            connection.execute("SELECT nextval('state_serial')")
        note_standing(connection, state)
    return True


def note_standing(connection: psycopg.Connection, state: SharedState) -> None:
    """Note in this user's home how far the state has come with the last commit of this connection, if it made one.

    Where there is no home, or it can't be written, nothing is noted.
    """
    with suppress(psycopg.Error, OSError, StateRefused):
        row = connection.execute("SELECT currval('state_serial')").fetchone()
        name, _ = lineage_in(Reader(connection))
        known = Lineage(name, row[0] if row else 0)
        path = state.beside.high_water_outside(known.family)
        if path is not None:
            reached = standing(Reader(connection), known)
            begun = is_begun(Reader(connection))
            note_mark(path, reached._replace(place=address_in_a_mark(str(state)), begun=begun))


def _note(connection: psycopg.Connection, facts: Mapping[str, str]) -> None:
    for key, value in facts.items():
        connection.execute(
            "INSERT INTO meta (key, value) VALUES (%s, %s) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (key, value),
        )


def _begin(connection: psycopg.Connection, *, begins: bool) -> None:
    """The state's name and the server's history, noted by the first run; and that it is begun for real panels."""
    facts = {"lineage": str(uuid.uuid4()), **history_of(connection)}
    if begins:
        facts[BEGUN] = "1"
    for key, value in facts.items():
        connection.execute("INSERT INTO meta (key, value) VALUES (%s, %s) ON CONFLICT DO NOTHING", (key, value))


def _known(connection: psycopg.Connection) -> dict[str, str]:
    rows = connection.execute("SELECT key, value FROM meta WHERE key = ANY(%s)", (list(_IDENTITY),))
    return dict(rows.fetchall())


def refuse_other_history(connection: psycopg.Connection, state: SharedState) -> None:
    """StateRefused if the server is not the one that the state was begun on, or lacks what this machine knows of."""
    row = connection.execute("SELECT to_regclass(%s)", (f'"{state.address.schema}".meta',)).fetchone()
    if row is None or row[0] is None:
        return
    known, now = _known(connection), identity_of(connection)
    differing = [key for key, value in zip(_IDENTITY, now, strict=True) if known.get(key, value) != value]
    if differing:
        raise StateRefused(
            f"the server of {state} is not the one it was: {', '.join(differing)} changed ({now}); after a restored backup "
            "or a fail-over, what was bought last may be missing",
            "compare with the panel's order list; if nothing is missing: runner state verify --accept --reason '…'",
        )
    reader = Reader(connection)
    refuse_shared_if_behind(state, reader, lambda: Lineage(*lineage_in(reader)))


def history_of(connection: psycopg.Connection) -> dict[str, str]:
    """What `meta` notes of the server's history, as it is now."""
    return dict(zip(_IDENTITY, identity_of(connection), strict=True))
