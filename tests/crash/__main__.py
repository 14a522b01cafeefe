"""The long search: `make crash`. Prints what it went through; stops at the first history that breaks a promise."""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing import Pool
from pathlib import Path

import pytest

from tests.crash.conftest import make_template
from tests.crash.harness import BrokenPromise
from tests.crash.mutants import MUTANTS
from tests.crash.search import Search, Tally, single_faults

JOBS: dict[str, Callable[[Search, int, int], None]] = {
    "every call of a run x before, torn, after": lambda search, seed, _: search.every_cut(seed),
    "pairs of crashes": lambda search, seed, _: search.pairs_of_cuts(seed, step=2),
    "faults x crashes": lambda search, seed, size: search.faults_and_cuts(range(seed * size, (seed + 1) * size)),
    "two runs at once": lambda search, seed, size: search.two_runs(range(seed * size, (seed + 1) * size)),
}


def _work(job: tuple[str, int, int]) -> Tally:
    name, seed, size = job
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:
        search = Search(Path(folder) / "world", asyncio.run(make_template(Path(folder))))
        JOBS[name](search, seed, size)
        return search.tally


def _mutants() -> int:
    """How many planted bugs the short search finds."""
    found = 0
    for name, plant in MUTANTS.items():
        with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
            world = plant(patch)
            search = Search(Path(folder) / "world", asyncio.run(make_template(Path(folder))), **world)
            try:
                for faults in single_faults():
                    search.history(3, faults=faults)
                search.every_cut(seed=1)
            except BrokenPromise as broken:
                found += 1
                print(f"  caught  {name}: {str(broken).splitlines()[0]}")
            else:
                print(f"  MISSED  {name}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=40, help="seeds of each kind of search")
    parser.add_argument("--size", type=int, default=60, help="histories per seed of random kinds")
    given = parser.parse_args()
    began, total = time.monotonic(), Tally()
    try:
        with Pool() as pool:
            for name in JOBS:
                seeds = given.seeds if "pairs" not in name else max(given.seeds // 4, 1)
                part = Tally()
                for tally in pool.imap_unordered(_work, [(name, seed, given.size) for seed in range(seeds)]):
                    part.add(tally)
                print(f"{name}: {part}", flush=True)
                total.add(part)
    except BrokenPromise as broken:
        print(f"BROKEN: {broken}")
        return 1
    print(f"all: {total}; every promise held; {time.monotonic() - began:.0f} s")
    found = _mutants()
    print(f"planted bugs caught: {found} of {len(MUTANTS)}")
    return 0 if found == len(MUTANTS) else 1


if __name__ == "__main__":
    sys.exit(main())
