"""Reads a list of orders that were bought elsewhere: a CSV with the panel's order ids. Knows no campaign."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from runner.core.diagnostics import Diagnostic
from runner.core.imports import BoughtRow
from runner.core.values.text import clean
from runner.files.syntax.csv_dialects import foreign_form, ragged, read_rows
from runner.files.syntax.nodes import row_of_cells
from runner.files.syntax.scalars import number_cell
from runner.files.syntax.source import Broken, CheckedFile
from runner.files.validation.diagnose import report_columns, report_errors
from runner.files.validation.findings import Findings
from runner.files.validation.gate import gate

COLUMNS = ("id", "order_id", "service", "link", "quantity", "runs", "interval")
_NUMBERS = frozenset({"quantity", "runs", "interval"})
_ANY_LINK = "https://example.com/"  # where a row has none: the rest of it is checked as that of an order all the same

ReadId = Callable[[object], str | None]


def load_bought(path: Path, read_id: ReadId) -> tuple[list[BoughtRow], tuple[Diagnostic, ...]]:
    """The rows, and everything that is wrong with the file; `read_id` makes an order id of a text, or None.

    A header row; column `order_id`, and `id` or `link` to tell which listed order a row is.
    """
    findings = Findings(str(path))
    rows: list[BoughtRow] = []
    try:
        with CheckedFile(path) as source:
            rows = _read(read_rows(source.text(), findings.error), findings, read_id)
    except Broken as problem:
        findings.error(problem.line, problem.column, problem.code, problem.message)
    return rows, tuple(findings.diagnostics())


def _read(lines: Iterator[tuple[int, list[str]]], findings: Findings, read_id: ReadId) -> list[BoughtRow]:
    rows: list[BoughtRow] = []
    first: dict[str, int] = {}  # order id -> line
    _, names = next(lines, (1, None))
    if names is None or not _is_header(names, findings):
        return rows
    for line, texts in lines:
        row = _row(line, names, texts, findings, read_id) if any(texts) else None
        if row is not None and first.setdefault(row.order_id, line) != line:
            message = f"`order_id` {row.order_id} stands in line {first[row.order_id]} already: keep one"
            findings.error(line, names.index("order_id") + 1, "duplicate-order", message)
        elif row is not None:
            rows.append(row)
    return rows


def _is_header(names: Sequence[str], findings: Findings) -> bool:
    if form := foreign_form(names, COLUMNS, "order_id,link,service,quantity"):
        findings.error(1, 1, "csv-header", form)
        return False
    before = findings.errors
    report_columns(names, COLUMNS, findings)
    if findings.errors == before and "order_id" not in names:
        findings.error(1, 1, "missing-column", "column `order_id` is missing: add it, the panel's id of each order")
    if findings.errors == before and not {"id", "link"} & set(names):
        message = "column `link` (or `id`) is missing: add it, it tells which listed order a row is"
        findings.error(1, 1, "missing-column", message)
    return findings.errors == before


def _row(
    line: int, names: Sequence[str], texts: Sequence[str], findings: Findings, read_id: ReadId
) -> BoughtRow | None:
    if len(texts) != len(names):
        advice = ragged(texts, names, _NUMBERS)
        message = f"the row has {len(texts)} cells, the header has {len(names)}: {advice}"
        findings.error(line, min(len(texts), len(names)) + 1, "csv-cells", message)
        return None
    before = findings.errors
    found = {name: text for name, text in zip(names, texts, strict=True) if text}
    column = {name: number for number, name in enumerate(names, 1)}
    order_id = read_id(found.get("order_id", ""))
    if order_id is None:
        shown = f"`{clean(found['order_id'], 60)}` is no order id" if "order_id" in found else "`order_id` is empty"
        findings.error(line, column["order_id"], "order-id", f"{shown}: copy it from the panel's order list")
    if "id" not in found and "link" not in found:
        findings.error(line, 1, "missing-key", "the row has neither `id` nor `link`: fill one in")
    values: dict[str, Any] = {
        name: number_cell(text) if name in _NUMBERS else text for name, text in found.items() if name != "order_id"
    }
    campaign, slash, own = found.get("id", "").partition("/")
    checked = {"link": _ANY_LINK, **values} | ({"id": own} if slash else {})
    if errors := gate("campaign", "order").errors(checked):
        report_errors(errors, row_of_cells(line, names, texts), findings)
    if slash and not gate("campaign", "name").accepts(campaign):
        findings.error(line, column["id"], "bad-format", f"`{clean(campaign, 60)}` is no name of a campaign")
    if ("runs" in found) is not ("interval" in found):
        has, lacks = ("runs", "interval") if "runs" in found else ("interval", "runs")
        findings.error(line, column[has], "runs-interval", f"`{has}` needs `{lacks}`: fill in both, or none")
    if findings.errors > before or order_id is None:
        return None
    return BoughtRow(line, order_id, *(values.get(name) for name in ("id", *COLUMNS[2:])))
