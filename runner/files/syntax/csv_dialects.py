"""Reads rows of CSV with their lines; recognises files in other forms than ours, and says what to change. Pure."""

import csv
import re
from collections.abc import Collection, Iterable, Iterator, Sequence

from runner.core.values.text import clean
from runner.files.syntax.source import Report
from runner.files.syntax.written_numbers import as_whole

_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "`|`"}
_SHOWN = 60  # characters of a cell in a message
_ERRORS = (  # what csv says -> our words
    (
        "unexpected end",
        "a quote in this row is not closed: close it; a quote that belongs to the text is written twice",
    ),
    (
        "expected after",
        "text follows a closing quote in this row: put the whole cell in quotes, each quote inside it twice",
    ),
    ("field larger", f"a cell is longer than {csv.field_size_limit():,} characters: a quote in this row is not closed"),
    ("new-line", "a line ends inside a cell of this row: save the file with usual line ends"),
)
_HEAD = re.compile(r"[1-9][0-9]{0,2}").fullmatch
_TAIL = re.compile(r"[0-9]{3}").fullmatch


def read_rows(lines: Iterable[str], report: Report, code: str = "csv") -> Iterator[tuple[int, list[str]]]:
    """The line that each row begins in, and its cells without the spaces around them; an empty file has one empty row.

    What keeps it from being read on is reported as `code`.
    """
    reader = csv.reader(lines, strict=True)
    line = 1
    try:
        cells: list[str] | None = next(reader, [])
        while cells is not None:
            yield line, [cell.strip() for cell in cells]
            line = reader.line_num + 1
            cells = next(reader, None)
    except csv.Error as error:
        report(line, 1, code, csv_problem(error))
    except UnicodeDecodeError:
        report(line, 1, code, "is no CSV in UTF-8: save it as UTF-8")


def csv_problem(error: csv.Error) -> str:
    """What is wrong with the quotes of a row, and what to do."""
    said = str(error)
    return next((words for key, words in _ERRORS if key in said), "this row can't be read as CSV: check its quotes")


def foreign_form(cells: Sequence[str], known: Collection[str], example: str) -> str | None:
    """Why the first row of a file is no header of ours as a whole, and what to do; None if it is to be looked at by names.

    `example` is a header that would do.
    """
    first = cells[0].strip() if cells else ""
    if first.casefold().startswith("sep="):
        mark = first[4:5] or ","
        commas = (
            "" if mark == "," else f"; separate the cells by commas, not {_SEPARATORS.get(mark, f'`{clean(mark, 1)}`')}"
        )
        return f"`sep=` is a line for spreadsheets, not for this file: remove it{commas}"
    for mark, name in _SEPARATORS.items():
        parts = [part.strip().casefold() for part in ",".join(cells).split(mark)]
        if len(parts) > 1 and not set(parts).isdisjoint(known):
            return f"the cells are separated by {name}: save the file as CSV with commas"
        if len(parts) > 1 and "://" in first:
            return f"the file has no header row, and its cells are separated by {name}: begin it with `{example}`, and write commas"
    if any("://" in cell for cell in cells):
        return f"the file has no header row: begin it with the names of its columns, such as `{example}`"
    return None


def nameless(names: Sequence[str]) -> tuple[int, str] | None:
    """The first column without a name, from 1, and what to do; None if all have one."""
    if "" not in names:
        return None
    empty, column = names.count(""), names.index("") + 1
    columns = (
        f"column {column} has no name" if empty == 1 else f"{empty} columns have no name, the first is column {column}"
    )
    if not any(names[column - 1 :]):
        return column, f"{columns}: remove the commas at the end of this line, and of every row"
    return column, f"{columns}: name it, or remove it from every row"


def ragged(cells: Sequence[str], names: Sequence[str], numbers: Collection[str]) -> str:
    """What to do about a row with more or fewer cells than the header `names`; `numbers` are columns that hold some."""
    if len(cells) == 1:
        for mark, name in _SEPARATORS.items():
            if mark in cells[0]:
                return f"its cells are separated by {name}, write commas"
    if len(cells) < len(names):
        return f"`{names[len(cells)]}` and what follows is missing, leave cells empty but keep the commas"
    for column, name in enumerate(names):
        if name in numbers and _HEAD(cells[column].strip()) and _TAIL(cells[column + 1].strip()):
            behind = [cell.strip() for cell in cells[column + 1 :]]
            rest = next((number for number, cell in enumerate(behind) if not _TAIL(cell)), len(behind))
            written = ",".join([cells[column].strip(), *behind[: min(rest, len(cells) - len(names))]])
            return f"`{written}` became several cells, write `{name}` as {as_whole(written)}"
    if not any(cell.strip() for cell in cells[len(names) :]):
        return "remove the commas at its end"
    return "remove a comma, or put the cell that holds one in quotes"
