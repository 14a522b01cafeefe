"""Every kind of damage that the files of a state are put to: rot, cuts, files that go, and older copies put back."""

import random
import shutil
import sqlite3
import struct
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

DB, WAL, SHM, LINEAGE, MARK = "runner.db", "runner.db-wal", "runner.db-shm", "lineage.json", "high-water"
_PAGE = 4096
_LOG_HEADER, _FRAME = 32, 24 + _PAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """One state that is to be damaged, and older copies of its folder."""

    state: Path
    marks: Path  # the folder of this user's outer marks
    older: tuple[Path, ...]  # copies of the state's folder, taken while it was written or before

    def __getitem__(self, name: str) -> Path:
        return self.state / name

    def outer_marks(self) -> list[Path]:
        return sorted(self.marks.glob("*"))

    def put_back(self, older: Path, *names: str) -> None:
        """Files of that name as they were in the older copy, where one that was not there goes."""
        for name in names:
            self[name].unlink(missing_ok=True)
            if (older / name).exists():
                shutil.copy2(older / name, self[name])


Harm = Callable[[Files, random.Random], object]


class Kind(NamedTuple):
    """One kind of damage."""

    name: str
    harm: Harm
    is_harmless: bool = False  # the state must be taken up all the same: nothing that tells of purchases is touched


def harm(files: Files, rng: random.Random, *kinds: Kind) -> None:
    """Do it; a file that is not there can't be damaged."""
    for kind in kinds:
        with suppress(FileNotFoundError):
            kind.harm(files, rng)


def _wrong_bit(path: Path, rng: random.Random, start: int = 0, end: int | None = None) -> None:
    content = bytearray(path.read_bytes())
    if len(content) > start:
        content[rng.randrange(start, min(end or len(content), len(content)))] ^= 1 << rng.randrange(8)
        path.write_bytes(content)


def _overwrite(path: Path, rng: random.Random, filling: bytes, *, block: int = 1) -> None:
    content = bytearray(path.read_bytes())
    if content:
        start = rng.randrange(len(content)) // block * block
        content[start : start + len(filling)] = filling[: len(content) - start]
        path.write_bytes(content)


def _cut(path: Path, rng: random.Random, block: int = 1, start: int = 0) -> None:
    size = path.stat().st_size
    if size > start:
        with path.open("r+b") as file:
            file.truncate(start + rng.randrange(size - start) // block * block)


def _swap_frames(path: Path, rng: random.Random) -> None:
    content = bytearray(path.read_bytes())
    frames = (len(content) - _LOG_HEADER) // _FRAME
    if frames > 1:
        one, other = (slice(at, at + _FRAME) for at in (_LOG_HEADER + n * _FRAME for n in rng.sample(range(frames), 2)))
        content[one], content[other] = content[other], content[one]
        path.write_bytes(content)


def _fold(files: Files, _rng: random.Random, *statements: str) -> None:
    """Somebody opens the database with SQLite's own tools, reads it and closes it."""
    with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(files[DB], isolation_level=None)) as tool:
        for statement in ("SELECT count(*) FROM attempts", *statements):
            tool.execute(statement).fetchall()


def _delete(*names: str) -> Harm:
    return lambda files, _rng: [files[name].unlink(missing_ok=True) for name in names]


def _empty(name: str) -> Harm:
    return lambda files, _rng: files[name].write_bytes(b"")


def _rubbish(name: str) -> Harm:
    return lambda files, rng: files[name].write_bytes(rng.randbytes(rng.randrange(1, 3 * _PAGE)))


def _older(*names: str) -> Harm:
    return lambda files, rng: files.put_back(rng.choice(files.older), *names)


def _outer(change: Callable[[Path, random.Random], object]) -> Harm:
    return lambda files, rng: [change(path, rng) for path in files.outer_marks()]


def _in_turn(*harms: Harm) -> Harm:
    def harm_in_turn(files: Files, rng: random.Random) -> None:
        for one in harms:
            one(files, rng)

    return harm_in_turn


def _delete_all_marks(files: Files, _rng: random.Random) -> None:
    for path in (files[MARK], *files.outer_marks()):
        path.unlink(missing_ok=True)


def _spoil_all_marks(files: Files, rng: random.Random) -> None:
    for path in (files[MARK], *files.outer_marks()):
        path.write_bytes(rng.randbytes(1024))


def _cut_in_header(path: Path, _rng: random.Random) -> None:
    with path.open("r+b") as file:
        file.truncate(_LOG_HEADER - 1)


def _append_a_false_commit(files: Files, _rng: random.Random) -> None:
    """Of this very log by its salts, and not by its checksums."""
    content = files[WAL].read_bytes()
    files[WAL].write_bytes(
        content + struct.pack(">6I", 1, 1, *struct.unpack(">2I", content[16:24]), 0, 0) + bytes(_PAGE)
    )


WAL_BIT = Kind("log: a wrong bit", lambda files, rng: _wrong_bit(files[WAL], rng))
WAL_GONE = Kind("log: deleted", _delete(WAL))
FOLDED = Kind("log: folded in by a database tool", _fold, is_harmless=True)
VACUUMED = Kind("log: folded in, then vacuumed", lambda files, rng: _fold(files, rng, "VACUUM"), is_harmless=True)

LOG = (
    WAL_BIT,
    Kind("log: a wrong bit in its header", lambda files, rng: _wrong_bit(files[WAL], rng, 0, _LOG_HEADER)),
    Kind("log: wrong bytes", lambda files, rng: _overwrite(files[WAL], rng, rng.randbytes(16))),
    Kind("log: a block of zeros", lambda files, rng: _overwrite(files[WAL], rng, bytes(_PAGE), block=512)),
    Kind("log: zeros to its end", lambda files, rng: _overwrite(files[WAL], rng, bytes(1 << 24), block=512)),
    Kind("log: cut", lambda files, rng: _cut(files[WAL], rng)),
    Kind("log: cut between frames", lambda files, rng: _cut(files[WAL], rng, _FRAME, _LOG_HEADER)),
    Kind("log: cut in its header", lambda files, rng: _cut_in_header(files[WAL], rng)),
    Kind("log: frames swapped", lambda files, rng: _swap_frames(files[WAL], rng)),
    WAL_GONE,
    Kind("log: emptied", _empty(WAL)),
    Kind("log: rubbish", _rubbish(WAL)),
    Kind("log: an older one", _older(WAL)),
    Kind("log: an older one with its index", _older(WAL, SHM)),
    Kind("log: rubbish at its end", _append_a_false_commit, is_harmless=True),
    FOLDED,
    VACUUMED,
)
INDEX = (
    Kind("index: deleted", _delete(SHM), is_harmless=True),
    Kind("index: a wrong bit", lambda files, rng: _wrong_bit(files[SHM], rng), is_harmless=True),
    Kind("index: rubbish", _rubbish(SHM), is_harmless=True),
    Kind("index: an older one", _older(SHM), is_harmless=True),
)
DATABASE = (
    Kind("database: a wrong bit", lambda files, rng: _wrong_bit(files[DB], rng)),
    Kind("database: wrong bytes", lambda files, rng: _overwrite(files[DB], rng, rng.randbytes(16))),
    Kind("database: a page of zeros", lambda files, rng: _overwrite(files[DB], rng, bytes(_PAGE), block=_PAGE)),
    Kind("database: cut", lambda files, rng: _cut(files[DB], rng)),
    Kind("database: cut between pages", lambda files, rng: _cut(files[DB], rng, _PAGE)),
    Kind("database: deleted", _delete(DB)),
    Kind("database: emptied", _empty(DB)),
    Kind("database: rubbish", _rubbish(DB)),
    Kind("database: an older one under the log", _older(DB)),
    Kind("database: an older one, and no log", _in_turn(_older(DB), _delete(WAL, SHM))),
    Kind("database: an older one with its log", _older(DB, WAL)),
    Kind("database: an older one with all but the lineage file", _older(DB, WAL, SHM, MARK)),
)  # fmt: skip
FOLDER = (
    Kind("folder: an older one", _older(DB, WAL, SHM, LINEAGE, MARK)),
    Kind("folder: an older one, but for the mark", _older(DB, WAL, SHM, LINEAGE)),
    Kind("folder: an older one without marks, outside too", _in_turn(_older(DB, WAL, SHM), _delete_all_marks)),
    Kind("folder: gone, but for the marks", _delete(DB, WAL, SHM, LINEAGE)),
)  # fmt: skip
EVIDENCE = (
    Kind("mark: deleted", _delete(MARK), is_harmless=True),
    Kind("mark: a wrong bit", lambda files, rng: _wrong_bit(files[MARK], rng), is_harmless=True),
    Kind("mark: rubbish", _rubbish(MARK), is_harmless=True),
    Kind("mark: an older one", _older(MARK), is_harmless=True),
    Kind("outer mark: deleted", _outer(lambda path, _rng: path.unlink()), is_harmless=True),
    Kind("outer mark: a wrong bit", _outer(_wrong_bit), is_harmless=True),
    Kind("outer mark: emptied", _outer(lambda path, _rng: path.write_bytes(b"")), is_harmless=True),
    Kind("marks: all deleted", _delete_all_marks),
    Kind("marks: all rubbish", _spoil_all_marks),
    Kind("lineage file: deleted", _delete(LINEAGE), is_harmless=True),
    Kind("lineage file: an older one", _older(LINEAGE), is_harmless=True),
    Kind("lineage file: a wrong bit", lambda files, rng: _wrong_bit(files[LINEAGE], rng)),
    Kind("lineage file: emptied", _empty(LINEAGE)),
    Kind("everything else: deleted", _delete("ballast", "emergency.jsonl", "runner.lock"), is_harmless=True),
)


def _both(first: Kind, second: Kind) -> Kind:
    return Kind(f"{first.name}; {second.name}", lambda files, rng: harm(files, rng, first, second))


def _named(name: str, kinds: Iterable[Kind]) -> Kind:
    return next(kind for kind in kinds if kind.name == name)


TWO_AT_ONCE = (
    *(_both(_named("marks: all deleted", EVIDENCE), kind) for kind in (WAL_BIT, WAL_GONE)),
    _both(WAL_BIT, FOLDED),
    _both(_named("log: cut", LOG), FOLDED),
    _both(_named("lineage file: deleted", EVIDENCE), WAL_GONE),
    _both(_named("lineage file: deleted", EVIDENCE), _named("database: an older one, and no log", DATABASE)),
    _both(_named("mark: deleted", EVIDENCE), _named("log: cut between frames", LOG)),
    _both(_named("outer mark: deleted", EVIDENCE), WAL_BIT),
    _both(DATABASE[0], WAL_BIT),
)

NOTHING = Kind("nothing", lambda _files, _rng: None, is_harmless=True)
AFTER_A_KILL = (NOTHING, *LOG, *INDEX, *DATABASE, *FOLDER, *EVIDENCE, *TWO_AT_ONCE)
AT_REST = (
    NOTHING,
    *(kind for kind in LOG if kind.name in ("log: rubbish", "log: an older one", "log: an older one with its index")),
    FOLDED,
    VACUUMED._replace(is_harmless=False),  # another program has written to it, and nothing tells what
    *DATABASE,
    *FOLDER,
    *EVIDENCE,
)
