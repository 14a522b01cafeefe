"""Reads YAML from libyaml's events: small parts as nodes with places, the list of orders row by row.

Knows no campaign. What keeps a document from being read on is raised as Broken; what can be told beside others is
reported.
"""

from collections import deque
from collections.abc import Callable, Container, Iterator
from typing import Any

import yaml
from yaml import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from runner.core.errors import RunnerError
from runner.core.values.remembered import Remembered
from runner.core.values.text import clean
from runner.files.campaign.plain_rows import PlainRows, Run, Unproven
from runner.files.campaign.rows import Chunk
from runner.files.syntax.nodes import Kind, Node, Plain, plain
from runner.files.syntax.scalars import SPECIAL_TEXTS, plain_value
from runner.files.syntax.source import Broken, CheckedFile, Report
from runner.files.syntax.split_values import is_rest
from runner.files.syntax.yaml_errors import not_yaml

try:
    from yaml import CSafeLoader
except ImportError:  # some installations of PyYAML lack its fast half
    raise RunnerError(
        "PyYAML is installed without libyaml, which reads the campaign files",
        "install its binary wheel: pip install --force-reinstall --only-binary :all: pyyaml",
    ) from None

DEPTH = 32  # levels of nesting; a campaign needs 4
EXPANDED = 10_000  # nodes that aliases may add
CHUNK = 256  # rows checked at once

Event = Any  # PyYAML's stubs know neither the marks nor the tags of libyaml's events
Where = int | Node  # the line that a row begins in, or the row itself where its places are wanted

_EMPTY = "the file is empty: `runner init` writes a first one"
_TOO_DEEP = f"more than {DEPTH} levels of nesting: a campaign needs 4"


class YamlReader:
    """One YAML file, read once by `document`."""

    def __init__(
        self,
        source: CheckedFile,
        texts: frozenset[str],
        report: Report,
        wanted: Container[int] = (),
        *,
        skim: bool = False,
    ) -> None:
        """Scalars under the keys `texts` stay text; of the rows of a long list only those in the lines `wanted` keep places.

        With `skim`, plainly written rows are read without libyaml. Everything may raise Unproven then, and where it
        raises anything, only a second reader without `skim` tells all that is wrong.
        """
        self.root = Node(Kind.MAPPING, 1, 1)  # the document, as far as it was read
        self.unplaced: set[int] = (
            set()
        )  # lines of rows whose places were asked for and not kept: read the file again with these
        self._source = source
        self._texts = texts
        self._report = report
        plain_rows = PlainRows(source, texts, _VALUES) if skim else None
        self._runs: deque[Run] = plain_rows.runs if plain_rows else deque()
        try:
            self._parser = CSafeLoader(plain_rows or source)  # type: ignore[arg-type]  # all it does is `read`
        except yaml.YAMLError as error:
            raise self._problem(error) from None
        self._pull: Callable[[], Event] = self._parser.get_event
        self._wanted = wanted
        self._anchors: dict[str, Node | None] = {}  # None while the anchor's own node is being read
        self._expanded = 0
        self._listing = False

    def document(self, listed: str = "", take: Callable[[Iterator[Chunk[Where]]], None] | None = None) -> Node:
        """The whole document. The rows of a list under the key `listed` go to `take`, which reads them all; they are not kept."""
        self._begin()
        first: dict[str, int] = {}
        while not isinstance(event := self._next(), MappingEndEvent):
            key = self._key(event)
            is_new = self._is_new_key(key, first)
            event = self._next()
            if take is not None and is_new and key.text == listed and isinstance(event, SequenceStartEvent):
                if self._check_marks(event):
                    raise _at(event, "an anchor on the list of orders is not used here: remove it", "alias")
                take(self._rows())
                value = Node(Kind.LIST, *_spot(event))
            else:
                value = self._compose(event, 2)
            if is_new:
                self.root.hold(key, value)
        self._next()
        event = self._next()
        if self._runs:
            raise Unproven
        if not isinstance(event, StreamEndEvent):
            raise _at(event, "a second document begins here: keep one document in a file", "documents")
        return self.root

    def _begin(self) -> None:
        """Read up to the first key."""
        self._next()
        event = self._next()
        if isinstance(event, StreamEndEvent):
            raise Broken(1, 1, _EMPTY, "empty-file")
        if not isinstance(event, DocumentStartEvent):
            raise _at(event, "expected a document")
        event = self._next()
        if not isinstance(event, MappingStartEvent):
            if isinstance(event, ScalarEvent) and not event.value:
                raise _at(event, _EMPTY, "empty-file")
            found = "a list" if isinstance(event, SequenceStartEvent) else "a single value"
            raise _at(
                event, f"the file holds {found}: it must be a mapping that begins with `version: 1`", "wrong-type"
            )
        self._check_marks(event)
        self.root = Node(Kind.MAPPING, *_spot(event))

    def _rows(self) -> Iterator[Chunk[Where]]:
        """The items of the list just begun. A row becomes a dict straight from its events; only wanted ones keep places."""
        self._listing = True
        while self._listing:
            chunk: Chunk[Where] = Chunk([], [], [])
            problem: Exception | None = None
            try:
                self._fill(chunk)
            except yaml.YAMLError as error:
                problem = self._problem(error)
            except (Broken, Unproven) as error:
                problem = error
            if chunk.rows:
                yield chunk
            if problem is not None:
                raise problem

    def _fill(self, chunk: Chunk[Where]) -> None:
        # The hot loop: a million rows have 0.6 of libyaml's own time for everything that is ours. No event outlives its
        # row (kept ones cost a sixth of the whole), marks are touched once a row, classes are compared by identity.
        pull, texts, values, special, wanted = self._pull, self._texts, _VALUES, SPECIAL_TEXTS.get, self._wanted
        rows, lines, wheres = chunk
        runs = self._runs
        for _ in range(CHUNK):
            event = pull()
            if event.__class__ is SequenceEndEvent:
                self._listing = False
                return
            line = event.start_mark.line + 1
            if (
                line in wanted
                or event.__class__ is not MappingStartEvent
                or event.anchor is not None
                or event.tag is not None
            ):
                node = self._compose(event, 3)
                rows.append(plain(node, texts))
                wheres.append(node)
                lines.append(line)
                continue
            row: dict[str, Plain] = {}
            key = pull()
            while key.__class__ is not MappingEndEvent:
                if key.__class__ is ScalarEvent and key.tag is None and key.anchor is None:
                    name = key.value
                else:
                    name = self._key(key).text
                value = pull()
                if name in row:
                    self.unplaced.add(line)  # to be composed, which tells the key that stands there twice
                if value.__class__ is not ScalarEvent or value.anchor is not None or value.tag is not None:
                    row[name] = plain(self._compose(value, 4), texts, name)
                elif value.style:
                    row[name] = value.value
                else:
                    text = value.value
                    row[name] = special(text, text) if name in texts else values[text]
                key = pull()
            rows.append(row)
            wheres.append(line)
            lines.append(line)
            if runs and runs[0].line <= line:
                self._join(chunk, event)
                return

    def _join(self, chunk: Chunk[Where], before: Event) -> None:
        """Append the rows that were taken out behind the row `before`."""
        run = self._runs.popleft()
        if (run.line, run.column) != _spot(before):
            raise Unproven
        chunk.rows.extend(run.rows)
        chunk.lines.extend(run.lines)
        chunk.wheres.extend(run.lines)

    def places(self, where: Where) -> Node:
        """The node of a row; an empty one if its line was not `wanted`, and the line is noted in `unplaced`."""
        if not isinstance(where, int):
            return where
        self.unplaced.add(where)
        return Node(Kind.MAPPING, 1, 1)

    def _next(self) -> Event:
        try:
            return self._pull()
        except yaml.YAMLError as error:
            raise self._problem(error) from None

    def _compose(self, event: Event, depth: int) -> Node:
        line, column = _spot(event)
        if isinstance(event, AliasEvent):
            return self._aliased(str(event.anchor), line, column, depth)
        anchor = self._check_marks(event)
        if anchor:
            self._anchors[anchor] = None
        if isinstance(event, ScalarEvent):
            node = Node(Kind.QUOTED if event.style else Kind.PLAIN, line, column, event.value)
        elif depth > DEPTH:
            raise Broken(line, column, _TOO_DEEP, "too-deep")
        elif isinstance(event, SequenceStartEvent):
            node = Node(Kind.LIST, line, column)
            while not isinstance(event := self._next(), SequenceEndEvent):
                node.append(self._compose(event, depth + 1))
        else:
            node = self._compose_mapping(Node(Kind.MAPPING, line, column), depth)
        if anchor:
            self._anchors[anchor] = node
        return node

    def _compose_mapping(self, node: Node, depth: int) -> Node:
        first: dict[str, int] = {}
        while not isinstance(event := self._next(), MappingEndEvent):
            key = self._key(event)
            value = self._compose(self._next(), depth + 1)
            if is_rest(key, value) or self._is_new_key(key, first):
                node.hold(key, value)
        return node

    def _is_new_key(self, key: Node, first: dict[str, int]) -> bool:
        """True if the mapping has not had this key; else the second one is reported. `first` remembers the lines."""
        if key.text in first:
            name = clean(key.text, 60)
            message = f"`{name}` stands here twice, first in line {first[key.text]}: keep one"
            self._report(key.line, key.column, "duplicate-key", message)
            return False
        first[key.text] = key.line
        return True

    def _key(self, event: Event) -> Node:
        key = self._compose(event, 2) if isinstance(event, AliasEvent | ScalarEvent) else None
        if key is None or not key.is_single:
            raise _at(event, "a key must be a single plain word: remove the `?`, `[` or `{` here")
        return Node(key.kind, *_spot(event), key.text)

    def _aliased(self, name: str, line: int, column: int, depth: int) -> Node:
        if name not in self._anchors:
            raise Broken(
                line, column, f"`*{clean(name, 60)}` has no anchor `&…` before it: add one, or put quotes", "alias"
            )
        node = self._anchors[name]
        if node is None:
            raise Broken(line, column, f"`*{clean(name, 60)}` stands inside itself: write the values out", "alias")
        if not node.is_single:  # scalars are shared, they can't grow
            self._expanded += node.size
            if depth + max(node.height, 1) - 1 > DEPTH:
                raise Broken(line, column, _TOO_DEEP, "too-deep")
        if self._expanded > EXPANDED:
            raise Broken(
                line, column, f"aliases add more than {EXPANDED} values: write them out, or use a CSV file", "alias"
            )
        return node

    def _check_marks(self, event: Event) -> str | None:
        if event.tag is not None:
            message = f"the tag `{clean(event.tag, 60)}` is not used here: remove it"
            self._report(*_spot(event), "tag", message)
        anchor: str | None = event.anchor
        return anchor

    def _problem(self, error: yaml.YAMLError) -> Broken:
        mark = getattr(error, "problem_mark", None)
        if mark is None:  # libyaml's reader tells no place
            return self._source.control_character()
        line = mark.line + 1
        problem = str(error.problem)  # type: ignore[attr-defined]  # every error with a mark has one
        return not_yaml(line, mark.column + 1, problem, self._source.line(line))


_VALUES = Remembered(plain_value)


def _spot(event: Event) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _at(event: Event, message: str, code: str = "yaml") -> Broken:
    return Broken(*_spot(event), message, code)
