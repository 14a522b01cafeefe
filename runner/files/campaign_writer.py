"""Writes a campaign file for orders as they were bought. Pure; what it writes is checked by reading it."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence

from runner.core.imports import BoughtRow, default_id_for
from runner.core.values.links import page_key
from runner.files.validation.gate import gate

_SCHEMA = "# yaml-language-server: $schema=../schemas/campaign.schema.json\n"


def named_rows(rows: Sequence[BoughtRow]) -> list[BoughtRow]:
    """Give an id to each row that needs one, because its page was ordered for more than once.

    Such an order is named after its panel order id, which is unique on its panel.
    """
    pages = Counter((row.service, page_key(row.link or "")) for row in rows)
    own = gate("campaign", "id")
    return [
        row._replace(
            id=default_id_for(row.order_id) if own.accepts(default_id_for(row.order_id)) else f"line-{row.line}"
        )
        if row.id is None and pages[row.service, page_key(row.link or "")] > 1
        else row
        for row in rows
    ]


def campaign_lines(
    rows: Sequence[BoughtRow], *, campaign: str, panel: str, links: Sequence[str], source: str
) -> Iterator[str]:
    """The file, line by line, one order to a line in the order of `rows`."""
    yield _SCHEMA
    yield f"# Orders that were bought elsewhere, as {_quoted(source)} lists them.\n"
    yield f"version: 1\ncampaign: {_quoted(campaign)}\npanel: {_quoted(panel)}\nlinks:\n"
    yield from (f"  - {_quoted(link)}\n" for link in links)
    yield "orders:\n"
    for row in rows:
        fields = {
            "id": row.id,
            "service": row.service,
            "link": row.link,
            "quantity": row.quantity,
            "runs": row.runs,
            "interval": row.interval,
        }
        pairs = (f"{name}: {_quoted(value)}" for name, value in fields.items() if value is not None)
        yield f"  - {{{', '.join(pairs)}}}\n"


def _quoted(value: str | int) -> str:
    """The value as JSON, which is valid YAML and, in quotes, always text."""
    return json.dumps(value)
