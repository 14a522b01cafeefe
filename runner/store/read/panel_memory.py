"""Reads what is remembered of one panel, before the first call to it."""

from collections.abc import Mapping
from datetime import date

from runner.store.operations.order_flags import read_lacking, read_status_calls
from runner.store.state import State, ask
from runner.store.statements import Reading


def read_panel_memory(state: State, panel: str) -> tuple[frozenset[str], Mapping[date, int]]:
    """The abilities that a panel lacks, and the status calls of the last UTC day on which some were counted."""

    def memory(connection: Reading) -> tuple[frozenset[str], Mapping[date, int]]:
        calls = read_status_calls(connection)
        lacking = read_lacking(connection).get(panel, frozenset())
        return lacking, {day: number for (name, day), number in calls.items() if name == panel}

    nothing: tuple[frozenset[str], Mapping[date, int]] = (frozenset(), {})
    return ask(state, memory, nothing)
