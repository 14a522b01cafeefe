"""Locks the database file itself, so that two paths to one file never have a run each.

It is an flock on a descriptor of our own. SQLite locks with fcntl, which the kernel keeps apart from flock. But fcntl
has a trap: when a process closes any descriptor of a file, all fcntl locks that it holds on that file are gone, those
of an open SQLite connection among them, and another process may then take the WAL away under it. So a descriptor that
was opened here is never closed: one for each file that this process has met, until it ends. The kernel drops the
flock with the process, however that ends; and as long as the descriptor is open, no other file gets this one's
number.
"""

import fcntl
import os
from pathlib import Path

from runner.core.errors import StateRefused
from runner.store.disk.error_texts import reason_of

FileId = tuple[int, int]  # device and inode

_descriptors: dict[FileId, int] = {}  # by file; never closed
_held: set[FileId] = set()  # by this process


def id_of(found: os.stat_result | None) -> FileId | None:
    """Which file it is, whatever its names; None if there is none."""
    return None if found is None else (found.st_dev, found.st_ino)


def file_id(path: Path) -> FileId | None:
    """Which file is there; None if there is none."""
    try:
        return id_of(path.stat())
    except OSError:
        return None


def hold(path: Path) -> FileId | None:
    """Lock the file at `path`, which must exist, for this process; None if somebody has it. Raises StateRefused without locks."""
    key, descriptor = _opened(path)
    if key in _held or not try_lock(descriptor, fcntl.LOCK_EX, path):
        return None
    _held.add(key)
    return key


def let_go(key: FileId) -> None:
    """Give a file that `hold` locked back; harmless when done twice."""
    if key in _held:
        _held.discard(key)
        fcntl.flock(_descriptors[key], fcntl.LOCK_UN)


def is_held(path: Path) -> bool:
    """True if a process has locked the file at `path`, by whatever name; False too if there is no file."""
    key = file_id(path)
    if key is None:
        return False
    if key in _held:
        return True
    try:
        key, descriptor = _opened(path)
    except (OSError, StateRefused):
        return False
    if not try_lock(descriptor, fcntl.LOCK_SH, path):
        return True
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False


def _opened(path: Path) -> tuple[FileId, int]:
    key = file_id(path)
    if key is not None and key in _descriptors:
        return key, _descriptors[key]
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise StateRefused(f"{path} can't be opened: {reason_of(error)}", "make it readable for this user") from error
    there = os.fstat(descriptor)
    key = (there.st_dev, there.st_ino)
    # An extra one stays open too: closing is what must not be done.
    return key, _descriptors.setdefault(key, descriptor)


def try_lock(descriptor: int, how: int, path: Path) -> bool:
    """True if the flock was taken, False if somebody has it; StateRefused on a file system without locks."""
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:  # a file system without locks
        raise StateRefused(
            f"{path} can't be locked: {reason_of(error)}", "keep the state on a local disk (--state)"
        ) from error
    return True
