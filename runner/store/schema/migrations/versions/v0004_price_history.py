"""Price history: how each service was listed, and from when on."""

import sqlalchemy as sa
from alembic import op

from runner.store.schema.tables import Whole

revision = "0004"
down_revision: str | None = "0003"

_KEPT = "name, type, category, rate, min, max, refill, cancel, dripfeed"


def upgrade() -> None:
    """Create the table, and begin it with the price lists that are remembered."""
    op.create_table(
        "service_history",
        sa.Column("id", Whole, primary_key=True, nullable=False),
        sa.Column("panel", sa.Text, nullable=False),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("seen_at", sa.Text, nullable=False),
        sa.Column("is_listed", Whole, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("category", sa.Text, nullable=False),
        sa.Column("rate", sa.Text, nullable=False),
        sa.Column("min", Whole, nullable=False),
        sa.Column("max", Whole, nullable=False),
        sa.Column("refill", Whole),
        sa.Column("cancel", Whole),
        sa.Column("dripfeed", Whole),
        sqlite_strict=True,
    )
    op.create_index("service_history_by_service", "service_history", ["panel", "service", "id"])
    op.execute(
        f"INSERT INTO service_history (panel, service, seen_at, is_listed, {_KEPT}) "  # noqa: S608  # our own names
        f"SELECT panel, id, fetched_at, 1, {_KEPT} FROM services ORDER BY rowid"
    )
