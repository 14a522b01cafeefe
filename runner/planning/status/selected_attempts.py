"""Chooses the recorded attempts that a command by hand acts on. Pure."""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from runner.core.attempts import DOUBTFUL, Attempt, AttemptState
from runner.core.snapshot import Recorded

_WILD = frozenset("*?[")


class Chosen(NamedTuple):
    """What the names meant."""

    attempts: Sequence[Attempt]  # placed; in the order marked
    named: frozenset[str]  # addresses that were named one by one, not by a glob
    wrong: Sequence[str]  # why a name means nothing that is placed, one line each


def choose(recorded: Recorded, names: Sequence[str]) -> Chosen:
    """The placed attempts of the orders that `names` mean: addresses, or globs over addresses."""
    found: dict[int, Attempt] = {}
    named: set[str] = set()
    wrong: list[str] = []
    for name in dict.fromkeys(names):
        matching = list(_matching(recorded, name))
        placed = [one for one in matching if one.state is AttemptState.PLACED]
        found |= {one.id: one for one in placed}
        named |= {one.address for one in placed if one.address == name}
        if not placed:
            wrong.append(f"{name}: {_why(matching)}")
    return Chosen([found[each] for each in sorted(found)], frozenset(named), wrong)


def _matching(recorded: Recorded, name: str) -> Iterator[Attempt]:
    campaign, _, order_id = name.partition("/")
    exact = recorded.attempts.get((campaign, order_id))
    if exact is not None:
        yield from exact
    elif not _WILD.isdisjoint(name):
        for attempts in recorded.attempts.values():
            if fnmatchcase(attempts[0].address, name):
                yield from attempts


def _why(matching: Sequence[Attempt]) -> str:
    if not matching:
        return "no order of this address was ever tried"
    if any(one.state in DOUBTFUL for one in matching):
        return "in doubt: settle it first, with `runner doubt show`"
    return f"not placed: {matching[-1].state.replace('_', ' ')}"
