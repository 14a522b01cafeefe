"""`python -m benchmarks [--full] [--only NAME] [--json PATH]`: measures, prints a table, writes the numbers."""

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import bench_apply, bench_files, bench_refresh, bench_shared, bench_start, bench_state
from benchmarks.machine import Others, describe
from benchmarks.measure import ROOT, Row, say
from benchmarks.scale import Scale
from benchmarks.table import show

RESULTS = ROOT / "benchmarks" / "results"
MEASURES: dict[str, Callable[[Scale, Path], Iterator[Row]]] = {
    "start": bench_start.run,
    "apply": bench_apply.run,
    "refresh": bench_refresh.run,
    "state": bench_state.run,
    "shared": bench_shared.run,
    "files": bench_files.run,
}


def main() -> None:
    """One run. Exit code 0 whether budgets are met or not: a shared machine proves nothing by itself."""
    flags = _flags()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that the work folder is removed
    scale = _scale(flags)
    target: Path = flags.json
    RESULTS.mkdir(exist_ok=True)
    clock = time.perf_counter()
    measures: list[dict[str, object]] = []
    rows: list[Row] = []
    # Beside the results and not under /tmp: states must lie on a disk, as a user's do.
    with TemporaryDirectory(prefix="work-", suffix=".tmp", dir=RESULTS) as work:
        machine = describe(Path(work))
        document: dict[str, object] = {
            "format_version": 1,
            "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "full": flags.full,
            "machine": machine,
            "measures": measures,
        }
        for name in flags.only or MEASURES:
            say(name)
            with Others() as others:
                found = list(MEASURES[name](scale, Path(work)))
            rows += found
            measures.append({"name": name, "others_cores": others.cores, "rows": [row.as_json() for row in found]})
            machine["load_after"] = os.getloadavg()[0]
            document["seconds"] = round(time.perf_counter() - clock, 1)
            # After each: a run that is broken off keeps what it has.
            target.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    show(rows, document)
    say(f"written to {target}")


def _flags() -> argparse.Namespace:
    usual = Scale()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--full", action="store_true", help="also a million orders; about 15 minutes instead of 4")
    parser.add_argument(
        "--only", action="append", choices=MEASURES, metavar="NAME", help=f"one of {', '.join(MEASURES)}"
    )
    parser.add_argument("--json", type=Path, default=RESULTS / "latest.json", metavar="PATH", help="where to write")
    parser.add_argument("--pairs", type=int, default=usual.pairs, help="pairs of apply and bare loop")
    parser.add_argument("--orders-0ms", type=int, default=usual.orders_0ms, help="orders for the 0 ms panel")
    parser.add_argument("--orders-50ms", type=int, default=usual.orders_50ms, help="orders for the 50 ms panel")
    return parser.parse_args()


def _scale(flags: argparse.Namespace) -> Scale:
    scale = Scale(pairs=flags.pairs, orders_0ms=flags.orders_0ms, orders_50ms=flags.orders_50ms)
    return replace(scale, sizes=(*scale.sizes, 1_000_000)) if flags.full else scale


if __name__ == "__main__":
    main()
