"""Finds the place of an order's field in the files, by reading them again; used only when there is a message."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from runner.core.diagnostics import Diagnostic
from runner.core.orders import Campaign
from runner.files.campaign.csv_rows import CsvReader, resolve_csv
from runner.files.campaign.rows import TEXTS
from runner.files.campaign.yaml_events import YamlReader
from runner.files.syntax import nodes
from runner.files.syntax.nodes import Node, Scalar
from runner.files.syntax.source import BadText, CheckedFile, Unreadable
from runner.files.syntax.yaml_errors import YamlProblem
from runner.files.validation.findings import Findings

_FIELDS = {  # what a finding is about -> the field that says so
    "unknown-service": "service",
    "not-default": "service",
    "bad-price": "service",
    "no-dripfeed": "runs",
    "runs-without-interval": "runs",
    "quantity-range": "quantity",
}
_ANY = frozenset[int]()


def located(diagnostics: Sequence[Diagnostic], campaigns: Iterable[Campaign]) -> list[Diagnostic]:
    """The same, each at the value it is about: in the order's line, in what names its CSV file, or in `defaults:`.

    What can't be found, because a file has changed meanwhile, keeps its place.
    """
    campaigns = list(campaigns)
    named_by = {one.source: one.source for one in campaigns}
    if any(one.file not in named_by for one in diagnostics):
        named_by = {order.source: one.source for one in campaigns for order in one.orders} | named_by
    lines: dict[str, set[int]] = {}
    for one in diagnostics:
        lines.setdefault(one.file, set()).add(one.line)
    files = {name: _File(name, named_by.get(name, name), wanted) for name, wanted in lines.items()}
    return [_moved(one, files[one.file].find(one.line, _FIELDS.get(one.code, ""))) for one in diagnostics]


def _moved(one: Diagnostic, place: tuple[str, int, int] | None) -> Diagnostic:
    return one if place is None else one._replace(file=place[0], line=place[1], column=place[2])


class _File:
    """One file that lists orders, and the campaign file that lists it; only the rows of some lines are kept."""

    def __init__(self, name: str, campaign: str, lines: set[int]) -> None:
        self._name = name
        self._campaign = campaign
        self._is_csv = name != campaign
        self._header, rows = _yaml(campaign, _ANY if self._is_csv else lines)
        self._rows = _csv(name, lines) if self._is_csv else rows
        self._includes = [row for row in self._header_rows() if self._is_csv]

    def find(self, line: int, field: str) -> tuple[str, int, int] | None:
        """File, line and column of what the order in `line` says under `field`, wherever it says it."""
        row = self._rows.get(line)
        if row is not None and (place := _value(row, field)):
            return (self._name, *place)
        for node in (*self._includes, self._defaults()):
            if node is not None and (place := _value(node, field)):
                return (self._campaign, *place)
        return None

    def _defaults(self) -> Node | None:
        found = self._header.find("defaults")
        return None if found is None else found[1]

    def _header_rows(self) -> Iterable[Node]:
        """The rows that name this CSV file."""
        found = self._header.find("orders")
        for row in found[1].items if found is not None and isinstance(found[1], nodes.Sequence) else ():
            named = row.find("from") if isinstance(row, nodes.Mapping) else None
            if named is None or not isinstance(named[1], Scalar):
                continue
            if str(Path(self._campaign).parent / named[1].text) == self._name:
                yield row


def _value(node: Node, field: str) -> tuple[int, int] | None:
    found = node.find(field) if isinstance(node, nodes.Mapping) else None
    return None if found is None else (found[1].line, found[1].column)


def _yaml(name: str, lines: set[int] | frozenset[int]) -> tuple[nodes.Mapping, Mapping[int, Node]]:
    """The header with the rows that name files, and the rows that begin in `lines`; as far as the file can be read."""
    rows: dict[int, Node] = {}
    numbers: frozenset[int] = frozenset()
    header = nodes.Mapping(1, 1)
    for _ in range(2):  # first which rows, then these with their places
        header, wanted = nodes.Mapping(1, 1), set()
        try:
            with CheckedFile(Path(name)) as source:
                reader = YamlReader(source, TEXTS, _ignore, numbers)
                reader.begin()
                while (key := reader.key()) is not None:
                    listed = reader.begins_list() if key.text == "orders" else None
                    if listed is None:
                        header.hold(key, reader.value())
                        continue
                    number = 0
                    for chunk in reader.rows():
                        for row, line, where in zip(chunk.rows, chunk.lines, chunk.wheres, strict=True):
                            is_include = isinstance(row, dict) and "from" in row
                            if line in lines or is_include:
                                wanted.add(number)
                                node = reader.places(where) if number in numbers else None
                                if node is not None and is_include:
                                    listed.hold(node)
                                if node is not None and line in lines:
                                    rows[line] = node
                            number += 1
                    header.hold(key, listed)
        except (Unreadable, BadText, YamlProblem):
            pass
        numbers = frozenset(wanted)
        if not numbers:
            break
    return header, rows


def _csv(name: str, lines: set[int]) -> Mapping[int, Node]:
    rows: dict[int, Node] = {}
    try:
        with CheckedFile(resolve_csv(Path(name).name, Path(name).parent)) as source:
            reader = CsvReader(source, Findings(name))
            for chunk in reader.rows():
                rows |= {row[0]: reader.places(row) for row in chunk.wheres if row[0] in lines}
    except (Unreadable, BadText):
        pass
    return rows


def _ignore(_line: int, _column: int, _code: str, _message: str) -> None:
    """What else is wrong was told before."""
