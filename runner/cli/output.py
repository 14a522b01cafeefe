"""Where results go: stdout, and the listener that fits the terminal, the format and the reports."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from runner.cli.options import Settings
from runner.core.events import Listener
from runner.report.screen import Screen
from runner.report.style import attention

if TYPE_CHECKING:
    from runner.report.progress import Progress
    from runner.report.watch_lines import WatchDisplay

    Display = Progress | WatchDisplay


def show(settings: Settings, as_json: Callable[[TextIO], None], as_text: Callable[[Screen], None]) -> None:
    """A result on stdout, in the format asked for. What becomes of it there: see `cli.streams`."""
    if settings.format == "json":
        as_json(sys.stdout)
    elif settings.format == "text":
        as_text(settings.stdout())
    sys.stdout.flush()


def show_warnings(settings: Settings, warnings: Iterable[str]) -> None:
    """One line each on stderr: documents have fixed keys."""
    for warning in warnings:
        settings.stderr().line(attention("warning:"), warning)


@contextmanager
def listener(settings: Settings, display: "Display | None" = None) -> Iterator[Listener]:
    """Progress on stderr as the terminal allows; every event, flushed, on stdout and in files that are to hold them.

    `display` takes the place of the usual one.
    """
    from runner.cli.reports import event_files
    from runner.report.event_lines import EventLines, together
    from runner.report.progress import Progress

    display = Progress(settings.stderr(), quiet=settings.quiet) if display is None else display
    with display as shown, event_files(settings) as files:
        streams = [sys.stdout, *files] if settings.format == "jsonl" else files
        yield together(shown, *map(EventLines, streams))
