"""Reads the state for a command, without a lock and without writing."""

from collections.abc import Collection
from functools import partial

from runner.cli.arguments.options import Settings
from runner.core.catalogue import BalanceSeen
from runner.core.errors import InvalidInput
from runner.core.snapshot import Recorded
from runner.report.terminal.style import attention
from runner.store.disk.lock import is_free
from runner.store.disk.paths import StatePaths
from runner.store.integrity.progress_evidence import check
from runner.store.read.balance_looks import read_balances
from runner.store.read.snapshot import read_state
from runner.store.state import ask, closed, is_there


def check_state(settings: Settings) -> None:
    """StateRefused if a state in a file is missing or behind what is known of it; a server is looked at when it is used."""
    if isinstance(settings.where, StatePaths):
        check(settings.where)


def remembered(settings: Settings) -> Recorded:
    """The present state; marks that no running process owns count as doubts."""
    where = settings.where
    if isinstance(where, StatePaths):
        check(where)
    if (elsewhere := ask(where, partial(closed, state=where), None)) is not None:
        settings.stderr().line(attention("note:"), f"{elsewhere.message}; what happened since then is not here")
    if isinstance(where, StatePaths):
        return read_state(where, lock_is_free=is_free(where))
    return read_state(where, lock_is_free=True)


def need_state(settings: Settings, address: str) -> None:
    """InvalidInput if there is no state (a lock would make its directory); StateRefused if there was one."""
    check_state(settings)
    if not is_there(settings.where):
        raise InvalidInput(
            f"there is no state {settings.state}, so nothing is known of {address}", "name the right one with --state"
        )


def nothing_known(settings: Settings) -> list[str]:
    """A warning if there is no state: what is shown then says nothing about what was bought."""
    if is_there(settings.where):
        return []
    return [f"there is no state {settings.state} yet; another one is named with --state"]


def balance_history(settings: Settings, panels: Collection[str]) -> list[BalanceSeen]:
    """All recorded balances of `panels` in time order; of a row of equal ones the first and the last."""
    return read_balances(settings.where, panels)
