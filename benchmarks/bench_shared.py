"""A state on a PostgreSQL server of our own, on loopback: apply against the bare loop, and a plan against that of a file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.bench_apply import compare
from benchmarks.measure import Figure, Row, run_module, run_runner, say
from benchmarks.orders import write_yaml
from benchmarks.scale import Scale
from tests.postgres.cluster import Cluster, binaries

_PLACED = 10_000
_WALL, _PLAN = 1.10, 1.5  # budgets: x bare loop, x a state in a file


def run(scale: Scale, folder: Path) -> Iterator[Row]:
    """Nothing where no server is installed."""
    programs = binaries()
    if programs is None:
        say("  no PostgreSQL server is installed (Debian: apt install postgresql)")
        return
    with _server(programs) as server:
        yield compare(
            folder, delay=50, orders=scale.orders_50ms, pairs=scale.pairs, wall=_WALL, cpu=None, shared=server.url
        )
        yield _plan(scale, folder, server)


@contextmanager
def _server(programs: Path) -> Iterator[Cluster]:
    """Its data lies on a disk, where its own user may go."""
    with TemporaryDirectory(prefix="runner-bench-", dir="/var/tmp", ignore_cleanup_errors=True) as place:
        Path(place).chmod(0o755)
        one = Cluster(Path(place) / "cluster", programs)
        one.make()
        one.start()
        try:
            yield one
        finally:
            one.stop()


def _plan(scale: Scale, folder: Path, server: Cluster) -> Row:
    path = write_yaml(folder, _PLACED)
    states = {"file": folder / "placed" / "runner.db", "server": server.url("placed")}
    for state in states.values():
        say(f"  making a state with {_PLACED:,} placed orders")
        run_module("build_state", state, path, folder=folder)
    taken: dict[str, list[float]] = {where: [] for where in states}
    for turn in range(scale.repeats * 2 + 1):
        for where in sorted(states, reverse=turn % 2 == 1):
            made = run_runner("plan", "--no-refresh", "--state", states[where], path, folder=folder)
            taken[where].append(made.wall)
    ratios = [two / one for one, two in zip(taken["file"], taken["server"], strict=True)]
    figures = [Figure("wall", "x a file", ratios, _PLAN), Figure("wall", "s", taken["server"])]
    return Row(work=f"no-op plan --no-refresh, {_PLACED:,} placed orders, PostgreSQL", figures=figures)
