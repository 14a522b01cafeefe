"""validate and plan of new orders through the real command line: time, memory, growth, against libyaml's events."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from benchmarks.growth import growth_row
from benchmarks.measure import Child, Figure, Row, printed, run_module, run_runner, say
from benchmarks.orders import write_csv, write_yaml
from benchmarks.scale import FIXED, Scale

_EVENTS = 1.6  # times libyaml's events, from 100,000 orders on: below, start-up is most of it
_YAML, _CSV = "YAML", "CSV"
_COMMANDS = {"validate": False, "plan --no-refresh": True}  # whether it reads a state
_WRITE = {_YAML: write_yaml, _CSV: write_csv}


class Limits(NamedTuple):
    """Budgets for one number of orders; None where none is set."""

    yaml: float | None = None  # seconds
    csv: float | None = None  # seconds
    memory: float | None = None  # MB
    events: float | None = None  # times


_LIMITS = {100_000: Limits(2.0, 1.0, 150, _EVENTS), 1_000_000: Limits(20.0, 8.0, 500, _EVENTS)}


@dataclass(frozen=True, slots=True)
class Taken:
    """What the commands took on one file, and what libyaml's events took beside each (YAML only)."""

    commands: dict[str, list[Child]] = field(default_factory=lambda: defaultdict(list))
    events: list[Child] = field(default_factory=list)
    events_inside: list[float] = field(default_factory=list)  # seconds, without the start of Python


def run(scale: Scale, folder: Path) -> Iterator[Row]:
    """A row for each command, format and size, then the growth of each command."""
    state = folder / "files" / "runner.db"
    run_module("build_state", state, folder=folder)
    for kind, write in _WRITE.items():
        paths = {size: write(folder, size) for size in (FIXED, *scale.sizes)}
        taken = {size: Taken() for size in paths}
        for number, sizes in enumerate(scale.rounds()):
            for size in sizes:
                say(f"  {size:,} orders, {kind}, round {number + 1}")
                _measure(paths[size], kind, taken[size], state, folder)
        for size in scale.sizes:
            yield from (_row(command, kind, size, taken[size]) for command in _COMMANDS)
        for command in _COMMANDS:
            cpu = {size: [child.cpu for child in one.commands[command]] for size, one in taken.items()}
            yield growth_row(f"{command}, {kind}", cpu)
        for path in paths.values():
            path.unlink()


def _measure(path: Path, kind: str, taken: Taken, state: Path, folder: Path) -> None:
    """The events and every command once, side by side."""
    if kind == _YAML:
        taken.events.append(run_module("yaml_events", path, folder=folder))
        taken.events_inside.append(printed(taken.events[-1])["wall"])
    for command, needs_state in _COMMANDS.items():
        where = ["--state", state] if needs_state else []
        taken.commands[command].append(run_runner(*command.split(), *where, path, folder=folder))


def _row(command: str, kind: str, size: int, taken: Taken) -> Row:
    limits, children = _LIMITS.get(size, Limits()), taken.commands[command]
    figures = [
        Figure("wall", "s", [child.wall for child in children], limits.yaml if kind == _YAML else limits.csv),
        Figure("CPU", "s", [child.cpu for child in children]),
        Figure("memory", "MB", [child.peak for child in children], limits.memory),
    ]
    facts: dict[str, object] = {}
    if taken.events:
        pairs = list(zip(children, taken.events, strict=True))
        figures += [
            Figure("wall", "x events alone", [ours.wall / floor.wall for ours, floor in pairs], limits.events),
            Figure("CPU", "x events alone", [ours.cpu / floor.cpu for ours, floor in pairs]),
        ]
        facts = {"events_s": [floor.wall for floor in taken.events], "events_inside_s": taken.events_inside}
    return Row(work=f"{command}, {kind}, {size:,} orders", figures=figures, facts=facts)
