"""The long form: `make damage`. Prints what it went through; stops at the first promise that did not hold."""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tests.acceptance.project import Project
from tests.acceptance.served import start_served
from tests.damage.apply_loop import LATENCY, PARALLEL, ApplyLoop
from tests.damage.store_loop import Broken, StoreLoop, Tally


def _main() -> int:
    options = argparse.ArgumentParser(prog="python -m tests.damage", description=__doc__)
    options.add_argument("--writers", type=int, default=200, help="writers of the store to be killed (default: 200)")
    options.add_argument("--applies", type=int, default=60, help="applies on a panel to be killed (default: 60)")
    options.add_argument(
        "--kinds", type=int, default=10, help="kinds of damage after each kill (default: 10 at random)"
    )
    options.add_argument("--seed", type=int, default=1)
    asked = options.parse_args()
    try:
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            writers = StoreLoop(Path(folder) / "writers", asked.seed)
            _repeat("writers", asked.writers, lambda: writers.kill_once(asked.kinds), writers.tally)
            applies = _apply_loop(Path(folder), asked.seed, stack)
            _repeat("applies", asked.applies, lambda: applies.kill_once(asked.kinds), applies.tally)
    except Broken as broken:
        print(f"BROKEN: {broken}")
        return 1
    return 0


def _apply_loop(folder: Path, seed: int, stack: ExitStack) -> ApplyLoop:
    home = folder / "home"
    os.environ["XDG_STATE_HOME"] = str(home)
    served = start_served(folder / "panel" / "sandbox.db", "--latency", str(LATENCY), "--speed", "0")
    stack.callback(served.stop)
    project = Project(folder / "project")
    project.panels(served.url, parallel={"add": PARALLEL, "read": 4})
    return ApplyLoop(project, served, home, seed)


def _repeat(what: str, times: int, kill_once: Callable[[], None], tally: Tally) -> None:
    began = time.monotonic()
    for number in range(times):
        kill_once()
        if (number + 1) % 10 == 0 or number + 1 == times:
            print(f"{what}: {number + 1} of {times} killed, {tally.trials.total()} damaged", file=sys.stderr)
    print(f"{what}: {tally.kills} kills, {tally.trials.total()} damages, {tally.refused.total()} refused, none lost or")
    print(f"  bought twice; {time.monotonic() - began:.0f} s")
    for name in sorted(tally.trials):
        print(f"  {tally.refused[name]:5} of {tally.trials[name]:5} refused  {name}")


if __name__ == "__main__":
    sys.exit(_main())
