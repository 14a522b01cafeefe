"""Whether a process has ended is known of this machine alone."""

import subprocess
import sys

from runner.store.postgres.process import has_ended, this_process


def test_this_process_runs():
    assert not has_ended(this_process())


def test_one_that_was_killed_has_ended_and_one_that_is_stopped_has_not():
    command = [sys.executable, "-c", "from runner.store.postgres.process import this_process as t; print(t()); input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        name = other.stdout.readline().strip()
        assert not has_ended(name)
        other.kill()
        other.wait()
    assert has_ended(name)


def test_of_other_machines_nothing_is_known():
    boot, _, rest = this_process().partition("/")
    assert not has_ended(f"{boot[::-1]}/{rest}")
    assert not has_ended("")
