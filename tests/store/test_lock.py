"""Two runs are kept apart; readers see it without disturbing."""

import json
import subprocess
import sys

import pytest

from runner.core.errors import ExitCode, StateRefused
from runner.core.values.clock import ManualClock
from runner.store.disk.lock import acquire, is_free

HOLDS_UNTIL_TOLD = """
import asyncio, sys
from runner.core.values.clock import SystemClock
from runner.store.disk.lock import acquire
from runner.store.disk.paths import StatePaths
lock = asyncio.run(acquire(StatePaths.at(sys.argv[1]), "runner watch", SystemClock()))
print("held", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def other(paths):
    """Another process that holds the lock."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS_UNTIL_TOLD, paths.db], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


async def test_a_second_run_is_told_who_holds_the_lock(paths, clock, other):
    with pytest.raises(StateRefused, match=rf"`runner watch` \(pid {other.pid} of ") as refusal:
        await acquire(paths, "runner apply", clock)
    assert refusal.value.code is ExitCode.STATE
    assert "--lock-timeout" in refusal.value.hint
    assert not is_free(paths)


async def test_a_run_waits_as_long_as_it_was_told(paths, other):
    clock = ManualClock()
    with pytest.raises(StateRefused):
        await acquire(paths, "runner apply", clock, 30)
    assert 30 <= clock.monotonic() < 31


async def test_a_waiting_run_gets_the_lock_when_the_other_one_dies(paths, other):
    class KillsWhileWaiting(ManualClock):
        async def sleep(self, seconds):
            if self.monotonic() > 5:
                other.kill()
                other.wait()
            await super().sleep(seconds)

    with await acquire(paths, "runner apply", KillsWhileWaiting(), 30) as lock:
        assert lock.still_held()
        assert json.loads(paths.lock.read_text())["command"] == "runner apply"


async def test_one_process_can_not_lock_twice(paths, lock, clock):
    with pytest.raises(StateRefused, match="runner apply"):
        await acquire(paths, "runner apply", clock)


async def test_a_released_lock_is_free_and_names_nobody(paths, clock):
    with await acquire(paths, "runner apply", clock) as lock:
        assert lock.still_held()
    assert not lock.still_held()
    assert is_free(paths)
    assert paths.lock.read_text() == ""
    lock.release()


def test_asking_creates_nothing(paths):
    assert is_free(paths)
    assert not paths.lock.parent.exists()


async def test_asking_does_not_disturb_a_run(paths, lock):
    assert not is_free(paths)
    assert lock.still_held()


async def test_a_replaced_lock_file_is_noticed(paths, lock, clock):
    paths.lock.unlink()
    assert not lock.still_held()
    with await acquire(paths, "runner apply", clock) as successor:
        assert successor.still_held()
        assert not lock.still_held()


async def test_a_holder_that_can_not_be_read_is_another_run(paths, lock, clock):
    for text in ("", "{", '{"pid": null}', "[]"):
        paths.lock.write_text(text)
        with pytest.raises(StateRefused, match="locked by another run"):
            await acquire(paths, "runner apply", clock)


async def test_text_in_the_lock_file_is_made_harmless(paths, lock, clock):
    holder = json.loads(paths.lock.read_text()) | {"command": "\x1b[2J\nrm"}
    paths.lock.write_text(json.dumps(holder))
    with pytest.raises(StateRefused) as refusal:
        await acquire(paths, "runner apply", clock)
    assert refusal.value.message.isprintable()
