"""Recognises numbers that a comma inside braces splits into several YAML entries. Pure."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from runner.files.syntax.nodes import Kind, Node
from runner.files.syntax.written_numbers import as_amount, as_whole

_REST = re.compile(r"[0-9]{3}(?:\.[0-9]+)?").fullmatch
_BEGINNING = re.compile(r"[^0-9,.]{0,4}[0-9]{1,3}").fullmatch


class SplitValue(NamedTuple):
    """One number that became several entries."""

    field: str
    value: Node  # its beginning
    rest: tuple[str, ...]  # the keys that are its rest

    @property
    def message(self) -> str:
        """What happened, and what to write."""
        written = ",".join((self.value.text, *self.rest))
        number = as_whole(written) or (f'"{amount}"' if (amount := as_amount(written)) else None)
        remedy = f"write `{self.field}: {number}`" if number else "write the number without commas"
        return f"`{self.field}: {written}` is read as several entries, a comma ends a value here: {remedy}"


def is_rest(key: Node, value: Node) -> bool:
    """True if an entry is the part of a number behind a comma: three digits as a key, and no value."""
    return _REST(key.text) is not None and value.kind is Kind.PLAIN and not value.text


def split_values(node: Node) -> Iterator[SplitValue]:
    """The split numbers of one mapping, in order."""
    found: SplitValue | None = None
    for key, value in node.entries:
        if found is not None and is_rest(key, value):
            found = found._replace(rest=(*found.rest, key.text))
            continue
        if found is not None and found.rest:
            yield found
        may_begin = value.kind is Kind.PLAIN and _BEGINNING(value.text)
        found = SplitValue(key.text, value, ()) if may_begin else None
    if found is not None and found.rest:
        yield found
