"""Notices, before and after each commit, that the files under an open database are no longer the ones it was opened with.

A database that was copied over or moved away, or whose WAL was deleted, still takes commits; they are lost.
"""

import os
from typing import NamedTuple

from runner.store.paths import StatePaths


class _Seen(NamedTuple):
    """Which files were there, and when the database itself was last written."""

    db: tuple[int, int] | None
    wal: tuple[int, int] | None
    shm: tuple[int, int] | None
    written: tuple[int, int] | None  # only our own checkpoints write it: size and time


class FilesWatch:
    """The files of one open database."""

    def __init__(self, paths: StatePaths) -> None:
        self._names = tuple(str(path) for path in (paths.db, paths.wal, paths.shm))
        self._seen = self._look()

    def problem(self) -> str | None:
        """What happened to the files since the last look, in words; None if all is well. For before a commit."""
        return _difference(self._names, self._seen, self._look(), strictly=True)

    def problem_after_commit(self) -> str | None:
        """The same for right after a commit, which may have written to the database; it is remembered."""
        now = self._look()
        problem = _difference(self._names, self._seen, now, strictly=False)
        if problem is None:
            self._seen = now
        return problem

    def _look(self) -> _Seen:
        db, wal, shm = (_stat(name) for name in self._names)
        written = None if db is None else (db.st_size, db.st_mtime_ns)
        return _Seen(_identity(db), _identity(wal), _identity(shm), written)


def _difference(names: tuple[str, ...], before: _Seen, now: _Seen, *, strictly: bool) -> str | None:
    if now.db != before.db:
        return f"{names[0]} was removed or replaced during the run"
    if now.wal != before.wal or now.shm != before.shm:
        return f"{names[1]} or {names[2]} was removed or replaced during the run"
    if strictly and now.written != before.written:
        return f"{names[0]} was written by another program during the run"
    return None


def _identity(there: os.stat_result | None) -> tuple[int, int] | None:
    return None if there is None else (there.st_dev, there.st_ino)


def _stat(name: str) -> os.stat_result | None:
    try:
        return os.stat(name)  # noqa: PTH116  # around every group of marks: Path.stat costs three times as much
    except OSError:
        return None
