"""What every call costs before it does anything."""

import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Figure, Row, run_child, run_runner
from benchmarks.scale import Scale

_LIMIT = 150  # ms


def run(scale: Scale, folder: Path) -> Iterator[Row]:
    """`runner --help` and `--version`; Python alone for comparison."""
    run_runner("--version", folder=folder)  # compiles what was never imported
    for option in ("--help", "--version"):
        times = [run_runner(option, folder=folder).wall * 1000 for _ in range(scale.starts)]
        yield Row(work=f"runner {option}", figures=[Figure("wall", "ms", times, _LIMIT)])
    alone = [run_child([sys.executable, "-c", "pass"], folder=folder).wall * 1000 for _ in range(scale.starts)]
    yield Row(work="python -c pass", figures=[Figure("wall", "ms", alone)])
