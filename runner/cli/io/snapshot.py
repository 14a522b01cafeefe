"""Reads the state for a command, without a lock and without writing."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from runner.cli.arguments.options import Settings

if TYPE_CHECKING:
    from runner.core.catalogue import BalanceSeen
    from runner.core.snapshot import Recorded


def remembered(settings: Settings) -> "Recorded":
    """The state as it is; marks that no living run owns are shown as the doubts they are."""
    from runner.store.disk.lock import is_free
    from runner.store.disk.paths import StatePaths
    from runner.store.integrity.progress_evidence import check
    from runner.store.read.snapshot import read_state

    paths = StatePaths.at(settings.state)
    check(paths)
    return read_state(paths, lock_is_free=is_free(paths))


def nothing_known(settings: Settings) -> list[str]:
    """A warning where there is no state at all: then nothing that is shown tells what was bought."""
    from runner.store.disk.paths import StatePaths

    if StatePaths.at(settings.state).db.exists():
        return []
    return [f"there is no state {settings.state} yet; another one is named with --state"]


def balance_history(settings: Settings, panels: Collection[str]) -> "list[BalanceSeen]":
    """Every balance of `panels` that was seen, in time order; of equal ones in a row the first and the last."""
    from runner.store.disk.paths import StatePaths
    from runner.store.read.balances import read_balances

    return read_balances(StatePaths.at(settings.state), panels)
