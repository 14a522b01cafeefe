"""Statements for imports, protected orders, missing abilities and counted calls, and reading them."""

from datetime import date, timedelta
from typing import TYPE_CHECKING

from runner.core.operations import CountStatusCalls, Import, NoteLacking, Protect, Unprotect
from runner.core.values.clock import from_text, to_text
from runner.store.schema.revisions import has_step
from runner.store.statements import Reading, run

if TYPE_CHECKING:
    from sqlalchemy import Connection  # readers do without it: 0.45 s to import

STEP = "0006"  # the schema that brought these tables, and `final_at`
BELIEVED_DAYS = 30  # panels are replaced and grow: what one lacks is not believed for ever

_PROTECT = "INSERT INTO protections (campaign, order_id, since) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
_UNPROTECT = "DELETE FROM protections WHERE campaign = ? AND order_id = ?"
_MOVE = (
    "INSERT INTO protections (campaign, order_id, since) "
    "SELECT CAST(? AS TEXT), CAST(? AS TEXT), since FROM protections WHERE campaign = ? AND order_id = ? "
    "ON CONFLICT (campaign, order_id) DO UPDATE SET since = excluded.since"
)
_LACKING = (
    "INSERT INTO lacking (panel, ability, seen_at) VALUES (?, ?, ?) "
    "ON CONFLICT (panel, ability) DO UPDATE SET seen_at = excluded.seen_at"
)
_COUNT = (
    "INSERT INTO status_calls (panel, day, calls) VALUES (?, ?, ?) "
    "ON CONFLICT (panel, day) DO UPDATE SET calls = status_calls.calls + excluded.calls"
)
_IMPORT = (
    "INSERT INTO attempts (campaign, order_id, kind, slot, panel, service, link, quantity, runs, interval, rate, "
    "expected_charge, state, run_id, marked_at, settled_at, panel_order_id, message, status, status_text, "
    "missing_in_a_row) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'placed', ?, ?, ?, ?, ?, 'unknown', '', 0) RETURNING id"
)


def protect(connection: "Connection", operation: Protect) -> None:
    """Protect these orders; one that is protected already keeps its date."""
    _many(connection, _PROTECT, [(*order, to_text(operation.at)) for order in operation.orders])


def unprotect(connection: "Connection", operation: Unprotect) -> None:
    """Protect these orders no longer."""
    _many(connection, _UNPROTECT, list(operation.orders))


def note_lacking(connection: "Connection", operation: NoteLacking) -> None:
    """Record what a panel lacks, as it has shown now."""
    seen_at = to_text(operation.at)
    _many(connection, _LACKING, [(operation.panel, ability, seen_at) for ability in operation.abilities])


def count_status_calls(connection: "Connection", operation: CountStatusCalls) -> None:
    """More calls on a day."""
    run(connection, _COUNT, (operation.panel, operation.day.isoformat(), operation.calls))


def move_protection(connection: "Connection", before: tuple[str, str], after: tuple[str, str]) -> None:
    """Protect `after` if `before`, the former (campaign, order id) of the same order, was protected."""
    run(connection, _MOVE, (*after, *before))
    run(connection, _UNPROTECT, before)


def _many(connection: "Connection", statement: str, rows: list[tuple[str, ...]]) -> None:
    if rows:
        run(connection, statement, rows)


def import_order(connection: "Connection", operation: Import) -> int:
    """Insert a placed attempt; return its id."""
    new, at = operation.attempt, to_text(operation.at)
    row = (
        *(new.campaign, new.order_id, new.kind.value, new.slot, new.panel, new.service, new.link),
        *(new.quantity, new.runs, new.interval, format(new.rate, "f"), format(new.expected_charge, "f")),
        *(operation.run_id, at, at, operation.panel_order_id, operation.message),
    )
    return int(run(connection, _IMPORT, row).scalar_one())


def read_protected(connection: Reading) -> frozenset[tuple[str, str]]:
    """(campaign, order id) of all that is protected; none in a schema that has no room for it."""
    if not has_step(connection, STEP):
        return frozenset()
    return frozenset(connection.execute("SELECT campaign, order_id FROM protections"))


def read_lacking(connection: Reading) -> dict[str, frozenset[str]]:
    """By panel, the abilities that it lacks: shown in the 30 days before the last run began, then it may be tried again."""
    if not has_step(connection, STEP):
        return {}
    found: dict[str, set[str]] = {}
    (begun,) = connection.execute("SELECT max(started_at) FROM runs").fetchone() or (None,)
    for panel, ability, seen_at in connection.execute("SELECT panel, ability, seen_at FROM lacking"):
        if begun is not None and from_text(begun) - from_text(seen_at) < timedelta(days=BELIEVED_DAYS):
            found.setdefault(panel, set()).add(ability)
    return {panel: frozenset(abilities) for panel, abilities in found.items()}


def read_status_calls(connection: Reading) -> dict[tuple[str, date], int]:
    """(panel, UTC day) -> status calls made, of the latest day of each panel."""
    if not has_step(connection, STEP):
        return {}
    rows = connection.execute(
        "SELECT panel, day, calls FROM status_calls AS s "
        "WHERE day = (SELECT max(day) FROM status_calls WHERE panel = s.panel)"
    )
    return {(panel, date.fromisoformat(day)): calls for panel, day, calls in rows}
