"""The first schema: runs, attempts with their guards, catalogues and balances."""

import sqlalchemy as sa
from alembic import op

from runner.store.schema.dialects import guard, in_order
from runner.store.schema.tables import Whole

revision = "0001"
down_revision: str | None = None


def upgrade() -> None:
    """Create all tables, the unique indexes that guard purchases, and the triggers that guard their states."""
    op.create_table(
        "meta",
        sa.Column("key", sa.Text, primary_key=True, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.Text, primary_key=True, nullable=False),
        sa.Column("command", sa.Text, nullable=False),
        sa.Column("started_at", sa.Text, nullable=False),
        sa.Column("ended_at", sa.Text),
        sa.Column("exit_code", Whole),
        *in_order(),
        sqlite_strict=True,
    )
    _attempts()
    op.create_table(
        "catalogues",
        sa.Column("panel", sa.Text, primary_key=True, nullable=False),
        sa.Column("fetched_at", sa.Text, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "services",
        sa.Column("panel", sa.Text, sa.ForeignKey("catalogues.panel"), primary_key=True, nullable=False),
        sa.Column("id", sa.Text, primary_key=True, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("category", sa.Text, nullable=False),
        sa.Column("rate", sa.Text, nullable=False),
        sa.Column("min", Whole, nullable=False),
        sa.Column("max", Whole, nullable=False),
        sa.Column("refill", Whole),
        sa.Column("cancel", Whole),
        sa.Column("dripfeed", Whole),
        sa.Column("fetched_at", sa.Text, nullable=False),
        *in_order(),
        sqlite_strict=True,
    )
    op.create_table(
        "balances",
        sa.Column("id", Whole, primary_key=True, nullable=False),
        sa.Column("panel", sa.Text, nullable=False),
        sa.Column("amount", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("seen_at", sa.Text, nullable=False),
        sa.Column("run_id", sa.Text, sa.ForeignKey("runs.id")),
        sqlite_strict=True,
    )
    op.create_index("balances_by_panel", "balances", ["panel", "id"])


def _attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("id", Whole, primary_key=True, nullable=False),
        sa.Column("campaign", sa.Text, nullable=False),
        sa.Column("order_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("slot", Whole, nullable=False),
        sa.Column("panel", sa.Text, nullable=False),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("link", sa.Text, nullable=False),
        sa.Column("quantity", Whole, nullable=False),
        sa.Column("runs", Whole),
        sa.Column("interval", Whole),
        sa.Column("rate", sa.Text, nullable=False),
        sa.Column("expected_charge", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("run_id", sa.Text, sa.ForeignKey("runs.id"), nullable=False),
        sa.Column("marked_at", sa.Text, nullable=False),
        sa.Column("settled_at", sa.Text),
        sa.Column("panel_order_id", sa.Text),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("phase", sa.Text),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("status_text", sa.Text, nullable=False),
        sa.Column("first_charge", sa.Text),
        sa.Column("charge", sa.Text),
        sa.Column("start_count", Whole),
        sa.Column("remains", Whole),
        sa.Column("checked_at", sa.Text),
        sa.Column("missing_in_a_row", Whole, nullable=False),
        sa.CheckConstraint(
            "kind = 'initial' OR kind = 'top_up' OR kind = 'reorder' OR kind = 'replacement' OR kind = 'instalment'",
            name="kind_is_known",
        ),
        sa.CheckConstraint(
            "state = 'sending' OR state = 'placed' OR state = 'in_doubt' OR state = 'abandoned' OR "
            "state = 'refused' OR state = 'not_sent'",
            name="state_is_known",
        ),
        sa.CheckConstraint(
            "phase = 'queued' OR phase = 'connecting' OR phase = 'sending' OR phase = 'answering' OR "
            "phase = 'answered'",
            name="phase_is_known",
        ),
        sa.CheckConstraint(
            "status = 'pending' OR status = 'processing' OR status = 'in_progress' OR "
            "status = 'completed' OR status = 'partial' OR status = 'canceled' OR status = 'refunded' OR "
            "status = 'failed' OR status = 'unknown'",
            name="status_is_known",
        ),
        sa.CheckConstraint("state <> 'placed' OR panel_order_id IS NOT NULL", name="placed_has_an_order_id"),
        sa.CheckConstraint(
            "panel_order_id IS NULL OR (state <> 'sending' AND state <> 'refused' AND state <> 'not_sent')",
            name="not_bought_has_no_order_id",
        ),
        sqlite_strict=True,
    )
    op.create_index(
        "one_open_attempt",
        "attempts",
        ["campaign", "order_id", "kind", "slot"],
        unique=True,
        sqlite_where=sa.text("state <> 'refused' AND state <> 'not_sent'"),
        postgresql_where=sa.text("state <> 'refused' AND state <> 'not_sent'"),
    )
    op.create_index(
        "one_unsettled_send",
        "attempts",
        ["panel", "service", "link"],
        unique=True,
        sqlite_where=sa.text("state = 'sending' OR state = 'in_doubt'"),
        postgresql_where=sa.text("state = 'sending' OR state = 'in_doubt'"),
    )
    op.create_index(
        "one_owner_per_panel_order",
        "attempts",
        ["panel", "panel_order_id"],
        unique=True,
        sqlite_where=sa.text("panel_order_id IS NOT NULL"),
        postgresql_where=sa.text("panel_order_id IS NOT NULL"),
    )
    # The life of an order: no arrow leads back to a send, nothing bought becomes unbought.
    guard(
        "attempts_change_state_only_forwards",
        "attempts",
        "UPDATE OF state",
        "an attempt can not change its state this way",
        when="NEW.state <> OLD.state AND NOT ( (OLD.state = 'sending' AND NEW.state <> 'abandoned') "
        "OR (OLD.state = 'in_doubt' AND NEW.state <> 'sending' AND NEW.state <> 'refused') )",
    )
    guard(
        "attempts_that_may_have_bought_stay",
        "attempts",
        "DELETE",
        "an attempt that may have bought something can not be deleted",
        when="OLD.state <> 'refused' AND OLD.state <> 'not_sent'",
    )
