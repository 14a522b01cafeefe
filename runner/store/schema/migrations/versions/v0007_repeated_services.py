"""Services that a panel lists more than once, with different words: told by every plan."""

import sqlalchemy as sa
from alembic import op

from runner.store.schema.dialects import in_order
from runner.store.schema.tables import Whole

revision = "0007"
down_revision: str | None = "0006"


def upgrade() -> None:
    """A row for each such service of the list last seen."""
    op.create_table(
        "repeated_services",
        sa.Column("panel", sa.Text, primary_key=True, nullable=False),
        sa.Column("service", sa.Text, primary_key=True, nullable=False),
        sa.Column("times", Whole, nullable=False),
        sa.Column("rates", sa.Text, nullable=False),
        sa.Column("fields", sa.Text, nullable=False),
        *in_order(),
        sqlite_strict=True,
    )
