"""`kill -9` at any moment: every mark that was acknowledged is there afterwards."""

import asyncio
import random
import subprocess
import sys
import time

import pytest

from runner.core.attempts import AttemptState
from runner.core.operations import DoubtLeftOvers
from runner.store.disk.lock import acquire, is_free
from runner.store.integrity.progress_evidence import check
from runner.store.read.snapshot import read_state
from runner.store.startup.opening import open_writer
from tests.store.making import NOW, raw

MARKS_UNTIL_KILLED = """
import asyncio, itertools, os, sys
from runner.core.attempts import Outcome, OutcomeKind
from runner.core.operations import BeginRun, Mark, Settle
from runner.core.values.clock import SystemClock
from runner.store.journal import open_journal
from runner.store.disk.lock import acquire
from runner.store.disk.paths import StatePaths
from tests.store.making import new_attempt

async def main():
    paths, clock, run = StatePaths.at(sys.argv[1]), SystemClock(), sys.argv[2]
    numbers = itertools.count()
    with await acquire(paths, "runner apply", clock) as lock:
        async with open_journal(paths, lock, clock) as journal:
            await journal.record(BeginRun(run, "apply", clock.now()))

            async def sender():
                for n in numbers:
                    order = f"{run}-{n}"
                    attempt_id = await journal.record(Mark(new_attempt(order), run, clock.now()))
                    os.write(1, f"mark order-{order}\\n".encode())
                    await journal.record(Settle(attempt_id, Outcome(OutcomeKind.PLACED, order), clock.now()))
                    os.write(1, f"done order-{order}\\n".encode())

            await asyncio.gather(*(sender() for _ in range(8)))

asyncio.run(main())
"""


@pytest.mark.parametrize("seed", range(2))
def test_every_acknowledged_mark_and_outcome_survives_a_kill(paths, clock, seed):
    told = set()
    for run in range(2):  # the second run starts from what the first one left
        with subprocess.Popen(
            [sys.executable, "-c", MARKS_UNTIL_KILLED, paths.db, f"run-{run}"], stdout=subprocess.PIPE, text=True
        ) as process:
            told.add(process.stdout.readline().rstrip())
            time.sleep(random.Random(seed).uniform(0, 0.2))
            process.kill()
            told.update(line.rstrip() for line in process.stdout if line.endswith("\n"))
        assert check(paths) is None
        assert is_free(paths)
        known = {one.order_id: one for (one,) in read_state(paths).attempts.values()}
        for word, order_id in (line.split() for line in told):
            assert order_id in known
            assert word == "mark" or known[order_id].state is AttemptState.PLACED
        left = [one for one in known.values() if one.state is AttemptState.SENDING]
        assert len(left) <= 8
        with asyncio.run(acquire(paths, "test", clock)) as lock:
            writer = open_writer(paths, lock, clock).writer
            (turned,) = writer.commit([DoubtLeftOvers(NOW)])
            writer.close()
        assert {one.order_id for one in turned} == {one.order_id for one in left}
        assert raw(paths, "PRAGMA integrity_check") == [("ok",)]
