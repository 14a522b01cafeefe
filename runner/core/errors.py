"""Errors by what happened, each with its exit code and the next step.

Nothing here formats for a terminal: `cli` prints `message` and `hint`.
"""

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class ExitCode(IntEnum):
    """Exit codes of every command; fixed, scripts rely on them."""

    OK = 0  # fine, also when changes are pending
    FAILURE = 1  # unexpected failure
    CHANGES = 2  # only with --detailed-exitcode: changes pending
    INVALID = 10  # invalid input; nothing sent
    GUARD = 11  # refused by a guard: budget, balance, price, cap, policy; nothing sent
    STATE = 12  # state locked, missing, of another lineage, older than reality; plan stale
    PANEL = 13  # panel unreachable, or key rejected, before anything was sent
    PARTLY = 14  # some orders placed, some refused or failed; or a panel charged more than expected
    IN_DOUBT = 15  # at least one order in doubt (wins over PARTLY)
    TIMED_OUT = 16  # watch timed out
    USAGE = 64  # wrong options or arguments
    INTERRUPTED = 130  # interrupted, nothing in doubt


class RunnerError(Exception):
    """One line for the user and the next step; `code` becomes the exit code."""

    code = ExitCode.FAILURE

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InvalidInput(RunnerError):
    """A file, an option or an answer to a prompt that can't be used."""

    code = ExitCode.INVALID


class GuardRefused(RunnerError):
    """A guard (budget, balance, price, cap, policy) refused the whole run."""

    code = ExitCode.GUARD


class StateRefused(RunnerError):
    """The state is locked, missing, foreign, too old, or can't be written safely."""

    code = ExitCode.STATE


class StateLocked(StateRefused):
    """Another run holds the lock of the state; a later try can succeed."""


class PlanStale(StateRefused):
    """A saved plan differs from what would be planned now."""


class JournalBroken(StateRefused):
    """The journal could not commit; nothing more may be marked or sent by this process."""

    code = ExitCode.FAILURE


class PanelUnreachable(RunnerError):
    """The panel gave no usable answer to a read."""

    code = ExitCode.PANEL


class PanelBusy(PanelUnreachable):
    """The panel asks to wait longer than the run's patience; it may be asked again at `until`."""

    def __init__(self, message: str, hint: str, until: "datetime") -> None:
        super().__init__(message, hint)
        self.until = until


class KeyRejected(PanelUnreachable):
    """The panel does not accept the API key; asking again may block the address."""


class Interrupted(RunnerError):
    """Ctrl-C or SIGTERM before anything was sent, or with nothing in doubt."""

    code = ExitCode.INTERRUPTED


class UsageError(RunnerError):
    """Options or arguments that don't fit together."""

    code = ExitCode.USAGE
