"""Statements for runs, marks, outcomes, catalogues and balances. No transactions here.

Marks and settles are compiled once and run with plain tuples; the rest is ordinary SQLAlchemy Core.
"""

from collections.abc import Sequence
from decimal import Decimal

from sqlalchemy import (
    ClauseElement,
    Connection,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect

from runner.core.attempts import AttemptState, NewAttempt, OutcomeKind
from runner.core.catalogue import NO_CURRENCY, BalanceSeen, Catalogue, Service
from runner.core.operations import BeginRun, EndRun, Mark, Settle
from runner.core.values.clock import to_text
from runner.store.operations.price_history import note_changes, note_repeated
from runner.store.schema.tables import attempts, balances, runs, services
from runner.store.statements import run

Row = tuple[str | int | None, ...]

_LARGEST = 2**63 - 1  # SQLite's integers; a panel may say any number

_STATE_AFTER = {
    OutcomeKind.PLACED: AttemptState.PLACED.value,
    OutcomeKind.REFUSED: AttemptState.REFUSED.value,
    OutcomeKind.NOT_SENT: AttemptState.NOT_SENT.value,
    OutcomeKind.IN_DOUBT: AttemptState.IN_DOUBT.value,
}


def _compiled(statement: ClauseElement, names: Sequence[str]) -> str:
    """The statement's SQL, whose parameters are `names` in this order."""
    compiled = statement.compile(dialect=sqlite_dialect(paramstyle="qmark"), column_keys=list(names))
    if list(getattr(compiled, "positiontup", None) or ()) != list(names):
        raise AssertionError(f"{compiled} does not take {names}")
    return str(compiled)


MARK = _compiled(
    insert(attempts).values({"missing_in_a_row": literal_column("0")}),
    ("id", *NewAttempt._fields, "state", "run_id", "marked_at", "message", "status", "status_text"),
)
LINK = 7  # where its parameters have the link
SETTLE = _compiled(
    update(attempts)
    .values({name: bindparam(f"new_{name}") for name in ("state", "settled_at", "panel_order_id", "message", "phase")})
    .where(attempts.c.id == bindparam("attempt"), attempts.c.state == literal_column("'sending'")),
    ("new_state", "new_settled_at", "new_panel_order_id", "new_message", "new_phase", "attempt"),
)


def mark_row(attempt_id: int, mark: Mark) -> Row:
    """Parameters of MARK."""
    new = mark.attempt
    return (
        attempt_id,
        new.campaign,
        new.order_id,
        str(new.kind),  # not `.value`: that is a line of Python
        new.slot,
        new.panel,
        new.service,
        new.link,
        new.quantity,
        new.runs,
        new.interval,
        _amount(new.rate),
        _amount(new.expected_charge),
        "sending",
        mark.run_id,
        to_text(mark.at),
        "",
        "unknown",
        "",
    )


def settle_row(settle: Settle) -> Row:
    """Parameters of SETTLE."""
    outcome = settle.outcome
    return (
        _STATE_AFTER[outcome.kind],
        to_text(settle.at),
        outcome.panel_order_id,
        outcome.message,
        str(outcome.phase),
        settle.attempt_id,
    )


def begin_run(connection: Connection, begin: BeginRun) -> None:
    """Insert a row for the run."""
    connection.execute(insert(runs), {"id": begin.run_id, "command": begin.command, "started_at": to_text(begin.at)})


def end_run(connection: Connection, end: EndRun) -> None:
    """Record the end of the run."""
    connection.execute(
        update(runs).where(runs.c.id == end.run_id).values(ended_at=to_text(end.at), exit_code=end.exit_code)
    )


_FETCHED = (
    "INSERT INTO catalogues (panel, fetched_at) VALUES (?, ?) "
    "ON CONFLICT (panel) DO UPDATE SET fetched_at = excluded.fetched_at"
)


def see_catalogue(connection: Connection, catalogue: Catalogue) -> None:
    """Remember the catalogue; its lines are written anew only if one differs (a few thousand rows otherwise)."""
    fetched_at = to_text(catalogue.fetched_at)
    run(connection, _FETCHED, (catalogue.panel, fetched_at))
    note_repeated(connection, catalogue.panel, catalogue.repeated.values())
    present = [_service_row(service) for service in catalogue.services.values()]
    of_panel = services.c.panel == catalogue.panel
    columns = [services.c[name] for name in Service._fields]
    former: set[Row] = {tuple(row) for row in connection.execute(select(*columns).where(of_panel))}
    if former == set(present):
        return
    note_changes(connection, catalogue.panel, fetched_at, former, present)
    connection.execute(delete(services).where(of_panel))
    if present:
        connection.execute(
            insert(services),
            [
                dict(zip(Service._fields, row, strict=True), panel=catalogue.panel, fetched_at=fetched_at)
                for row in present
            ],
        )


def see_balance(connection: Connection, seen: BalanceSeen, run_id: str | None) -> None:
    """Insert one more balance."""
    connection.execute(
        insert(balances),
        {
            "panel": seen.panel,
            "amount": _amount(seen.balance.amount),
            "currency": seen.balance.currency or NO_CURRENCY,
            "seen_at": to_text(seen.seen_at),
            "run_id": run_id,
            "last_attempt": connection.execute(select(func.coalesce(func.max(attempts.c.id), 0))).scalar_one(),
        },
    )


def _service_row(service: Service) -> Row:
    return (
        service.id,
        service.name,
        service.type,
        service.category,
        _amount(service.rate),
        max(min(service.min, _LARGEST), -_LARGEST),
        max(min(service.max, _LARGEST), -_LARGEST),
        None if service.refill is None else int(service.refill),
        None if service.cancel is None else int(service.cancel),
        None if service.dripfeed is None else int(service.dripfeed),
    )


def _amount(amount: Decimal) -> str:
    return format(amount, "f")  # no exponent, all decimals as the panel gave them
