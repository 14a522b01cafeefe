"""Statements for labels of balances, and reading them. No transactions here."""

from decimal import Decimal
from typing import TYPE_CHECKING

from runner.core.catalogue import NO_CURRENCY, BalanceLabel
from runner.core.operations import LabelBalance
from runner.core.values.clock import from_text, to_text
from runner.store.schema.revisions import has_step
from runner.store.statements import Reading, run

if TYPE_CHECKING:
    from sqlalchemy import Connection  # readers do without it: 0.45 s to import

STEP = "0005"  # the schema that brought labels, and the place of a balance in the journal

_INSERT = (
    'INSERT INTO balance_labels (panel, label, amount, currency, balance_id, "user", host, labelled_at) '
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)


def label(connection: "Connection", operation: LabelBalance) -> None:
    """Insert one more label."""
    one = operation.label
    amount = format(one.amount, "f")
    run(
        connection,
        _INSERT,
        (one.panel, one.text, amount, one.currency or NO_CURRENCY, one.reading, one.user, one.host, to_text(one.at)),
    )


def read_labels(connection: Reading) -> list[BalanceLabel]:
    """All labels, in the order recorded; none in a schema that has no room for them."""
    if not has_step(connection, STEP):
        return []
    return [
        BalanceLabel(
            panel,
            text,
            Decimal(amount),
            None if currency == NO_CURRENCY else currency,
            reading,
            from_text(seen_at),
            user,
            host,
            from_text(at),
        )
        for panel, text, amount, currency, reading, seen_at, user, host, at in connection.execute(
            'SELECT l.panel, l.label, l.amount, l.currency, l.balance_id, b.seen_at, l."user", l.host, l.labelled_at '
            "FROM balance_labels AS l JOIN balances AS b ON b.id = l.balance_id ORDER BY l.id"
        )
    ]
