"""Turns signals that end a process into requests to stop: the first drains the run, the second ends it.

A closed ssh sends SIGHUP, `kill` SIGTERM, a quit key SIGQUIT, a CPU limit SIGXCPU: whatever it is, an order that was
sent is waited for. Left alone are SIGKILL and SIGSTOP, which can't be caught; signals that pause a process (SIGTSTP
and its like); SIGSEGV, SIGBUS, SIGFPE and SIGILL, after which nothing can be trusted; and SIGPIPE and SIGXFSZ, which
Python ignores.
"""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from runner.core.errors import ExitCode

if TYPE_CHECKING:
    from runner.engine.stopping import Stop

_NAMES = (
    "SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGABRT", "SIGTRAP", "SIGSYS", "SIGUSR1", "SIGUSR2", "SIGALRM",
    "SIGVTALRM", "SIGPROF", "SIGIO", "SIGXCPU", "SIGPWR", "SIGSTKFLT",
)  # fmt: skip

# Wrappers such as `timeout` signal a process and then its whole group: two signals within a moment are one.
_ONE_SIGNAL = 0.02  # seconds
# A shell that loses its terminal hangs up its jobs, and the system does so again when that shell is gone.
_ONE_HANGUP = 1.0  # seconds


def endings() -> list[int]:
    """Every signal that can be caught and means the end, but for those that this process was started to ignore (nohup)."""
    numbers = {int(getattr(signal, name)) for name in _NAMES if hasattr(signal, name)}
    numbers.update(range(signal.SIGRTMIN, signal.SIGRTMAX + 1))
    return sorted(number for number in numbers & signal.valid_signals() if signal.getsignal(number) != signal.SIG_IGN)


def interrupt_on_all() -> None:
    """Make every ending signal act like Ctrl-C, for the time outside of a run."""
    for number in endings():
        if number != signal.SIGINT:
            signal.signal(number, _as_ctrl_c)


def ignore_all() -> None:
    """Ignore every ending signal: a late one would replace the exit code while the interpreter shuts down."""
    for number in endings():
        signal.signal(number, signal.SIG_IGN)


def _as_ctrl_c(_number: int, _frame: FrameType | None) -> None:
    if signal.getsignal(signal.SIGINT) in (signal.SIG_IGN, None):
        raise KeyboardInterrupt
    signal.raise_signal(signal.SIGINT)


@contextmanager
def draining(run: "Stop") -> Iterator[None]:
    """While a run goes on: the first signal asks it to end, the next one ends the process now."""
    import asyncio  # 30 ms that --help does without

    loop = asyncio.get_running_loop()
    asked_at = 0.0

    def stop(number: int) -> None:
        nonlocal asked_at
        now = time.monotonic()
        if not run.requested:
            asked_at = now
            run.request()
        elif _is_another(number, now - asked_at):
            leave(run.in_flight)

    former = {number: signal.getsignal(number) for number in endings()}
    for number in former:
        loop.add_signal_handler(number, stop, number)
    try:
        yield
    finally:
        for number, handler in former.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)


@contextmanager
def asking() -> Iterator[None]:
    """Make every ending signal end the question that blocks the event loop, whose own handlers can't run meanwhile."""
    former = {number: signal.getsignal(number) for number in endings()}
    for number in former:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def leave(in_flight: int) -> None:
    """End the process now; what is in flight will be in doubt."""
    left = (
        f"{in_flight} order(s) in flight will be in doubt: runner doubt list" if in_flight else "nothing is in flight"
    )
    print(f"\nleaving now; {left}", file=sys.stderr, flush=True)  # noqa: T201
    os._exit(ExitCode.IN_DOUBT if in_flight else ExitCode.INTERRUPTED)


def _is_another(number: int, since: float) -> bool:
    """False if the signal, `since` seconds after the first, is only an echo of that one."""
    if number == signal.SIGXCPU:  # comes again with every further second of CPU time
        return False
    return since >= (_ONE_HANGUP if number == signal.SIGHUP else _ONE_SIGNAL)
