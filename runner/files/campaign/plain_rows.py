"""Takes plainly written rows out of a YAML file before libyaml reads it, which saves their events.

Proves nothing by itself: the row before each run is left in, and libyaml must find it where the reader expects a row.
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, repeat
from typing import NamedTuple

from runner.files.syntax.nodes import Plain
from runner.files.syntax.scalars import SPECIAL_TEXTS, Value
from runner.files.syntax.source import CheckedFile

_PIECE = 1 << 17  # bytes read at once
# Keys and values that mean the same to everybody, in braces and without: no space, no escape, no indicator of YAML.
_KEY = '(?:[a-z]{1,16}|"[a-z]{1,16}")'
_LETTERS = "[A-Za-z0-9_~/=&%+@.-]*+"
_PLAIN = f"[A-Za-z0-9]{_LETTERS}(?:[:?][A-Za-z0-9_/]{_LETTERS})*+"
_QUOTED = "[A-Za-z0-9_~/=&%+@.:;?!#$()*<>^|-]++"  # no comma or brace either: they end words below
_VALUE = f"""(?:{_PLAIN}|"{_QUOTED}"|'{_QUOTED}')"""
_FLOW = rf"- \{{{_KEY}: {_VALUE}(?:, {_KEY}: {_VALUE}){{0,7}}\}}\r?\n"  # - {link: …, quantity: 500}
_BLOCK = rf"- {_KEY}: {_VALUE}\r?\n(?:\1  {_KEY}: {_VALUE}\r?\n){{0,7}}"  # - link: …, and below it quantity: 500
# The row before, then as many as are surely whole: behind each of them another row begins.
_RUN = re.compile(
    rf"^( *+)(?:{_FLOW}((?:\1{_FLOW}(?=\1- ))+)|{_BLOCK}((?:\1{_BLOCK}(?=\1- ))+))".encode(), re.MULTILINE
)
_BREAKS = ("\x85".encode(), "\u2028".encode(), "\u2029".encode())  # to libyaml, a new line behind each of them
_PAIRS = re.compile(r'([a-z]+)"?: ([^\s,}]+)').findall
_QUOTES = ('"', "'")


class Unproven(Exception):
    """Rows were taken out where libyaml finds no row of orders: the file must be read again, whole."""


class Run(NamedTuple):
    """Rows that were taken out together."""

    line: int  # of the row before them, from 1
    column: int  # of that row's mapping, from 1
    rows: list[dict[str, Plain]]
    lines: Sequence[int]


class PlainRows:
    """A stream over a file with blank lines in place of the rows taken out, so that all places stay; those are in `runs`."""

    def __init__(self, source: CheckedFile, texts: frozenset[str], values: Mapping[str, Value]) -> None:
        """Scalars under the keys `texts` stay text; `values` tells what any other one means."""
        self.runs: deque[Run] = deque()
        self._source = source
        self._texts = texts
        self._values = values
        self._line = 1  # that the next text begins in
        self._rest = b""  # of a line whose end was not read yet
        self._is_over = False  # nothing is taken out any more

    def read(self, _size: int) -> bytes:
        """The next lines, whatever their size; empty at the end. Raises Broken as the source does."""
        piece = self._source.read(_PIECE)
        if not piece:
            text, self._rest = self._rest, b""
            return text
        end = piece.rfind(b"\n") + 1
        text, self._rest = self._rest + piece[:end], piece[end:]
        # No list of orders has such lines, and with other line breaks they would be counted wrongly.
        self._is_over = self._is_over or not end or _has_other_breaks(text)
        if self._is_over:
            text, self._rest = text + self._rest, b""
            return text
        return b"".join(self._left(text))

    def _left(self, text: bytes) -> Iterator[bytes]:
        """Take runs of rows out of `text`, whole lines; yields what remains, with a blank line for each line taken."""
        done = counted = 0
        for found in _RUN.finditer(text):
            self._line += text.count(b"\n", counted, found.start())
            counted = found.start()
            begin, end = found.span(found.lastindex or 0)
            rows = self._rows(text[begin:end].decode("ascii"), self._line + text.count(b"\n", counted, begin))
            if rows is not None:
                self.runs.append(Run(self._line, len(found[1]) + 3, *rows))
                yield text[done:begin]
                yield b"\n" * text.count(b"\n", begin, end)
                done = end
        self._line += text.count(b"\n", counted)
        yield text[done:]

    def _rows(self, text: str, first: int) -> tuple[list[dict[str, Plain]], Sequence[int]] | None:
        """The rows of `text`, whose first line is `first`, and their lines; None if one has a key twice."""
        # Neither keys nor values hold a space: rows of one form have equally many words, and columns are slices.
        words = text.split()
        count = words.count("-")
        width = len(words) // count
        keys = words[1:width:2]
        if any(words[at::width] != [words[at]] * count for at in (0, *range(1, width, 2))):
            return self._rows_of_several_forms(text, first)
        names = [key.strip('{":') for key in keys]
        if len(set(names)) < len(names):
            return None
        has_marks = keys[0].startswith("{")  # a comma or brace behind each value
        columns = []
        for number, name in enumerate(names):
            cells = words[2 * number + 2 :: width]
            if has_marks:
                cells = [cell[:-1] for cell in cells]
            columns.append(self._meant(name, cells))
        height = text.count("\n") // count
        rows = list(map(dict, map(zip, repeat(names), zip(*columns, strict=True))))
        return rows, range(first, first + count * height, height)

    def _rows_of_several_forms(self, text: str, first: int) -> tuple[list[dict[str, Plain]], Sequence[int]] | None:
        rows: list[dict[str, Plain]] = []
        parts = text.split("- ")[1:]  # nothing but the beginning of a row has a space behind a dash
        for part in parts:
            pairs = _PAIRS(part)
            row: dict[str, Plain] = {name: value for name, cell in pairs for value in self._meant(name, [cell])}
            if len(row) < len(pairs):
                return None
            rows.append(row)
        return rows, list(accumulate((part.count("\n") for part in parts[:-1]), initial=first))

    def _meant(self, name: str, cells: Sequence[str]) -> Iterable[Value]:
        """The values of scalars under the key `name`; quoted ones are always text."""
        meant = map(SPECIAL_TEXTS.get, cells, cells) if name in self._texts else map(self._values.__getitem__, cells)
        if not any(cell.startswith(_QUOTES) for cell in cells):
            return meant
        return [cell[1:-1] if cell.startswith(_QUOTES) else value for cell, value in zip(cells, meant, strict=True)]


def _has_other_breaks(text: bytes) -> bool:
    if text.count(b"\r") != text.count(b"\r\n"):
        return True
    return not text.isascii() and any(one in text for one in _BREAKS)
