"""The report as CSV (RFC 4180): one row for each order, amounts exact, and no cell that a spreadsheet would run."""

import csv
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import TextIO

from runner.core.values.clock import to_text
from runner.core.values.money import plain
from runner.report.model.model import OrderRow, ReportModel
from runner.report.wording import harmless

COLUMNS = (
    "campaign", "order", "panel", "service", "link", "units", "state", "listed", "action", "panel_order_id", "status",
    "start_count", "delivered", "remains", "expected", "spent", "refunded", "reserved", "in_doubt", "currency",
    "bought_at", "checked_at", "message",
)  # fmt: skip
_BEFORE_MESSAGE = OrderRow._fields.index("checked_at") + 1  # the columns are a row's fields, without what it took
_MOST = 10_000  # texts that are remembered
_LONGEST = 4000  # characters of one cell: a link may have 2,000
# What makes a spreadsheet calculate, in the full-width forms that it takes in some languages too.
_FORMULA = re.compile(r"[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]")
# The same behind a semicolon: where that is the list separator, the cell is split there.
_SPLIT = re.compile(r"(;[\s\"']*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])")


def write_csv(stream: TextIO, model: ReportModel) -> None:
    """Write a header and every order; `stream` must not translate newlines."""
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows(_rows(model))


def safe_cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula: one that begins like one gets an apostrophe in front."""
    text = harmless(text, _LONGEST)
    if _FORMULA.match(text):
        text = f"'{text}"
    return _SPLIT.sub(r"\1'", text) if ";" in text else text


def _rows(model: ReportModel) -> Iterator[list[object]]:
    # Few different amounts and moments, many orders. What is unknown is an empty cell.
    writers: dict[type, Callable[..., object]] = {
        str: lru_cache(_MOST)(safe_cell),
        Decimal: lru_cache(_MOST)(plain),
        datetime: lru_cache(_MOST)(to_text),
    }
    for row in model.orders:
        cells = (*row[:_BEFORE_MESSAGE], row.message)
        yield [write(value) if (write := writers.get(type(value))) else value for value in cells]
