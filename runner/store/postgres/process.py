"""Names a process so that others on the same machine can tell whether it has ended."""

import os
from pathlib import Path

_PROC = Path("/proc")


def this_process() -> str:
    """The start of the machine, the namespace of process ids, the id and the start of this process; empty if unknown."""
    return _name_of(os.getpid())


def has_ended(process: str) -> bool:
    """True if the process that `this_process` named ran on this machine and surely runs no more. Elsewhere: False."""
    try:
        boot, namespace, pid, _ = process.split("/")
    except ValueError:
        return False
    if (boot, namespace) != _place():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (OSError, ValueError):  # somebody else's
        pass
    return _name_of(int(pid)) not in ("", process)  # it may be hidden from us


def _name_of(pid: int) -> str:
    boot, namespace = _place()
    try:
        # The name of the program stands in parentheses, and may hold anything.
        fields = (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return f"{boot}/{namespace}/{pid}/{fields[19]}" if boot else ""


def _place() -> tuple[str, str]:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return boot, str((_PROC / "self/ns/pid").stat().st_ino)
    except OSError:
        return "", ""
