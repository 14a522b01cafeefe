"""Commands over a state in which every order is placed: the no-op plan, status and report, and how they grow."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.growth import growth_row
from benchmarks.measure import Child, Figure, Row, run_module, run_runner, say
from benchmarks.orders import write_yaml
from benchmarks.scale import FIXED, Scale

PLAN = "plan --no-refresh"
PAGE = "report --report html=report.html"
_COMMANDS = {PLAN: "no-op plan --no-refresh", "status": "status", "report": "report", PAGE: "report as HTML"}
_LIMITS = {(PLAN, 10_000): 0.5, (PAGE, 100_000): 3.0}  # seconds


def run(scale: Scale, folder: Path) -> Iterator[Row]:
    """A row for each command and size, then the growth of each command."""
    paths = {size: write_yaml(folder, size) for size in (FIXED, *scale.sizes)}
    states = {size: folder / f"placed-{size}" / "runner.db" for size in paths}
    for size, path in paths.items():
        say(f"  making a state with {size:,} placed orders")
        run_module("build_state", states[size], path, folder=folder)
    taken: dict[tuple[str, int], list[Child]] = {(command, size): [] for command in _COMMANDS for size in paths}
    for number, sizes in enumerate(scale.rounds()):
        for size in sizes:
            say(f"  {size:,} placed orders, round {number + 1}")
            for command in _COMMANDS:
                files = [] if command.startswith("report") else [paths[size]]
                child = run_runner(*command.split(), "--state", states[size], *files, folder=folder)
                taken[command, size].append(child)
    for size in scale.sizes:
        for command, work in _COMMANDS.items():
            yield _row(f"{work}, {size:,} placed orders", taken[command, size], _LIMITS.get((command, size)))
    for command, work in _COMMANDS.items():
        yield growth_row(work, {size: [child.cpu for child in taken[command, size]] for size in paths})


def _row(work: str, children: list[Child], limit: float | None) -> Row:
    figures = [
        Figure("wall", "s", [child.wall for child in children], limit),
        Figure("CPU", "s", [child.cpu for child in children]),
        Figure("memory", "MB", [child.peak for child in children]),
    ]
    return Row(work=work, figures=figures)
