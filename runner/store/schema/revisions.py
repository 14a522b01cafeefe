"""The schema revisions that this version knows. Cheap to import, as readers need it."""

from collections.abc import Sequence

from runner.core.errors import StateRefused

REVISIONS = (
    "0001",
    "0002",
    "0003",
    "0004",
    "0005",
    "0006",
    "0007",
)  # oldest first; a test compares this with migrations/versions
HEAD = REVISIONS[-1]


def includes(revision: str, step: str) -> bool:
    """True if a schema has been through `step`: a reader may meet one that is older than this version's."""
    return REVISIONS.index(revision) >= REVISIONS.index(step)


def refuse_unknown(revision: str, known: Sequence[str] = REVISIONS) -> None:
    """StateRefused if a schema is not one of `known`: a newer version of the runner wrote it."""
    if revision not in known:
        raise StateRefused(
            f"the state was written by a newer version of the runner (schema {revision}, this one knows {known[-1]})",
            "upgrade the runner",
        )
