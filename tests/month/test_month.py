"""A short month in the normal tests; `make month` lives through whole ones. See docs/architecture.md."""

import tempfile
from pathlib import Path

import pytest

from tests.month.simulation import IN_MEMORY, Month


@pytest.mark.parametrize("seed", [1])
async def test_a_month_of_mistakes_and_bad_weather_ends_with_equal_books_and_every_promise_kept(seed):
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as folder:
        tally = await Month(Path(folder), seed=seed, orders=90, days=8).live_through()
    # What did not happen proves nothing.
    for happened in (
        "bought as instalment",
        "bought as reorder",
        "bought as top_up",
        "cancels asked for",
        "corrections",
        "ended Canceled",
        "ended Partial",
        "hours watched",
        "outages",
        "refills granted",
        "refills of drops",
        "refused by on_change",
        "sent: in_doubt",
    ):
        assert sum(number for name, number in tally.items() if name.startswith(happened)), f"no {happened}: {tally}"
