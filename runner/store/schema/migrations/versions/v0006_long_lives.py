"""What long lives need: times of final statuses, protections, what panels lack, how often they were polled."""

import sqlalchemy as sa
from alembic import op

from runner.store.schema.tables import Whole

revision = "0006"
down_revision: str | None = "0005"


def upgrade() -> None:
    """Give attempts the time of their final status: of those that are final, the last look, which was the first to see it."""
    op.execute("ALTER TABLE attempts ADD COLUMN final_at TEXT")
    op.execute(
        "UPDATE attempts SET final_at = checked_at WHERE state = 'placed' "
        "AND (status = 'completed' OR status = 'partial' OR status = 'canceled' OR status = 'refunded')"
    )
    op.create_table(
        "protections",
        sa.Column("campaign", sa.Text, primary_key=True, nullable=False),
        sa.Column("order_id", sa.Text, primary_key=True, nullable=False),
        sa.Column("since", sa.Text, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "lacking",
        sa.Column("panel", sa.Text, primary_key=True, nullable=False),
        sa.Column("ability", sa.Text, primary_key=True, nullable=False),
        sa.Column("seen_at", sa.Text, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "status_calls",
        sa.Column("panel", sa.Text, primary_key=True, nullable=False),
        sa.Column("day", sa.Text, primary_key=True, nullable=False),
        sa.Column("calls", Whole, nullable=False),
        sqlite_strict=True,
    )
