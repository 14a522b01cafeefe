"""Finds traces of a former state before a new one begins. Changes nothing."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from runner.core.orders import SANDBOX
from runner.store.disk.location_checks import files_of
from runner.store.disk.paths import DEFAULT, StatePaths
from runner.store.integrity.high_water import marks_of, place_of, read_mark

_MAGIC = b"SQLite format 3\0"
_DEPTH = 2  # folders below the project that are looked into
_MOST = 20_000  # files and folders that are looked at
_GIT_PATIENCE = 5.0  # seconds

BEGUN = "begun_for_panels"  # a key of `meta`: see `first_start`


class Known(NamedTuple):
    """What a database that is a state knows of real panels."""

    is_begun: bool  # for them; also of one that is damaged
    campaigns: frozenset[str] = frozenset()  # none: it can't be told which
    panels: frozenset[str] = frozenset()
    is_damaged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a state is for, and where another one of that could be."""

    project: Path  # where panels.yaml and campaigns/ are
    campaigns: frozenset[str]  # their names; none are known: whatever was begun counts
    panels: frozenset[str]  # real ones that are spoken with; none: the sandbox alone
    homes: Sequence[Path] = ()  # folders where a state of these campaigns would be by default

    def at_home(self, paths: StatePaths) -> str | None:
        """A state in one of the homes, other than that of `paths`, that knows one of the campaigns; None if there is none."""
        for home in self.homes:
            if not _is_same(home, paths.db.parent):
                for path, known in _states_in(home):
                    if not _is_same(path, paths.db) and self._concerns(known, panels=frozenset()):
                        return f"{path} knows them"
        return None

    def _concerns(self, known: Known, *, panels: frozenset[str]) -> bool:
        """True if a state knows one of the campaigns or one of `panels`, or if either side's campaigns are not known."""
        if not known.is_begun or known.is_damaged:
            return False
        if not self.campaigns or not known.campaigns:
            return True
        return bool(self.campaigns & known.campaigns or panels & known.panels)

    def elsewhere(self, paths: StatePaths, *, is_missing: bool) -> Iterator[str]:
        """Traces in the project, and of its campaigns above it and in their homes; not in the state's own folder."""
        own = [paths.db.parent, paths.lock.parent]
        inside = [folder for folder in _below(self.project, _DEPTH) if not any(_is_same(folder, one) for one in own)]
        for folder in inside:
            states = [(path, known) for path, known in _states_in(folder) if not _is_same(path, paths.db)]
            yield from (_tells(path) for path, known in states if self._concerns(known, panels=self.panels))
            lineage = folder / "lineage.json"
            if is_missing and all(known.is_damaged for _, known in states) and _is_lineage(lineage):
                yield f"{lineage} tells of a state that is gone"
        above = (up / DEFAULT.parent for up in self.project.resolve().parents)
        for folder in (*self.homes, *above) if self.campaigns else ():
            if not any(_is_same(folder, one) for one in own):
                found = _states_in(folder)
                yield from (_tells(path) for path, known in found if self._concerns(known, panels=frozenset()))


def traces(paths: StatePaths, wanted: Wanted, *, is_missing: bool, has_permit: bool) -> Iterator[str]:
    """What tells that there was a state, each in a few words that name the file; the nearest first.

    `is_missing`: there is no database here; else one that knows of the sandbox alone. `has_permit`: a state was about to
    begin here, so its empty reserves tell nothing.
    """
    yield from _beside(paths, is_missing=is_missing, has_permit=has_permit)
    yield from wanted.elsewhere(paths, is_missing=is_missing)
    if is_missing:
        for found in marks_of(paths, place_of(paths)):
            orders = 0 if found.mark is None else found.mark.attempts
            yield f"{found.path} tells of a state in this folder with {orders:,} orders"
        for lineage in dict.fromkeys((paths.lineage, wanted.project / DEFAULT.with_name("lineage.json"))):
            if _is_in_git(lineage):
                yield f"git knows {lineage}"


def _beside(paths: StatePaths, *, is_missing: bool, has_permit: bool) -> Iterator[str]:
    """Traces in the state's own folder."""
    if is_missing:
        if os.path.lexists(paths.lineage):
            yield f"{paths.lineage} tells of one"
        if paths.backups.exists():
            yield f"{paths.backups} is there, with or without copies of one"
        yield from _left_over(paths, has_permit=has_permit)
    elif paths.backups.is_dir():
        yield from (_tells(path) for path, known in _states_in(paths.backups) if known.is_begun)
    for folder in dict.fromkeys((paths.db.parent, paths.lock.parent)):
        for path, known in _states_in(folder):
            if not _is_same(path, paths.db) and (is_missing or known.is_begun):
                yield _tells(path)


def _left_over(paths: StatePaths, *, has_permit: bool) -> Iterator[str]:
    """Files that only a state has beside it."""
    innocent = {paths.db.parent, paths.db, paths.lock, paths.backups, paths.shm}
    reserves = {paths.ballast, paths.spill_file}
    for path in files_of(paths):
        if path in innocent or not path.exists():
            continue
        if path == paths.high_water and (mark := read_mark(path).mark) is not None and not mark.attempts:
            continue  # a run was killed while it began
        if path not in reserves:
            if path.stat().st_size:
                yield f"{path} is left of one"
        elif not has_permit or (path == paths.spill_file and path.read_bytes().strip()):
            yield f"{path} is left of one"


def _tells(path: Path) -> str:
    return f"{path} is a state, or a copy of one"


def _states_in(folder: Path) -> Iterator[tuple[Path, Known]]:
    """Every state among the files of a folder, and what it knows; the sandbox's books are none."""
    try:
        with os.scandir(folder) as entries:
            files = sorted(entry.name for entry in entries if entry.is_file())[:_MOST]
    except OSError:
        return
    for name in files:
        path = folder / name
        if is_database(path) and (known := _look_into(path)) is not None:
            yield path, known


def is_database(path: Path) -> bool:
    """True for a file that SQLite wrote. Closes it: not for a file that this process has open as a database."""
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def is_state(path: Path) -> bool:
    """True for a database that is a state, or was one before it was damaged."""
    return _look_into(path) is not None


def _look_into(path: Path) -> Known | None:
    """What a database knows of real panels; None if it is no state."""
    log = path.with_name(path.name + "-wal")
    # Without a log nobody has it open, and looking at it must not make one.
    mode = "mode=ro" if log.exists() and log.stat().st_size else "mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path.absolute()))}?{mode}", uri=True)) as connection:
            names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if not {"meta", "attempts"} <= names:
                return None
            rows = connection.execute("SELECT DISTINCT campaign, panel FROM attempts WHERE panel <> ?", (SANDBOX,))
            bought = rows.fetchall()
            told = connection.execute("SELECT 1 FROM meta WHERE key = ?", (BEGUN,)).fetchone()
    except sqlite3.Error as error:
        # One that is locked against reading is somebody else's: a state never is.
        is_damaged = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
        return Known(is_begun=True, is_damaged=True) if is_damaged else None
    campaigns, panels = ({row[place] for row in bought} for place in (0, 1))
    return Known(bool(told or bought), frozenset(campaigns), frozenset(panels))


def _is_lineage(path: Path) -> bool:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return '"lineage"' in text and '"serial"' in text


def _below(project: Path, depth: int) -> Iterator[Path]:
    """The project's folder and those below it, but for hidden ones and other projects."""
    left = _MOST

    def walk(folder: Path, depth: int) -> Iterator[Path]:
        nonlocal left
        yield folder
        if not depth:
            return
        with suppress(OSError), os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda one: one.name):
                left -= 1
                if left and entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
                    below = folder / entry.name
                    if not is_project(below):
                        yield from walk(below, depth - 1)

    yield from walk(project, depth)


def is_project(folder: Path) -> bool:
    """True if campaigns or panels of a project of its own are there."""
    return (folder / "panels.yaml").is_file() or (folder / "campaigns").is_dir()


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return os.path.realpath(one) == os.path.realpath(other)


def _is_in_git(path: Path) -> bool:
    """True if git has the file in its index or its last commit, though it may be gone from the folder."""
    git = shutil.which("git")
    folder = next((up for up in path.absolute().parents if up.is_dir()), None)
    if git is None or folder is None:
        return False
    name = os.path.relpath(path.absolute(), folder)
    environment = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ} | {"LC_ALL": "C"}
    for question in (["ls-files", "--error-unmatch", "--", name], ["cat-file", "-e", f"HEAD:./{name}"]):
        # fsmonitor is a program that the repository's own settings name: nothing is to be run for a look.
        line = [git, "-C", str(folder), "-c", "core.fsmonitor=false", *question]
        try:
            asked = subprocess.run(  # noqa: S603  # a fixed command
                line, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=_GIT_PATIENCE, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if asked.returncode == 0:
            return True
    return False
