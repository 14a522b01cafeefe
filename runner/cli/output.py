"""Where results go: --report files, and the listener that fits the terminal and the format."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from runner.cli.options import Settings
from runner.core.errors import InvalidInput
from runner.core.events import Listener
from runner.report.screen import Screen


def write_reports(settings: Settings, as_json: Callable[[TextIO], None], as_text: Callable[[Screen], None]) -> None:
    """Write every `--report FORMAT=PATH`; InvalidInput with the path where that fails."""
    for kind, path in settings.reports:
        try:
            with path.open("w", encoding="utf-8") as stream:
                if kind == "json":
                    as_json(stream)
                else:
                    as_text(Screen(stream, terminal=False))
        except OSError as error:
            raise InvalidInput(f"--report {kind}={path}: {error.strerror}", "name a file you may write") from error


@contextmanager
def listener(settings: Settings) -> Iterator[Listener]:
    """Progress on stderr as the terminal allows; with --format jsonl every event on stdout, flushed."""
    from runner.report.event_lines import EventLines, together
    from runner.report.progress import Progress

    with Progress(settings.stderr(), quiet=settings.quiet) as shown:
        if settings.format != "jsonl":
            yield shown
            return
        yield together(shown, EventLines(sys.stdout))
