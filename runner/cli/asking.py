"""Questions on a terminal: whether one may be asked, how Ctrl-C ends it, and who answers."""

import getpass
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def may_ask(*, no_input: bool) -> bool:
    """True on a terminal, unless the user wants no questions."""
    return not no_input and sys.stdin.isatty() and sys.stderr.isatty()


def who() -> tuple[str, str]:
    """The user and the host of this process, for what is recorded with a name."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user id without a name
        user = str(os.getuid())
    return user, socket.gethostname()


@contextmanager
def plain_signals() -> Iterator[None]:
    """While a question blocks the event loop, its own signal handlers can't run: Ctrl-C must end the question itself."""
    former = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
