"""Reads how balances moved, for the charts of reports."""

from collections.abc import Collection
from decimal import Decimal

from runner.core.catalogue import NO_CURRENCY, Balance, BalanceSeen
from runner.core.values.clock import from_text
from runner.store.connection import NOT_OURS, holds_tables, reading, unreadable
from runner.store.disk.paths import StatePaths


def read_balances(paths: StatePaths, panels: Collection[str]) -> list[BalanceSeen]:
    """Every reading of `panels`, in time order; of equal ones in a row only the first and the last. Empty without a state."""
    if not paths.db.exists():
        return []
    kept: list[tuple[str, str, str, str]] = []
    runs: dict[str, int] = {}  # by panel: how many equal readings stand at its end
    last: dict[str, int] = {}  # by panel: place of its last reading in `kept`
    with reading(paths) as connection:
        if not holds_tables(connection, paths):
            return []
        for row in connection.execute("SELECT panel, amount, currency, seen_at FROM balances ORDER BY id"):
            panel = row[0]
            if panel not in panels:
                continue
            place = last.get(panel)
            same = place is not None and kept[place][1:3] == row[1:3]
            runs[panel] = runs[panel] + 1 if same else 1
            if place is not None and runs[panel] > 2:  # noqa: PLR2004  # a first and a last are there: the last moves on
                kept[place] = row
                continue
            last[panel] = len(kept)
            kept.append(row)
    try:
        seen = [
            BalanceSeen(
                panel=panel,
                balance=Balance(amount=Decimal(amount), currency=None if currency == NO_CURRENCY else currency),
                seen_at=from_text(seen_at),
            )
            for panel, amount, currency, seen_at in kept
        ]
    except NOT_OURS as error:
        raise unreadable(paths, error) from error
    return sorted(seen, key=lambda one: one.seen_at)
