"""Refuses unsafe places for a state: network disks, files with two names, files of other users."""

import os
import pwd
from collections.abc import Iterator
from pathlib import Path

from runner.core.errors import StateRefused
from runner.store.disk.filesystems import refuse_mounted_alone, refuse_network
from runner.store.disk.paths import StatePaths


def refuse_unsafe_place(paths: StatePaths) -> None:
    """Raise StateRefused for a network file system, for a file with two names, and for what somebody else owns."""
    for directory in dict.fromkeys((paths.lock.parent, paths.db.parent)):
        refuse_network(directory)
    refuse_mounted_alone((paths.db, paths.wal, paths.shm))
    refuse_second_names(paths)
    for path in files_of(paths):
        owner = _owner(path)
        if owner is not None and owner != os.geteuid():
            raise StateRefused(
                f"{path} belongs to {user_name(owner)}, and this run is {user_name(os.geteuid())}'s: "
                "two users' files in one state lock each other out",
                f"run as {user_name(owner)} (without sudo), or give all to yourself: "
                f"sudo chown -R {user_name(os.geteuid())} {paths.db.parent}",
            )


def refuse_second_names(paths: StatePaths) -> None:
    """Raise StateRefused if the database, or what SQLite keeps beside it, has a second name (a hard link).

    SQLite finds the write-ahead log by the name of the database: by another name it reads, and writes, half of a state.
    """
    for path in (paths.db, paths.wal, paths.shm, paths.spill_file):
        try:
            names = path.stat().st_nlink
        except OSError:
            continue
        if names > 1:
            raise StateRefused(
                f"{path} has {names} names (hard links): by each of them a part of the state would be missing",
                f"keep one of them, the one beside the newest {paths.wal.name} if there is any, and remove the others; "
                f"this finds them: find / -xdev -samefile {path}",
            )


def files_of(paths: StatePaths) -> Iterator[Path]:
    """The state's directory, and every file in it that the runner makes; some may be missing. Not the git-kept one."""
    yield paths.db.parent
    yield paths.db
    yield from (paths.wal, paths.shm, paths.lock, paths.ballast, paths.spill_file, paths.high_water, paths.backups)


def user_name(user_id: int) -> str:
    """The name of a user, or the number where it has none."""
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return f"user {user_id}"


def _owner(path: Path) -> int | None:
    try:
        return path.stat().st_uid
    except OSError:
        return None
