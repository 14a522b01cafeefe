"""Reads the runs that a state holds."""

from runner.core.snapshot import Run
from runner.core.values.clock import from_text
from runner.store.state import State, ask
from runner.store.statements import Reading


def read_runs(state: State) -> list[Run]:
    """Every run, in the order begun; none without a state. Raises StateRefused as `read_state` does."""
    return ask(state, _runs, [])


def _runs(connection: Reading) -> list[Run]:
    rows = connection.execute("SELECT id, command, started_at, ended_at, exit_code FROM runs ORDER BY rowid")
    return [
        Run(id_, command, from_text(started_at), None if ended_at is None else from_text(ended_at), exit_code)
        for id_, command, started_at, ended_at, exit_code in rows
    ]
