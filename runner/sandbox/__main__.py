"""`python -m runner.sandbox`: a panel as a process of its own. Arguments only."""

import argparse
import asyncio
import os
import sys
from decimal import Decimal
from pathlib import Path
from typing import NoReturn

from runner.core.errors import ExitCode, RunnerError, UsageError
from runner.core.values.money import parse_amount
from runner.sandbox.serve import serve_forever
from runner.sandbox.settings import (
    DEFAULT_KEY,
    MANY_STATUSES,
    CancelBy,
    ChargeStyle,
    DuplicateLinks,
    SandboxSettings,
)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Usage errors end with the runner's code, not with argparse's 2."""
        self.print_usage(sys.stderr)
        self.exit(ExitCode.USAGE, f"{self.prog}: error: {message}\n")


def _amount(text: str) -> Decimal:
    try:
        return parse_amount(text)
    except ValueError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"not a positive number: {text!r}")
    return number


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"not a positive number: {text!r}")
    return number


def _parser() -> argparse.ArgumentParser:
    """Options are named as the fields of SandboxSettings, whose defaults hold for what is not given."""
    parser = _Parser(
        prog="python -m runner.sandbox",
        description="A simulated order panel on loopback.",
        argument_default=argparse.SUPPRESS,
    )
    add = parser.add_argument
    add("--port", type=int, required=True, help="0 takes a free one")
    add("--db", type=Path, required=True, metavar="PATH", help="the panel's own SQLite file")
    add("--host", default="127.0.0.1", help="loopback only")
    add("--speed", type=_seconds, help="panel minutes per second; 0 stands still")
    add("--seed", type=int, help="of every order's fate")
    add("--latency", type=_seconds, help="seconds before each answer")
    add("--balance", type=_amount, help="of a new account")
    add("--duplicate-links", type=DuplicateLinks, choices=list(DuplicateLinks))
    add("--charge-style", type=ChargeStyle, choices=list(ChargeStyle))
    add("--key-env", metavar="NAME", help=f"environment variable with the API key ({DEFAULT_KEY})")
    add("--lacks", action="append", metavar="CALL", help=f"{MANY_STATUSES!r}, refill, …")
    add("--cancel-by", type=CancelBy, choices=list(CancelBy), help="the field it reads")
    add("--services-page", type=_count, metavar="N", help="services in one answer; the rest by offset=")
    add("--no-offset", dest="takes_offset", action="store_false", help="every page is the first one")
    hangs_up = "hang up after N answers, though a connection was promised"
    add("--connection-requests", type=_count, metavar="N", help=hangs_up)
    add("--connection-delay", type=_seconds, help="seconds before it hangs up")
    add("--connection-idle", type=_seconds, metavar="S", help="hang up after S seconds without a request")
    add("--control", action="store_true", help="answer the test calls under /_control")
    return parser


def _key(variable: str) -> str:
    if not (key := os.environ.get(variable, "")):
        raise UsageError(f"the environment variable {variable} holds no key")
    return key


def _announce(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to stop; the exit code."""
    options = vars(_parser().parse_args(arguments))
    port, db, host = options.pop("port"), options.pop("db"), options.pop("host")
    try:
        if "key_env" in options:
            options["key"] = _key(options.pop("key_env"))
        settings = SandboxSettings(**options)
        asyncio.run(serve_forever(db, port=port, host=host, settings=settings, announce=_announce))
    except RunnerError as problem:
        sys.stderr.write(f"{problem.message}\n")
        return problem.code
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
