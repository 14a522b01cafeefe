"""What settles doubts: the evidence of each answer that bought nothing or may have, and people's decisions."""

import sqlalchemy as sa
from alembic import op

from runner.store.schema.dialects import guard
from runner.store.schema.tables import Whole

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create both tables, and the triggers that keep decisions as they were made."""
    op.create_table(
        "evidence",
        sa.Column(
            "attempt_id",
            Whole,
            sa.ForeignKey("attempts.id", ondelete="CASCADE"),
            primary_key=True,
            nullable=False,
        ),
        sa.Column("http_status", Whole),
        sa.Column("size", Whole, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sqlite_strict=True,
    )
    op.create_table(
        "decisions",
        sa.Column("attempt_id", Whole, sa.ForeignKey("attempts.id"), primary_key=True, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("panel_order_id", sa.Text),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("decided_at", sa.Text, nullable=False),
        sa.Column("forced", Whole, nullable=False),
        sa.CheckConstraint("kind = 'adopt' OR kind = 'not_placed' OR kind = 'abandon'", name="kind_is_known"),
        sa.CheckConstraint("(kind = 'adopt') = (panel_order_id IS NOT NULL)", name="adopted_has_an_order_id"),
        sqlite_strict=True,
    )
    for change in ("UPDATE", "DELETE"):
        guard(
            f"decisions_stand_{change.lower()}",
            "decisions",
            change,
            "a decision stays as it was made",
        )
