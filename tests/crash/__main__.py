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
from tests.crash.mutants import MUTANTS
from tests.crash.promises import BrokenPromise
from tests.crash.search import Search, Tally
from tests.crash.upkeep_mutants import UPKEEP_MUTANTS
from tests.crash.upkeep_search import UpkeepSearch

JOBS: dict[str, Callable[[Search, int, int], None]] = {
    "every call of a run x before, torn, after": lambda search, seed, _: search.every_cut(seed),
    "pairs of crashes": lambda search, seed, _: search.pairs_of_cuts(seed, step=2),
    "faults x crashes": lambda search, seed, size: search.faults_and_cuts(range(seed * size, (seed + 1) * size)),
    "two runs at once": lambda search, seed, size: search.two_runs(range(seed * size, (seed + 1) * size)),
}
UPKEEP_JOBS: dict[str, Callable[[UpkeepSearch, int, int], None]] = {
    "refills and cancels: every call x before, torn, after": lambda search, seed, _: search.every_cut(seed),
    "refills and cancels: pairs of crashes": lambda search, seed, _: search.pairs_of_cuts(seed, step=2),
    "refills and cancels: faults x crashes": lambda search, seed, size: search.faults_and_cuts(
        range(seed * size, (seed + 1) * size)
    ),
    "refills and cancels: two runs at once": lambda search, seed, size: search.two_runs(
        range(seed * size, (seed + 1) * size)
    ),
}


def _work(job: tuple[str, int, int]) -> Tally:
    name, seed, size = job
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:
        world, template = Path(folder) / "world", asyncio.run(make_template(Path(folder)))
        if name in UPKEEP_JOBS:
            upkeep_search = UpkeepSearch(world, template)
            UPKEEP_JOBS[name](upkeep_search, seed, size)
            return upkeep_search.tally
        search = Search(world, template)
        JOBS[name](search, seed, size)
        return search.tally


def _mutants() -> int:
    """How many planted bugs the short searches find."""
    found = 0
    for name, plant in (MUTANTS | UPKEEP_MUTANTS).items():
        with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
            world = plant(patch)
            search = (Search if name in MUTANTS else UpkeepSearch)(
                Path(folder) / "world", asyncio.run(make_template(Path(folder))), **world
            )
            try:
                search.short()
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
            for name in (*JOBS, *UPKEEP_JOBS):
                is_long = "pairs" in name or name.startswith("refills and cancels: every")
                seeds = max(given.seeds // 4, 1) if is_long else given.seeds
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
    planted = len(MUTANTS | UPKEEP_MUTANTS)
    print(f"planted bugs caught: {found} of {planted}")
    return 0 if found == planted else 1


if __name__ == "__main__":
    sys.exit(main())
