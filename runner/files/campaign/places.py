"""Finds the place of an order's field in the files, by reading them again; used only when there is a message."""

import sys
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from runner.core.diagnostics import Diagnostic
from runner.core.orders import Campaign
from runner.files.campaign.csv_rows import CsvReader, resolve_csv
from runner.files.campaign.rows import TEXTS, Chunk
from runner.files.campaign.yaml_events import Where, YamlReader
from runner.files.syntax.nodes import Kind, Node
from runner.files.syntax.source import Broken, CheckedFile
from runner.files.validation.findings import Findings

_FIELDS = {  # what a finding is about -> the field that says so
    "unknown-service": "service",
    "not-default": "service",
    "bad-price": "service",
    "no-dripfeed": "runs",
    "runs-without-interval": "runs",
    "quantity-range": "quantity",
}
_EVERY_LINE = range(1, sys.maxsize)


class _Places(NamedTuple):
    """Where the orders of one file may say something: in their own rows, or in the campaign file."""

    rows: Mapping[int, Node]  # by line
    campaign: str
    shared: Sequence[Node]  # rows that name the CSV file, and `defaults:`


def located(diagnostics: Sequence[Diagnostic], campaigns: Iterable[Campaign]) -> list[Diagnostic]:
    """The diagnostics, each at the value it is about: in the order's row, in the row that names its CSV file, or in `defaults:`.

    One whose value can't be found, because a file has changed meanwhile, keeps its place.
    """
    campaigns = list(campaigns)
    named_by = {one.source: one.source for one in campaigns}
    if any(one.file not in named_by for one in diagnostics):
        named_by = {order.source: one.source for one in campaigns for order in one.orders} | named_by
    lines: dict[str, set[int]] = {}
    for one in diagnostics:
        lines.setdefault(one.file, set()).add(one.line)
    files = {name: _places(name, named_by.get(name, name), wanted) for name, wanted in lines.items()}
    return [_moved(one, files[one.file]) for one in diagnostics]


def _moved(one: Diagnostic, places: _Places) -> Diagnostic:
    field = _FIELDS.get(one.code, "")
    for file, node in ((one.file, places.rows.get(one.line)), *((places.campaign, node) for node in places.shared)):
        found = node.get(field) if node else None
        if found is not None:
            return one._replace(file=file, line=found.line, column=found.column)
    return one


def _places(name: str, campaign: str, lines: set[int]) -> _Places:
    """Reads the nodes that diagnostics about `lines` of the file `name` can be placed at; empty where a file can't be read."""
    if name == campaign:
        header, rows = _yaml(campaign, lines, lambda _row: True)
        shared = []
    else:
        header, including = _yaml(campaign, _EVERY_LINE, lambda row: _named_file(row, Path(campaign).parent) == name)
        rows, shared = _csv(name, lines), [*including.values()]
    return _Places(rows, campaign, [*shared, *(value for key, value in header.entries if key.text == "defaults")])


def _named_file(row: Node, folder: Path) -> str | None:
    """The CSV file that a row of a campaign in `folder` names."""
    named = row.get("from")
    return str(folder / named.text) if named and named.is_single else None


def _yaml(name: str, lines: Container[int], is_wanted: Callable[[Node], bool]) -> tuple[Node, Mapping[int, Node]]:
    """The header, and by line the wanted rows among those that begin in `lines`."""
    rows: dict[int, Node] = {}

    def keep(chunks: Iterable[Chunk[Where]]) -> None:
        for chunk in chunks:
            places = zip(chunk.lines, chunk.wheres, strict=True)
            rows.update((line, row) for line, row in places if not isinstance(row, int) and is_wanted(row))

    header = Node(Kind.MAPPING, 1, 1)
    with suppress(Broken), CheckedFile(Path(name)) as source:
        reader = YamlReader(source, TEXTS, Findings(name).error, lines)
        with suppress(Broken):
            reader.document("orders", keep)
        header = reader.root
    return header, rows


def _csv(name: str, lines: set[int]) -> Mapping[int, Node]:
    """The rows that begin in `lines`, by line."""
    rows: dict[int, Node] = {}
    with suppress(Broken), CheckedFile(resolve_csv(Path(name).name, Path(name).parent)) as source:
        reader = CsvReader(source, Findings(name))
        for chunk in reader.rows():
            rows |= {row[0]: reader.places(row) for row in chunk.wheres if row[0] in lines}
    return rows
