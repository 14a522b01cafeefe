"""Reads the runs that a state holds."""

from runner.core.snapshot import Run
from runner.core.values.clock import from_text
from runner.store.connection import holds_tables, reading, unreadable
from runner.store.disk.paths import StatePaths


def read_runs(paths: StatePaths) -> list[Run]:
    """Every run, in the order begun; none without a state. StateRefused as `read_state`."""
    if not paths.db.exists():
        return []
    try:
        with reading(paths) as connection:
            if not holds_tables(connection, paths):
                return []
            return [
                Run(id_, command, from_text(started_at), None if ended_at is None else from_text(ended_at), exit_code)
                for id_, command, started_at, ended_at, exit_code in connection.execute(
                    "SELECT id, command, started_at, ended_at, exit_code FROM runs ORDER BY rowid"
                )
            ]
    except ValueError as error:  # a time that no version of ours writes
        raise unreadable(paths, error) from error
