"""The saved plans that count, and the run that used each."""

import sqlalchemy as sa
from alembic import op

from runner.store.schema.dialects import guard

revision = "0008"
down_revision: str | None = "0007"


def upgrade() -> None:
    """A row for each file that `plan --out` writes from now on; none is used twice, or forgotten."""
    op.create_table(
        "saved_plans",
        sa.Column("digest", sa.Text, primary_key=True, nullable=False),
        sa.Column("made_by", sa.Text, sa.ForeignKey("runs.id"), nullable=False),
        sa.Column("made_at", sa.Text, nullable=False),
        sa.Column("expires_at", sa.Text, nullable=False),
        sa.Column("used_by", sa.Text, sa.ForeignKey("runs.id")),
        sa.Column("used_at", sa.Text),
        sqlite_strict=True,
    )
    guard(
        "saved_plans_are_used_once",
        "saved_plans",
        "UPDATE",
        "a saved plan is used once",
        when="OLD.used_by IS NOT NULL",
    )
    guard("saved_plans_stand", "saved_plans", "DELETE", "a saved plan is kept")
