"""Whether cost grows as orders do."""

import statistics
from collections.abc import Mapping, Sequence
from itertools import pairwise

from benchmarks.measure import Figure, Row
from benchmarks.scale import FIXED

_LINEAR = 1.5  # more than this, from one size to the next ten times larger, is no noise
_CLEAR = 3  # times the spread of what every call costs: less than that tells nothing of an order's cost


def growth_row(work: str, seconds: Mapping[int, Sequence[float]]) -> Row:
    """What an order costs at each size against the former; `seconds` of CPU, by number of orders.

    CPU and not wall, and the least of each: others on the machine must not look like growth. What a call with one
    order takes is taken off first: it would hide a growth that is worse than linear.
    """
    fixed = min(seconds[FIXED])
    noise = statistics.median(seconds[FIXED]) - fixed
    extra = {size: min(samples) - fixed for size, samples in sorted(seconds.items()) if size != FIXED}
    figures = [
        Figure(
            f"{large:,} against {small:,}", "x CPU an order", [(extra[large] / large) / (extra[small] / small)], _LINEAR
        )
        for small, large in pairwise(extra)
        if extra[small] > noise * _CLEAR
    ]
    figures += [Figure(f"at {size:,}", "us CPU an order", [cost / size * 1e6]) for size, cost in extra.items()]
    lost = [f"{size:,}" for size in list(extra)[:-1] if extra[size] <= noise * _CLEAR]
    cpu = {str(size): [round(sample, 4) for sample in samples] for size, samples in seconds.items()}
    return Row(
        work=f"growth of {work}" + (f" ({', '.join(lost)}: lost in the noise)" if lost else ""),
        figures=figures,
        facts={"cpu_s": cpu, "noise_s": round(noise, 4)},
    )
