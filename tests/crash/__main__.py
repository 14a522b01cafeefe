"""The long search: `make crash`. Prints what it went through; stops at the first history that breaks a promise."""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from multiprocessing import Pool
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.crash.conftest import make_template
from tests.crash.money_mutants import MONEY_MUTANTS
from tests.crash.money_search import MoneySearch
from tests.crash.mutants import MUTANTS, Plant
from tests.crash.promises import BrokenPromise
from tests.crash.search import Search, Tally
from tests.crash.upkeep_mutants import UPKEEP_MUTANTS
from tests.crash.upkeep_search import UpkeepSearch


class Kind(NamedTuple):
    """One kind of search: its world, what it does in it, and the bugs that it must find."""

    search: Callable[..., Any]
    jobs: Mapping[str, Callable[[Any, int, int], None]]
    mutants: Mapping[str, Plant]


def _seeds(seed: int, size: int) -> range:
    return range(seed * size, (seed + 1) * size)


KINDS = (
    Kind(
        Search,
        {
            "every call of a run x before, torn, after": lambda search, seed, _: search.every_cut(seed),
            "pairs of crashes": lambda search, seed, _: search.pairs_of_cuts(seed, step=2),
            "faults x crashes": lambda search, seed, size: search.faults_and_cuts(_seeds(seed, size)),
            "two runs at once": lambda search, seed, size: search.two_runs(_seeds(seed, size)),
        },
        MUTANTS,
    ),
    Kind(
        UpkeepSearch,
        {
            "refills and cancels: every call x before, torn, after": lambda search, seed, _: search.every_cut(seed),
            "refills and cancels: pairs of crashes": lambda search, seed, _: search.pairs_of_cuts(seed, step=2),
            "refills and cancels: faults x crashes": lambda search, seed, size: search.faults_and_cuts(
                _seeds(seed, size)
            ),
            "refills and cancels: two runs at once": lambda search, seed, size: search.two_runs(_seeds(seed, size)),
        },
        UPKEEP_MUTANTS,
    ),
    Kind(
        MoneySearch,
        {
            "money that moves x crashes x signals": lambda search, seed, size: search.random_histories(
                _seeds(seed, size)
            ),
        },
        MONEY_MUTANTS,
    ),
)


def _work(job: tuple[int, str, int, int]) -> Tally:
    number, name, seed, size = job
    kind = KINDS[number]
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:
        search = kind.search(Path(folder) / "world", asyncio.run(make_template(Path(folder))))
        kind.jobs[name](search, seed, size)
        tally: Tally = search.tally
        return tally


def _mutants() -> int:
    """How many planted bugs the short searches find."""
    found = 0
    for kind in KINDS:
        for name, plant in kind.mutants.items():
            with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
                world = plant(patch)
                search = kind.search(Path(folder) / "world", asyncio.run(make_template(Path(folder))), **world)
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
            for number, name in [(number, name) for number, kind in enumerate(KINDS) for name in kind.jobs]:
                is_long = "pairs" in name or name.startswith("refills and cancels: every")
                seeds = max(given.seeds // 4, 1) if is_long else given.seeds
                part = Tally()
                for tally in pool.imap_unordered(_work, [(number, name, seed, given.size) for seed in range(seeds)]):
                    part.add(tally)
                print(f"{name}: {part}", flush=True)
                total.add(part)
    except BrokenPromise as broken:
        print(f"BROKEN: {broken}")
        return 1
    print(f"all: {total}; every promise held; {time.monotonic() - began:.0f} s")
    found = _mutants()
    planted = sum(len(kind.mutants) for kind in KINDS)
    print(f"planted bugs caught: {found} of {planted}")
    return 0 if found == planted else 1


if __name__ == "__main__":
    sys.exit(main())
