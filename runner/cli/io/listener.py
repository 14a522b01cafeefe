"""Chooses who is told of a run's events: the progress display, and the event streams that were asked for."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from runner.cli.arguments.options import Settings
from runner.cli.io.report_files import event_files
from runner.core.events import Listener

if TYPE_CHECKING:
    from runner.report.live.progress import Progress
    from runner.report.live.watch_lines import WatchDisplay

    Display = Progress | WatchDisplay


@contextmanager
def listener(settings: Settings, display: "Display | None" = None) -> Iterator[Listener]:
    """Progress on stderr as the terminal allows; every event, flushed, on stdout and in files that are to hold them.

    `display` takes the place of the usual one.
    """
    from runner.report.documents.event_lines import EventLines, together
    from runner.report.live.progress import Progress

    display = Progress(settings.stderr(), quiet=settings.quiet) if display is None else display
    with display as shown, event_files(settings) as files:
        streams = [sys.stdout, *files] if settings.format == "jsonl" else files
        yield together(shown, *map(EventLines, streams))
