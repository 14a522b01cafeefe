"""The spill file: keeps answers that the database can't take, in place, in a file of fixed size.

It needs no new space on the disk. The next start carries what it holds into the database, and empties it.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from runner.core.attempts import Outcome, OutcomeKind, Phase
from runner.core.operations import Settle, SettleRefills
from runner.core.refills import Finality, RefillSettled, RefillState
from runner.core.values.clock import from_text, to_text
from runner.core.values.text import clean
from runner.store.disk.paths import PRIVATE_FILE, StatePaths, cannot_write, sync_directory

SLOT = 512  # bytes of one record: a disk writes as much at once or not at all
SLOTS = 256  # as many as there may be adds in flight; refills are asked for when those are over
_BLANK = b" " * (SLOT - 1) + b"\n"
_LONGEST_MESSAGE = 100  # characters


class SpilledOutcome(NamedTuple):
    """One outcome that is not in the database yet."""

    slot: int
    attempt_id: int
    run_id: str  # with the id it names one attempt of all states that ever were
    outcome: Outcome
    at: datetime


class SpilledRefill(NamedTuple):
    """One answer to a request for a refill that is not in the database yet."""

    slot: int
    run_id: str  # of the run that asked
    settled: RefillSettled
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
        if run_id is None:
            return frozenset()
        lines = [_fitted(partial(_facts, settle, run_id), settle.outcome.message) for settle in wanted]
        return frozenset(wanted[place].attempt_id for place in self._write(lines))

    def keep_refills(self, settles: Iterable[SettleRefills], run_id: str | None) -> frozenset[int]:
        """Ids of the requests whose answer is durable here when this returns. An unknown answer says nothing: left out."""
        wanted = [
            (one, settle.at) for settle in settles for one in settle.settled if one.state is not RefillState.UNKNOWN
        ]
        if run_id is None:
            return frozenset()
        lines = [_fitted(partial(_refill_facts, one, run_id, at), one.message) for one, at in wanted]
        return frozenset(wanted[place][0].id for place in self._write(lines))

    def _write(self, lines: Sequence[bytes]) -> list[int]:
        """Places of the lines that are durable in the file when this returns."""
        if self._handle is None or not lines:
            return []
        try:
            free = (slot for slot in range(SLOTS) if os.pread(self._handle, SLOT, slot * SLOT).isspace())
            written = []
            for place, line in enumerate(lines):
                if len(line) != SLOT:
                    continue
                slot = next(free, None)
                if slot is None:
                    break
                os.pwrite(self._handle, line, slot * SLOT)
                written.append(place)
            os.fsync(self._handle)
        except OSError:
            return []
        return written

    def kept(self) -> Sequence[SpilledOutcome]:
        """The outcomes in the file; a line that was not written whole is none."""
        return [kept for slot, line in self._lines() if (kept := _read(slot, line)) is not None]

    def kept_refills(self) -> Sequence[SpilledRefill]:
        """The answers to refills in the file."""
        return [kept for slot, line in self._lines() if (kept := _read_refill(slot, line)) is not None]

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        if self._handle is not None:
            for slot in range(SLOTS):
                line = os.pread(self._handle, SLOT, slot * SLOT)
                if not line.isspace():
                    yield slot, line

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


def _fitted(facts: Callable[[str], dict[str, Any]], message: str) -> bytes:
    """A line with as much of the message as fits; longer than a slot if nothing helps."""
    line = _line(facts(message[:_LONGEST_MESSAGE]))
    return line if len(line) == SLOT else _line(facts(""))


def _line(facts: Mapping[str, Any]) -> bytes:
    return json.dumps(facts).encode().ljust(SLOT - 1) + b"\n"


def _facts(settle: Settle, run_id: str, message: str) -> dict[str, Any]:
    outcome = settle.outcome
    return {
        "attempt_id": settle.attempt_id,
        "run_id": run_id,
        "kind": outcome.kind.value,
        "panel_order_id": outcome.panel_order_id,
        "phase": outcome.phase.value,
        "message": message,
        "at": to_text(settle.at),
    }


def _refill_facts(settled: RefillSettled, run_id: str, at: datetime, message: str) -> dict[str, Any]:
    return {
        "refill": settled.id,
        "run_id": run_id,
        "state": settled.state.value,
        "refill_id": settled.refill_id,
        "finality": None if settled.finality is None else settled.finality.value,
        "message": message,
        "at": to_text(at),
    }


def _read(slot: int, line: bytes) -> SpilledOutcome | None:
    with suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):
        facts: dict[str, Any] = json.loads(line)
        outcome = Outcome(
            OutcomeKind(facts["kind"]),
            _text_or_none(facts["panel_order_id"]),
            message=clean(str(facts["message"])),
            phase=Phase(facts["phase"]),
        )
        return SpilledOutcome(slot, int(facts["attempt_id"]), str(facts["run_id"]), outcome, from_text(facts["at"]))
    return None


def _read_refill(slot: int, line: bytes) -> SpilledRefill | None:
    with suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):
        facts: dict[str, Any] = json.loads(line)
        settled = RefillSettled(
            int(facts["refill"]),
            RefillState(facts["state"]),
            _text_or_none(facts["refill_id"]),
            None if facts["finality"] is None else Finality(facts["finality"]),
            clean(str(facts["message"])),
        )
        return SpilledRefill(slot, str(facts["run_id"]), settled, from_text(facts["at"]))
    return None


def _text_or_none(value: object) -> str | None:
    return None if value is None else clean(str(value))
