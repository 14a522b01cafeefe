"""Nodes: small parts of a document with their places, for headers and for messages about rows."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from runner.files.syntax.scalars import Value, plain_text, plain_value

Plain = Value | dict[str, "Plain"] | list["Plain"]


class Kind(StrEnum):
    """What a node is: a key or single value by the way it was written, a list, or a mapping."""

    PLAIN = "plain"  # YAML without quotes
    QUOTED = "quoted"  # YAML in quotes or as a block: always text
    CELL = "cell"  # a CSV cell
    LIST = "list"
    MAPPING = "mapping"


@dataclass(slots=True)
class Node:
    """A part of a document and where it begins, from 1. Fields that its kind does not have are empty."""

    kind: Kind
    line: int
    column: int
    text: str = ""  # of a single value
    items: list["Node"] = field(default_factory=list)  # of a list
    # Of a mapping, keys and values as written; keys are unique, but for the rests of a split number (`split_values`).
    entries: list[tuple["Node", "Node"]] = field(default_factory=list)
    size: int = 1  # nodes in it, aliases expanded
    height: int = 0  # levels of nodes in it

    @property
    def is_single(self) -> bool:
        """True for a key or a single value."""
        return self.kind not in (Kind.LIST, Kind.MAPPING)

    def append(self, item: "Node") -> None:
        """Put an item behind those of a list."""
        self.items.append(item)
        self._grow(item)

    def hold(self, key: "Node", value: "Node") -> None:
        """Put a key that is not there yet, with its value, behind the entries of a mapping."""
        self.entries.append((key, value))
        self._grow(value)

    def _grow(self, held: "Node") -> None:
        self.size += held.size
        self.height = max(self.height, held.height + 1)

    def get(self, name: str) -> "Node | None":
        """The value of the key `name`."""
        return next((value for key, value in self.entries if key.text == name), None)

    def spot(self, name: str) -> tuple[int, int]:
        """Line and column of the value of `name`, or of the node where it has none."""
        found = self.get(name) or self
        return found.line, found.column


def row_of_cells(line: int, names: Iterable[str], cells: Iterable[str]) -> Node:
    """A row of CSV, without its empty cells and those under no name; columns count cells."""
    row = Node(Kind.MAPPING, line, 1)
    for column, (name, cell) in enumerate(zip(names, cells, strict=True), 1):
        if name and (text := cell.strip()):
            row.hold(Node(Kind.CELL, line, column, name), Node(Kind.CELL, line, column, text))
    return row


def plain(node: Node, texts: frozenset[str], name: str = "") -> Plain:
    """The node's value without places; single values under the keys `texts` stay text even if they look like numbers."""
    if node.kind is Kind.MAPPING:
        return {key.text: plain(value, texts, key.text) for key, value in node.entries}
    if node.kind is Kind.LIST:
        return [plain(item, texts, name) for item in node.items]
    if node.kind is Kind.QUOTED:
        return node.text
    return plain_text(node.text) if name in texts else plain_value(node.text)
