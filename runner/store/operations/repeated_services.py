"""Records and reads services that a panel lists more than once."""

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from runner.core.catalogue import Repeated
from runner.store.schema.revisions import has_step
from runner.store.statements import Reading, run

if TYPE_CHECKING:
    from sqlalchemy import Connection  # readers do without it: 0.45 s to import

_STEP = "0007"  # the schema that brought the table; a reader may meet an older one


def note_repeated(connection: "Connection", panel: str, repeated: Iterable[Repeated]) -> None:
    """Replace what is remembered of a panel."""
    run(connection, "DELETE FROM repeated_services WHERE panel = ?", (panel,))
    rows = [
        (panel, one.service, one.times, " ".join(format(rate, "f") for rate in one.rates), " ".join(one.fields))
        for one in repeated
    ]
    if rows:
        run(
            connection,
            "INSERT INTO repeated_services (panel, service, times, rates, fields) VALUES (?, ?, ?, ?, ?)",
            rows,
        )


def read_repeated(connection: Reading) -> dict[str, dict[str, Repeated]]:
    """By panel and service, in the list's order."""
    if not has_step(connection, _STEP):
        return {}
    found: dict[str, dict[str, Repeated]] = {}
    for panel, service, times, rates, fields in connection.execute(
        "SELECT panel, service, times, rates, fields FROM repeated_services ORDER BY rowid"
    ):
        amounts = tuple(Decimal(rate) for rate in rates.split())
        found.setdefault(panel, {})[service] = Repeated(service, times, amounts, tuple(fields.split()))
    return found
