"""Cuts the state to a period: what was marked, seen and asked for in it. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from runner.core.catalogue import BalanceSeen
from runner.core.snapshot import Recorded


class Period(NamedTuple):
    """From a moment up to, and without, another; None: open."""

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
    attempts = {
        key: marked
        for key, several in recorded.attempts.items()
        if (marked := [one for one in several if holds(one.marked_at)])
    }
    refills = {
        attempt_id: asked
        for attempt_id, several in recorded.refills.items()
        if (asked := [one for one in several if holds(one.asked_at)])
    }
    cancels = {
        attempt_id: requests
        for attempt_id, several in recorded.cancels.items()
        if (requests := [one for one in several if holds(one.asked_at)])
    }
    return replace(
        recorded,
        attempts=attempts,
        refills=refills,
        cancels=cancels,
        first_balances=first,
        last_balances=last,
        labels=[label for label in recorded.labels if holds(label.seen_at)],
        decisions=[one for one in recorded.decisions if holds(one.decision.at)],
    )
