"""Starts and asks the panel of `panel_server` for the length of a `with`."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from benchmarks.measure import ROOT


class PanelAt(NamedTuple):
    """A panel that is running."""

    url: str

    def counts(self) -> dict[str, int]:
        """Calls of each action since this was last asked."""
        with urllib.request.urlopen(self.url, data=b"action=counts") as answer:
            counts: dict[str, int] = json.load(answer)
        return counts


@contextmanager
def panel(delay_ms: float) -> Iterator[PanelAt]:
    """A panel that answers after `delay_ms`."""
    command = [sys.executable, "-m", "benchmarks.panel_server", str(delay_ms)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield PanelAt(process.stdout.readline().strip())
        finally:
            process.stdin.close()
