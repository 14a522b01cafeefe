"""Reads a CSV file of orders: header, cells to values, rows in chunks. Opens files only inside the campaign's folder."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from runner.core.text import clean
from runner.files.diagnose import did_you_mean
from runner.files.findings import Findings
from runner.files.nodes import Mapping, Node, Scalar, Style
from runner.files.rows import Chunk
from runner.files.scalars import FlagCells, NumberCells, Value
from runner.files.source import CheckedFile, Unreadable

COLUMNS = ("id", "link", "service", "quantity", "runs", "interval", "protect")
CHUNK = 512  # rows checked at once
_NUMBERS = NumberCells()
_FLAGS = FlagCells()
_CONVERTERS: dict[str, dict[str, Value]] = {
    "quantity": _NUMBERS,
    "runs": _NUMBERS,
    "interval": _NUMBERS,
    "protect": _FLAGS,
}


class CsvRow(NamedTuple):
    """A row for messages."""

    line: int
    names: tuple[str, ...]
    cells: list[str]


def csv_row_node(row: CsvRow) -> Node:
    """A row's places; columns count cells, from 1."""
    node = Mapping(row.line, 1)
    for column, (name, cell) in enumerate(zip(row.names, row.cells, strict=True), 1):
        if cell.strip():
            key = Scalar(name, Style.CELL, row.line, column)
            node.entries.append((key, Scalar(cell.strip(), Style.CELL, row.line, column)))
    return node


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


def read_rows(source: CheckedFile, findings: Findings) -> Iterator[Chunk[CsvRow]]:
    """The rows of a CSV file in chunks; what is wrong with the file's form goes to `findings`. BadText passes through."""
    text = io.TextIOWrapper(io.BufferedReader(source), encoding="utf-8-sig", newline="")
    reader = csv.reader(text, strict=True)
    line = 1
    try:
        header = next(reader, None)
        names = _header(header, findings)
        if names is None:
            return
        line = reader.line_num + 1
        chunk: Chunk[CsvRow] = Chunk([], [], [])
        readers = [(name, _CONVERTERS.get(name)) for name in names]
        for cells in reader:
            if len(cells) == len(names):
                row: dict[str, Any] = {}
                for (name, converter), cell in zip(readers, cells, strict=True):
                    value = cell.strip() or None if converter is None else converter[cell]
                    if value is not None:
                        row[name] = value
                if row:
                    chunk.rows.append(row)
                    chunk.lines.append(line)
                    chunk.wheres.append(CsvRow(line, names, cells))
                    if len(chunk.rows) == CHUNK:
                        yield chunk
                        chunk = Chunk([], [], [])
            elif cells:
                message = f"the row has {_cells(len(cells))}, the header has {len(names)}: {_ragged(len(cells), names)}"
                findings.error(line, min(len(cells), len(names)) + 1, "csv-cells", message)
            line = reader.line_num + 1
        if chunk.rows:
            yield chunk
    except csv.Error as error:
        findings.error(line, 1, "csv", f"{error}: check the quotes of the row that begins here")


def _header(cells: list[str] | None, findings: Findings) -> tuple[str, ...] | None:
    """The columns' names; None if the header is wrong, which is reported."""
    if not cells:
        findings.error(
            1, 1, "csv-header", "the file has no header row: begin it with `link,quantity` or other order fields"
        )
        return None
    names = tuple(cell.strip() for cell in cells)
    before = findings.errors
    for column, name in enumerate(names, 1):
        if name not in COLUMNS:
            shown = clean(name, 60)
            findings.error(1, column, "unknown-column", f"unknown column `{shown}`: {did_you_mean(name, COLUMNS)}")
        elif name in names[: column - 1]:
            findings.error(1, column, "duplicate-column", f"column `{name}` stands here twice: keep one")
    if "link" not in names and findings.errors == before:
        findings.error(1, 1, "missing-column", "column `link` is missing: add it, each row needs a page to order for")
    return None if findings.errors > before else names


def _cells(count: int) -> str:
    return "1 cell" if count == 1 else f"{count} cells"


def _ragged(count: int, names: tuple[str, ...]) -> str:
    if count < len(names):
        return f"`{names[count]}` and what follows is missing, leave cells empty but keep the commas"
    return "remove a comma, or put the cell that holds one in quotes"
