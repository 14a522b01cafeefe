"""The machine a run was made on, and how much of it others used meanwhile."""

import os
import platform
import resource
import sqlite3
import statistics
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Self

_SYNCS = 30
_PAGE = b"\0" * 4096


def describe(folder: Path) -> dict[str, object]:
    """What a reader needs to compare two runs; `folder` is where the states lie."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "sqlite": sqlite3.sqlite_version,
        "aiohttp": version("aiohttp"),
        "pyyaml": version("pyyaml"),
        "sync_ms": round(_sync_time(folder) * 1000, 3),  # one page written and fsynced: the price of a commit
        "load_before": os.getloadavg()[0],
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def _sync_time(folder: Path) -> float:
    """Seconds, the median."""
    times = []
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(_SYNCS):
            started = time.perf_counter()
            file.write(_PAGE)
            os.fsync(file.fileno())
            times.append(time.perf_counter() - started)
    return statistics.median(times)


class Others:
    """How many cores other processes used for the length of a `with`; all children must have ended inside."""

    def __init__(self) -> None:
        self.cores: float | None = None  # None where the kernel does not tell

    def __enter__(self) -> Self:
        self._started = time.perf_counter()
        self._busy, self._own = _busy_seconds(), _own_seconds()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        busy = _busy_seconds()
        if busy is not None and self._busy is not None:
            others = busy - self._busy - (_own_seconds() - self._own)
            self.cores = round(max(others, 0.0) / (time.perf_counter() - self._started), 2)


def _busy_seconds() -> float | None:
    """CPU seconds used by everybody since the machine started, with what its host took away."""
    try:
        first = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0]
    except OSError:
        return None
    user, nice, system, _idle, _waiting, irq, soft_irq, stolen, *_ = map(int, first.split()[1:])
    return (user + nice + system + irq + soft_irq + stolen) / os.sysconf("SC_CLK_TCK")


def _own_seconds() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
