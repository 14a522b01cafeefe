"""Whether the state's place on disk can be trusted with purchases: a local disk, and files that are ours."""

import os
import pwd
from collections.abc import Iterator
from pathlib import Path

from runner.core.errors import StateRefused
from runner.store.filesystems import refuse_network
from runner.store.paths import StatePaths


def refuse_unsafe_place(paths: StatePaths) -> None:
    """StateRefused for a network file system, and for a directory or file of the state that somebody else owns."""
    for directory in dict.fromkeys((paths.lock.parent, paths.db.parent)):
        refuse_network(directory)
    for path in files_of(paths):
        owner = _owner(path)
        if owner is not None and owner != os.geteuid():
            raise StateRefused(
                f"{path} belongs to {user_name(owner)}, and this run is {user_name(os.geteuid())}'s: "
                "two users' files in one state lock each other out",
                f"run as {user_name(owner)} (without sudo), or give all to yourself: "
                f"sudo chown -R {user_name(os.geteuid())} {paths.db.parent}",
            )


def files_of(paths: StatePaths) -> Iterator[Path]:
    """The state's directory, and every file in it that the runner makes; some may be missing. Not the git-kept one."""
    yield paths.db.parent
    yield paths.db
    yield from (paths.wal, paths.shm, paths.lock, paths.ballast, paths.emergency, paths.high_water, paths.backups)


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
