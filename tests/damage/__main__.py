"""The long form: `make damage`. Prints what it went through; stops at the first promise that did not hold."""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from tests.acceptance.project import Project
from tests.acceptance.served import start_served
from tests.damage.apply_loop import LATENCY, PARALLEL, ApplyLoop
from tests.damage.store_loop import Broken, StoreLoop

_OVER_ONE_STATE = 10  # kills

Loop = AbstractContextManager[StoreLoop | ApplyLoop]


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
        _repeat("writers", asked.writers, asked, _writers)
        _repeat("applies", asked.applies, asked, _applies)
    except Broken as broken:
        print(f"BROKEN: {broken}")
        return 1
    return 0


@contextmanager
def _writers(seed: int) -> Iterator[StoreLoop]:
    with tempfile.TemporaryDirectory() as folder:
        yield StoreLoop(Path(folder) / "writers", seed)


@contextmanager
def _applies(seed: int) -> Iterator[ApplyLoop]:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        home = Path(folder) / "home"
        os.environ["XDG_STATE_HOME"] = str(home)
        served = start_served(Path(folder) / "panel" / "sandbox.db", "--latency", str(LATENCY), "--speed", "0")
        stack.callback(served.stop)
        project = Project(Path(folder) / "project")
        project.panels(served.url, parallel={"add": PARALLEL, "read": 4})
        yield ApplyLoop(project, served, home, seed)


def _repeat(what: str, kills: int, asked: argparse.Namespace, begin: Callable[[int], Loop]) -> None:
    """So many kills, some over each of several states: one that grows and grows makes each look at it longer."""
    began, trials, refused = time.monotonic(), Counter[str](), Counter[str]()
    for first in range(0, kills, _OVER_ONE_STATE):
        with begin(asked.seed + first) as loop:
            for _ in range(min(_OVER_ONE_STATE, kills - first)):
                loop.kill_once(asked.kinds)
            trials += loop.tally.trials
            refused += loop.tally.refused
            done = first + loop.tally.kills
        print(f"{what}: {done} of {kills} killed, {trials.total()} damaged", file=sys.stderr)
    print(f"{what}: {kills} kills, {trials.total()} damages, {refused.total()} refused, no order lost or bought twice;")
    print(f"  {time.monotonic() - began:.0f} s")
    for name in sorted(trials):
        print(f"  {refused[name]:5} of {trials[name]:5} refused  {name}")


if __name__ == "__main__":
    sys.exit(_main())
