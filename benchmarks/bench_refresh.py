"""A refresh of live orders: one call for each hundred, and what it takes."""

from collections.abc import Iterator
from math import ceil
from pathlib import Path

from benchmarks.measure import ChildFailed, Figure, Row, printed, run_module, say
from benchmarks.orders import write_yaml
from benchmarks.panel_process import panel
from benchmarks.scale import IN_FLIGHT, Scale

_BATCH = 100  # ids a panel takes in one call


def run(scale: Scale, folder: Path) -> Iterator[Row]:
    """On a panel that answers at once: what is left is ours."""
    state = folder / "refresh" / "runner.db"
    say(f"  making a state with {scale.live:,} live orders")
    run_module("build_state", state, write_yaml(folder, scale.live), folder=folder)
    calls: list[float] = []
    times: list[float] = []
    with panel(0) as at:
        for turn in range(scale.repeats):
            say(f"  refresh, {turn + 1} of {scale.repeats}")
            took = printed(run_module("runner_side", "refresh", at.url, IN_FLIGHT, state, folder=folder))
            if took["live"] != scale.live:
                raise ChildFailed(f"{took['live']} live orders instead of {scale.live}")
            calls.append(at.counts()["status"])
            times.append(took["wall"])
    yield Row(
        work=f"status refresh of {scale.live:,} live orders, 0 ms panel",
        figures=[
            Figure("calls", "calls", calls, ceil(scale.live / _BATCH)),
            Figure("wall", "s", times),
            Figure("wall", "us an order", [time / scale.live * 1e6 for time in times]),
        ],
    )
