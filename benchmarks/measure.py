"""What a measurement is: figures with their limits, rows of the table, and child processes with time and memory.

Nothing here knows what is measured.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
_KIB = 1024
_MB = 1_000_000
# Set in containers and CI; with them every start would compile the runner anew, and every line be a write.
_UNUSUAL = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")
_TAIL = 2000  # characters of a failed child's words that are shown


class Verdict(StrEnum):
    """What a row's figures say about its budget."""

    OK = "ok"
    MISSED = "missed"
    NO_BUDGET = "no budget"  # measured for comparison only


class Figure(NamedTuple):
    """One quantity, measured several times; `limit` is the budget of its median."""

    name: str
    unit: str  # s, ms, us, MB, x, calls
    samples: Sequence[float]
    limit: float | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def is_met(self) -> bool:
        return self.limit is None or self.median <= self.limit

    def as_text(self) -> str:
        spread = f" ({_number(min(self.samples))}-{_number(max(self.samples))})" if len(self.samples) > 1 else ""
        return f"{self.name} {_number(self.median)} {self.unit}{spread}"

    def as_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "unit": self.unit,
            "median": round(self.median, 6),
            "samples": [round(sample, 6) for sample in self.samples],
            "limit": self.limit,
            "met": self.is_met,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table."""

    work: str
    figures: Sequence[Figure]
    facts: Mapping[str, object] = field(default_factory=dict)  # for the JSON only

    @property
    def verdict(self) -> Verdict:
        if all(figure.limit is None for figure in self.figures):
            return Verdict.NO_BUDGET
        return Verdict.OK if all(figure.is_met for figure in self.figures) else Verdict.MISSED

    @property
    def measured(self) -> str:
        return "\n".join(figure.as_text() for figure in self.figures)

    @property
    def target(self) -> str:
        """A line for each figure, empty where it has no limit."""
        limits = ("" if one.limit is None else f"<= {_number(one.limit)} {one.unit}" for one in self.figures)
        return "\n".join(limits)

    def as_json(self) -> dict[str, object]:
        figures = [figure.as_json() for figure in self.figures]
        return {"work": self.work, "verdict": self.verdict, "figures": figures, **self.facts}


class Child(NamedTuple):
    """What one finished process took."""

    wall: float  # seconds from its start to its end
    cpu: float  # seconds, user and system
    peak: float  # MB resident at most
    output: str  # where its standard output went


class ChildFailed(Exception):
    """A measured process did not do its work: its time means nothing."""


def run_child(command: Sequence[str], *, folder: Path, env: Mapping[str, str] | None = None) -> Child:
    """Run to the end with output into files of `folder`, which is also where it runs; ChildFailed unless it exits 0.

    The kernel counts this process's own memory at the moment of the start as the child's: keep this process small.
    """
    usual = {name: value for name, value in os.environ.items() if name not in _UNUSUAL}
    usual["XDG_STATE_HOME"] = str(folder)  # the high-water marks of states that nobody keeps
    output, complaints = folder / "child.out", folder / "child.err"
    with output.open("wb") as out, complaints.open("wb") as err:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env={**usual, **(env or {})}
        )
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:  # we are being ended: what we started goes first, it may write for minutes
            process.kill()
            process.wait()
            raise
        wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        words = output.read_text(errors="replace")[-_TAIL:] + complaints.read_text(errors="replace")[-_TAIL:]
        raise ChildFailed(f"exit {process.returncode} from {' '.join(command)}\n{words}")
    return Child(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * _KIB / _MB, str(output))


def run_module(module: str, *arguments: object, folder: Path) -> Child:
    """Run `benchmarks.MODULE` as a process."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *map(str, arguments)]
    return run_child(command, folder=folder, env={"PYTHONPATH": str(ROOT)})


def printed(child: Child) -> dict[str, float]:
    """The numbers that a module of ours printed."""
    numbers: dict[str, float] = json.loads(Path(child.output).read_text(encoding="utf-8"))
    return numbers


def runner_command(*arguments: object) -> list[str]:
    """The command line that a user would type."""
    script = Path(sys.executable).with_name("runner")
    start = [str(script)] if script.exists() else [sys.executable, "-m", "runner"]
    return [*start, *map(str, arguments)]


def run_runner(*arguments: object, folder: Path) -> Child:
    """Run the real command line in `folder`."""
    return run_child(runner_command(*arguments), folder=folder)


def say(text: str) -> None:
    """Progress, to stderr."""
    print(text, file=sys.stderr, flush=True)


def _number(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    if value >= 100 or value == int(value):
        return f"{value:.0f}"
    return f"{value:.3g}" if value >= 10 or value < 1 else f"{value:.2f}"
