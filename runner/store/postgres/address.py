"""Where a shared state is: `postgresql://user@host/database?project=shop`, without any password."""

import re
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from runner.core.errors import InvalidInput, UsageError

SCHEMES = ("postgresql://", "postgres://")
_PROJECT = re.compile(r"[a-z][a-z0-9_]{0,47}\Z")
_SHARED = "bulk_order_runner"  # the schema of what all projects of a database share
_EXAMPLE = "postgresql://user@host/database?project=shop"


class Address(NamedTuple):
    """A project's state in a database."""

    conninfo: str  # for libpq; it holds no password
    schema: str  # of the project's tables
    shown: str  # for people

    @property
    def shared_schema(self) -> str:
        """The schema in which the accounts of all projects are."""
        return _SHARED


def is_address(state: str) -> bool:
    """True if `state` names a database server, not a file."""
    return state.startswith(SCHEMES)


def parse(url: str) -> Address:
    """The address that a URL names; raises InvalidInput if it names no project, or a password."""
    parts = urlsplit(url)
    options = parse_qsl(parts.query, keep_blank_values=True)
    if parts.password is not None or any(name in ("password", "sslpassword") for name, _ in options):
        raise InvalidInput(
            "the state's address holds a password, which other users of this machine can read",
            "take it out; give it by PGPASSWORD, a service file or ~/.pgpass, as for psql",
        )
    projects = [value for name, value in options if name == "project"]
    rest = urlencode([(name, value) for name, value in options if name != "project"])
    shown = urlunsplit(parts._replace(query=urlencode([("project", project) for project in projects])))
    if len(projects) != 1:
        raise InvalidInput(f"the state's address {shown} names no project", f"write it like {_EXAMPLE}")
    (project,) = projects
    if not _PROJECT.match(project) or project == _SHARED or project.startswith("pg_"):
        raise InvalidInput(
            f"{project!r} can't be a project's name in a database",
            "begin with a letter; use up to 48 of a-z, 0-9 and _",
        )
    return Address(urlunsplit(parts._replace(query=rest)), project, shown)


def need_driver() -> None:
    """Raise UsageError if psycopg, or the library of PostgreSQL that it needs, is not installed."""
    try:
        import psycopg  # noqa: F401  # an extra
    except ImportError as error:
        raise UsageError(
            "a state on a PostgreSQL server needs the extra `postgres`", "pip install 'bulk-order-runner[postgres]'"
        ) from error
