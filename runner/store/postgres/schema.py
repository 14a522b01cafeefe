"""The schema of a project in a shared database: made and migrated by the steps that SQLite's states take."""

import psycopg

from runner.core.errors import StateRefused
from runner.store.postgres.address import Address
from runner.store.postgres.sharing import sharing
from runner.store.schema.migrate import PACKAGED, upgrade
from runner.store.schema.revisions import HEAD, refuse_unknown


def revision_of(connection: psycopg.Connection, address: Address) -> str | None:
    """The newest step that the project's schema has been through; None if there is no such project."""
    found = connection.execute(
        "SELECT to_regclass(%s) IS NOT NULL, to_regnamespace(%s) IS NOT NULL",
        (f'"{address.schema}".alembic_version', f'"{address.schema}"'),
    ).fetchone()
    has_table, has_schema = found or (False, False)
    if not has_table:
        if has_schema and _holds_tables(connection, address):
            raise StateRefused(
                f"{address.shown} leads to tables that are not a state of the runner", "name another project"
            )
        return None
    row = connection.execute(f'SELECT version_num FROM "{address.schema}".alembic_version').fetchone()  # noqa: S608  # a plain name
    return None if row is None else str(row[0])


def ensure(connection: psycopg.Connection, address: Address) -> bool:
    """Make the project's schema, or bring it up to date, in one transaction; True if there was something to do.

    Raises StateRefused for a state of a newer version.
    """
    if _is_new_enough(revision_of(connection, address)):
        return False
    core = sharing(connection)
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('bulk_order_runner'))")  # two first runs at once
        if _is_new_enough(revision_of(connection, address)):
            return False
        make_schema(connection, address.schema)
        connection.execute(f'CREATE SEQUENCE IF NOT EXISTS "{address.schema}".state_serial')
        upgrade(core, PACKAGED.scripts)
    return True


def make_schema(connection: psycopg.Connection, name: str) -> None:
    """Make a schema that is not there: an administrator may have made it for a role that can't."""
    row = connection.execute("SELECT to_regnamespace(%s) IS NULL", (f'"{name}"',)).fetchone()
    if row and row[0]:
        connection.execute(f'CREATE SCHEMA "{name}"')


def _is_new_enough(present: str | None) -> bool:
    if present is not None:
        refuse_unknown(present)
    return present == HEAD


def _holds_tables(connection: psycopg.Connection, address: Address) -> bool:
    row = connection.execute(
        "SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace(%s)", (f'"{address.schema}"',)
    ).fetchone()
    return bool(row and row[0])
