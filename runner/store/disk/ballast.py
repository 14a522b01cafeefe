"""Keeps disk space in reserve: on a full disk the file is deleted, so that outcomes can still be recorded."""

import os
from contextlib import suppress

from runner.core.errors import StateRefused
from runner.store.disk.paths import PRIVATE_FILE, StatePaths, cannot_write

SIZE = 1 << 20  # bytes: a group of 50 outcomes in a large state takes about half of it
_BLOCK = 512  # bytes of one unit of st_blocks


def make_ballast(paths: StatePaths) -> None:
    """Make sure that the ballast is on the disk, with its blocks allocated.

    Raises StateRefused, and nothing is bought, if they can't be.
    """
    try:
        handle = os.open(paths.ballast, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
        try:
            there = os.fstat(handle)
            if there.st_size != SIZE or there.st_blocks * _BLOCK < SIZE:
                os.ftruncate(handle, SIZE)
                os.posix_fallocate(handle, 0, SIZE)
                os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        drop_ballast(paths)
        refusal = cannot_write(paths.ballast, error)
        raise StateRefused(
            f"{refusal.message}: no room is left to record what would be bought",
            f"free at least {2 * SIZE >> 20} MiB where the state lives; nothing was sent",
        ) from error


def drop_ballast(paths: StatePaths) -> bool:
    """Give its space back; False if it was gone already."""
    with suppress(OSError):
        paths.ballast.unlink()
        return True
    return False
