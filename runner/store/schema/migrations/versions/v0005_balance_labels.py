"""Why balances moved, as people say; and where in the journal each look at a balance stands."""

import sqlalchemy as sa
from alembic import op

from runner.store.schema.dialects import guard
from runner.store.schema.tables import Whole

revision = "0005"
down_revision: str | None = "0004"

_FORMER = "id, panel, amount, currency, seen_at, run_id"


def upgrade() -> None:
    """Give balances a place in the journal (none to those there are); create the labels, kept as they were made."""
    op.rename_table("balances", "former_balances")
    op.create_table(
        "balances",
        sa.Column("id", Whole, primary_key=True, nullable=False),
        sa.Column("panel", sa.Text, nullable=False),
        sa.Column("amount", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("seen_at", sa.Text, nullable=False),
        sa.Column("run_id", sa.Text, sa.ForeignKey("runs.id")),
        sa.Column("last_attempt", Whole),
        sqlite_strict=True,
    )
    op.execute(f"INSERT INTO balances ({_FORMER}) SELECT {_FORMER} FROM former_balances ORDER BY id")  # noqa: S608  # our own names
    op.drop_table("former_balances")
    op.create_index("balances_by_panel", "balances", ["panel", "id"])
    op.create_table(
        "balance_labels",
        sa.Column("id", Whole, primary_key=True, nullable=False),
        sa.Column("panel", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("amount", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("balance_id", Whole, sa.ForeignKey("balances.id"), nullable=False),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("labelled_at", sa.Text, nullable=False),
        sqlite_strict=True,
    )
    for change in ("UPDATE", "DELETE"):
        guard(
            f"balance_labels_stand_{change.lower()}",
            "balance_labels",
            change,
            "a label stays as it was made",
        )
