"""The whole month, several times: `make month`. Prints what happened in each; stops at the first broken promise."""

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from multiprocessing import Pool
from pathlib import Path

import pytest

from tests.month.mutants import MUTANTS, Plant
from tests.month.simulation import IN_MEMORY, Month

_TRIES = 3


def _live(job: tuple[int, int, int, Plant | None]) -> tuple[int, Counter[str], str, float]:
    """One month, with a planted bug or none: its seed, what happened, the promise that broke, seconds."""
    seed, orders, days, plant = job
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", folder)
        if plant is not None:
            plant(patch)
        month = Month(Path(folder), seed=seed, orders=orders, days=days)
        try:
            asyncio.run(month.live_through())
        except AssertionError as broken:
            return seed, month.tally, str(broken) or repr(broken), time.monotonic() - began
    return seed, month.tally, "", time.monotonic() - began


def _find(plant: Plant) -> tuple[Plant, str]:
    """The promise that a planted bug breaks in one of a few short months; empty if it is missed."""
    for seed in range(1, _TRIES + 1):
        if broken := _live((seed, 120, 10, plant))[2]:
            return plant, broken
    return plant, ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=4, help="how many months")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--orders", type=int, default=500)
    parser.add_argument("--days", type=int, default=30)
    given = parser.parse_args()
    total: Counter[str] = Counter()
    seeds = range(given.first, given.first + given.seeds)
    with Pool() as pool:
        for seed, tally, broken, seconds in pool.imap(_live, [(one, given.orders, given.days, None) for one in seeds]):
            if broken:
                print(f"seed {seed}: BROKEN after {seconds:.0f} s: {broken}")
                return 1
            total += tally
            print(f"seed {seed}: every promise held, {seconds:.0f} s", flush=True)
        for name, number in sorted(total.items()):
            print(f"  {name:<32}{number:>10,}")
        found = 0
        for plant, broken in pool.imap(_find, MUTANTS):
            found += bool(broken)
            print(
                f"  {'caught' if broken else 'MISSED'}  {plant.__name__}: {broken.splitlines()[0][:160] if broken else ''}"
            )
    print(f"planted bugs caught: {found} of {len(MUTANTS)}")
    return 0 if found == len(MUTANTS) else 1


if __name__ == "__main__":
    sys.exit(main())
