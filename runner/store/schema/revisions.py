"""The schema revisions that this version knows. Cheap to import, as readers need it."""

from collections.abc import Sequence

from runner.core.errors import StateRefused
from runner.store.statements import Reading

REVISIONS = (
    "0001",
    "0002",
    "0003",
    "0004",
    "0005",
    "0006",
    "0007",
    "0008",
)  # oldest first; a test compares this with migrations/versions
HEAD = REVISIONS[-1]


def revision(connection: Reading) -> str:
    """The schema's revision, as Alembic noted it; `none` where the note was lost."""
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return "none" if row is None else str(row[0])


def has_step(connection: Reading, step: str) -> bool:
    """True if the schema has been through `step`: a reader may meet one that is older than this version's."""
    return REVISIONS.index(revision(connection)) >= REVISIONS.index(step)


def refuse_unknown(revision: str, known: Sequence[str] = REVISIONS) -> None:
    """StateRefused if a schema is not one of `known`: a newer version of the runner wrote it."""
    if revision not in known:
        raise StateRefused(
            f"the state was written by a newer version of the runner (schema {revision}, this one knows {known[-1]})",
            "upgrade the runner",
        )
