"""The spill file: keeps answers that the database can't take, in place, in a file of fixed size.

It needs no new space on the disk. The next start carries what it holds into the database, and empties it.
"""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from runner.core.attempts import Outcome, OutcomeKind, Phase
from runner.core.operations import Operation, Settle, SettleRefills
from runner.core.refills import Finality, RefillSettled, RefillState
from runner.core.values.clock import from_text, to_text
from runner.core.values.text import clean
from runner.store.disk.paths import PRIVATE_FILE, StatePaths, cannot_write, sync

SLOT = 512  # bytes of one record: a disk writes as much at once or not at all
SLOTS = 256  # as many as there may be adds in flight; refills are asked for when those are over
_BLANK = b" " * (SLOT - 1) + b"\n"
_LONGEST_MESSAGE = 100  # characters


class Spilled(NamedTuple):
    """One answer that is not in the database yet."""

    slot: int
    run_id: str  # of the run that asked: with the id it names one attempt of all states that ever were
    told: Settle | SettleRefills  # with one answer


class SpillFile:
    """The open file. All methods are safe to call when the disk is full."""

    def __init__(self, paths: StatePaths) -> None:
        self.path = paths.spill_file
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
            sync(self.path.parent)

    def keep(self, batch: Sequence[Operation], run_id: str | None) -> frozenset[int]:
        """Places of the operations of which something is durable here when this returns: outcomes come first."""
        if run_id is None:
            return frozenset()
        places = sorted(range(len(batch)), key=lambda place: not isinstance(batch[place], Settle))
        records = [(place, facts) for place in places for facts in _facts(batch[place], run_id)]
        written = self._write([_line(facts) for _, facts in records])
        return frozenset(records[number][0] for number in written)

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

    def kept(self) -> list[Spilled]:
        """What is in the file; a line that was not written whole is left out."""
        if self._handle is None:
            return []
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


def _line(facts: Mapping[str, Any]) -> bytes:
    """A line with as much of the message as fits; longer than a slot if nothing helps."""
    lines = (
        json.dumps({**facts, "message": facts["message"][:longest]}).encode().ljust(SLOT - 1) + b"\n"
        for longest in (_LONGEST_MESSAGE, 0)
    )
    whole, short = lines
    return whole if len(whole) == SLOT else short


def _facts(operation: Operation, run_id: str) -> list[dict[str, Any]]:
    """What is to be kept of an operation, a record each. An answer that proves nothing is left out."""
    match operation:
        case Settle(attempt_id, outcome, at) if outcome.kind is not OutcomeKind.IN_DOUBT:
            return [
                {
                    "attempt_id": attempt_id,
                    "run_id": run_id,
                    "kind": outcome.kind.value,
                    "panel_order_id": outcome.panel_order_id,
                    "phase": outcome.phase.value,
                    "message": outcome.message,
                    "at": to_text(at),
                }
            ]
        case SettleRefills(settled, at):
            return [
                {
                    "refill": one.id,
                    "run_id": run_id,
                    "state": one.state.value,
                    "refill_id": one.refill_id,
                    "finality": None if one.finality is None else one.finality.value,
                    "message": one.message,
                    "at": to_text(at),
                }
                for one in settled
                if one.state is not RefillState.UNKNOWN
            ]
        case _:
            return []


def _read(slot: int, line: bytes) -> Spilled | None:
    with suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError):
        facts: dict[str, Any] = json.loads(line)
        at, message = from_text(facts["at"]), clean(str(facts["message"]))
        told: Settle | SettleRefills
        if "refill" in facts:
            finality = None if facts["finality"] is None else Finality(facts["finality"])
            state, refill_id = RefillState(facts["state"]), _text_or_none(facts["refill_id"])
            told = SettleRefills([RefillSettled(int(facts["refill"]), state, refill_id, finality, message)], at)
        else:
            kind, order_id = OutcomeKind(facts["kind"]), _text_or_none(facts["panel_order_id"])
            outcome = Outcome(kind, order_id, message=message, phase=Phase(facts["phase"]))
            told = Settle(int(facts["attempt_id"]), outcome, at)
        return Spilled(slot, str(facts["run_id"]), told)
    return None


def _text_or_none(value: object) -> str | None:
    return None if value is None else clean(str(value))
