"""What is odd about statuses just seen, against what was known before. Pure; remarks for people, never an action."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from runner.core.attempts import FINAL_STATUSES, Attempt, LiveStatus, StatusSeen
from runner.core.money import plain
from runner.core.recorded import Recorded


class Remark(NamedTuple):
    """One odd thing about one order."""

    order: str  # address
    message: str


class Sightings:
    """Compares the statuses of one refresh with the state before it."""

    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded
        self._before: Mapping[int, Attempt] = {
            one.id: one for attempts in recorded.attempts.values() for one in attempts
        }
        self._words: dict[str, set[str]] = {}  # panel -> words that the state holds, of panels that said an odd one

    def remarks(self, seen: Sequence[StatusSeen]) -> Iterator[Remark]:
        """Words that are not understood, each once; final statuses that are taken back, or charged otherwise."""
        for one in seen:
            before = self._before.get(one.attempt_id)
            if before is None or one.error:
                continue
            if one.status is LiveStatus.UNKNOWN:
                if one.status_text and self._is_new(one.status_text, before.panel):
                    yield Remark(before.address, _unknown(one.status_text, before))
            elif before.status in FINAL_STATUSES and (change := _correction(before, one)):
                yield Remark(before.address, change)

    def _is_new(self, word: str, panel: str) -> bool:
        """True the first time that a panel says a word."""
        words = self._words.get(panel)
        if words is None:
            words = self._words[panel] = {
                one.status_text
                for attempts in self._recorded.attempts.values()
                for one in attempts
                if one.panel == panel
            }
        if word in words:
            return False
        words.add(word)
        return True


def _unknown(word: str, before: Attempt) -> str:
    return (
        f"panel {before.panel} calls {before.address} `{word}`, a word that is not known: the order keeps its last known "
        f"status ({_in_words(before.status)}) and is asked for again; told once"
    )


def _correction(before: Attempt, now: StatusSeen) -> str:
    """How a final status differs from what was final before; empty if it doesn't."""
    changes = []
    if now.status is not before.status:
        changes.append(f"{_in_words(before.status)} -> {_in_words(now.status)}")
    if now.charge is not None and before.charge is not None and now.charge != before.charge:
        changes.append(f"charge {plain(before.charge)} -> {plain(now.charge)}")
    if not changes:
        return ""
    return (
        f"{before.address} was final, and the panel corrects it: {', '.join(changes)} (order {before.panel_order_id})"
    )


def _in_words(status: LiveStatus) -> str:
    return status.replace("_", " ")
