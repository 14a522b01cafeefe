"""Where results go: stdout, and the listener that fits the terminal, the format and the reports."""

import os
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
    """A result on stdout, in the format asked for. A reader that goes away (`| head`) does not change the exit code."""
    try:
        if settings.format == "json":
            as_json(sys.stdout)
        elif settings.format == "text":
            as_text(settings.stdout())
        sys.stdout.flush()
    except BrokenPipeError:
        let_go_of_stdout()


def show_warnings(settings: Settings, warnings: Iterable[str]) -> None:
    """One line each on stderr: documents have fixed keys."""
    for warning in warnings:
        settings.stderr().line(attention("warning:"), warning)


def let_go_of_stdout() -> None:
    """Send what is still to be written nowhere, so that leaving does not fail for it."""
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123  # a descriptor is all that is needed
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


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
        lines = EventLines(sys.stdout) if settings.format == "jsonl" else None
        try:
            yield together(shown, *([] if lines is None else [lines]), *map(EventLines, files))
        finally:
            if lines is not None and lines.broken is not None:
                let_go_of_stdout()
