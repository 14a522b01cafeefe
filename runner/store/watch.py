"""Notices, before and after each commit, that the files under an open database are no longer the ones it was opened with.

A database that was copied over or moved away, or whose WAL was deleted, still takes commits; they are lost.
"""

import os
from typing import NamedTuple

from runner.store.paths import StatePaths


class _Seen(NamedTuple):
    """Which files were there, and when the database and its WAL were last written."""

    db: tuple[int, int] | None
    wal: tuple[int, int] | None
    shm: tuple[int, int] | None
    written: tuple[int, int] | None  # only our own checkpoints write it: size and time
    logged: tuple[int, int] | None  # the same of the WAL, which only our own commits write


class FilesWatch:
    """The files of one open database."""

    def __init__(self, paths: StatePaths) -> None:
        self._names = tuple(str(path) for path in (paths.db, paths.wal, paths.shm))
        self._seen = self._look()

    def problem(self) -> str | None:
        """What happened to the database since the last look, in words; None if all is well. For before a commit.

        Whether the index beside it is still the same file is looked at right after the commit, which is before anybody
        relies on it.
        """
        db = _stat(self._names[0])
        if _identity(db) != self._seen.db:
            return f"{self._names[0]} was removed or replaced during the run"
        if _written(db) != self._seen.written:
            return f"{self._names[0]} was written by another program during the run"
        wal = _stat(self._names[1])
        if _identity(wal) != self._seen.wal:
            return f"{self._names[1]} was removed or replaced during the run"
        if _written(wal) != self._seen.logged:
            return f"{self._names[1]} was written by another program during the run"
        return None

    def after_failure(self) -> None:
        """A commit that failed may have written to the WAL itself."""
        self._seen = self._seen._replace(logged=_written(_stat(self._names[1])))

    def problem_after_commit(self) -> str | None:
        """What happened to the files; for right after a commit, which may have written to the database itself."""
        now, before = self._look(), self._seen
        if now.db != before.db:
            return f"{self._names[0]} was removed or replaced during the run"
        if now.wal != before.wal or now.shm != before.shm:
            return f"{self._names[1]} or {self._names[2]} was removed or replaced during the run"
        self._seen = now
        return None

    def _look(self) -> _Seen:
        db, wal, shm = map(_stat, self._names)
        return _Seen(_identity(db), _identity(wal), _identity(shm), _written(db), _written(wal))


def _written(db: os.stat_result | None) -> tuple[int, int] | None:
    return None if db is None else (db.st_size, db.st_mtime_ns)


def _identity(there: os.stat_result | None) -> tuple[int, int] | None:
    return None if there is None else (there.st_dev, there.st_ino)


def _stat(name: str) -> os.stat_result | None:
    try:
        return os.stat(name)  # noqa: PTH116  # around every group of marks: Path.stat costs three times as much
    except OSError:
        return None
