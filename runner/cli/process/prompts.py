"""Asks questions on a terminal, and says whether one may be asked and who answers."""

import getpass
import os
import socket
import sys
from collections.abc import Sized


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


def to_do(purchases: Sized, refills: Sized, cancels: Sized) -> str:
    """`2,000 order(s) to place and 1 refill(s) to ask for`, naming only what there is."""
    parts = (
        (len(purchases), "order(s) to place"),
        (len(refills), "refill(s) to ask for"),
        (len(cancels), "order(s) to cancel"),
    )
    return " and ".join(f"{number:,} {what}" for number, what in parts if number)
