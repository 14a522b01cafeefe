"""What a client found out about its panel, for the state to remember."""

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

OFFSET = "offset"  # the ability to go on with a price list that fills a page
KEEP_ALIVE = "keep_alive"  # the ability to keep a connection that it promised to keep


def lists_of(action: str) -> str:
    """Return the name of the ability to take many ids in one call. The ability to take `action` at all has its own name."""
    return f"multi_{action}"


class CapabilityChange(NamedTuple):
    """What the state should remember of a panel."""

    lacking: frozenset[str]  # abilities that it showed not to have, by name
    status_calls: Mapping[date, int]  # made, by UTC day; none where a day has no limit
