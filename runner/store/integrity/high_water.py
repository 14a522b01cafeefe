"""The high-water mark: how far the state has come, written outside of the database after each commit.

One file has two slots, written in turn, each with a checksum of its own. A mark may lag behind the database, after a
power failure for instance; it never leads. A database that does not hold what its mark tells of has lost something.
"""

import errno
import fcntl
import json
import os
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from runner.core.errors import StateLocked, StateRefused
from runner.core.values.text import clean
from runner.store.disk.error_texts import reason_of
from runner.store.disk.filesystems import refuse_network
from runner.store.disk.paths import PRIVATE_FILE, StatePaths, cannot_write, make_directory, sync
from runner.store.integrity.lineage import Lineage, Newest, newest_attempt
from runner.store.statements import Reading

SLOT = 512  # bytes: a disk writes as much at once or not at all
_SLOTS = 2
_SUM = 9  # bytes at the end of a slot: the checksum of all before it, as hexadecimal digits, and a line end
_ROOM = SLOT - _SUM
_RECORD = re.compile(rb"(?s)(.{%d})([0-9a-f]{8})\n" % _ROOM)
_LONGEST = 160  # bytes of a folder's name; what is longer is cut at its beginning


class HighWater(NamedTuple):
    """How far one state has come."""

    lineage: Lineage
    attempts: int  # how many there are
    newest: Newest | None  # none: there are no attempts
    seal: str = ""  # digest of the database file as a clean end left it; empty: a run has it open, or broke off
    place: str = ""  # the folder of the state that wrote it, as `place_of` says
    begun: bool = False  # for real panels: it may be all there is to prove what was bought


class Found(NamedTuple):
    """What is at the place of a mark."""

    path: Path
    mark: HighWater | None  # none: it is missing, or can't be read
    trouble: str = ""  # why it can't be read; empty: it can, or is missing


def place_of(paths: StatePaths) -> str:
    """The path of the state's folder, printable; a long one is cut at its beginning."""
    return address_in_a_mark(os.path.realpath(paths.lock.parent))


def address_in_a_mark(address: str) -> str:
    """The same of a server's state, by its address."""
    encoded = address.encode(errors="replace")
    short = encoded if len(encoded) <= _LONGEST else "…".encode() + encoded[-_LONGEST:]
    return clean(short.decode(errors="ignore"))


def standing(connection: Reading, lineage: Lineage) -> HighWater:
    """How far the database of that lineage has come, by what it holds."""
    (attempts,) = connection.execute("SELECT count(*) FROM attempts").fetchone()
    return HighWater(lineage, attempts, newest_attempt(connection))


def marks_of(paths: StatePaths, place: str) -> Iterator[Found]:
    """The marks in this user's home of states for real panels that were at `place`, and had orders."""
    try:
        entries = [] if paths.marks is None else sorted(paths.marks.iterdir())
    except OSError:
        return
    for entry in entries:
        found = read_mark(entry)
        if found.mark is not None and found.mark.begun and found.mark.attempts and found.mark.place == place:
            yield found


def read_mark(path: Path) -> Found:
    """The newer of the two records in the file at `path`. Creates nothing, never raises."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Found(path, None)
    except OSError as error:
        return Found(path, None, reason_of(error))
    slots = [slot for slot in _slots(content) if slot is not None]
    if not slots:
        return Found(path, None, "it is damaged" if content.strip() else "it is empty")
    return Found(path, max(slots, key=lambda slot: slot[0])[1])


def _slots(content: bytes) -> "list[tuple[int, HighWater] | None]":
    """Both records, each with its turn: a number that grows by one with every record written. None for one that is not whole."""
    return [_slot(content[place * SLOT : (place + 1) * SLOT]) for place in range(_SLOTS)]


def _slot(content: bytes) -> "tuple[int, HighWater] | None":
    """None for one that was never written, or not whole."""
    whole = _RECORD.fullmatch(content)
    if whole is None or int(whole[2], 16) != zlib.crc32(whole[1]):
        return None
    with suppress(ValueError, KeyError, TypeError, RecursionError):
        facts = json.loads(whole[1])
        newest = Newest(int(facts["newest"]), str(facts["run"])) if facts["newest"] else None
        lineage = Lineage(str(facts["lineage"]), int(facts["serial"]))
        seal, place, begun = str(facts["seal"]), str(facts["place"]), bool(facts.get("begun", True))
        mark = HighWater(lineage, int(facts["attempts"]), newest, seal, place, begun)
        return int(facts["turn"]), mark
    return None


class _MarkFile:
    """The file of one mark, open for writing. OSError from every method, if the file does not take it."""

    def __init__(self, path: Path) -> None:
        self.handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
        try:
            content = os.pread(self.handle, SLOT * _SLOTS, 0)
            turns = [0 if slot is None else slot[0] for slot in _slots(content)]
            self.turn = max(turns)  # of the newer record that it held; 0: none
            self._place = SLOT * turns.index(min(turns))
            if len(content) < SLOT * _SLOTS:  # real blanks, not a hole: writing in place must never need space
                os.pwrite(self.handle, b" " * (SLOT * _SLOTS - len(content)), len(content))
                os.fsync(self.handle)
                sync(path.parent)
        except BaseException:
            os.close(self.handle)
            raise

    def write(self, record: bytes) -> None:
        """Put a record in the place of the older one. It outlives this process, however that ends, and is not synced."""
        if os.pwrite(self.handle, record, self._place) != SLOT:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._place = SLOT - self._place


class HighWaterMarks:
    """The marks of one state, open for writing: one beside the database, and one outside of its folder if that can be."""

    def __init__(self, paths: StatePaths, family: str) -> None:
        """Open the marks of the lineage `family`; what they say stays as it is until `begin`.

        StateRefused if the one beside the database can't be written. StateLocked if another copy of the same state is
        open for writing: the outer mark is one for all copies.
        """
        self._beside = paths.high_water
        self._here = place_of(paths)
        self._files: list[_MarkFile] = []
        self._mark = HighWater(Lineage(family, 0), 0, None)
        self._lasting = b""
        self._come_to = (0, 0, 0)
        outside = paths.high_water_outside(family)
        if outside is not None and (file := _open_outside(outside, paths)) is not None:
            self._files.append(file)
        try:
            self._files.append(_MarkFile(self._beside))
        except OSError as error:
            self.close()
            raise cannot_write(self._beside, error) from error
        self._turn = max(file.turn for file in self._files)

    def begin(self, mark: HighWater) -> None:
        """Write `mark`, without a seal, and go on from it; StateRefused if that can't be written."""
        self._mark = mark._replace(seal="", place=self._here)
        self._lasting = _lasting_facts(self._mark)
        self._come_to = _come_to(mark)
        try:
            self._write()
        except OSError as error:
            raise cannot_write(self._beside, error) from error
        if any(file.turn == 0 for file in self._files):  # from now on the database will say that there is a mark
            self.sync()

    def sync(self) -> None:
        """Return once what the marks say would outlive a power failure. For the beginning and the end of a run.

        StateRefused if they can't be written.
        """
        try:
            for file in self._files:
                os.fsync(file.handle)
        except OSError as error:
            raise cannot_write(self._beside, error) from error

    def move_on(self, serial: int, attempts: int, newest: int, run: str) -> None:
        """After a commit: the database has come so far, and `run` marked its newest attempt. OSError if it can't be written."""
        mark = self._mark
        if mark.seal or mark.newest is None or mark.newest.run != run:
            self._mark = mark._replace(newest=Newest(newest, run), seal="")
            self._lasting = _lasting_facts(self._mark)
        self._come_to = (serial, attempts, newest)
        self._write()

    def seal(self, digest: str) -> None:
        """After a clean end: the `sealing.seal_of` the database file. OSError if it can't be written."""
        self._mark = self._mark._replace(seal=digest)
        self._lasting = _lasting_facts(self._mark)
        self._write()

    def _write(self) -> None:
        self._turn += 1
        record = _record(self._turn, self._come_to, self._lasting)
        for file in self._files:
            file.write(record)

    def close(self) -> None:
        """Let go of the files; harmless when done twice."""
        files, self._files = self._files, []
        for file in files:
            os.close(file.handle)


def _open_outside(path: Path, paths: StatePaths) -> _MarkFile | None:
    """None where there can be none: no home, one that can't be written, or one that other machines share."""
    try:
        make_directory(path.parent)
        refuse_network(path.parent)
        file = _MarkFile(path)
    except (OSError, StateRefused):
        return None
    try:
        fcntl.flock(file.handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file.handle)
        there = read_mark(path).mark
        raise StateLocked(
            f"the state {paths.db}, or a copy of it, is in use" + ("" if there is None else f" in {there.place}"),
            "two copies of one state would buy the same orders: wait until that run has ended, then go on in its folder",
        ) from None
    except OSError:  # a file system without locks
        pass
    return file


def note_mark(path: Path, mark: HighWater, *, anew: bool = False) -> None:
    """Have the file at `path` tell of `mark`, unless it tells of as much already; `anew`: whatever it tells of.

    For a state on a server, which runs of this machine may write side by side. OSError if it can't be written.
    """
    make_directory(path.parent)
    held = _MarkFile(path)
    try:
        fcntl.flock(held.handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # taken: another run is noting, and this mark may lag
        there = read_mark(path).mark
        if there is None or anew or _progress(there) < _progress(mark):
            file = _MarkFile(path)
            try:
                file.write(_record(file.turn + 1, _come_to(mark), _lasting_facts(mark)))
                os.fsync(file.handle)
            finally:
                os.close(file.handle)
    finally:
        os.close(held.handle)


def _progress(mark: HighWater) -> tuple[int, int]:
    return mark.lineage.epoch, mark.lineage.serial


def _come_to(mark: HighWater) -> tuple[int, int, int]:
    return mark.lineage.serial, mark.attempts, 0 if mark.newest is None else mark.newest.id


def _record(turn: int, come_to: tuple[int, int, int], lasting: bytes) -> bytes:
    facts = (b'{"turn": %d, "serial": %d, "attempts": %d, "newest": %d, %b' % (turn, *come_to, lasting)).ljust(_ROOM)
    if len(facts) > _ROOM:
        raise AssertionError("a record longer than its slot")
    return b"%b%08x\n" % (facts, zlib.crc32(facts))


def _lasting_facts(mark: HighWater) -> bytes:
    """The part of a record that stays the same from commit to commit."""
    facts = {
        "run": "" if mark.newest is None else mark.newest.run,
        "lineage": mark.lineage.lineage,
        "seal": mark.seal,
        "place": mark.place,
        "begun": mark.begun,
    }
    return json.dumps(facts, ensure_ascii=False).encode(errors="replace").removeprefix(b"{")
