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
    """The state as it is; marks that no living run owns are shown as the doubts they are."""
    check(settings.paths)
    return read_state(settings.paths, lock_is_free=is_free(settings.paths))


def need_state(settings: Settings, address: str) -> None:
    """InvalidInput if there is no state, before a lock makes its directory. StateRefused if there should be one."""
    check(settings.paths)
    if not settings.paths.db.exists():
        raise InvalidInput(
            f"there is no state {settings.state}, so nothing is known of {address}", "name the right one with --state"
        )


def nothing_known(settings: Settings) -> list[str]:
    """A warning where there is no state at all: then nothing that is shown tells what was bought."""
    if settings.paths.db.exists():
        return []
    return [f"there is no state {settings.state} yet; another one is named with --state"]


def balance_history(settings: Settings, panels: Collection[str]) -> list[BalanceSeen]:
    """Every balance of `panels` that was seen, in time order; of equal ones in a row the first and the last."""
    return read_balances(settings.paths, panels)
