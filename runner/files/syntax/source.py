"""Reads a regular file once, in pieces: hashed, capped in size, proven to be UTF-8.

Knows nothing of YAML or CSV.
"""

import codecs
import hashlib
import io
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Report = Callable[[int, int, str, str], None]  # takes line, column, code and message of what is wrong

MEBIBYTE = 1 << 20
SIZE_CAP = 512 * MEBIBYTE  # a million orders in block style take about 100
_BUFFER = 1 << 16  # bytes; every piece is checked by itself
_BREAK = re.compile(r"\r\n|[\r\n]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")
_ENCODINGS = ((codecs.BOM_UTF32_LE, "UTF-32"), (codecs.BOM_UTF16_LE, "UTF-16"), (codecs.BOM_UTF16_BE, "UTF-16"))


class Broken(Exception):
    """The file can't be read beyond `line`:`column`; the message says why and what to do."""

    def __init__(self, line: int, column: int, message: str, code: str = "encoding") -> None:
        super().__init__(message)
        self.line = line
        self.column = column
        self.message = message
        self.code = code


class Unreadable(Broken):
    """The file can't be opened, or is too large; `why` says so without naming the file."""

    def __init__(self, why: str) -> None:
        super().__init__(1, 1, f"this {why}", "unreadable")
        self.why = why


class CheckedFile(io.RawIOBase):
    """A stream over a file's bytes. `read` raises Broken where the bytes are no UTF-8 text."""

    def __init__(self, path: Path, cap: int = SIZE_CAP) -> None:
        super().__init__()
        self._cap = cap
        self._size = 0
        self._hash = hashlib.sha256()
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._file = _open_regular(path)
        if os.fstat(self._file.fileno()).st_size > cap:
            self.close()
            raise Unreadable(self._too_large())

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Fill `buffer` with the next bytes, checked and hashed; return how many there were."""
        count = self._file.readinto(buffer) or 0
        piece = bytes(memoryview(buffer)[:count])
        if not self._size and (name := next((name for mark, name in _ENCODINGS if piece.startswith(mark)), None)):
            raise Broken(1, 1, f"the file is {name}: save it as UTF-8")
        try:
            self._decoder.decode(piece, final=not count)
        except UnicodeDecodeError:
            raise self._not_utf8() from None
        if b"\0" in piece:
            raise self.control_character()
        self._size += count
        if self._size > self._cap:
            raise Unreadable(self._too_large())
        self._hash.update(piece)
        return count

    def close(self) -> None:
        """Close the file."""
        if not self.closed and hasattr(self, "_file"):  # Python closes what could not be opened, too
            self._file.close()
        super().close()

    def text(self) -> io.TextIOWrapper:
        """The file as CSV is read: no byte order mark, line ends as they are."""
        return io.TextIOWrapper(io.BufferedReader(self, _BUFFER), encoding="utf-8-sig", newline="")

    def fingerprint(self) -> bytes:
        """Length and SHA-256 of what was read so far."""
        return self._size.to_bytes(8, "big") + self._hash.digest()

    def control_character(self) -> Broken:
        """Where the first character stands that no text file should hold; for readers that only say that there is one."""
        text = self._again().decode("utf-8-sig", "replace")
        found = _CONTROL.search(text)
        if found is None:
            return Broken(1, 1, "the file holds a character that is not allowed: keep plain text only")
        line, column = _place(text[: found.start()])
        if found.group() == "\0":
            return Broken(line, column, "NUL byte: this is no text file, or it is UTF-16; save it as UTF-8")
        return Broken(line, column, f"control character 0x{ord(found.group()):02x}: remove it")

    def line(self, number: int) -> str:
        """The text of line `number`, from 1; empty if there is none. Reads the file again: only for messages."""
        lines = _BREAK.split(self._again().decode("utf-8-sig", "replace"))
        return lines[number - 1] if number <= len(lines) else ""

    def _too_large(self) -> str:
        return f"is larger than {self._cap // MEBIBYTE} MiB: split it"

    def _again(self) -> bytes:
        self._file.seek(0)
        return self._file.read(self._cap)

    def _not_utf8(self) -> Broken:
        whole = self._again()
        try:
            whole.decode()
        except UnicodeDecodeError as bad:
            line, column = _place(whole[: bad.start].decode("utf-8-sig"))
            return Broken(line, column, f"byte 0x{whole[bad.start]:02x} is not UTF-8: save the file as UTF-8")
        return Broken(1, 1, "the file is not UTF-8: save it as UTF-8")


def _open_regular(path: Path) -> io.FileIO:
    try:
        # Without O_NONBLOCK, opening a pipe would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise Unreadable("does not exist: check the name") from None
    except PermissionError:
        raise Unreadable("may not be read: check its permissions") from None
    except (OSError, ValueError) as error:
        raise Unreadable(f"can't be opened ({getattr(error, 'strerror', None) or error})") from None
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise Unreadable(
            "is a folder: name the files in it" if stat.S_ISDIR(mode) else "is not a regular file: name a file"
        )
    return io.FileIO(descriptor)


def _place(before: str) -> tuple[int, int]:
    lines = _BREAK.split(before)
    return len(lines), len(lines[-1]) + 1
