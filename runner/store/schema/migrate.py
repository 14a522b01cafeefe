"""Brings the schema of a database up to date. Alembic (0.3 s to import) is loaded only when there is something to do."""

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, Engine, inspect, text

from runner.core.errors import StateRefused
from runner.store.schema.revisions import REVISIONS, refuse_unknown


class History(NamedTuple):
    """The steps from an empty database to the present schema."""

    scripts: Path  # Alembic's script location
    revisions: tuple[str, ...]  # oldest first


PACKAGED = History(Path(str(files("runner.store.schema") / "migrations")), REVISIONS)


def ensure_schema(engine: Engine, before_change: Callable[[], object], history: History = PACKAGED) -> bool:
    """Migrate to the newest schema, in one transaction; True if there was something to do.

    `before_change` is called before an existing state is changed: it makes the backup, and its refusal is final.
    StateRefused for a state of a newer version and for a foreign database. Call it with the lock held.
    """
    with engine.connect() as connection:
        present = _revision(connection)
    if present == history.revisions[-1]:
        return False
    if present is not None:
        refuse_unknown(present, history.revisions)
        before_change()
    with engine.begin() as connection:
        _upgrade(connection, history.scripts)
    return True


def _revision(connection: Connection) -> str | None:
    tables = inspect(connection).get_table_names()
    if not tables:
        return None
    if "alembic_version" not in tables:
        raise StateRefused("this database is not a state of the runner", "name another file with --state")
    revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if revision is None else str(revision)


def _upgrade(connection: Connection, scripts: Path) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
