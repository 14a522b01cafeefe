"""Reads a counts file: what the pages show now, by link. For `policy.refill.when: drop`."""

import csv
from pathlib import Path

from runner.core.diagnostics import Diagnostic
from runner.core.text import clean

_COLUMNS = ("link", "count")
_DIGITS = 18  # of a count; more is nonsense


def load_counts(path: Path) -> tuple[dict[str, int], tuple[Diagnostic, ...]]:
    """Present count by link, and everything that is wrong with the file; extra columns are left alone.

    A CSV with a header row, columns `link` and `count`; a link that stands there twice with different counts is wrong.
    """
    counts: dict[str, int] = {}
    found: list[Diagnostic] = []

    def report(line: int, column: int, code: str, message: str) -> None:
        found.append(Diagnostic(str(path), line, column, code, message))

    line = 1
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.reader(stream, strict=True)
            header = [cell.strip() for cell in next(rows, [])]
            if missing := [name for name in _COLUMNS if name not in header]:
                report(1, 1, "counts-header", f"no column `{missing[0]}`: begin the file with `link,count`")
                return {}, tuple(found)
            of_link, of_count = (header.index(name) for name in _COLUMNS)
            line = rows.line_num + 1
            for cells in rows:
                if any(cell.strip() for cell in cells):
                    link = cells[of_link].strip() if of_link < len(cells) else ""
                    text = cells[of_count].strip() if of_count < len(cells) else ""
                    if not link:
                        report(line, of_link + 1, "counts-link", "the row has no link: fill it in, or remove the row")
                    elif not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
                        report(line, of_count + 1, "counts-count", f"count `{clean(text, 40)}` is not a whole number")
                    elif counts.setdefault(link, int(text)) != int(text):
                        report(
                            line, of_link + 1, "counts-twice", f"{clean(link, 120)} has another count above: keep one"
                        )
                line = rows.line_num + 1
    except OSError as error:
        report(1, 1, "counts-file", f"can't be read: {error.strerror}")
    except (csv.Error, UnicodeDecodeError) as error:
        report(line, 1, "counts-file", f"is no CSV in UTF-8: {error}")
    return counts, tuple(found)
