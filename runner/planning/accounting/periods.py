"""Cuts the state to a period: what was marked, seen and asked for in it. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple, TypeVar

from runner.core.catalogue import BalanceSeen
from runner.core.snapshot import Recorded

K = TypeVar("K")
V = TypeVar("V")


class Period(NamedTuple):
    """A span of time: `since` is in it, `until` is not; None: open on that side."""

    since: datetime | None
    until: datetime | None

    def holds(self, moment: datetime) -> bool:
        """True if `moment` is in it."""
        return (self.since is None or moment >= self.since) and (self.until is None or moment < self.until)


def in_period(
    recorded: Recorded, period: Period, first: Mapping[str, BalanceSeen], last: Mapping[str, BalanceSeen]
) -> Recorded:
    """What was marked, labelled and asked for in the period, with the first and last look at each balance inside it."""
    holds = period.holds
    return replace(
        recorded,
        attempts=_kept(recorded.attempts, lambda one: holds(one.marked_at)),
        refills=_kept(recorded.refills, lambda one: holds(one.asked_at)),
        cancels=_kept(recorded.cancels, lambda one: holds(one.asked_at)),
        first_balances=first,
        last_balances=last,
        labels=[label for label in recorded.labels if holds(label.seen_at)],
        decisions=[one for one in recorded.decisions if holds(one.decision.at)],
    )


def _kept(recorded: Mapping[K, Sequence[V]], holds: Callable[[V], bool]) -> dict[K, list[V]]:
    return {key: kept for key, several in recorded.items() if (kept := [one for one in several if holds(one)])}
