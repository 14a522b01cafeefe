"""The last place for an outcome that the database does not take: a file of fixed size, written in place.

It needs no new space on the disk. The next start carries what it holds into the database, and empties it.
"""

import json
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple

from runner.core.attempts import Outcome, OutcomeKind, Phase
from runner.core.clock import from_text, to_text
from runner.core.text import clean
from runner.store.operations import Settle
from runner.store.paths import PRIVATE_FILE, StatePaths, cannot_write, sync_directory

SLOT = 512  # bytes of one record: a disk writes as much at once or not at all
SLOTS = 256  # as many as there may be adds in flight
_BLANK = b" " * (SLOT - 1) + b"\n"
_LONGEST_MESSAGE = 100  # characters


class Kept(NamedTuple):
    """One outcome that is not in the database yet."""

    slot: int
    attempt_id: int
    run_id: str  # with the id it names one attempt of all states that ever were
    outcome: Outcome
    at: datetime


class EmergencyFile:
    """The open file. All methods are safe to call when the disk is full."""

    def __init__(self, paths: StatePaths) -> None:
        self.path = paths.emergency
        try:
            self._handle: int | None = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
            try:
                self._make_whole(self._handle)
            except BaseException:
                self.close()
                raise
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def _make_whole(self, handle: int) -> None:
        """Real blanks, not a hole: writing in place must never need space."""
        size = os.fstat(handle).st_size
        if size != SLOT * SLOTS:
            begun = size - size % SLOT
            os.pwrite(handle, _BLANK * (SLOTS - begun // SLOT), begun)
            os.ftruncate(handle, SLOT * SLOTS)
            os.fsync(handle)
            sync_directory(self.path.parent)

    def keep(self, settles: Iterable[Settle], run_id: str | None) -> frozenset[int]:
        """Ids of the attempts whose outcome is durable here when this returns. An outcome in doubt proves nothing: left out."""
        wanted = [settle for settle in settles if settle.outcome.kind is not OutcomeKind.IN_DOUBT]
        if self._handle is None or not wanted or run_id is None:
            return frozenset()
        try:
            free = [slot for slot in range(SLOTS) if os.pread(self._handle, SLOT, slot * SLOT).isspace()]
            kept = set()
            for slot, settle in zip(free, wanted, strict=False):
                line = _line(settle, run_id, settle.outcome.message[:_LONGEST_MESSAGE])
                if len(line) > SLOT:
                    line = _line(settle, run_id, "")
                if len(line) == SLOT:
                    os.pwrite(self._handle, line, slot * SLOT)
                    kept.add(settle.attempt_id)
            os.fsync(self._handle)
        except OSError:
            return frozenset()
        return frozenset(kept)

    def kept(self) -> Sequence[Kept]:
        """What is in the file; a line that was not written whole is none."""
        if self._handle is None:
            return ()
        lines = [os.pread(self._handle, SLOT, slot * SLOT) for slot in range(SLOTS)]
        return [kept for slot, line in enumerate(lines) if (kept := _read(slot, line)) is not None]

    def clear(self, slots: Iterable[int]) -> None:
        """Blank these slots, durably."""
        if self._handle is not None:
            for slot in slots:
                os.pwrite(self._handle, _BLANK, slot * SLOT)
            os.fsync(self._handle)

    def close(self) -> None:
        """Let go of the file; harmless when done twice."""
        if self._handle is not None:
            handle, self._handle = self._handle, None
            os.close(handle)


def _line(settle: Settle, run_id: str, message: str) -> bytes:
    outcome = settle.outcome
    facts = {
        "attempt_id": settle.attempt_id,
        "run_id": run_id,
        "kind": outcome.kind.value,
        "panel_order_id": outcome.panel_order_id,
        "phase": outcome.phase.value,
        "message": message,
        "at": to_text(settle.at),
    }
    return json.dumps(facts).encode().ljust(SLOT - 1) + b"\n"


def _read(slot: int, line: bytes) -> Kept | None:
    if line.isspace():
        return None
    with suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):
        facts: dict[str, Any] = json.loads(line)
        order_id = facts["panel_order_id"]
        outcome = Outcome(
            OutcomeKind(facts["kind"]),
            None if order_id is None else clean(str(order_id)),
            message=clean(str(facts["message"])),
            phase=Phase(facts["phase"]),
        )
        return Kept(slot, int(facts["attempt_id"]), str(facts["run_id"]), outcome, from_text(facts["at"]))
    return None
