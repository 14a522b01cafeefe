"""Chooses who is told of a run's events: the progress display, and the event streams that were asked for."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

from runner.cli.arguments.options import Settings
from runner.core.events import Listener
from runner.report.documents.event_lines import EventLines, together
from runner.report.live.progress import Progress

if TYPE_CHECKING:
    from runner.report.live.watch_lines import WatchDisplay


@contextmanager
def listener(settings: Settings, display: "Progress | WatchDisplay | None" = None) -> Iterator[Listener]:
    """Progress on stderr as the terminal allows; every event, flushed, on stdout and in files that are to hold them.

    `display` takes the place of the usual one.
    """
    files: list[TextIO] = []
    with display or Progress(settings.stderr(), quiet=settings.quiet) as shown:
        try:
            for kind, path in settings.reports:
                if kind == "jsonl":
                    with suppress(OSError):  # told when the report is written
                        files.append(path.open("a", encoding="utf-8"))
            streams = [sys.stdout, *files] if settings.format == "jsonl" else files
            yield together(shown, *map(EventLines, streams))
        finally:
            for file in files:
                with suppress(OSError):
                    file.close()
