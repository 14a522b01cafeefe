"""Notices, before and after each commit, that the files of an open database were replaced or written by others.

A database that was copied over or moved away, or whose WAL was deleted, still takes commits; they are lost.
"""

import os
from typing import NamedTuple

from runner.store.disk.file_lock import FileId, id_of
from runner.store.disk.paths import StatePaths

_LOG_HEADER = 32  # bytes of the WAL ahead of its first frame; the size of a page stands at 8
_PAGE_SIZE_AT = 8
_FRAME_HEADER = 24  # bytes, with checksums of all frames so far


class _Seen(NamedTuple):
    """Which files were there, and when the database and its WAL were last written."""

    db: FileId | None
    wal: FileId | None
    shm: FileId | None
    written: tuple[int, int] | None  # only our own checkpoints write it: size and time
    logged: tuple[int, int] | None  # the same of the WAL, which only our own commits write
    # Place and header of the last frame, if the last commit put it at the end of the WAL: the next one goes behind it, and a
    # cut in between, which that fills up again, changes it. (0, empty): the WAL began anew, and is written over.
    last: tuple[int, bytes] = (0, b"")


class FilesWatch:
    """The files of one open database."""

    def __init__(self, paths: StatePaths) -> None:
        self._names = tuple(str(path) for path in (paths.db, paths.wal, paths.shm))
        self._log: int | None = None  # the WAL, to be read; SQLite has no locks on it that closing it could drop
        self._frame = 0  # bytes of a frame
        self._seen = self._look()

    def close(self) -> None:
        """Let go of the WAL; harmless when done twice."""
        log, self._log = self._log, None
        if log is not None:
            os.close(log)

    def problem(self) -> str | None:
        """What happened to the database since the last look, in words; None if all is well. For before a commit.

        Whether the index beside it is still the same file is looked at right after the commit, which is before anybody
        relies on it.
        """
        db = _stat(self._names[0])
        if id_of(db) != self._seen.db:
            return f"{self._names[0]} was removed or replaced during the run"
        if _written(db) != self._seen.written:
            return f"{self._names[0]} was written by another program during the run"
        wal = _stat(self._names[1])
        if id_of(wal) != self._seen.wal:
            return f"{self._names[1]} was removed or replaced during the run"
        if _written(wal) != self._seen.logged:
            return f"{self._names[1]} was written by another program during the run"
        return None

    def after_checkpoint(self) -> None:
        """We have just written to the database ourselves."""
        self._seen = self._look()

    def after_failure(self) -> None:
        """A commit that failed may have written to the WAL itself."""
        self._seen = self._seen._replace(logged=_written(_stat(self._names[1])))

    def problem_after_commit(self) -> str | None:
        """What happened to the files; for right after a commit, which writes to the WAL alone and never shortens it."""
        now, before = self._look(), self._seen
        if now.db != before.db:
            return f"{self._names[0]} was removed or replaced during the run"
        if now.wal != before.wal or now.shm != before.shm:
            return f"{self._names[1]} or {self._names[2]} was removed or replaced during the run"
        if now.written != before.written:
            return f"{self._names[0]} was written by another program during the run"
        is_shorter = before.logged is not None and (now.logged is None or now.logged[0] < before.logged[0])
        if is_shorter or self._header_at(before.last[0]) != before.last[1]:
            return f"{self._names[1]} was cut by another program during the run"
        is_longer = now.logged is not None and (before.logged is None or now.logged[0] > before.logged[0])
        self._seen = now._replace(last=self._last_frame(now.logged)) if is_longer else now
        return None

    def _look(self) -> _Seen:
        db, wal, shm = map(_stat, self._names)
        return _Seen(id_of(db), id_of(wal), id_of(shm), _written(db), _written(wal))

    def _last_frame(self, logged: tuple[int, int] | None) -> tuple[int, bytes]:
        if logged is None or logged[0] <= _LOG_HEADER:
            return 0, b""
        if self._log is None:
            self._log = os.open(self._names[1], os.O_RDONLY | os.O_CLOEXEC)
            self._frame = _FRAME_HEADER + int.from_bytes(os.pread(self._log, 4, _PAGE_SIZE_AT), "big")
        place = logged[0] - self._frame
        return place, self._header_at(place)

    def _header_at(self, place: int) -> bytes:
        return b"" if self._log is None or place <= 0 else os.pread(self._log, _FRAME_HEADER, place)


def _written(db: os.stat_result | None) -> tuple[int, int] | None:
    return None if db is None else (db.st_size, db.st_mtime_ns)


def _stat(name: str) -> os.stat_result | None:
    try:
        return os.stat(name)  # noqa: PTH116  # around every group of marks: Path.stat costs three times as much
    except OSError:
        return None
