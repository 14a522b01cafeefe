"""The lock that keeps two runs apart: an OS lock on a file that is never deleted and names its holder.

The database itself is locked with it (`file_lock`): the file beside it is another one where a path leads to the same
database by a way of its own. The system drops both when their holder dies, so there are no stale locks; the text inside
is only for people.
"""

import fcntl
import getpass
import json
import os
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from runner.core.errors import StateLocked
from runner.core.values.clock import Clock, to_text
from runner.core.values.text import clean
from runner.store.disk import file_lock
from runner.store.disk.file_lock import FileId, id_of, try_lock
from runner.store.disk.location_checks import refuse_unsafe_place
from runner.store.disk.paths import PRIVATE_FILE, StatePaths, cannot_write, make_directory

_POLL = 0.1  # seconds between tries
_GRACE = 0.25  # seconds always waited: readers hold the lock for microseconds to see whether it is free
_LARGEST_HOLDER = 4096  # bytes
_TRIES = 5
_OTHER_PATH = "another run, which reaches the same file by another path"


class Holder(NamedTuple):
    """Who holds the lock, as told by the lock file."""

    pid: int
    host: str
    user: str
    command: str
    started_at: str

    def __str__(self) -> str:
        return f"`{self.command}` (pid {self.pid} of {self.user} on {self.host}, since {self.started_at})"


class StateLock:
    """The right to write the state. Made by `acquire`; a context manager that releases."""

    def __init__(self, path: Path, handle: int) -> None:
        self._path = path
        self._handle: int | None = handle
        self._identity = id_of(os.fstat(handle))
        self._database: FileId | None = None

    def hold_database(self, db: Path) -> bool:
        """Lock the database file too, if there is one; False if another run has it, by another path. Harmless when done twice."""
        there = file_lock.file_id(db)
        if there is None or there == self._database:
            return True
        taken = file_lock.hold(db)
        if taken is None:
            return False
        self.let_go_of_database()
        self._database = taken
        return True

    def need_database(self, db: Path) -> None:
        """Lock the database file, which exists by now; raises StateLocked if another run has it."""
        for _ in range(_TRIES):
            if self.hold_database(db):
                return
            time.sleep(_POLL / 2)  # a reader holds it for a moment to see whether it is free
        raise StateLocked(f"the state {db} is locked by {_OTHER_PATH}", "wait until it has finished, then run again")

    def let_go_of_database(self) -> None:
        """Unlock the database file; harmless when done twice."""
        if self._database is not None:
            file_lock.let_go(self._database)
            self._database = None

    def still_held(self) -> bool:
        """False once released, or when the lock file was removed or replaced and others could lock its successor."""
        if self._handle is None:
            return False
        try:
            there = os.stat(self._path)  # noqa: PTH116  # before every group of marks: Path.stat costs three times as much
        except OSError:
            return False
        return id_of(there) == self._identity

    def release(self) -> None:
        """Let others in; harmless when done twice."""
        if self._handle is None:
            return
        handle, self._handle = self._handle, None
        self.let_go_of_database()
        os.ftruncate(handle, 0)
        os.close(handle)  # which unlocks

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()


async def acquire(paths: StatePaths, command: str, clock: Clock, timeout: float = 0.0) -> StateLock:  # noqa: ASYNC109  # waits on the given clock, not the loop's
    """The lock of this state, waiting for it up to `timeout` seconds; StateLocked naming its holder otherwise.

    Creates the state's directory and the lock file where they are missing.
    """
    make_directory(paths.lock.parent)
    refuse_unsafe_place(paths)
    deadline = clock.monotonic() + max(timeout, _GRACE)
    while True:
        holder: Holder | str | None = None
        lock: StateLock | None = None
        try:
            handle = os.open(paths.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
        except OSError as error:
            raise cannot_write(paths.lock, error) from error
        try:
            if try_lock(handle, fcntl.LOCK_EX, paths.lock):
                lock = StateLock(paths.lock, handle)
                if lock.still_held():  # else somebody replaced the file between open and lock: take the new one
                    if lock.hold_database(paths.db):
                        _sign(paths.lock, handle, command, clock)
                        return lock
                    holder = _OTHER_PATH
        except BaseException:
            if lock is not None:
                lock.let_go_of_database()
            os.close(handle)
            raise
        holder = holder or _holder(handle)
        os.close(handle)
        if clock.monotonic() >= deadline:
            raise StateLocked(
                f"the state {paths.db} is locked by {holder or 'another run'}",
                "wait until it has finished, or let this run wait with --lock-timeout 10m",
            )
        await clock.sleep(_POLL)


def is_free(paths: StatePaths) -> bool:
    """True if no run holds the lock at this moment; creates nothing. False where that can't be seen."""
    if file_lock.is_held(paths.db):
        return False
    try:
        handle = os.open(paths.lock, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        return try_lock(handle, fcntl.LOCK_SH, paths.lock)
    finally:
        os.close(handle)


def holder_of(paths: StatePaths) -> Holder | None:
    """Who signed the lock file last and did not sign off; None if nobody did, or that can't be read."""
    try:
        handle = os.open(paths.lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return _holder(handle)
    finally:
        os.close(handle)


def is_alive(holder: Holder) -> bool:
    """True if the process of that number runs on this host; False for other hosts, where that can't be seen."""
    if holder.host != socket.gethostname() or holder.pid <= 0:
        return False
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _sign(path: Path, handle: int, command: str, clock: Clock) -> None:
    holder = Holder(os.getpid(), socket.gethostname(), _user(), command, to_text(clock.now()))
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, (json.dumps(holder._asdict()) + "\n").encode(), 0)
    except OSError as error:  # a full disk
        raise cannot_write(path, error) from error


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user id without a name
        return str(os.getuid())


def _holder(handle: int) -> Holder | None:
    try:
        facts = json.loads(os.pread(handle, _LARGEST_HOLDER, 0))
        texts = (clean(str(facts[name])) for name in ("host", "user", "command", "started_at"))
        return Holder(int(facts["pid"]), *texts)
    except (ValueError, KeyError, TypeError, RecursionError):  # being written at this moment, or damaged
        return None
