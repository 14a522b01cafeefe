"""apply against a bare loop that sends the same requests, in alternating pairs of fresh processes."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import ChildFailed, Figure, Row, printed, run_module, say
from benchmarks.panel_process import PanelAt, panel
from benchmarks.scale import IN_FLIGHT, Scale


def run(scale: Scale, folder: Path) -> Iterator[Row]:
    """The 50 ms panel, then the 0 ms panel."""
    yield _compare(folder, delay=50, orders=scale.orders_50ms, pairs=scale.pairs, wall=1.05, cpu=None)
    yield _compare(folder, delay=0, orders=scale.orders_0ms, pairs=scale.pairs, wall=1.5, cpu=1.5)


def _compare(folder: Path, *, delay: int, orders: int, pairs: int, wall: float, cpu: float | None) -> Row:
    bare: list[dict[str, float]] = []
    ours: list[dict[str, float]] = []
    requests: dict[str, int] = {}
    with panel(delay) as at:
        for pair in range(pairs):
            say(f"  {delay} ms panel, {orders:,} orders, pair {pair + 1} of {pairs}")
            state = folder / f"apply-{delay}-{pair}" / "runner.db"
            sides = [(bare, ("bare_loop",), ()), (ours, ("runner_side", "apply"), (state,))]
            # Who goes first changes with every pair, so that a drifting machine favours neither.
            for taken, module, rest in sides if pair % 2 == 0 else reversed(sides):
                taken.append(printed(run_module(*module, at.url, orders, IN_FLIGHT, *rest, folder=folder)))
                requests = _same_requests(at, requests)
    ratios = {
        key: [mine[key] / theirs[key] for mine, theirs in zip(ours, bare, strict=True)] for key in ("wall", "cpu")
    }
    return Row(
        work=f"apply, {delay} ms panel, {IN_FLIGHT} in flight, {orders:,} orders",
        figures=[
            Figure("wall", "x bare loop", ratios["wall"], wall),
            Figure("CPU", "x bare loop", ratios["cpu"], cpu),
            Figure("wall", "us an order", [took["wall"] / orders * 1e6 for took in ours]),
            Figure("CPU", "us an order", [took["cpu"] / orders * 1e6 for took in ours]),
        ],
        facts={"requests": requests, "seconds": {"runner": ours, "bare": bare}},
    )


def _same_requests(at: PanelAt, former: dict[str, int]) -> dict[str, int]:
    """What was just sent; ChildFailed if the other side sent something else: the ratio would mean nothing."""
    sent = at.counts()
    if former and sent != former:
        raise ChildFailed(f"the two sides did not send the same requests: {former} and {sent}")
    return sent
