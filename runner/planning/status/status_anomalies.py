"""Finds what is odd about statuses just seen, against what was known. Pure; remarks, never an action."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from runner.core.attempts import FINAL_STATUSES, Attempt, LiveStatus, StatusSeen
from runner.core.snapshot import Recorded
from runner.core.values.money import plain


class Remark(NamedTuple):
    """One odd thing, about one order or about all that a panel says so of."""

    order: str | None  # address
    message: str


class Words:
    """The status words that each panel is known to say: those that the state holds, and those told in this run."""

    def __init__(self) -> None:
        self._known: dict[str, set[str]] = {}
        self._unread: list[Recorded] = []  # looked through only if a panel says an odd word

    def learn(self, recorded: Recorded) -> None:
        """Take over what the state holds."""
        self._unread.append(recorded)

    def is_new(self, word: str, panel: str) -> bool:
        """True the first time that a panel says a word."""
        while self._unread:
            for one in self._unread.pop().each():
                self._known.setdefault(one.panel, set()).add(one.status_text)
        words = self._known.setdefault(panel, set())
        if word in words:
            return False
        words.add(word)
        return True

    def of_new_orders(self, seen: Sequence[StatusSeen], panel: str) -> Iterator[Remark]:
        """Words that are not understood, each once, of orders that have just been placed."""
        for one in seen:
            if one.status is LiveStatus.UNKNOWN and not one.error and self.is_new(one.status_text, panel):
                yield Remark(None, _unknown(one.status_text, panel, "orders", "keep their last known status"))

    def of_known_orders(self, seen: Sequence[StatusSeen], known: Mapping[int, Attempt]) -> Iterator[Remark]:
        """Words that are not understood, each once; final statuses that are taken back, or charged otherwise.

        `known` are the attempts by id, as they stood before.
        """
        for one in seen:
            before = known.get(one.attempt_id)
            if before is None or one.error:
                continue
            if one.status is LiveStatus.UNKNOWN:
                if self.is_new(one.status_text, before.panel):
                    last = f"the order keeps its last known status ({_in_words(before.status)})"
                    yield Remark(before.address, _unknown(one.status_text, before.panel, before.address, last))
            elif before.status in FINAL_STATUSES and (change := _correction(before, one)):
                yield Remark(before.address, change)


def _unknown(word: str, panel: str, what: str, keeps: str) -> str:
    again = "is asked for again" if what != "orders" else "are asked for again"
    return f"panel {panel} calls {what} `{word}`, a word that is not known: {keeps} and {again}; told once"


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
