"""What the steps of the schema say differently to SQLite and to PostgreSQL."""

import sqlalchemy as sa
from alembic import op


def is_sqlite() -> bool:
    """True if this step is carried out on SQLite, False for PostgreSQL."""
    return op.get_bind().dialect.name == "sqlite"


def in_order() -> list[sa.Column[int]]:
    """A column that numbers rows as they are inserted; SQLite has one of that name in every table."""
    return [] if is_sqlite() else [sa.Column("rowid", sa.BigInteger, sa.Identity(always=True), nullable=False)]


def guard(name: str, table: str, change: str, message: str, *, when: str = "") -> None:
    """Create a trigger that refuses a change, such as `UPDATE OF state`; `when` speaks of the rows NEW and OLD."""
    condition = f"WHEN {when}" if when else ""
    if is_sqlite():
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {change} ON {table} {condition} BEGIN SELECT RAISE(ABORT, '{message}'); END"
        )
        return
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation', MESSAGE = '{message}'; END $$"
    )
    condition = f"WHEN ({when})" if when else ""
    op.execute(f"CREATE TRIGGER {name} BEFORE {change} ON {table} FOR EACH ROW {condition} EXECUTE FUNCTION {name}()")
