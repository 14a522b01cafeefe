"""Writes results to stdout in the format asked for, and warnings to stderr."""

import sys
from collections.abc import Callable, Iterable

from runner.cli.arguments.options import Settings
from runner.report.terminal.screen import Screen
from runner.report.terminal.style import attention


def show(settings: Settings, as_json: Callable[[], Iterable[str]], as_text: Callable[[Screen], None]) -> None:
    """Write a result on stdout, in the format asked for. What becomes of it there: see `cli.process.streams`.

    `as_json` gives the text of a document, piece by piece.
    """
    if settings.format == "json":
        sys.stdout.writelines(as_json())
    elif settings.format == "text":
        as_text(settings.stdout())
    sys.stdout.flush()


def show_warnings(settings: Settings, warnings: Iterable[str]) -> None:
    """Show each in one line on stderr: documents have fixed keys."""
    for warning in warnings:
        settings.stderr().line(attention("warning:"), warning)
