"""Reads SQLite's write-ahead log to its very end, also behind damage.

SQLite itself stops at the first frame that is wrong and takes all before it for the whole log: one wrong bit and every
later commit is gone without a word. The format: https://www.sqlite.org/fileformat2.html#walformat. Changes nothing.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

_HEADER = struct.Struct(">8I")  # magic, version, page size, checkpoints, two salts, two checksums
_FRAME = struct.Struct(">6I")  # page, pages after a commit or 0, two salts, two checksums
_SUMMED_OF_HEADER = 24  # bytes that the header's checksums cover
_SUMMED_OF_FRAME = 8  # bytes of a frame's header that they cover, beside its page
_MAGIC = 0x377F0682  # the last bit says in which order the checksums take the bytes of a word
_PAGE_SIZES = frozenset(1 << bits for bits in range(9, 17))
_WORD = 0xFFFFFFFF

Sums = tuple[int, int]


class LogReading(NamedTuple):
    """What one log holds."""

    size: int  # bytes of the file; 0: there is none, or it is empty
    commits: int  # that SQLite will read
    damaged_at: (
        int | None
    )  # the byte from which it reads nothing more, though more was written there; None: all is read
    hidden: int  # commits after that place, each whole by itself
    loses: bool  # one of the commits that it does not read was durable once; False: at most the last, which may be torn

    @property
    def holds_something(self) -> bool:
        """True if there is a log with anything in it."""
        return self.size > 0


NOTHING = LogReading(size=0, commits=0, damaged_at=None, hidden=0, loses=False)


class _Frame(NamedTuple):
    start: int  # its place in the file
    commits: bool  # it says that it ends a transaction
    is_of_this_log: bool  # else it is left from before the log began anew, or its salts are wrong
    is_good: bool  # by itself: after the checksums that the frame before it bears


def read_log(path: Path) -> LogReading:
    """The log at `path`, read once from its beginning to its end; raises OSError if it can't be read. A missing one is empty."""
    try:
        with path.open("rb") as file:
            return _read(file)
    except FileNotFoundError:
        return NOTHING


def _read(file: BinaryIO) -> LogReading:
    header = file.read(_HEADER.size)
    size = file.seek(0, 2)
    if size <= _HEADER.size:  # begun, and nothing in it
        return NOTHING._replace(size=size)
    if not _is_good_header(header):
        # SQLite writes and syncs the header before the first frame: with anything after it, it was good once.
        return LogReading(size=size, commits=0, damaged_at=0, hidden=0, loses=True)
    file.seek(_HEADER.size)
    commits = 0
    broken: _Frame | None = None
    hidden = 0
    for frame in _frames(file, header):
        if broken is None and frame.is_good:
            commits += frame.commits
        elif broken is None:
            broken = frame
        else:
            hidden += frame.is_good and frame.commits
    if broken is None or (hidden == 0 and not broken.is_of_this_log):
        return LogReading(size=size, commits=commits, damaged_at=None, hidden=0, loses=False)
    # Each commit is synced before the next is written. The first commit after the broken frame may be its own, cut short by
    # a power failure while it was written; with one more, or if the frame itself ended its commit, it was durable.
    loses = hidden > 1 or (hidden == 1 and broken.commits and broken.is_of_this_log)
    return LogReading(size=size, commits=commits, damaged_at=broken.start, hidden=hidden, loses=loses)


def _is_good_header(header: bytes) -> bool:
    magic, _version, page_size, _, _, _, *sums = _HEADER.unpack(header)
    if magic | 1 != _MAGIC | 1 or page_size not in _PAGE_SIZES:
        return False
    return list(_summed(header[:_SUMMED_OF_HEADER], _order(magic), (0, 0))) == sums


def _frames(file: BinaryIO, header: bytes) -> Iterator[_Frame]:
    """All frames that are there in full, also those after a broken one."""
    magic, _, page_size, _, salt_1, salt_2, sum_1, sum_2 = _HEADER.unpack(header)
    order, before = _order(magic), (sum_1, sum_2)
    start = _HEADER.size
    while len(content := file.read(_FRAME.size + page_size)) == _FRAME.size + page_size:
        page, pages, *salts, sum_1, sum_2 = _FRAME.unpack_from(content)
        is_of_this_log = salts == [salt_1, salt_2]
        is_good = False
        if is_of_this_log and page:
            begun = _summed(content[:_SUMMED_OF_FRAME], order, before)
            is_good = _summed(content[_FRAME.size :], order, begun) == (sum_1, sum_2)
        yield _Frame(start, pages > 0, is_of_this_log, is_good)
        before = (sum_1, sum_2)
        start += len(content)


def _order(magic: int) -> str:
    return ">" if magic & 1 else "<"


def _summed(content: bytes, order: str, before: Sums) -> Sums:
    """SQLite's checksums of `content`, a multiple of 8 bytes, going on from those before it."""
    first, second = before
    words = iter(struct.unpack(f"{order}{len(content) // 4}I", content))
    for even, odd in zip(words, words, strict=True):
        first = (first + even + second) & _WORD
        second = (second + odd + first) & _WORD
    return first, second
