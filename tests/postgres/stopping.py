"""The runner, stopped as by SIGSTOP at the one moment that a lock can't cover: its mark is durable, and nothing is sent.

Usage: python -m tests.postgres.stopping ORDERS ARGUMENTS…: after so many orders were on their way.
"""

import os
import signal
import sys
from typing import Any

from runner.cli.main import run
from runner.panel.transport.http import HttpTransport


def stop_before(order: int) -> None:
    send, told = HttpTransport.send, []

    async def stopping(self: HttpTransport, form: Any, *rest: Any, **more: Any) -> Any:
        if form[0][1] == "add":
            told.append(form)
            if len(told) == order:
                os.kill(os.getpid(), signal.SIGSTOP)
        return await send(self, form, *rest, **more)

    HttpTransport.send = stopping  # type: ignore[method-assign]


if __name__ == "__main__":
    stop_before(int(sys.argv[1]))
    sys.exit(run(sys.argv[2:]))
