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
    from runner.report.progress import jsonl_listener, progress

    with progress(settings.stderr(), quiet=settings.quiet) as shown:
        if settings.format != "jsonl":
            yield shown
            return
        written = jsonl_listener(sys.stdout)

        def both(event: object) -> None:
            shown(event)  # type: ignore[arg-type]
            written(event)  # type: ignore[arg-type]

        yield both
