"""Reads a counts file: the present count of each page, by link, for `policy.refill.when: drop`."""

from pathlib import Path
from typing import TextIO

from runner.core.diagnostics import Diagnostic
from runner.core.values.links import page_key
from runner.core.values.text import clean
from runner.files.syntax.csv_dialects import foreign_form, read_rows
from runner.files.syntax.written_numbers import as_whole
from runner.files.validation.findings import Findings

_COLUMNS = ("link", "count")
_DIGITS = 18  # of a count; more is nonsense
_CODE = "counts-file"


def load_counts(path: Path) -> tuple[dict[str, int], tuple[Diagnostic, ...]]:
    """Present count by page (`page_key`), and everything that is wrong with the file; extra columns are left alone.

    A CSV with a header row, columns `link` and `count`; a page that stands there twice with different counts is wrong.
    """
    findings = Findings(str(path))
    counts: dict[str, int] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:  # a pipe will do
            counts = read_counts(stream, findings)
    except OSError as error:
        findings.error(1, 1, _CODE, f"can't be read: {error.strerror}")
    return counts, tuple(findings.diagnostics())


def read_counts(stream: TextIO, findings: Findings) -> dict[str, int]:
    """Read the counts of an open file; what is wrong goes to `findings`. Broken and OSError pass through."""
    counts: dict[str, int] = {}
    rows = read_rows(stream, findings.error, _CODE)
    _, header = next(rows, (1, None))
    if header is None:
        return counts
    if form := foreign_form(header, _COLUMNS, "link,count"):
        findings.error(1, 1, "counts-header", form)
        return counts
    if missing := [name for name in _COLUMNS if name not in header]:
        findings.error(1, 1, "counts-header", f"no column `{missing[0]}`: begin the file with `link,count`")
        return counts
    of_link, of_count = (header.index(name) for name in _COLUMNS)
    for line, cells in rows:
        if not any(cells):
            continue
        link = cells[of_link] if of_link < len(cells) else ""
        text = cells[of_count] if of_count < len(cells) else ""
        if not link:
            findings.error(line, of_link + 1, "counts-link", "the row has no link: fill it in, or remove the row")
        elif not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
            message = f"count `{clean(text, 40)}` is not a whole number: write {as_whole(text) or 'plain digits, such as 1200'}"
            findings.error(line, of_count + 1, "counts-count", message)
        elif counts.setdefault(page_key(link), int(text)) != int(text):
            message = f"{clean(link, 120)} has another count above: keep one"
            findings.error(line, of_link + 1, "counts-twice", message)
    return counts
