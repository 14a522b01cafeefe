"""The reader of SQLite's write-ahead log, against logs that SQLite itself has written."""

import random
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.store.integrity.wal import NOTHING, LogReading, read_log

HEADER, FRAME = 32, 24


class Log:
    """A database in WAL mode with some commits in its log, as a killed process leaves it."""

    def __init__(self, folder: Path, sizes: Sequence[int], page: int = 512, before: Sequence[int] = ()) -> None:
        """A commit for each size, of a row so long; `before` are such that were folded in, so that the log begins anew."""
        db = folder / "left.db"
        wal = folder / "left.db-wal"
        with closing(sqlite3.connect(db, isolation_level=None)) as connection:
            connection.execute(f"PRAGMA page_size = {page}")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA wal_autocheckpoint = 0")
            connection.execute("CREATE TABLE rows (text TEXT)")
            for size in before:
                connection.execute("INSERT INTO rows VALUES (?)", ("b" * size,))
            connection.execute("PRAGMA wal_checkpoint(FULL)")
            for size in sizes:
                connection.execute("INSERT INTO rows VALUES (?)", ("x" * size,))
            self.base, self.content = db.read_bytes(), wal.read_bytes()
        self.rows_before = len(before)
        self._frame = FRAME + page

    def frame_at(self, byte: int) -> int:
        """The number of the frame that holds a byte, from 0."""
        return (byte - HEADER) // self._frame

    def commits_before(self, frame: int) -> int:
        """How many commits end before this frame."""
        return sum(self._ends_a_commit(number) for number in range(frame))

    def frames(self) -> int:
        """Of this log; what follows is left from before it began anew."""
        salts = self.content[16:24]
        starts = range(HEADER, len(self.content), self._frame)
        return next((n for n, at in enumerate(starts) if self.content[at + 8 : at + 16] != salts), len(starts))

    def _ends_a_commit(self, frame: int) -> bool:
        at = HEADER + frame * self._frame + 4
        return any(self.content[at : at + 4])

    def rows_seen_by_sqlite(self, folder: Path, content: bytes) -> int:
        """How many rows a database shows that has this log beside it."""
        (folder / "seen.db").write_bytes(self.base)
        (folder / "seen.db-wal").write_bytes(content)
        (folder / "seen.db-shm").unlink(missing_ok=True)
        with closing(sqlite3.connect(f"file:{folder / 'seen.db'}?mode=ro", uri=True)) as connection:
            return connection.execute("SELECT count(*) FROM rows").fetchone()[0]


def read(folder: Path, content: bytes) -> LogReading:
    (folder / "read-wal").write_bytes(content)
    return read_log(folder / "read-wal")


def with_wrong_bit(content: bytes, byte: int, bit: int) -> bytes:
    wrong = bytearray(content)
    wrong[byte] ^= 1 << bit
    return bytes(wrong)


def test_no_log_and_an_empty_one_hold_nothing(tmp_path):
    assert read_log(tmp_path / "none") == NOTHING
    assert read(tmp_path, b"") == NOTHING
    begun = read(tmp_path, b"\0" * HEADER)
    assert (begun.holds_something, begun.loses) == (True, False)


@settings(max_examples=30)
@given(
    sizes=st.lists(st.integers(0, 3000), min_size=1, max_size=6),
    page=st.sampled_from([512, 1024, 4096]),
    before=st.lists(st.integers(0, 3000), max_size=4),
)
def test_a_whole_log_is_read_to_its_end(tmp_path_factory, sizes, page, before):
    folder = tmp_path_factory.mktemp("log")
    log = Log(folder, sizes, page, before)
    reading = read(folder, log.content)
    assert reading == LogReading(size=len(log.content), commits=len(sizes), damaged_at=None, hidden=0, loses=False)
    assert log.rows_seen_by_sqlite(folder, log.content) == len(before) + len(sizes)


@pytest.mark.parametrize("before", [(), (2000, 2000)])
def test_a_wrong_bit_in_any_byte_is_seen_and_tells_what_it_hides(tmp_path, before):
    log = Log(tmp_path, sizes=(10, 10, 600, 10), before=before)
    frames = log.frames()
    chance = random.Random(1)
    for byte in range(HEADER + frames * (FRAME + 512)):
        reading = read(tmp_path, with_wrong_bit(log.content, byte, chance.randrange(8)))
        if byte < HEADER:
            assert (reading.commits, reading.loses) == (0, True), byte
            continue
        whole = log.commits_before(log.frame_at(byte))
        assert reading.commits == whole, byte
        if whole == 3:  # in the last commit, which nothing follows: only the mark can tell that it was durable
            assert not reading.loses, byte
        elif reading.hidden > 1:
            assert reading.loses, byte
        assert reading.hidden <= 4 - whole, byte
        assert whole > 1 or reading.loses, f"byte {byte}: two durable commits follow"


@settings(max_examples=60)
@given(data=st.data())
def test_what_sqlite_shows_is_what_the_reader_says_it_will_read(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("log")
    log = Log(folder, sizes=(10, 700, 10), before=data.draw(st.sampled_from([(), (600,)])))
    content = log.content
    match data.draw(st.sampled_from(["bit", "cut", "zeros"])):
        case "bit":
            content = with_wrong_bit(content, data.draw(st.integers(0, len(content) - 1)), data.draw(st.integers(0, 7)))
        case "cut":
            content = content[: data.draw(st.integers(HEADER + 1, len(content)))]
        case "zeros":
            start = data.draw(st.integers(0, len(content) - 1))
            content = content[:start] + b"\0" * (len(content) - start)
    assert read(folder, content).commits == log.rows_seen_by_sqlite(folder, content) - log.rows_before


def test_a_tail_cut_short_loses_nothing_that_was_durable(tmp_path):
    log = Log(tmp_path, sizes=(10, 10))
    for length in range(HEADER + FRAME + 512, len(log.content)):
        reading = read(tmp_path, log.content[:length])
        assert (reading.loses, reading.hidden) == (False, 0)


def test_the_first_frames_of_a_commit_missing_from_the_disk_after_a_power_failure_are_no_damage(tmp_path):
    """Its end may reach the disk before its beginning, as nobody had waited for it yet."""
    log = Log(tmp_path, sizes=(10, 2000))
    torn = bytearray(log.content)
    start = HEADER + (FRAME + 512) * 2
    while log.commits_before(log.frame_at(start)) < 1:
        start += FRAME + 512
    torn[start : start + FRAME + 512] = bytes(FRAME + 512)
    reading = read(tmp_path, bytes(torn))
    assert (reading.commits, reading.loses, reading.damaged_at) == (1, False, start)
    assert reading.hidden == 1
