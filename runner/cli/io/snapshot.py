"""Reads the state for a command, without a lock and without writing."""

from collections.abc import Collection

from runner.cli.arguments.options import Settings
from runner.core.catalogue import BalanceSeen
from runner.core.errors import InvalidInput
from runner.core.snapshot import Recorded
from runner.store.disk.lock import is_free
from runner.store.integrity.progress_evidence import check
from runner.store.read.balance_looks import read_balances
from runner.store.read.snapshot import read_state


def remembered(settings: Settings) -> Recorded:
    """The present state; marks that no running process owns count as doubts."""
    check(settings.paths)
    return read_state(settings.paths, lock_is_free=is_free(settings.paths))


def need_state(settings: Settings, address: str) -> None:
    """InvalidInput if there is no state (a lock would make its directory); StateRefused if there was one."""
    check(settings.paths)
    if not settings.paths.db.exists():
        raise InvalidInput(
            f"there is no state {settings.state}, so nothing is known of {address}", "name the right one with --state"
        )


def nothing_known(settings: Settings) -> list[str]:
    """A warning if there is no state: what is shown then says nothing about what was bought."""
    if settings.paths.db.exists():
        return []
    return [f"there is no state {settings.state} yet; another one is named with --state"]


def balance_history(settings: Settings, panels: Collection[str]) -> list[BalanceSeen]:
    """All recorded balances of `panels` in time order; of a row of equal ones the first and the last."""
    return read_balances(settings.paths, panels)
