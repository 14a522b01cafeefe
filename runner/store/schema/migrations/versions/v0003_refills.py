"""Refills and cancellations asked for, with the guard of one open refill for each attempt."""

import sqlalchemy as sa
from alembic import op

from runner.store.schema.dialects import guard
from runner.store.schema.tables import Whole

revision = "0003"
down_revision: str | None = "0002"


def upgrade() -> None:
    """Create both tables, the unique index that guards requests, and the trigger that guards their states."""
    op.create_table(
        "refills",
        sa.Column("id", Whole, primary_key=True, nullable=False),
        sa.Column("attempt_id", Whole, sa.ForeignKey("attempts.id"), nullable=False),
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
        postgresql_where=sa.text("state = 'asking' OR state = 'requested'"),
    )
    op.create_table(
        "cancels",
        sa.Column("id", Whole, primary_key=True, nullable=False),
        sa.Column("attempt_id", Whole, sa.ForeignKey("attempts.id"), nullable=False),
        sa.Column("asked_at", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.CheckConstraint("state = 'recorded' OR state = 'refused' OR state = 'unknown'", name="state_is_known"),
        sqlite_strict=True,
    )
    # An answer is not taken back: no arrow leads to `asking`, and what is over stays as it ended.
    guard(
        "refills_change_state_only_forwards",
        "refills",
        "UPDATE OF state",
        "a refill can not change its state this way",
        when="NEW.state <> OLD.state AND NOT ( (OLD.state = 'asking' AND NEW.state <> 'completed' AND NEW.state <> 'rejected') "
        "OR (OLD.state = 'requested' AND (NEW.state = 'completed' "
        "OR NEW.state = 'rejected' "
        "OR NEW.state = 'unknown')) )",
    )
