"""Makes writing to stdout and stderr never fail, and reports output trouble in one place.

A run that spends money must not break because nobody can read it any more: a reader that went away, a terminal that was
closed, a full disk. What can't be written is dropped and remembered; `Streams.end` tells it and settles the exit code.
"""

import errno
import io
import os
import select
import sys
from typing import TYPE_CHECKING, NamedTuple, TextIO

import click

from runner.core.errors import ExitCode

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_STANDARD = (0, 1, 2)  # stdin, stdout, stderr
_CLOSED = os.strerror(errno.EBADF)
_READER_LEFT = frozenset({errno.EPIPE, errno.ECONNRESET})


class Outlet(io.RawIOBase):
    """The lowest layer of a standard stream: writes never fail; the first error is kept."""

    def __init__(self, descriptor: int, *, is_open: bool = True) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._is_open = is_open
        self.error: OSError | None = None  # the first; nothing is written after it

    @property
    def trouble(self) -> str:
        """Why output was lost, in a few words; empty if none was, or if its reader did not want any more."""
        return "" if self.error is None or self.error.errno in _READER_LEFT else self.error.strerror or str(self.error)

    def write(self, given: "ReadableBuffer", /) -> int:
        """Write what can be written; returns the full size even if that failed."""
        left = memoryview(given).cast("B")
        size = len(left)
        if not self._is_open and size and self.error is None:
            self.error = OSError(errno.EBADF, _CLOSED)
        while left and self.error is None:
            try:
                left = left[os.write(self._descriptor, left) :]
            except BlockingIOError:  # somebody made the pipe non-blocking, and it is full
                select.select([], [self._descriptor], [])
            except OSError as error:
                self.error = error
        return size

    def writable(self) -> bool:
        """True."""
        return True

    def fileno(self) -> int:
        """The descriptor, for asking whether it is a terminal."""
        if not self._is_open:
            raise OSError(errno.EBADF, _CLOSED)
        return self._descriptor

    def isatty(self) -> bool:
        """True for a terminal; a closed stream is none."""
        return self._is_open and os.isatty(self._descriptor)


class Streams(NamedTuple):
    """The standard streams of this process."""

    out: Outlet
    err: Outlet

    def end(self, code: int) -> int:
        """Flush, tell on stderr what could not be written, and give the exit code.

        Lost output makes a success a failure (1); it changes no other code: what happened is more than what was told.
        """
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        lost = list(_lost)
        if self.out.trouble:
            lost.insert(0, f"the output could not be written: {self.out.trouble}")
        for words in lost:
            print(f"error: {words}", file=sys.stderr)  # noqa: T201  # click may be what failed
        sys.stderr.flush()
        return ExitCode.FAILURE if lost and code == ExitCode.OK else code


_lost: list[str] = []  # of this process


def note_lost(words: str) -> None:
    """Report `words` at the end of this process: a file that is written during the run could not be."""
    if words not in _lost:
        _lost.append(words)


def complain(message: str, hint: str = "") -> None:
    """Write one line on stderr, and the next step on a second."""
    click.echo(click.style("error: ", fg="red", bold=True) + message, err=True)
    if hint:
        click.echo(f"  next: {hint}", err=True)


def take_streams() -> Streams:
    """Make `sys.stdout` and `sys.stderr` outlets, for the rest of this process; give it a stdin where it has none.

    Descriptors 0 to 2 are opened on /dev/null where they are closed: a database must never get the number of stderr.
    """
    missing = _fill_gaps()
    streams = Streams(*(Outlet(number, is_open=number not in missing) for number in _STANDARD[1:]))
    sys.stdout = _text(streams.out, sys.stdout, errors="strict", by_line=streams.out.isatty())
    sys.stderr = _text(streams.err, sys.stderr, errors="backslashreplace", by_line=True)
    if getattr(sys, "stdin", None) is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  # the process's own
    return streams


def _fill_gaps() -> frozenset[int]:
    missing = []
    for number in _STANDARD:
        try:
            os.fstat(number)
        except OSError:
            missing.append(number)
            opened = os.open(os.devnull, os.O_RDWR)  # the lowest free number, which is this one
            os.set_inheritable(opened, True)
    return frozenset(missing)


def _text(outlet: Outlet, former: TextIO | None, *, errors: str, by_line: bool) -> TextIO:
    """A text stream over the outlet with the encoding and error handling of `former`; UTF-8 if that was closed."""
    encoding, at_once = "utf-8", False
    if isinstance(former, io.TextIOWrapper):
        former.flush()
        encoding, errors, at_once = former.encoding, former.errors or errors, former.write_through
    buffer = io.BufferedWriter(outlet)
    return io.TextIOWrapper(buffer, encoding, errors, line_buffering=by_line, write_through=at_once)
