"""Asks questions on a terminal, and says who answers."""

import getpass
import os
import socket
from collections.abc import Sized

import click

from runner.cli.process import signals
from runner.core.errors import Interrupted


def confirm(question: str, undone: str = "sent") -> None:
    """Ask on the terminal, blocking the event loop. Raises `Interrupted` ("nothing was …") unless the answer is yes."""
    with signals.asking():
        agreed = click.confirm(question, default=False, err=True)
    if not agreed:
        raise Interrupted(f"not confirmed; nothing was {undone}")


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
