"""Refills and cancellations asked for, with the guard of one open refill for each attempt."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"


def upgrade() -> None:
    """Create both tables, the unique index that guards requests, and the trigger that guards their states."""
    op.create_table(
        "refills",
        sa.Column("id", sa.Integer, primary_key=True, nullable=False),
        sa.Column("attempt_id", sa.Integer, sa.ForeignKey("attempts.id"), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("refill_id", sa.Text),
        sa.Column("finality", sa.Text),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("asked_at", sa.Text, nullable=False),
        sa.Column("answered_at", sa.Text),
        sa.Column("checked_at", sa.Text),
        sa.CheckConstraint(
            "state = 'asking' OR state = 'requested' OR state = 'completed' OR state = 'rejected' OR "
            "state = 'refused' OR state = 'unknown' OR state = 'not_sent'",
            name="state_is_known",
        ),
        sa.CheckConstraint("finality = 'final' OR finality = 'later'", name="finality_is_known"),
        sa.CheckConstraint("state <> 'requested' OR refill_id IS NOT NULL", name="requested_has_a_refill_id"),
        sqlite_strict=True,
    )
    op.create_index("refills_by_attempt", "refills", ["attempt_id", "id"])
    op.create_index(
        "one_open_refill",
        "refills",
        ["attempt_id"],
        unique=True,
        sqlite_where=sa.text("state = 'asking' OR state = 'requested'"),
    )
    op.create_table(
        "cancels",
        sa.Column("id", sa.Integer, primary_key=True, nullable=False),
        sa.Column("attempt_id", sa.Integer, sa.ForeignKey("attempts.id"), nullable=False),
        sa.Column("asked_at", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.CheckConstraint("state = 'recorded' OR state = 'refused' OR state = 'unknown'", name="state_is_known"),
        sqlite_strict=True,
    )
    # An answer is not taken back: no arrow leads to `asking`, and what is over stays as it ended.
    op.execute(
        """
        CREATE TRIGGER refills_change_state_only_forwards BEFORE UPDATE OF state ON refills
        WHEN NEW.state <> OLD.state AND NOT (
            (OLD.state = 'asking' AND NEW.state <> 'completed' AND NEW.state <> 'rejected')
            OR (OLD.state = 'requested' AND (NEW.state = 'completed' OR NEW.state = 'rejected' OR NEW.state = 'unknown'))
        )
        BEGIN SELECT RAISE(ABORT, 'a refill can not change its state this way'); END
        """
    )
