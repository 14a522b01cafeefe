"""Where a state is: in a file of this machine, or in a database that several share; and whether it has gone elsewhere."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from runner.core.errors import StateRefused
from runner.store.connection import NOT_OURS, holds_tables, reading, unreadable
from runner.store.disk.paths import StatePaths
from runner.store.statements import Reading

if TYPE_CHECKING:
    from runner.store.postgres.address import Address

_T = TypeVar("_T")

COPIED_TO = "copied_to"  # a key of `meta`: the state is closed; where it is now
COPIED_FROM = "copied_from"  # another: a copy of the state there, and not finished


class SharedState(NamedTuple):
    """A project's state on a PostgreSQL server."""

    address: "Address"
    beside: StatePaths  # files of this machine: the sandbox's book, and outcomes that the server did not take

    def __str__(self) -> str:
        return self.address.shown


State = StatePaths | SharedState


def ask(state: State, question: Callable[[Reading], _T], empty: _T) -> _T:
    """What `question` finds in the database, in one read transaction; `empty` if there is no state yet.

    StateRefused if the database can't be read, is somebody else's, or holds what no version of ours has written.
    """
    if isinstance(state, SharedState):
        from runner.store.postgres.reader import looking_at

        with looking_at(state.address) as there:
            return empty if there is None else question(there)
    if not state.db.exists():
        return empty
    try:
        with reading(state) as connection:
            return question(connection) if holds_tables(connection, state.db) else empty
    except NOT_OURS as error:
        raise unreadable(state, error) from error


def is_there(state: State) -> bool:
    """True if there is a state, be it empty; StateRefused if a server can't be asked."""
    return state.db.exists() if isinstance(state, StatePaths) else ask(state, lambda _: True, empty=False)


def place_of_state(state: State) -> str:
    """How a state is named in another one, and in a message: its address, or the whole path of its file."""
    return os.path.realpath(state.db) if isinstance(state, StatePaths) else str(state)


def places_in(connection: Reading) -> dict[str, str]:
    """Where this state was copied to, and from, by the keys above; nothing of a state that is where it was begun."""
    found = connection.execute(
        f"SELECT key, value FROM meta WHERE key IN ('{COPIED_TO}', '{COPIED_FROM}')"  # noqa: S608  # our own words
    )
    return dict(found.fetchall())


def closed(connection: Reading, state: State) -> StateRefused | None:
    """The refusal to write a state that was copied elsewhere, or is a copy that was not finished; None if it is open."""
    places = places_in(connection)
    here = place_of_state(state)
    if there := places.get(COPIED_TO):
        return StateRefused(
            f"the state {here} was copied to {there}, and is closed: both would buy the same orders",
            f"go on with that one: --state '{there}', or BULK_RUNNER_STATE",
        )
    if there := places.get(COPIED_FROM):
        return StateRefused(
            f"the state {here} is a copy of {there} that was not finished",
            f"make it again: runner state copy --state '{there}' --to '{here}'",
        )
    return None


def refuse_if_closed(connection: Reading, state: State) -> None:
    """StateRefused as `closed` says. For every writer, before its first commit."""
    if (refusal := closed(connection, state)) is not None:
        raise refusal


def places_of(state: State) -> dict[str, str]:
    """As `places_in`; nothing of a state that is not there. StateRefused if it can't be read."""
    nothing: dict[str, str] = {}
    return ask(state, places_in, nothing)
