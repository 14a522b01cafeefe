"""Says since when balances are known, for plans that ask no panel. Pure."""

from collections.abc import Collection, Iterator

from runner.core.snapshot import Recorded
from runner.core.values.clock import to_the_minute
from runner.planning.accounting.ledger import book
from runner.planning.phrases import orders


def remembered_balances(recorded: Recorded, panels: Collection[str]) -> Iterator[str]:
    """One sentence for each panel whose balance is remembered: when it was seen, and what was sent since."""
    last = {panel: seen for panel, seen in recorded.last_balances.items() if panel in panels}
    newer = dict.fromkeys(last, 0)
    for one in recorded.each():
        seen = last.get(one.panel)
        if seen is not None and not seen.is_after(one.id, one.marked_at) and not one.is_imported:
            newer[one.panel] += book(one) is not None
    for panel, seen in last.items():
        sent = f"; not read since: {orders(newer[panel])} sent after it" if newer[panel] else ""
        yield f"the balance of {panel} is as it was at {to_the_minute(seen.seen_at)}{sent}"
