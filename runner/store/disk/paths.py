"""The paths of a state, and private permissions for them."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from runner.core.errors import StateRefused, UsageError
from runner.store.disk.error_texts import reason_of

DEFAULT = Path("state/runner.db")
PRIVATE_DIRECTORY = 0o700  # purchases and links are nobody else's business
PRIVATE_FILE = 0o600

_POSTGRESQL = re.compile(r"postgres(ql)?(\+\w+)?://", re.IGNORECASE)
_OTHERS = 0o077
BESIDE = ("-wal", "-shm", "-journal")  # what SQLite puts behind a database's name
NEIGHBOURS = frozenset({"runner.lock", "lineage.json", "ballast", "emergency.jsonl", "new-state.json", "high-water"})
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,99}\Z")  # of what may become one without a second look


def marks_directory() -> Path | None:
    """Where this user's high-water marks lie, outside of every state: in XDG's place for it. None without a home."""
    base = os.environ.get("XDG_STATE_HOME", "")
    home = os.path.expanduser("~")  # noqa: PTH111  # Path.home() raises where there is none
    if not os.path.isabs(base):  # noqa: PTH117  # the specification: ignore one that is not
        base = os.path.join(home, ".local", "state")  # noqa: PTH118  # same
    return Path(base, "bulk-order-runner", "high-water") if os.path.isabs(base) else None  # noqa: PTH117


@dataclass(frozen=True, slots=True, kw_only=True)
class StatePaths:
    """The database and what lies beside it."""

    db: Path
    lock: Path  # held by the run that may write; never deleted
    lineage: Path  # committed to git by the user
    backups: Path
    marks: Path | None = field(default_factory=marks_directory)  # of all states of this user; None: nowhere

    @property
    def high_water(self) -> Path:
        """How far the state had come, beside the database."""
        return self.lock.with_name("high-water")

    def high_water_outside(self, family: str) -> Path | None:
        """The high-water mark outside of the folder, by lineage: a copy of the folder does not take it along. None: nowhere."""
        return None if self.marks is None or not _FILE_NAME.match(family) else self.marks / family

    @property
    def wal(self) -> Path:
        """What SQLite has committed and not yet folded into the database: a part of the state."""
        return self._beside("-wal")

    @property
    def shm(self) -> Path:
        """The index of the WAL, shared by all that have the database open."""
        return self._beside("-shm")

    def _beside(self, ending: str) -> Path:
        real = self.db.resolve() if self.db.is_symlink() else self.db  # as SQLite does
        return real.with_name(real.name + ending)

    @property
    def ballast(self) -> Path:
        """Space to be freed when the disk is full."""
        return self.lock.with_name("ballast")

    @property
    def spill_file(self) -> Path:
        """Outcomes that the database could not take."""
        return self.lock.with_name("emergency.jsonl")

    @property
    def permit(self) -> Path:
        """The permit that a new state may begin here; removed once it has begun."""
        return self.lock.with_name("new-state.json")

    @property
    def sandbox(self) -> Path:
        """The books of the built-in sandbox."""
        return self.db.with_name("sandbox.db")

    @classmethod
    def at(cls, path: str | Path = DEFAULT) -> "StatePaths":
        """The state whose database is `path`; raises UsageError if that can't be the name of a database file."""
        text = os.fspath(path)
        if _POSTGRESQL.match(text):  # the text may hold a password: it is not repeated
            raise UsageError(
                "PostgreSQL is not supported by this version", "name an SQLite file: --state state/runner.db"
            )
        if "://" in text or not text:
            raise UsageError("the state is not named by a file path", "name an SQLite file: --state state/runner.db")
        db = Path(text)
        if db.is_dir():
            raise UsageError(f"{db} is a directory", f"name the database file: --state {db / 'runner.db'}")
        # Two links to one database must meet at one lock.
        home = db.resolve().parent if db.is_symlink() else db.parent
        return cls(db=db, lock=home / "runner.lock", lineage=db.parent / "lineage.json", backups=db.parent / "backups")


def refuse_as_state(path: str) -> None:
    """Raise UsageError for a path that can't be a state's database: another file of a state, a device, a pipe."""
    db = Path(path)
    if db.name in (*NEIGHBOURS, "sandbox.db", "backups") or db.name.endswith(BESIDE):
        raise UsageError(f"{db} is the name of another file of a state", "name the database: --state state/runner.db")
    if db.exists() and not (db.is_file() or db.is_dir()):  # it would be made private, and read to no end
        raise UsageError(f"{db} is no regular file", "name the database file: --state state/runner.db")


def make_directory(path: Path) -> None:
    """Create `path`, readable by its owner only, if it is missing; raises StateRefused if that can't be done."""
    try:
        path.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: OSError) -> StateRefused:
    """The refusal for a place of the state that can't be written."""
    return StateRefused(
        f"can't write to {path}: {reason_of(error)}",
        "make it writable for this user, or name another place with --state",
    )


def make_private_file(path: Path) -> None:
    """Create `path` empty if it is missing, and allow it to its owner alone.

    SQLite gives the WAL and its index the permissions of the database file, so this covers them too.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE))
        found = path.stat()
        if found.st_mode & _OTHERS and found.st_uid == os.geteuid():
            path.chmod(PRIVATE_FILE)
    except OSError as error:
        raise cannot_write(path, error) from error


def sync(path: Path) -> None:
    """Return once a file, or the names in a directory, are on the disk; raises OSError if they may not be."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
