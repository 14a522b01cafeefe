"""Writes events as JSON lines, joins several listeners into one, and ends a jsonl report."""

from collections.abc import Iterator
from operator import attrgetter
from typing import TextIO

from runner.core.events import Event, Listener
from runner.core.values.clock import to_text
from runner.report.documents.as_json import Document, event_document, line_of
from runner.report.model.model import OrderRow, ReportModel, panel_money


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
            self._stream.write(line_of(event_document(event)))
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
    heard: Document = {"time": to_text(model.made_at), "run_id": model.run_id}
    for row in model.orders:
        yield line_of({"type": "standing", **heard, **_standing(row)})
    for account, booked in panel_money(model.ledger):
        yield line_of(
            {
                "type": "account",
                **heard,
                "panel": account.panel,
                "currency": account.currency,
                **booked._asdict(),
                "balance": account.balance,
                "unexplained": account.unexplained,
            }
        )


_NOT_TOLD = {"campaign", "id", "state", "action", "sync", "bought_at", "checked_at", "took", "source", "line"}
_TOLD = [name for name in OrderRow._fields if name not in _NOT_TOLD]
_told = attrgetter(*_TOLD)


def _standing(row: OrderRow) -> Document:
    told = dict(zip(_TOLD, _told(row), strict=True))
    return {"order": row.address, "state": row.state, "action": row.action or None, **told}
