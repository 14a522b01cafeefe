"""Nodes: small parts of a document with their places, for headers and for messages about rows."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from runner.files.syntax.scalars import Value, plain_text, plain_value

Plain = Value | dict[str, "Plain"] | list["Plain"]


class Style(StrEnum):
    """How a scalar was written."""

    PLAIN = "plain"  # YAML without quotes
    QUOTED = "quoted"  # YAML in quotes or as a block: always text
    CELL = "cell"  # a CSV cell


@dataclass(slots=True)
class Scalar:
    """A key or a single value."""

    text: str
    style: Style
    line: int
    column: int


@dataclass(slots=True)
class Sequence:
    """A list."""

    line: int
    column: int
    items: list["Node"] = field(default_factory=list)
    size: int = 1  # nodes in it, aliases expanded
    height: int = 1  # levels of nesting, its own included

    def hold(self, item: "Node") -> None:
        """Append an item."""
        self.items.append(item)
        _grow(self, item)


@dataclass(slots=True)
class Mapping:
    """Keys and values in the order written; keys are unique, but for the rests of a split number (`split_values`)."""

    line: int
    column: int
    entries: list[tuple[Scalar, "Node"]] = field(default_factory=list)
    size: int = 1
    height: int = 1

    def hold(self, key: Scalar, value: "Node") -> None:
        """Append a key that is not there yet."""
        self.entries.append((key, value))
        _grow(self, value)

    def find(self, name: str) -> tuple[Scalar, "Node"] | None:
        """The key and its value."""
        return next((entry for entry in self.entries if entry[0].text == name), None)

    def __iter__(self) -> Iterator[tuple[Scalar, "Node"]]:
        return iter(self.entries)


Node = Scalar | Sequence | Mapping


def _grow(holder: Sequence | Mapping, held: Node) -> None:
    if isinstance(held, Scalar):
        holder.size += 1
    else:
        holder.size += held.size
        holder.height = max(holder.height, held.height + 1)


def plain(node: Node, texts: frozenset[str], name: str = "") -> Plain:
    """The node's value without places; scalars under the keys `texts` stay text even if they look like numbers."""
    if isinstance(node, Mapping):
        return {key.text: plain(value, texts, key.text) for key, value in node}
    if isinstance(node, Sequence):
        return [plain(item, texts, name) for item in node.items]
    if node.style is Style.QUOTED:
        return node.text
    return plain_text(node.text) if name in texts else plain_value(node.text)
