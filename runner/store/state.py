"""Where a state is: in a file of this machine, or in a database that several share."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from runner.store.connection import NOT_OURS, holds_tables, reading, unreadable
from runner.store.disk.paths import StatePaths
from runner.store.statements import Reading

if TYPE_CHECKING:
    from runner.store.postgres.address import Address

_T = TypeVar("_T")


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
