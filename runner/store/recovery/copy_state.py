"""Copies a whole state to a server, or from one into a file, and closes it behind the copy: never both buy.

The order of things: the copy is made, marked as not finished, and compared; then the state is closed; then the copy's mark
is taken off. Killed before the closing, the state goes on and the copy is refused; killed after it, both are refused, and
the same command again compares once more and finishes.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from runner.core.errors import RunnerError, StateRefused, UsageError
from runner.core.operations import BeginRun, CloseState, DoubtLeftOvers, EndRun, Operation
from runner.core.values.clock import Clock
from runner.store.connection import connect_writer, reading
from runner.store.disk.lock import StateLock
from runner.store.disk.paths import BESIDE, StatePaths, make_private_file, sync
from runner.store.integrity.high_water import HighWaterMarks, standing
from runner.store.integrity.lineage import Lineage, found, write_lineage
from runner.store.integrity.progress_evidence import gather, refuse_if_behind
from runner.store.integrity.sealing import seal_of
from runner.store.journal import GroupWriter, writer_of
from runner.store.recovery.copy_rows import Content, fill_postgres, fill_sqlite, meta_of, refuse_unless_equal
from runner.store.run_ids import new_run_id
from runner.store.schema.migrate import migrate
from runner.store.startup.first_start import is_begun, take_permit
from runner.store.state import (
    COPIED_FROM,
    COPIED_TO,
    SharedState,
    State,
    ask,
    place_of_state,
    places_in,
    places_of,
)
from runner.store.statements import Reading

if TYPE_CHECKING:
    from runner.store.journal import Lock
    from runner.store.startup.shared import SharedLock


class Copied(NamedTuple):
    """What was copied, or would be."""

    source: str
    target: str
    attempts: int
    lineage: str
    content: Content | None = None  # none: nothing was done yet


class _Source(NamedTuple):
    """A state that nobody else writes."""

    connection: Reading
    lineage: Lineage  # as it will be once it is closed
    close: Callable[[], None]


class _Target(NamedTuple):
    """A copy that is whole, and not finished."""

    connection: Reading
    finish: Callable[[], None]


def plan_copy(source: State, target: State) -> Copied:
    """What a copy would take along; StateRefused if it may not be made. Changes nothing."""
    here, there = place_of_state(source), place_of_state(target)
    if here == there:
        raise UsageError(f"{here} is where the state is", "name another place with --to")
    if isinstance(source, StatePaths) and isinstance(target, StatePaths):
        raise UsageError("a copy leads to a server or comes from one", "of a file: runner state backup")
    facts = ask(source, _facts, None)
    if facts is None or not facts[0]:
        raise StateRefused(f"there is nothing to copy: {here} knows of no order", "name the state with --state")
    attempts, lineage, places = facts
    if places.get(COPIED_FROM) or places.get(COPIED_TO, there) != there:
        elsewhere = places.get(COPIED_FROM) or places[COPIED_TO]
        raise StateRefused(f"{here} is not where the state is: see {elsewhere}", f"name it: --state '{elsewhere}'")
    _refuse_in_use(target, here)
    return Copied(here, there, attempts, lineage)


def copy(source: State, target: State, locks: "tuple[Lock, Lock]", clock: Clock) -> Copied:
    """Copy the state under both locks, and close it; StateRefused if it can't be done: it goes on where it is then.

    A state that was closed for this copy before, by a run that was killed, is compared with it once more.
    """
    planned = plan_copy(source, target)
    is_closed = COPIED_TO in places_of(source)
    with ExitStack() as stack:
        if is_closed:
            here = stack.enter_context(_looking_at_closed(source))
            there = stack.enter_context(_looking_at_copy(target, locks[1], planned))
        else:
            here = stack.enter_context(_holding(source, locks[0], clock, planned))
            there = stack.enter_context(_filled(target, locks[1], here, planned))
        content = refuse_unless_equal(here.connection, there.connection, here.lineage)
        here.close()
        finish = there.finish
    finish()
    return planned._replace(content=content)


def _facts(connection: Reading) -> tuple[int, str, dict[str, str]]:
    (attempts,) = connection.execute("SELECT count(*) FROM attempts").fetchone()
    return attempts, meta_of(connection).get("lineage", ""), places_in(connection)


def _refuse_in_use(target: State, source: str) -> None:
    """StateRefused if the target holds anything but an unfinished copy of the source."""

    def number(connection: Reading) -> int:
        (runs,) = connection.execute("SELECT count(*) FROM runs").fetchone()
        return int(runs)

    runs = ask(target, number, 0)
    if runs and places_of(target).get(COPIED_FROM) != source:
        raise StateRefused(
            f"{place_of_state(target)} is in use: it knows of {runs:,} runs, and two states are never made one",
            "name another project=, or another file",
        )


# What is copied.


@contextmanager
def _holding(source: State, lock: "Lock", clock: Clock, planned: Copied) -> Iterator[_Source]:
    """The state, with all that its last run left behind settled."""
    writer, _ = writer_of(source, lock, clock)
    with closing(writer):
        run_id = new_run_id(clock.now())
        what = f"state copy --to {planned.target}"
        _commit(
            writer,
            BeginRun(run_id, what, clock.now()),
            DoubtLeftOvers(clock.now()),
            EndRun(run_id, 0, clock.now()),
        )
        if isinstance(source, StatePaths):
            with reading(source) as connection:
                known = found(connection, source) or Lineage("", 0)
                yield _Source(
                    connection,
                    known._replace(serial=known.serial + 1),
                    lambda: _commit(writer, CloseState(planned.target)),
                )
        elif not isinstance(lock, StateLock):
            with _alone(source, lock, planned) as alone:
                yield alone


@contextmanager
def _alone(source: SharedState, lock: "SharedLock", planned: Copied) -> Iterator[_Source]:
    """One transaction in which no run of the project commits: none begins (`meta`), none that has begun holds its leases."""
    from runner.store.postgres.reader import Reader, lineage_in

    with _or_refused(source), lock.connection.transaction():
        lock.connection.execute("LOCK TABLE meta IN EXCLUSIVE MODE")
        lock.leases.fence()
        reader = Reader(lock.connection)
        name, serial = lineage_in(reader)

        def close() -> None:
            reader.execute("INSERT INTO meta (key, value) VALUES (?, ?)", (COPIED_TO, planned.target))
            reader.execute("SELECT nextval('state_serial')")

        yield _Source(reader, Lineage(name, serial + 1), close)


@contextmanager
def _looking_at_closed(source: State) -> Iterator[_Source]:
    if isinstance(source, StatePaths):
        with reading(source) as connection:
            yield _Source(connection, found(connection, source) or Lineage("", 0), lambda: None)
        return
    from runner.store.postgres.reader import lineage_in, looking_at

    with looking_at(source.address) as reader:
        if reader is None:
            raise StateRefused(f"there is no state {source}", "run again")
        yield _Source(reader, Lineage(*lineage_in(reader)), lambda: None)


def _commit(writer: GroupWriter, *operations: Operation) -> None:
    for operation in operations:
        (result,) = writer.commit([operation])
        if isinstance(result, RunnerError):
            raise result


# Where it is copied to.


@contextmanager
def _filled(target: State, lock: "Lock", source: _Source, planned: Copied) -> Iterator[_Target]:
    """The whole copy, durable, and marked as not finished."""
    if isinstance(target, StatePaths):
        _fill_file(target, source, planned)
    elif not isinstance(lock, StateLock):
        with _or_refused(target):
            _fill_server(target, lock, source, planned)
    with _looking_at_copy(target, lock, planned) as there:
        yield there


@contextmanager
def _looking_at_copy(target: State, lock: "Lock", planned: Copied) -> Iterator[_Target]:
    if isinstance(target, StatePaths):
        with reading(target) as connection:
            _refuse_no_copy(connection, planned)
            yield _Target(connection, lambda: _finish_file(target))
    elif not isinstance(lock, StateLock):
        from runner.store.postgres.reader import looking_at

        with looking_at(target.address) as reader:
            if reader is None:
                raise StateRefused(f"there is no copy {target}", "make it again")
            _refuse_no_copy(reader, planned)
            yield _Target(reader, lambda: _finish_server(target, lock))


def _refuse_no_copy(connection: Reading, planned: Copied) -> None:
    if places_in(connection).get(COPIED_FROM) != planned.source:
        raise StateRefused(
            f"{planned.source} was copied to {planned.target}, and is closed",
            f"go on there: --state '{planned.target}'",
        )


def _meta(source: _Source, planned: Copied) -> dict[str, str]:
    return meta_of(source.connection) | {COPIED_FROM: planned.source}


def _fill_file(paths: StatePaths, source: _Source, planned: Copied) -> None:
    draft = paths.db.with_name(f".{paths.db.name}.copying")
    with ExitStack() as undoing:
        undoing.callback(draft.unlink, missing_ok=True)  # which is gone once it is in place
        for leftover in (draft, *(draft.with_name(draft.name + ending) for ending in BESIDE)):
            leftover.unlink(missing_ok=True)
        make_private_file(draft)
        with closing(sqlite3.connect(draft, isolation_level=None)) as connection:
            migrate(connection)
            connection.execute("BEGIN IMMEDIATE")
            fill_sqlite(source.connection, connection)
            facts = _meta(source, planned) | {"serial": str(source.lineage.serial)}
            connection.executemany("INSERT INTO meta (key, value) VALUES (?, ?)", facts.items())
            connection.execute("COMMIT")
            refuse_if_behind(paths, gather(paths), connection)
        sync(draft)
        for path in (paths.wal, paths.shm):  # a WAL would be read into whatever database lies beside it
            path.unlink(missing_ok=True)
        draft.replace(os.path.realpath(paths.db))
        sync(paths.db.parent)


def _finish_file(paths: StatePaths) -> None:
    with reading(paths) as connection:
        known = found(connection, paths) or Lineage("", 0)
        reached = standing(connection, known)._replace(begun=is_begun(connection))
    with closing(HighWaterMarks(paths, known.family)) as marks:
        marks.begin(reached)
        with closing(connect_writer(paths.db)) as connection:
            connection.execute("DELETE FROM meta WHERE key = ?", (COPIED_FROM,))
        write_lineage(paths, known)
        if not paths.wal.exists():
            marks.seal(seal_of(paths))
    take_permit(paths)


def _fill_server(target: SharedState, lock: "SharedLock", source: _Source, planned: Copied) -> None:
    from runner.store.postgres.schema import ensure, revision_of
    from runner.store.startup.shared import history_of

    connection, schema = lock.connection, target.address.schema
    row = connection.execute("SELECT pg_try_advisory_lock(hashtext(%s))", (f"a copy to {schema}",)).fetchone()
    if row != (True,):
        raise StateRefused(f"another copy to {target} is under way", "wait until it has ended, then run again")
    _refuse_in_use(target, planned.source)
    if revision_of(connection, target.address) is not None:
        connection.execute(f'DROP SCHEMA "{schema}" CASCADE')
    ensure(connection, target.address)
    with connection.transaction():
        fill_postgres(source.connection, connection)
        facts = _meta(source, planned) | history_of(connection)
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO meta (key, value) VALUES (%s, %s)", list(facts.items()))
        connection.execute("SELECT setval('state_serial', %s)", (source.lineage.serial,))


def _finish_server(target: SharedState, lock: "SharedLock") -> None:
    from runner.store.startup.shared import note_standing

    with _or_refused(target), lock.connection.transaction():
        lock.connection.execute("DELETE FROM meta WHERE key = %s", (COPIED_FROM,))
    note_standing(lock.connection, target)
    take_permit(target.beside)


@contextmanager
def _or_refused(state: SharedState) -> Iterator[None]:
    """StateRefused for what the server refuses."""
    import psycopg

    from runner.store.postgres.server import in_words

    try:
        yield
    except psycopg.Error as error:
        raise StateRefused(
            f"the copy was not made, at {state}: {in_words(error)}", "put the cause right, then copy again"
        ) from error
