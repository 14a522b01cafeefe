"""Brings the schema of a database up to date. Alembic (0.3 s to import) is loaded only when there is something to do."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.pool import NullPool, Pool, StaticPool

from runner.core.errors import StateRefused
from runner.store.schema.revisions import REVISIONS, refuse_unknown


class History(NamedTuple):
    """The steps from an empty database to the present schema."""

    scripts: Path  # Alembic's script location
    revisions: tuple[str, ...]  # oldest first


PACKAGED = History(Path(str(files("runner.store.schema") / "migrations")), REVISIONS)


def engine_over(connect: Callable[[], sqlite3.Connection], pool: type[Pool] = NullPool) -> Engine:
    """An engine whose transactions begin immediately, over connections that begin none by themselves."""
    engine = create_engine("sqlite+pysqlite://", creator=connect, poolclass=pool)

    @event.listens_for(engine, "begin")
    def begin_immediate(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # the driver's own begin would be deferred, and only before DML

    return engine


def ensure_schema(engine: Engine, before_change: Callable[[], object], history: History = PACKAGED) -> bool:
    """Migrate to the newest schema, in one transaction; True if there was something to do.

    `before_change` is called before an existing state is changed: it makes the backup, and its refusal is final.
    Raises StateRefused for a state of a newer version and for a foreign database. Call it with the lock held.
    """
    with engine.connect() as connection:
        present = _revision(connection)
    if present == history.revisions[-1]:
        return False
    if present is not None:
        refuse_unknown(present, history.revisions)
        before_change()
    with engine.begin() as connection:
        upgrade(connection, history.scripts)
    return True


def migrate(connection: sqlite3.Connection) -> None:
    """Bring an open database to the newest schema that no other process uses: a draft, or one in memory."""
    ensure_schema(engine_over(lambda: connection, StaticPool), lambda: None)


@contextmanager
def empty_state() -> Iterator[sqlite3.Connection]:
    """An empty database of the newest schema, in memory: what every state is compared with."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection)
        yield connection


def _revision(connection: Connection) -> str | None:
    tables = inspect(connection).get_table_names()
    if not tables:
        return None
    if "alembic_version" not in tables:
        raise StateRefused("this database is not a state of the runner", "name another file with --state")
    revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if revision is None else str(revision)


def upgrade(connection: Connection, scripts: Path) -> None:
    """Carry out the steps that are left, in the transaction of the caller."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
