"""Writes events as JSON lines, joins several listeners into one, and ends a jsonl report."""

from collections.abc import Iterator
from functools import lru_cache
from typing import TextIO

from runner.core.events import Event, Listener
from runner.core.values.clock import to_text
from runner.core.values.money import ZERO, plain
from runner.report.documents.as_json import event_line, line_of
from runner.report.model.model import OrderRow, ReportModel


class EventLines:
    """Writes one event per line and flushes it: what happened is still there after a kill.

    A reader that goes away never stops a run that is spending money: `broken` then holds why, and nothing more is
    written.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.broken: OSError | None = None

    def __call__(self, event: Event) -> None:
        """Write `event`."""
        if self.broken is not None:
            return
        try:
            self._stream.write(event_line(event))
            self._stream.flush()
        except OSError as error:
            self.broken = error


def together(*listeners: Listener) -> Listener:
    """One listener that tells all of `listeners`, in this order."""
    if len(listeners) == 1:
        return listeners[0]

    def tell(event: Event) -> None:
        for listener in listeners:
            listener(event)

    return tell


def model_lines(model: ReportModel) -> Iterator[str]:
    """What a jsonl report ends with: how every order stands, then each panel's account; `event.schema.json`."""
    time, run_id = to_text(model.made_at), model.run_id
    for row in model.orders:
        yield line_of(_standing(row, time, run_id))
    accounts = {account.panel: account for account in model.ledger.accounts}
    lines = {line.name: line for line in model.ledger.panels}
    for panel, account in accounts.items():
        line = lines.get(panel)
        amounts = (ZERO,) * 4 if line is None else (line.spent, line.refunded, line.reserved, line.in_doubt)
        names = ("spent", "refunded", "reserved", "in_doubt")
        yield line_of(
            {
                "type": "account",
                "time": time,
                "run_id": run_id,
                "panel": panel,
                "currency": account.currency,
                **{name: plain(amount) for name, amount in zip(names, amounts, strict=True)},
                "balance": None if account.balance is None else plain(account.balance),
                "unexplained": None if account.unexplained is None else plain(account.unexplained),
            }
        )


_amount = lru_cache(maxsize=10_000)(plain)  # many orders share amounts


def _standing(row: OrderRow, time: str, run_id: str | None) -> dict[str, object]:
    return {
        "type": "standing",
        "time": time,
        "run_id": run_id,
        "order": row.address,
        "state": row.state.value,
        "action": row.action or None,
        "panel": row.panel,
        "service": row.service,
        "link": row.link,
        "units": row.units,
        "panel_order_id": row.panel_order_id,
        "status": row.status,
        "start_count": row.start_count,
        "delivered": row.delivered,
        "remains": row.remains,
        "expected": None if row.expected is None else _amount(row.expected),
        "spent": _amount(row.spent),
        "refunded": _amount(row.refunded),
        "reserved": _amount(row.reserved),
        "in_doubt": _amount(row.in_doubt),
        "currency": row.currency,
        "message": row.message,
    }
