"""Where text for people goes: a terminal (rich: colours, fitted tables) or a pipe (plain lines, nothing cut).

Everything written here is made harmless first. rich is imported only when a terminal is really written to: `--help`
must stay fast.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import chain, islice, takewhile
from typing import TYPE_CHECKING, Generic, NamedTuple, TextIO, TypeVar

from runner.report.terminal.style import Span, Style, Written, dim
from runner.report.wording import NOTHING, harmless

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.segment import Segment
    from rich.table import Table
    from rich.text import Text

_LONGEST = 4000  # characters of one cell or line: a link may have 2,000
_DEFAULT_WIDTH, _DEFAULT_HEIGHT = 80, 24
_NARROWEST = 40  # below this nothing can be laid out; the terminal wraps instead
_MEASURED_ROWS = 500  # off a terminal: rows that set the column widths, so that a million rows can stream
_LISTED_PIPED = 1000  # rows of a long list off a terminal, where people grep
_GAP = 2  # columns between columns
_NAME_SHARE = 0.4
_LEAST_WRAPPED, _LEAST_CUT = 16, 12  # columns: less of a cell that goes on, or loses a part, can't be read
_LONGEST_KEPT = (
    30  # columns: a longer cell that should be kept is neither a count nor a time, and is cut before amounts are
)
_BELOW = 4  # columns that a cell below its row is indented
_WORD = re.compile(r"""(?:[^\s'"]|'[^']*'|"[^"]*")+""")  # of a command line; quoted parts hold together
_CONTINUED = " \\"  # the shell reads the next line as a part of this one


class Fit(Enum):
    """What a table column does on a terminal that is too narrow. Off a terminal nothing is ever cut."""

    KEEP = auto()  # stays whole while there is room
    NUMBER = auto()  # the same, set flush right
    AMOUNT = auto()  # flush right and whole, even if the terminal has to wrap the row: half an amount is another amount
    NAME = auto()  # loses its middle beyond two fifths of the screen: addresses
    MIDDLE = auto()  # loses its middle: links differ at both ends
    END = auto()  # loses its end: reasons that need no study
    WRAP = auto()  # goes on in the next line; at the right of a row that leaves no room, below that row


class Column(NamedTuple):
    """One column of a table."""

    title: str
    fit: Fit = Fit.KEEP

    @property
    def is_right(self) -> bool:
        """True for numbers: they end below one another."""
        return self.fit in (Fit.NUMBER, Fit.AMOUNT)


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Field(Generic[T]):
    """A column with what its cells show of each row's subject."""

    title: str
    cell: Callable[[T], Written]
    fit: Fit = Fit.KEEP


class Screen:
    """A stream that people read, on a terminal or not. `terminal`, `width` and `colour` are found out unless given.

    `NO_COLOR` and `TERM=dumb` are obeyed; a dumb terminal counts as no terminal at all.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        terminal: bool | None = None,
        width: int | None = None,
        colour: bool | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.stream = stream
        self.is_terminal = (stream.isatty() and environ.get("TERM") != "dumb") if terminal is None else terminal
        self.width = max(width or _size_of(stream, environ)[0], _NARROWEST)
        self.colour = self.is_terminal and (not environ.get("NO_COLOR") if colour is None else colour)
        self._console: Console | None = None
        self._begun = False
        _never_fail_on_encoding(stream)

    @property
    def console(self) -> "Console":
        """The rich console behind a terminal; also for live displays."""
        if self._console is None:
            from rich.console import Console  # 60 ms that only a terminal needs

            self._console = Console(
                file=self.stream,
                force_terminal=True,
                force_jupyter=False,
                color_system="standard" if self.colour else None,
                no_color=not self.colour,
                width=self.width,
                markup=False,
                emoji=False,
                highlight=False,
                legacy_windows=False,
            )
        return self._console

    def measure(self) -> tuple[int, int]:
        """Columns and lines of the terminal as they are now; `width` is what they were at the beginning."""
        return _size_of(self.stream, os.environ)

    def blank(self) -> None:
        """Write an empty line between two parts; none before the first."""
        if self._begun:
            self.stream.write("\n")

    def line(self, *spans: Written, indent: int = 0) -> None:
        """Write spans joined by single spaces; on a terminal wrapped at words, with the indent kept."""
        self._begun = True
        pieces = [piece for span in spans if (piece := _harmless(span)).text]
        if not self.is_terminal:
            self.stream.write(" " * indent + " ".join(piece.text for piece in pieces) + "\n")
            return
        from rich.text import Text

        text = Text(" ").join(_rich_text(piece) for piece in pieces)
        for part in text.wrap(self.console, self.width - indent):
            part.rstrip()
            self.console.print(Text(" " * indent) + part, soft_wrap=True)

    def command(self, text: str, indent: int = 0) -> None:
        """Something to type, to be copied: where the terminal is too narrow, it goes on behind a backslash."""
        self._begun = True
        piece = _harmless(Span(text, Style.COMMAND))
        if not self.is_terminal:
            self.stream.write(" " * indent + piece.text + "\n")
            return
        for line in _continued(piece.text, self.width - indent):
            self.console.print(" " * indent, _rich_text(Span(line, piece.style)), sep="", soft_wrap=True)

    def heading(self, text: str, *more: Written) -> None:
        """Write, after an empty line, the name of a section with what is said beside it."""
        self.blank()
        self.line(Span(text, Style.HEADING), *more)

    def table(self, columns: Sequence[Column], rows: Iterable[Sequence[Written]], indent: int = 2) -> None:
        """Write rows under column titles. Off a terminal rows stream: one line each, columns padded, empty cells a dash."""
        self._begun = True
        if self.is_terminal:
            self._rich_table(columns, rows, indent)
        else:
            for line in _plain_table(columns, rows):
                self.stream.write(" " * indent + line + "\n")

    def listing(self, fields: Sequence[Field[T] | None], subjects: Iterable[T], indent: int = 2) -> None:
        """Write a table with a row for each subject; without the columns that are None."""
        shown = [field for field in fields if field is not None]
        columns = [Column(field.title, field.fit) for field in shown]
        cells = [field.cell for field in shown]
        self.table(columns, ([cell(one) for cell in cells] for one in subjects), indent)

    def most(self, on_terminal: int) -> int:
        """How many rows of a long list are shown: so many on a terminal, a thousand off it."""
        return on_terminal if self.is_terminal else _LISTED_PIPED

    def and_more(
        self, left: int, hint: str = " (--format json lists all)", *, indent: int = 2, word: str = "more"
    ) -> None:
        """Write the line below a list that was cut: how many rows are `left`, if any, and where they are."""
        if left > 0:
            self.line(dim(f"… and {left:,} {word}{hint}"), indent=indent)

    def _rich_table(self, columns: Sequence[Column], rows: Iterable[Sequence[Written]], indent: int) -> None:
        rows, width = list(rows), self.width - indent
        below = _below(columns, rows, width)
        if below and self._stacked(columns, rows, indent, below):
            return
        lines = (
            self._lines(columns, rows, width)
            or self._lines(columns, rows, width, is_tight=True)
            or self._lines(columns, rows, _least_width(columns, rows, width))
        )
        for line in lines or ():
            self._print(line, indent)

    def _lines(
        self, columns: Sequence[Column], rows: Sequence[Sequence[Written]], width: int, *, is_tight: bool = False
    ) -> "Sequence[Sequence[Segment]] | None":
        """The lines of a table of so many columns; None if a cell that stays whole is cut there."""
        table = self._laid_out(columns, rows, is_tight=is_tight)
        lines = self.console.render_lines(table, self.console.options.update(width=width), pad=False)
        return None if _cuts(table) else lines

    def _print(self, line: "Sequence[Segment]", indent: int) -> None:
        from rich.segment import Segment, Segments

        self.console.print(Segments([Segment(" " * indent), *line, Segment.line()]), soft_wrap=True)

    def _stacked(self, columns: Sequence[Column], rows: Sequence[Sequence[Written]], indent: int, below: int) -> bool:
        """The last `below` cells of each row below it; False, and nothing written, if the rows take several lines."""
        head, last = columns[:-below], columns[-below:]
        lines = self._lines(head, [row[:-below] for row in rows], self.width - indent)
        if lines is None or len(lines) != len(rows) + 1:
            return False
        self._print(lines[0], indent)
        for line, row in zip(lines[1:], rows, strict=True):
            self._print(line, indent)
            for column, cell in zip(last, row[-below:], strict=True):
                if _bare(cell) not in ("", NOTHING):
                    self.line(dim(f"{column.title}:" if below > 1 else ""), cell, indent=indent + _BELOW)
        return True

    def _laid_out(self, columns: Sequence[Column], rows: Sequence[Sequence[Written]], *, is_tight: bool) -> "Table":
        """`is_tight`: what may be cut is cut as far as it takes."""
        from rich.table import Table

        kept = {Fit.AMOUNT, Fit.KEEP, Fit.NUMBER}
        firm = kept | {Fit.NAME}
        if is_tight:
            firm = {Fit.AMOUNT} if _longest_kept(columns, rows) > _LONGEST_KEPT else kept

        titled = any(column.title for column in columns)
        table = Table(
            box=None, show_header=titled, header_style="dim", pad_edge=False, padding=(0, _GAP, 0, 0), show_edge=False
        )
        for column in columns:
            table.add_column(
                column.title,
                justify="right" if column.is_right else "left",
                no_wrap=column.fit in firm,
                overflow="fold" if column.fit is Fit.WRAP else "ellipsis",
                max_width=int(self.width * _NAME_SHARE) if column.fit is Fit.NAME else None,
            )
        for row in rows:
            cells = zip(columns, row, strict=True)
            table.add_row(*(_rich_cell(column, cell, is_tight=is_tight) for column, cell in cells))
        return table


def _below(columns: Sequence[Column], rows: Sequence[Sequence[Written]], width: int) -> int:
    """How many of the last columns have to go below their rows: none, or all at the right that may be long."""
    if columns[-1].fit is not Fit.WRAP or not columns[-1].title:
        return 0
    below = sum(1 for _ in takewhile(lambda column: column.fit in (Fit.WRAP, Fit.MIDDLE), reversed(columns)))
    if below == len(columns) or any(column.fit is Fit.WRAP for column in columns[:-below]):
        return 0
    return below if _least_width(columns, rows, width) > width else 0


def _least_width(columns: Sequence[Column], rows: Sequence[Sequence[Written]], width: int) -> int:
    """The least columns in which a table can be read on a terminal of `width`."""
    least = {Fit.WRAP: _LEAST_WRAPPED, Fit.MIDDLE: _LEAST_CUT, Fit.END: _LEAST_CUT, Fit.NAME: int(width * _NAME_SHARE)}
    needed = 0
    for place, column in enumerate(columns):
        length = max([len(column.title), *(len(_bare(row[place])) for row in rows)])
        needed += min(least.get(column.fit, length if column.fit is Fit.AMOUNT else width), length)
    return needed + _GAP * (len(columns) - 1)


def _longest_kept(columns: Sequence[Column], rows: Sequence[Sequence[Written]]) -> int:
    kept = [place for place, column in enumerate(columns) if column.fit in (Fit.KEEP, Fit.NUMBER)]
    return max((len(_bare(row[place])) for row in rows for place in kept), default=0)


def _cuts(table: "Table") -> bool:
    """True if a cell that has to stay whole was cut when the table was rendered last."""
    from runner.report.terminal.elided import Cell

    return any(
        isinstance(cell, Cell) and cell.is_whole and cell.is_cut for column in table.columns for cell in column.cells
    )


def _size_of(stream: TextIO, environ: Mapping[str, str]) -> tuple[int, int]:
    """Columns and lines of the stream's own terminal: stdout may be a pipe while stderr is not."""
    try:
        columns, lines = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        columns = lines = 0
    told = environ.get("COLUMNS", "")
    columns = int(told) if told.isdecimal() else columns or _DEFAULT_WIDTH
    return max(columns, _NARROWEST), lines or _DEFAULT_HEIGHT


def _never_fail_on_encoding(stream: TextIO) -> None:
    """A Latin-1 pipe shows an escape where it can't write an ellipsis, and the command goes on."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


def _harmless(written: Written) -> Span:
    return Span(_bare(written), written.style if isinstance(written, Span) else Style.PLAIN)


def _bare(written: Written) -> str:
    """The text, made harmless."""
    return harmless(written.text if isinstance(written, Span) else written, _LONGEST)


def _rich_text(span: Span) -> "Text":
    from rich.text import Text

    return Text(span.text, style=span.style.value)


def _rich_cell(column: Column, written: Written, *, is_tight: bool) -> "RenderableType":
    span = _harmless(written)
    if column.fit in (Fit.MIDDLE, Fit.NAME, Fit.AMOUNT):
        from runner.report.terminal.elided import Cell

        return Cell(span, is_whole=column.fit is Fit.AMOUNT, is_tight=is_tight)
    text = _rich_text(span)
    text.no_wrap = column.fit is not Fit.WRAP
    return text


def _continued(text: str, width: int) -> list[str]:
    """A command in lines of at most `width`, broken between its words, never inside a quoted one."""
    lines = [""]
    for word in _WORD.findall(text):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width - len(_CONTINUED):
            lines[-1] += _CONTINUED
            lines.append("  " + word)
        else:
            lines[-1] += f" {word}" if lines[-1] else word
    return lines


def _plain_table(columns: Sequence[Column], rows: Iterable[Sequence[Written]]) -> Iterator[str]:
    """Lines of a table whose widths the first rows set; a longer cell later pushes its line out, nothing is lost."""
    texts = ([_bare(cell) or NOTHING for cell in row] for row in rows)
    first = list(islice(texts, _MEASURED_ROWS))
    titles = [column.title for column in columns]
    measured = [titles, *first]
    widths = [max(len(row[place]) for row in measured) for place in range(len(columns))]
    pads = [str.rjust if column.is_right else str.ljust for column in columns]
    for row in chain([titles] if any(titles) else [], first, texts):
        cells = [pad(text, width) for pad, text, width in zip(pads, row, widths, strict=True)]
        yield (" " * _GAP).join(cells).rstrip()
