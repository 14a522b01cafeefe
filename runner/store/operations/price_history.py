"""Records price lists that differ from the one before, and services that a list holds more than once; reads both."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from runner.core.catalogue import Repeated, Service, ServiceSeen
from runner.core.values.clock import from_text
from runner.store.schema.revisions import has_step
from runner.store.state import State, ask
from runner.store.statements import Reading, Rows, run

if TYPE_CHECKING:
    from sqlalchemy import Connection  # readers do without it: 0.45 s to import

Row = tuple[str | int | None, ...]  # the fields of core.catalogue.Service, as the state holds them

_STEP = "0004"  # the schema that brought the history; a reader may meet an older one
_REPEATED = "0007"  # and the one that brought repeated services
_KEPT = "name, type, category, rate, min, max, refill, cancel, dripfeed"
_FLAGS: dict[int | None, bool | None] = {None: None, 0: False, 1: True}
_INSERT = (
    f"INSERT INTO service_history (panel, seen_at, is_listed, service, {_KEPT}) "  # noqa: S608  # our own names
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_SEEN = f"SELECT panel, seen_at, is_listed, service, {_KEPT} FROM service_history"  # noqa: S608  # our own names


def note_changes(
    connection: "Connection", panel: str, seen_at: str, former: Iterable[Row], present: Sequence[Row]
) -> None:
    """Record what differs between two lists of a panel: new and changed services as they are, gone ones as they were."""
    before = {row[0]: row for row in former}
    listed = {row[0] for row in present}
    changed = [(panel, seen_at, 1, *row) for row in present if before.get(row[0]) != row]
    gone = [(panel, seen_at, 0, *row) for id_, row in before.items() if id_ not in listed]
    for row in changed + gone:
        run(connection, _INSERT, row)


def read_changes(connection: Reading) -> dict[tuple[str, str], list[ServiceSeen]]:
    """All that was seen of the services that ever changed, oldest first."""
    if not has_step(connection, _STEP):
        return {}
    return _by_service(
        connection.execute(
            f"{_SEEN} WHERE (panel, service) IN (SELECT panel, service FROM service_history "  # noqa: S608  # the same
            "GROUP BY panel, service HAVING count(*) > 1) ORDER BY id"
        )
    )


def price_history(state: State) -> dict[tuple[str, str], list[ServiceSeen]]:
    """All that was seen of every service, oldest first; nothing without a state. StateRefused as `read_state`."""

    def all_of(connection: Reading) -> dict[tuple[str, str], list[ServiceSeen]]:
        return _by_service(connection.execute(f"{_SEEN} ORDER BY id")) if has_step(connection, _STEP) else {}

    return ask(state, all_of, {})


def _by_service(rows: Rows) -> dict[tuple[str, str], list[ServiceSeen]]:
    found: dict[tuple[str, str], list[ServiceSeen]] = {}
    for panel, seen_at, is_listed, *facts in rows:
        service = as_service(facts)
        found.setdefault((panel, service.id), []).append(
            ServiceSeen(panel, from_text(seen_at), service, bool(is_listed))
        )
    return found


def as_service(columns: Sequence[Any]) -> Service:
    """A service of what the state holds in its columns, in their order; one of NOT_OURS if that makes no sense."""
    id_, name, type_, category, rate, least, most, *flags = columns
    return Service(id_, name, type_, category, Decimal(rate), least, most, *(_FLAGS[flag] for flag in flags))


def read_last_look(connection: Reading) -> datetime | None:
    """When the last `runner plan` that read the price lists ended: a person has seen them as they were then.

    The last one recorded, whatever the clock said at others: it may have been put back since.
    """
    row = connection.execute(
        "SELECT ended_at FROM runs WHERE command = 'plan' AND ended_at IS NOT NULL AND exit_code IN (0, 2, 10, 11, 15) "
        "ORDER BY rowid DESC LIMIT 1"
    ).fetchone()
    return None if row is None else from_text(row[0])


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
    if not has_step(connection, _REPEATED):
        return {}
    found: dict[str, dict[str, Repeated]] = {}
    for panel, service, times, rates, fields in connection.execute(
        "SELECT panel, service, times, rates, fields FROM repeated_services ORDER BY rowid"
    ):
        amounts = tuple(Decimal(rate) for rate in rates.split())
        found.setdefault(panel, {})[service] = Repeated(service, times, amounts, tuple(fields.split()))
    return found
