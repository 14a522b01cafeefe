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
    parser = _Parser(prog="python -m runner.sandbox", description="A simulated order panel on loopback.")
    parser.add_argument("--port", type=int, required=True, help="0 takes a free one")
    parser.add_argument("--db", type=Path, required=True, metavar="PATH", help="the panel's own SQLite file")
    parser.add_argument("--host", default="127.0.0.1", help="loopback only")
    parser.add_argument("--speed", type=_seconds, default=1.0, help="panel minutes per second; 0 stands still")
    parser.add_argument("--seed", type=int, default=1, help="of every order's fate")
    parser.add_argument("--latency", type=_seconds, default=0.0, help="seconds before each answer")
    parser.add_argument("--balance", type=_amount, default=Decimal("1000.00"), help="of a new account")
    parser.add_argument("--duplicate-links", type=DuplicateLinks, choices=list(DuplicateLinks), default="accept")
    parser.add_argument("--charge-style", type=ChargeStyle, choices=list(ChargeStyle), default="rewritten")
    parser.add_argument("--key-env", metavar="NAME", help=f"environment variable with the API key ({DEFAULT_KEY})")
    parser.add_argument("--lacks", action="append", default=[], metavar="CALL", help=f"{MANY_STATUSES!r}, refill, …")
    parser.add_argument(
        "--cancel-by", type=CancelBy, choices=list(CancelBy), default="orders", help="the field it reads"
    )
    parser.add_argument("--services-page", type=_count, metavar="N", help="services in one answer; the rest by offset=")
    parser.add_argument("--no-offset", action="store_true", help="every page is the first one")
    parser.add_argument(
        "--connection-requests",
        type=_count,
        metavar="N",
        help="hang up after N answers, though a connection was promised",
    )
    parser.add_argument("--connection-delay", type=_seconds, default=0.0, help="seconds before it hangs up")
    parser.add_argument(
        "--connection-idle", type=_seconds, metavar="S", help="hang up after S seconds without a request"
    )
    parser.add_argument("--control", action="store_true", help="answer the test calls under /_control")
    return parser


def _settings(given: argparse.Namespace) -> SandboxSettings:
    key = os.environ.get(given.key_env, "") if given.key_env else DEFAULT_KEY
    if not key:
        raise UsageError(f"the environment variable {given.key_env} holds no key")
    return SandboxSettings(
        key=key,
        balance=given.balance,
        speed=given.speed,
        seed=given.seed,
        latency=given.latency,
        duplicate_links=given.duplicate_links,
        charge_style=given.charge_style,
        lacks=frozenset(given.lacks),
        cancel_by=given.cancel_by,
        services_page=given.services_page,
        takes_offset=not given.no_offset,
        connection_requests=given.connection_requests,
        connection_delay=given.connection_delay,
        connection_idle=given.connection_idle,
        control=given.control,
    )


def _announce(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to stop; the exit code."""
    given = _parser().parse_args(arguments)
    try:
        settings = _settings(given)
        asyncio.run(serve_forever(given.db, port=given.port, host=given.host, settings=settings, announce=_announce))
    except RunnerError as problem:
        sys.stderr.write(f"{problem.message}\n")
        return problem.code
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
