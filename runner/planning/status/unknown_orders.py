"""Warns of orders that their panel no longer knows. Pure."""

from runner.core.attempts import Attempt
from runner.core.snapshot import Recorded
from runner.planning.status.order_status import is_lost

_NAMED = 3  # addresses in a warning


def lost_words(recorded: Recorded) -> tuple[str, ...]:
    """One sentence for each panel that no longer knows live orders, in the order of the first of each."""
    lost: dict[str, list[Attempt]] = {}
    for attempt in recorded.each():
        if attempt.missing_in_a_row and is_lost(attempt):  # of nearly all it is 0: no call for each
            lost.setdefault(attempt.panel, []).append(attempt)
    return tuple(_words(panel, several) for panel, several in lost.items())


def _words(panel: str, lost: list[Attempt]) -> str:
    named = ", ".join(f"{one.address} ({one.panel_order_id})" for one in lost[:_NAMED])
    more = f" and {len(lost) - _NAMED:,} more" if len(lost) > _NAMED else ""
    whole = "order" if len(lost) == 1 else "orders"
    return (
        f"panel {panel} no longer knows {len(lost):,} live {whole}: {named}{more}; look for the ids on its order page and "
        "ask its support: the money counts as spent, and nothing is bought again"
    )
