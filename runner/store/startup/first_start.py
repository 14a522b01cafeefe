"""Decides whether a new state may be created. A lost state looks like none, so that creation must be asked for.

A run that speaks with real panels goes on with a state that has been begun for them; else it needs a permit (`runner
init`) or `--new-state`, and no trace of an older life. The sandbox sells nothing: a state that knows it alone begins
by itself, and is not yet begun for real panels.
"""

import json
import os
from dataclasses import dataclass
from enum import StrEnum, auto
from pathlib import Path

from runner.core.errors import StateRefused
from runner.core.orders import SANDBOX
from runner.core.values.clock import Clock, to_text
from runner.store.disk.paths import DEFAULT, PRIVATE_FILE, StatePaths, cannot_write, make_directory, sync
from runner.store.integrity.high_water import address_in_a_mark, marks_of
from runner.store.startup.former_states import BEGUN, Wanted, traces
from runner.store.state import SharedState, State, ask
from runner.store.statements import Reading

_PERMIT_NOTE = (
    "Allows the first run that speaks with a real panel to begin a state here, once. Not for git, not for copies."
)


class Standing(StrEnum):
    """How far a state has begun."""

    MISSING = auto()  # no database, or an empty one
    UNUSED = auto()  # it knows the sandbox alone, and nobody has begun it for real panels
    BEGUN = auto()  # it may be all there is to prove what was bought


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning(Wanted):
    """What a run that wants to write says of itself."""

    new_state: bool = False  # --new-state was given
    again: str = "runner apply"  # what to type


def standing_of(state: State) -> Standing:
    """Whether the state has begun, as its content tells; StateRefused if it can't be read."""

    def standing(connection: Reading) -> Standing:
        return Standing.BEGUN if is_begun(connection) else Standing.UNUSED

    return ask(state, standing, Standing.MISSING)


def is_begun(connection: Reading) -> bool:
    """True if the state was begun for real panels, or knows of an order on one."""
    told = connection.execute("SELECT 1 FROM meta WHERE key = ?", (BEGUN,)).fetchone()
    return (
        told or connection.execute("SELECT 1 FROM attempts WHERE panel <> ? LIMIT 1", (SANDBOX,)).fetchone()
    ) is not None


def admit(state: State, run: Beginning) -> bool:
    """True if `run` begins the state for real panels, False if it goes on with one or needs none.

    StateRefused if it may not, before anything is written. The lineage has been checked. Call it again under the lock.
    """
    if not run.panels:
        return False
    standing = standing_of(state)
    if isinstance(state, SharedState):
        return _admit_shared(state, standing, run)
    paths = state
    if standing is Standing.BEGUN:
        if run.new_state:
            raise StateRefused(
                f"the state {paths.db} exists, and --new-state begins a new one", "leave out --new-state"
            )
        _refuse_another(paths, run)
        return False
    has_permit = holds_permit(paths) or holds_permit(StatePaths.at(run.project / DEFAULT))
    found = next(traces(paths, run, is_missing=standing is Standing.MISSING, has_permit=has_permit), None)
    if found is not None:
        raise StateRefused(
            f"{_lacking(paths, standing, run)}, but {found}: a new state would buy again what that one has bought",
            f"bring back the newest state, or restore a copy: runner state restore {paths.backups / 'runner-….db'}; or name "
            "the right one (--state, BULK_RUNNER_STATE, -C). Only if nothing of it was ever bought, move that away first",
        )
    if run.new_state or has_permit:
        return True
    raise StateRefused(
        f"{_lacking(paths, standing, run)}: if there was one, everything would be bought again",
        "bring it back, or name the right one (--state, BULK_RUNNER_STATE, -C). Only if nothing was ever bought with these "
        f"campaigns, begin a new one: {run.again} --new-state",
    )


def _admit_shared(state: SharedState, standing: Standing, run: Beginning) -> bool:
    """The same for a server, which holds nothing but what was begun there: it takes `--new-state`."""
    if standing is Standing.BEGUN:
        if run.new_state:
            raise StateRefused(f"the state {state} exists, and --new-state begins a new one", "leave out --new-state")
        return False
    mark = next(marks_of(state.beside, address_in_a_mark(str(state))), None)
    if mark is not None:
        raise StateRefused(
            f"the state {state} is missing, and {mark.path} tells of it: a new state would buy again what that one has "
            "bought",
            "bring it back from a backup of the database. Only if nothing of it was ever bought, move that file away first",
        )
    # Outcomes are kept on this machine for a server too: their file alone, which is empty, tells nothing.
    found = next(traces(state.beside, run, is_missing=True, has_permit=True), None)
    if found is not None:
        raise StateRefused(
            f"{state} knows nothing of orders on {', '.join(sorted(run.panels))}, but {found}: a new state would buy again "
            "what that one has bought",
            "go on with that one: leave out --state and BULK_RUNNER_STATE. Only if nothing of it was ever bought, move that "
            "away first",
        )
    if run.new_state:
        return True
    raise StateRefused(
        f"there is no state {state} for orders on {', '.join(sorted(run.panels))}: if there was one, everything would be "
        "bought again",
        "correct the address (its project=, its database). Only if nothing was ever bought with these campaigns, begin a "
        f"new one: {run.again} --new-state",
    )


def _lacking(paths: StatePaths, standing: Standing, run: Beginning) -> str:
    on = ", ".join(sorted(run.panels))
    if standing is Standing.UNUSED:
        return f"the state {paths.db} knows of the sandbox alone and was never begun for {on}"
    return f"there is no state {paths.db} for orders on {on}"


def _refuse_another(paths: StatePaths, run: Beginning) -> None:
    """StateRefused if a project of these campaigns has a state of its own that knows them, and this is another one."""
    if (found := run.at_home(paths)) is not None:
        raise StateRefused(
            f"the state {paths.db} is not the one of these campaigns: {found}",
            "go on with that one: leave out --state and BULK_RUNNER_STATE, or stand in its project (-C DIR)",
        )


def refuse_traces(paths: StatePaths, project: Path) -> Standing:
    """How far the state has begun; StateRefused if it is missing and a former one left traces. For `runner init`, without campaigns."""
    standing = standing_of(paths)
    if standing is Standing.MISSING:
        wanted = Wanted(project=project, campaigns=frozenset(), panels=frozenset())
        found = next(traces(paths, wanted, is_missing=True, has_permit=holds_permit(paths)), None)
        if found is not None:
            raise StateRefused(
                f"{found}: this project had a state, and {paths.db} is missing",
                f"bring it back, or restore a copy: runner state restore {paths.backups / 'runner-….db'}; "
                "only if nothing was ever bought with it, move that away first",
            )
    return standing


def make_permit(paths: StatePaths, clock: Clock) -> None:
    """Allow a state to begin here; StateRefused if that can't be written.

    The permit names its own file number, so that a copy of it (in git, in a copied project) allows nothing.
    """
    make_directory(paths.permit.parent)
    try:
        paths.permit.unlink(missing_ok=True)
        handle = os.open(paths.permit, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE)
        with open(handle, "w", encoding="utf-8") as file:  # noqa: PTH123  # a descriptor, private from its birth
            facts = {"file": os.fstat(handle).st_ino, "made_at": to_text(clock.now()), "note": _PERMIT_NOTE}
            file.write(json.dumps(facts, indent=2) + "\n")
            file.flush()
            os.fsync(handle)
        sync(paths.permit.parent)
    except OSError as error:
        raise cannot_write(paths.permit, error) from error


def holds_permit(paths: StatePaths) -> bool:
    """True if a state may begin here."""
    try:
        with paths.permit.open(encoding="utf-8") as file:
            return bool(json.load(file)["file"] == os.fstat(file.fileno()).st_ino)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def take_permit(paths: StatePaths) -> None:
    """A state has begun: no other may begin here. StateRefused if that can't be written."""
    try:
        paths.permit.unlink()
        sync(paths.permit.parent)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        raise cannot_write(paths.permit, error) from error
