"""Statements that give attempts another address: `moved:` of a file, and what a person asks for. No transactions here."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, select, update

from runner.core.errors import StateRefused
from runner.core.operations import Move, RenameRefused
from runner.store.operations.order_flags import move_protection
from runner.store.schema.tables import attempts
from runner.store.statements import run

_Address = tuple[str, str]  # campaign, order id

_KEPT = (
    "INSERT INTO runs (id, command, started_at, ended_at, exit_code) "
    "SELECT CAST(? AS TEXT), CAST(? AS TEXT), started_at, started_at, 0 FROM runs WHERE id = ? ON CONFLICT DO NOTHING"
)


def rename(connection: Connection, moves: Sequence[tuple[str, str, str]], run_id: str | None) -> int:
    """Give rows their new id; return how many there were. Raises RenameRefused if an id of a move has attempts already.

    Each move is kept as a command of its own inside the run, for whoever looks for the former address later.
    """
    renamed = 0
    for campaign, former, new in moves:
        if former == new or not _ids(connection, (campaign, former)):
            continue
        if _ids(connection, (campaign, new)):
            raise RenameRefused(
                f"{campaign}/{former} can't become {campaign}/{new}: both have been ordered",
                "take the line out of `moved` and list both orders, or name an id that was never ordered",
            )
        renamed += _move(connection, (campaign, former), (campaign, new))
        words = f"moved {campaign}/{former} {campaign}/{new}"
        run(connection, _KEPT, (f"{run_id}: {words}", words, run_id))
    return renamed


def move_orders(connection: Connection, moves: Sequence[Move]) -> int:
    """Move rows to their new address; return how many there were.

    Raises StateRefused if their attempts are no longer those expected, or a new address has some.
    """
    moved = 0
    for before, after, expected in moves:
        if _ids(connection, before) != sorted(attempt.id for attempt in expected):
            raise StateRefused("the state has changed meanwhile", "run again")
        if _ids(connection, after):
            raise StateRefused(f"{'/'.join(after)} has attempts already", "name an address that was never ordered")
        moved += _move(connection, before, after)
    return moved


def _ids(connection: Connection, address: _Address) -> list[int]:
    return list(connection.execute(select(attempts.c.id).where(*_at(address)).order_by(attempts.c.id)).scalars())


def _move(connection: Connection, before: _Address, after: _Address) -> int:
    campaign, order_id = after
    move_protection(connection, before, after)
    return connection.execute(
        update(attempts).where(*_at(before)).values(campaign=campaign, order_id=order_id)
    ).rowcount


def _at(address: _Address) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    campaign, order_id = address
    return attempts.c.campaign == campaign, attempts.c.order_id == order_id
