"""Where results go: stdout, --report files, and the listener that fits the terminal and the format."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TextIO

from runner.cli.options import Settings
from runner.core.errors import InvalidInput
from runner.core.events import Listener
from runner.report.screen import Screen
from runner.report.style import attention


def show(settings: Settings, as_json: Callable[[TextIO], None], as_text: Callable[[Screen], None]) -> None:
    """A result on stdout, in the format asked for, and in every `--report` file.

    A reader of stdout that goes away (`| head`) changes neither the files nor the exit code.
    """
    try:
        if settings.format == "json":
            as_json(sys.stdout)
        elif settings.format == "text":
            as_text(settings.stdout())
        sys.stdout.flush()
    except BrokenPipeError:
        let_go_of_stdout()
    _write_reports(settings, as_json, as_text)


def show_warnings(settings: Settings, warnings: Iterable[str]) -> None:
    """One line each on stderr: documents have fixed keys."""
    for warning in warnings:
        settings.stderr().line(attention("warning:"), warning)


def let_go_of_stdout() -> None:
    """Send what is still to be written nowhere, so that leaving does not fail for it."""
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123  # a descriptor is all that is needed
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _write_reports(settings: Settings, as_json: Callable[[TextIO], None], as_text: Callable[[Screen], None]) -> None:
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
        lines = EventLines(sys.stdout)
        try:
            yield together(shown, lines)
        finally:
            if lines.broken is not None:
                let_go_of_stdout()
