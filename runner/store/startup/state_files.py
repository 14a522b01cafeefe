"""Recognises the files of states, so that nothing else is written over them."""

import os
from collections.abc import Iterable
from pathlib import Path

from runner.store.disk.file_lock import file_id
from runner.store.disk.location_checks import files_of
from runner.store.disk.paths import BESIDE, NEIGHBOURS, StatePaths
from runner.store.startup.former_states import is_database, is_state

_OURS = ("runner.lock", "lineage.json")  # one of them is in every folder of a state


def belongs_to_a_state(path: Path, states: Iterable[StatePaths]) -> bool:
    """True for a file of `states`, even if it does not exist, and for a file of any other state; by any name, through any link."""
    real = Path(os.path.realpath(path))
    identity = file_id(real)
    for paths in states:
        folders = {os.path.realpath(folder) for folder in (paths.backups, paths.lock.parent / "backups")}
        if any(real == Path(folder) or Path(folder) in real.parents for folder in folders):
            return True
        for one in _files(paths):
            if os.path.realpath(one) == str(real) or (identity is not None and file_id(one) == identity):
                return True
    return is_database(real) or _is_by_its_place(real)


def is_reserved(path: Path) -> bool:
    """True for a state, and for a name that belongs to the files beside one: no place for another database."""
    real = Path(os.path.realpath(path))
    return _is_by_its_place(real) or (is_database(real) and is_state(real))


def _files(paths: StatePaths) -> Iterable[Path]:
    databases = {paths.db, Path(os.path.realpath(paths.db)), paths.sandbox}
    yield from files_of(paths)
    yield from (paths.lineage, paths.permit)
    yield from (one.with_name(one.name + ending) for one in databases for ending in ("", *BESIDE))


def _is_by_its_place(real: Path) -> bool:
    """True for what lies, or would lie, in the folder of some state under a name that belongs to it."""
    folder = real.parent
    if real.name in NEIGHBOURS and any((folder / name).exists() for name in _OURS):
        return True
    if folder.name == "backups" and any((folder.parent / name).exists() for name in _OURS):
        return True
    return any(real.name.endswith(end) and is_database(real.with_name(real.name.removesuffix(end))) for end in BESIDE)
