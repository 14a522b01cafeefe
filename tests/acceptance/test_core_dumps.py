"""The key leaves the process's memory in no core dump."""

import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.acceptance.project import PATIENCE, Project, environment, post

ASK = """
import ctypes, resource
from runner.cli.process.secrecy import forbid_core_dumps
forbid_core_dumps()
print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), resource.getrlimit(resource.RLIMIT_CORE))
"""


def unlimited() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def test_a_crash_in_the_middle_of_a_run_writes_no_core_dump(project: Project, served_sandbox):
    project.campaign([post(1)])
    served_sandbox.fault({"kind": "latency", "action": "balance", "seconds": 30})
    running = subprocess.Popen(
        project.line("apply", "--yes", "--format", "jsonl"),
        cwd=project.root,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=unlimited,  # noqa: PLW1509  # no threads here
    )
    assert running.stdout is not None
    while "refresh_started" not in running.stdout.readline():
        assert running.poll() is None
    limits = Path(f"/proc/{running.pid}/limits").read_text()
    assert "Max core file size        0                    0 " in limits
    running.send_signal(signal.SIGSEGV)
    running.communicate(timeout=PATIENCE)
    assert running.returncode == -signal.SIGSEGV
    time.sleep(0.1)
    assert not list(project.root.glob("*core*"))


def test_no_program_that_collects_dumps_gets_one_either(project: Project):
    """Such programs are not bound by the limit; the kernel asks whether the process is dumpable."""
    told = subprocess.run(
        [sys.executable, "-c", ASK],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=unlimited,  # no threads here
    )
    assert told.stdout == "0 (0, 0)\n"
