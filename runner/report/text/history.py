"""Text and JSON of `history`: what happened, one event a line."""

from collections.abc import Iterable, Iterator

from runner.planning.accounting.timeline import Happening, HistoryEvent
from runner.report.documents.as_json import Document, line_of
from runner.report.terminal.screen import Field, Fit, Screen
from runner.report.terminal.style import Span, Style, attention, dim
from runner.report.wording import Amounts, money, words

_STYLES = {
    Happening.PLACED: Style.GOOD,
    Happening.ADOPTED: Style.GOOD,
    Happening.IN_DOUBT: Style.BAD,
    Happening.REFUSED: Style.BAD,
    Happening.ABANDONED: Style.ATTENTION,
    Happening.DECLARED_NOT_PLACED: Style.ATTENTION,
    Happening.RUN_STARTED: Style.DIM,
    Happening.RUN_ENDED: Style.DIM,
}


def render_history(events: Iterable[HistoryEvent], out: Screen, *, several: bool) -> None:
    """Show one line for each event, oldest first; if they are of several orders, with the order's address."""
    listed = list(events)
    if not listed:
        out.line(attention("Nothing has happened."))
        return
    amounts = Amounts((event.amount, event.currency) for event in listed)
    fields: list[Field[HistoryEvent] | None] = [
        Field("time (UTC)", lambda one: f"{one.at:%Y-%m-%d %H:%M:%S}"),
        Field("event", lambda one: Span(words(one.kind), _STYLES.get(one.kind, Style.PLAIN))),
        Field("order", lambda one: one.order or one.panel or dim("-"), Fit.NAME) if several else None,
        Field("money", lambda one: "" if one.amount is None else amounts.named(one.amount, one.currency), Fit.AMOUNT),
        Field("what", lambda one: "; ".join(_told(one)), Fit.WRAP),
    ]
    out.listing(fields, listed, indent=0)


def _told(event: HistoryEvent) -> Iterator[str]:
    if event.panel_order_id is not None:
        yield f"order {event.panel_order_id}"
    if event.text:
        yield event.text
    if event.first_charge is not None and event.first_charge != event.amount:
        yield f"first charged {money(event.first_charge)}"
    if event.refunded is not None:
        yield f"refunded {money(event.refunded)}"
    if event.user is not None:
        yield f"by {event.user}"


def event_document(event: HistoryEvent) -> Document:
    """One event of `history.schema.json`."""
    return {
        "time": event.at,
        "event": event.kind,
        "order": event.order,
        "attempt": event.attempt_id,
        "run_id": event.run_id,
        "panel": event.panel,
        "panel_order_id": event.panel_order_id,
        "amount": event.amount,
        "first_charge": event.first_charge,
        "refunded": event.refunded,
        "currency": event.currency,
        "user": event.user,
        "text": event.text,
    }


def history_document(events: Iterable[HistoryEvent]) -> Document:
    """What `history --format json` prints; `history.schema.json`."""
    return {"events": [event_document(event) for event in events]}


def history_lines(events: Iterable[HistoryEvent]) -> Iterator[str]:
    """What `history --format jsonl` prints: one event a line."""
    return (line_of(event_document(event)) for event in events)
