"""Reads a CSV file of orders: header, cells to values, rows in chunks. Opens files only inside the campaign's folder."""

import csv
import re
from collections import abc
from collections.abc import Iterator, Sequence
from itertools import islice, repeat
from pathlib import Path

from runner.core.values.remembered import Remembered
from runner.files.campaign.rows import Chunk
from runner.files.syntax.csv_dialects import csv_problem, foreign_form, ragged
from runner.files.syntax.nodes import Node, row_of_cells
from runner.files.syntax.scalars import Value, flag_cell, number_cell, tag_cell
from runner.files.syntax.source import Broken, CheckedFile, Unreadable
from runner.files.validation.diagnose import report_columns
from runner.files.validation.findings import Findings

COLUMNS = ("id", "link", "service", "quantity", "runs", "interval", "priority", "protect", "drip", "tags")
CHUNK = 512  # rows checked at once
Cell = Value | list[str]
Cells = abc.Mapping[str, Cell]  # what each text means
CsvRow = tuple[int, list[str]]  # line and cells
_BREAKS = re.compile(r"\r\n|[\r\n]").findall
_NUMBERS = Remembered(number_cell)
_CONVERTERS: dict[str, Cells] = {
    "quantity": _NUMBERS,
    "runs": _NUMBERS,
    "interval": _NUMBERS,
    "priority": _NUMBERS,
    "protect": Remembered(flag_cell),
    "tags": Remembered(tag_cell),
}
_NUMBER_COLUMNS = frozenset(name for name, cells in _CONVERTERS.items() if cells is _NUMBERS)


def resolve_csv(named: str, folder: Path) -> Path:
    """The file that a campaign in `folder` means; Unreadable if it is outside of the folder or not there."""
    if Path(named).is_absolute():
        raise Unreadable("is an absolute path: write it relative to the campaign file")
    try:
        root = folder.resolve(strict=True)
        if not (root / named).resolve().is_relative_to(root):
            raise Unreadable("leads out of the campaign's folder: copy the file into it")
        return (root / named).resolve(strict=True)
    except FileNotFoundError:
        raise Unreadable("does not exist: check the name; it is relative to the campaign file") from None
    except (OSError, RuntimeError, ValueError):  # RuntimeError: a loop of symlinks, before Python 3.13
        raise Unreadable("can't be opened: check the path and its permissions") from None


class CsvReader:
    """The rows of one CSV file."""

    def __init__(self, source: CheckedFile, findings: Findings) -> None:
        """What is wrong with the file's form goes to `findings`."""
        self._reader = csv.reader(source.text(), strict=True)
        self._findings = findings
        self._names: tuple[str, ...] = ()
        self._line = 1  # where the next row begins; line breaks in quotes count

    @property
    def is_whole(self) -> bool:
        """False if columns are left out because of their names: what a row lacks may stand in one of them."""
        return "" not in self._names

    def rows(self) -> Iterator[Chunk[CsvRow]]:
        """All rows in chunks; empty cells are left out, they take the defaults. Broken passes through."""
        chunk: list[CsvRow] = []
        try:
            self._names = _header(next(self._reader, None), self._findings)
            self._line = self._reader.line_num + 1
            while self._names and self._fill(chunk):
                yield self._values(chunk)
                chunk = []
        except csv.Error as error:
            self._findings.error(self._line, 1, "csv", csv_problem(error))
        except Broken:
            yield self._values(chunk)  # what stands before the bad byte is checked all the same
            raise
        if chunk:
            yield self._values(chunk)

    def places(self, row: CsvRow) -> Node:
        """A row's places; columns count cells, from 1."""
        line, cells = row
        return row_of_cells(line, self._names, cells)

    def _fill(self, chunk: list[CsvRow]) -> bool:
        """Read up to CHUNK rows and add those with the right number of cells; False at the end of the file."""
        found: list[list[str]] = []
        before = self._reader.line_num
        try:
            for cells in islice(self._reader, CHUNK):
                found.append(cells)  # noqa: PERF402  # what was read before an error is kept
        finally:
            if self._reader.line_num - before == len(found) and set(map(len, found)) == {len(self._names)}:
                chunk += zip(range(self._line, self._line + len(found)), found, strict=True)
                self._line += len(found)
            else:
                self._add_one_by_one(found, chunk)
        return len(found) == CHUNK

    def _add_one_by_one(self, found: Sequence[list[str]], chunk: list[CsvRow]) -> None:
        """Add rows that span several lines or differ in their number of cells; reports those with a wrong number."""
        width = len(self._names)
        for cells in found:
            if len(cells) == width:
                chunk.append((self._line, cells))
            elif cells:
                advice = ragged(cells, self._names, _NUMBER_COLUMNS)
                message = f"the row has {_cells(len(cells))}, the header has {width}: {advice}"
                self._findings.error(self._line, min(len(cells), width) + 1, "csv-cells", message)
            self._line += 1 + sum(len(_BREAKS(cell)) for cell in cells)

    def _values(self, rows: list[CsvRow]) -> Chunk[CsvRow]:
        # Column by column and without a line of Python for each cell, which would take three times as long.
        columns: list[list[Cell]] = []
        known = [name for name in self._names if name]
        for name, cells in zip(self._names, zip(*(cells for _, cells in rows), strict=True), strict=False):
            if not name:
                continue
            converter = _CONVERTERS.get(name)
            if converter is None:
                texts = list(map(str.strip, cells))
                columns.append([text or None for text in texts] if "" in texts else list(texts))
            else:
                columns.append(list(map(converter.__getitem__, cells)))
        full = [number for number, column in enumerate(columns) if None not in column]
        names = [known[number] for number in full]
        if full:
            values = zip(*(columns[number] for number in full), strict=True)
            found: list[dict[str, Cell]] = list(map(dict, map(zip, repeat(names), values)))
        else:
            found = [{} for _ in rows]
        for name, column in zip(known, columns, strict=False):
            if name not in names:
                for row, value in zip(found, column, strict=True):
                    if value is not None:
                        row[name] = value
        if not all(found):  # a spreadsheet's empty rows are no orders
            rows = [where for row, where in zip(found, rows, strict=True) if row]
            found = [row for row in found if row]
        return Chunk(found, [line for line, _ in rows], rows)


def _header(cells: list[str] | None, findings: Findings) -> tuple[str, ...]:
    """The column names, empty for columns that can't be used; none at all if rows can't be read by them. Reports what is wrong."""
    if not cells:
        findings.error(
            1, 1, "csv-header", "the file has no header row: begin it with `link,quantity` or other order fields"
        )
        return ()
    names = [cell.strip() for cell in cells]
    if form := foreign_form(names, COLUMNS, "link,quantity,service"):
        findings.error(1, 1, "csv-header", form)
        return ()
    before = findings.errors
    right = report_columns(names, COLUMNS, findings)
    if "link" not in names:
        if findings.errors == before:
            message = "column `link` is missing: add it, each row needs a page to order for"
            findings.error(1, 1, "missing-column", message)
        return ()
    return right


def _cells(count: int) -> str:
    return "1 cell" if count == 1 else f"{count} cells"
