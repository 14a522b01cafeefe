"""apply against a bare loop that sends the same requests, in alternating pairs of fresh processes."""

from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.measure import ChildFailed, Figure, Row, printed, run_module, say
from benchmarks.panel_process import panel
from benchmarks.scale import IN_FLIGHT, Scale

_SLACK = 1.1  # in status calls


def run(scale: Scale, folder: Path) -> Iterator[Row]:
    """The 50 ms panel, then the 0 ms panel."""
    yield compare(folder, delay=50, orders=scale.orders_50ms, pairs=scale.pairs, wall=1.05, cpu=None)
    yield compare(folder, delay=0, orders=scale.orders_0ms, pairs=scale.pairs, wall=1.5, cpu=1.5)


def compare(
    folder: Path,
    *,
    delay: int,
    orders: int,
    pairs: int,
    wall: float,
    cpu: float | None,
    shared: Callable[[str], str] | None = None,
) -> Row:
    """A row of the runner against the bare loop; `shared` is the address of a project on a server, by its name."""
    bare: list[dict[str, float]] = []
    ours: list[dict[str, float]] = []
    sent: dict[str, dict[str, int]] = {}
    with panel(delay) as at:
        for pair in range(pairs):
            say(f"  {delay} ms panel, {orders:,} orders, pair {pair + 1} of {pairs}")
            name = f"apply_{delay}_{pair}"
            state = shared(name) if shared else folder / name / "runner.db"
            # Who goes first changes with every pair, so that a drifting machine favours neither.
            for side in ("runner", "bare") if pair % 2 == 0 else ("bare", "runner"):
                if side == "runner":
                    made = run_module("runner_side", "apply", at.url, orders, IN_FLIGHT, state, folder=folder)
                    ours.append(printed(made))
                else:
                    calls = sent["runner"]["status"]
                    bare.append(printed(run_module("bare_loop", at.url, orders, IN_FLIGHT, calls, folder=folder)))
                sent[side] = at.counts()
                _must_be_alike(sent)
    ratios = {
        key: [mine[key] / theirs[key] for mine, theirs in zip(ours, bare, strict=True)] for key in ("wall", "cpu")
    }
    return Row(
        work=f"apply, {delay} ms panel, {IN_FLIGHT} in flight, {orders:,} orders{', PostgreSQL' if shared else ''}",
        figures=[
            Figure("wall", "x bare loop", ratios["wall"], wall),
            Figure("CPU", "x bare loop", ratios["cpu"], cpu),
            Figure("wall", "us an order", [took["wall"] / orders * 1e6 for took in ours]),
            Figure("CPU", "us an order", [took["cpu"] / orders * 1e6 for took in ours]),
        ],
        facts={"requests": sent, "seconds": {"runner": ours, "bare": bare}},
    )


def _must_be_alike(sent: dict[str, dict[str, int]]) -> None:
    """ChildFailed if the two sides sent something else: the ratio would mean nothing.

    How often the runner looks at charges while it buys depends on the machine: the other side follows its last run.
    """
    ours, bare = sent["runner"], sent.get("bare", sent["runner"])
    status = ours["status"], bare["status"]
    if {**ours, "status": 0} != {**bare, "status": 0} or max(status) > min(status) * _SLACK:
        raise ChildFailed(f"the two sides did not send the same requests: {ours} and {bare}")
