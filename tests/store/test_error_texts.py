"""What SQLite and the system say is told in plain words."""

import sqlite3

import pytest
from sqlalchemy.exc import OperationalError

from runner.store.disk.error_texts import reason_of


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (sqlite3.OperationalError("database is locked"), "another program holds it"),
        (sqlite3.OperationalError("database or disk is full"), "the disk is full"),
        (sqlite3.OperationalError("disk I/O error"), "the disk can't be read or written"),
        (sqlite3.OperationalError("attempt to write a readonly database"), "it may not be written"),
        (sqlite3.OperationalError("unable to open database file"), "it can't be opened"),
        (sqlite3.DatabaseError("database disk image is malformed"), "its pages make no sense"),
        (sqlite3.DatabaseError("file is not a database"), "it is no database"),
        (sqlite3.OperationalError("no such table: attempts"), "it is no state of the runner"),
        (OSError(13, "Permission denied"), "permission denied"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), "it is no UTF-8 text"),
        (ValueError(""), "nothing says why"),
    ],
)
def test_each_has_its_words(error, words):
    assert reason_of(error) == words


def test_what_sqlalchemy_wraps_is_unwrapped():
    wrapped = OperationalError("SELECT secret", {}, sqlite3.OperationalError("disk I/O error"))
    assert reason_of(wrapped) == "the disk can't be read or written"
