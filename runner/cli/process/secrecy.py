"""Keeps the memory of the process, which holds API keys, out of core dumps and away from other processes."""

import sys
from contextlib import suppress

_PR_SET_DUMPABLE = 4  # <linux/prctl.h>


def forbid_core_dumps() -> None:
    """Switch core dumps off for this process; on Linux a debugger then needs root.

    The limit alone is not enough: where the kernel hands dumps to a program (core_pattern with a pipe), it ignores it.
    """
    import resource

    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        import ctypes

        with suppress(OSError, AttributeError):  # a libc without prctl
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
