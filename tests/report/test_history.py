"""What happened, as people read it; programs get it with every key."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path

from jsonschema import Draft7Validator

from runner.planning.accounting.timeline import Happening, HistoryEvent
from runner.report.documents.as_json import line_of
from runner.report.text.history import history_document, history_lines, render_history

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "history.schema.json").read_text(encoding="utf-8"))
STATUS = HistoryEvent(
    NOW,
    Happening.STATUS,
    order="spring/teaser",
    attempt_id=1,
    panel="sandbox",
    panel_order_id="23501",
    amount=Decimal("0.45"),
    first_charge=Decimal("0.90"),
    refunded=Decimal("0.45"),
    currency="USD",
    text="partial",
)
LABEL = HistoryEvent(
    NOW, Happening.LABELLED, panel="sandbox", amount=Decimal(-3), currency="USD", user="anna", text="x"
)


def test_an_event_is_one_line_with_its_money(write):
    text = write(partial(render_history, several=True), [STATUS], width=None)
    line = text.splitlines()[1]
    assert line.split("  ")[:3] == ["2026-11-01 12:00:00", "status", "spring/teaser"]
    assert "0.45 USD" in line
    assert "order 23501; partial; first charged 0.90; refunded 0.45" in line


def test_the_history_of_one_order_does_not_repeat_its_address(write):
    assert "spring/teaser" not in write(partial(render_history, several=False), [STATUS], width=None)


def test_nothing_has_happened(write):
    assert "Nothing has happened." in write(partial(render_history, several=True), [])


def test_the_document_and_its_lines_are_as_the_schema_says():
    events = [HistoryEvent(NOW, kind) for kind in Happening] + [STATUS, LABEL]
    document = json.loads(line_of(history_document(events)))
    assert list(Draft7Validator(SCHEMA).iter_errors(document)) == []
    assert [json.loads(line) for line in history_lines(events)] == document["events"]
    assert document["events"][-1]["amount"] == "-3.00"
    kinds = SCHEMA["definitions"]["event"]["properties"]["event"]["enum"]
    assert set(kinds) == {kind.value for kind in Happening}


def test_text_of_a_panel_is_made_harmless(write):
    assert "\x1b" not in write(partial(render_history, several=True), [STATUS._replace(text="\x1b[2J")], width=None)
