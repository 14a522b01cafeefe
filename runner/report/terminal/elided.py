"""Table cells that say how they may be cut in a narrow column. The only module that imports rich at its top."""

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.text import Text

from runner.report.terminal.style import Span

_SHORTEST, _STUMP = 12, 4  # cells: less of a link says nothing; where there is no room, it says that there is one


def shorten(text: str, width: int) -> str:
    """At most `width` terminal cells of `text`: its beginning and its end around an ellipsis."""
    if cell_len(text) <= width:
        return text
    if width <= 1:
        return "…"[:width]
    tail_cells = (width - 1) // 2
    head = set_cell_size(text, width - 1 - tail_cells).rstrip()
    tail = set_cell_size(text[::-1], tail_cells)[::-1].lstrip()
    return f"{head}…{tail}"


class Cell:
    """One line of text in a table cell, and whether its column was too narrow for it."""

    def __init__(self, span: Span, *, is_whole: bool, is_tight: bool) -> None:
        """Text that loses its middle down to `_SHORTEST`, to `_STUMP` where it `is_tight`; `is_whole`: none of it."""
        self._span = span
        self._length = cell_len(span.text)
        self._shortest = self._length if is_whole else _STUMP if is_tight else _SHORTEST
        self.is_whole = is_whole
        self.is_cut = False

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """From the shortest form to the whole text."""
        whole = min(self._length, options.max_width)
        return Measurement(min(self._shortest, whole), whole)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """One line."""
        self.is_cut = self.is_cut or options.max_width < self._length
        text = self._span.text if self.is_whole else shorten(self._span.text, options.max_width)
        yield Text(text, style=self._span.style.value, no_wrap=True, overflow="ellipsis")
