"""Flags that several commands share, and the typed settings they become."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, TypeVar

import click

from runner.cli.arguments.durations import Wait
from runner.cli.arguments.project import PANELS as DEFAULT_PANELS
from runner.cli.arguments.project import STATE as DEFAULT_STATE
from runner.cli.arguments.project import from_here, placed, project
from runner.core.errors import UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from runner.core.orders import Campaign
    from runner.core.snapshot import Recorded
    from runner.planning.status.selectors import Bound, Selector
    from runner.report.terminal.screen import Screen

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


class Amount(click.ParamType[Decimal]):
    """A decimal amount of money, `60.00`."""

    name = "amount"

    def __init__(self, *, signed: bool = False) -> None:
        """With `signed` it may be negative."""
        self._signed = signed

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:  # noqa: ANN401  # click's signature
        """The exact amount; a usage error for anything else."""
        from runner.core.values.money import parse_amount

        try:
            amount = parse_amount(str(value))
        except ValueError:
            from runner.files.syntax.written_numbers import as_amount

            self.fail(f"{value!r} is not an amount; write it like {as_amount(str(value)) or '60.00'}", param, ctx)
        if amount < 0 and not self._signed:
            self.fail(f"{value!r} is below zero; write it like 60.00", param, ctx)
        return amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The shared flags of one call."""

    files: tuple[str, ...] = ()
    state: str = DEFAULT_STATE  # as seen from where one stands, as every path
    panels: str = DEFAULT_PANELS
    new_state: bool = False
    format: str = "text"
    reports: tuple[tuple[str, Path], ...] = ()
    select: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    lock_timeout: float = 0.0
    parallel: int | None = None
    patience: float = 600.0  # seconds that a panel may ask to wait
    quiet: bool = False
    color: bool = True
    debug: bool = False
    log_file: Path | None = None
    no_ci: bool = False
    short: bool = False
    selection: "Selector | None" = None  # which orders take part, by `select` and `exclude`; None for all

    def __post_init__(self) -> None:
        """Read the patterns, and the files that they name, once: a pipe can't be read twice."""
        if self.selection is None and (self.select or self.exclude):
            from runner.cli.arguments.selection import read_selection

            object.__setattr__(self, "selection", read_selection(self.select, self.exclude))

    def bound(self, campaigns: "Sequence[Campaign]", recorded: "Recorded", now: "datetime") -> "Bound | None":
        """The selection as the state is now; None for all orders."""
        return None if self.selection is None else self.selection.bind(campaigns, recorded, now)

    @property
    def project(self) -> Path:
        """The project's folder, as seen from where one stands."""
        return project()

    @property
    def places(self) -> str:
        """The flags that make another command find the same state and panels; empty where it does so without."""
        flags = ""
        if self.state != from_here(DEFAULT_STATE):
            flags += f" --state {quote(self.state)}"
        if self.panels != from_here(DEFAULT_PANELS):
            flags += f" --panels {quote(self.panels)}"
        return flags

    def stdout(self) -> "Screen":
        """Where data goes; with `short`, a pipe or a file gets the screen of a terminal, without its colours."""
        from runner.report.terminal.screen import Screen

        if self.short and not sys.stdout.isatty():
            return Screen(sys.stdout, terminal=True, colour=False)
        return Screen(sys.stdout, colour=None if self.color else False)

    def stderr(self) -> "Screen":
        """Where progress, prompts and complaints go."""
        from runner.report.terminal.screen import Screen

        return Screen(sys.stderr, colour=None if self.color else False)


def _report_option(*formats: str) -> Callable[[Decorated], Decorated]:
    """`--report` with the formats that a command has."""

    def parse(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> tuple[tuple[str, Path], ...]:
        pairs = []
        for value in values:
            kind, separator, path = value.partition("=")
            if kind not in formats or not separator or not path:
                raise UsageError(
                    f"--report {value}: not FORMAT=PATH",
                    f"FORMAT is one of {', '.join(formats)}, e.g. --report {formats[-1]}=report.{formats[-1]}",
                )
            pairs.append((kind, Path(path)))
        return tuple(pairs)

    return click.option(
        "--report",
        "reports",
        multiple=True,
        metavar="FORMAT=PATH",
        callback=parse,
        help=f"Also write the result to a file; may be repeated. FORMAT: {', '.join(formats)}.",
    )


def _state(ctx: click.Context, param: click.Parameter, value: str | None) -> str:
    from runner.store.disk.paths import refuse_as_state

    found = placed(DEFAULT_STATE)(ctx, param, value)
    if not ctx.resilient_parsing:
        refuse_as_state(found)
    return found


FILES = click.argument("files", nargs=-1, type=click.Path())
STATE = click.option(
    "--state",
    callback=_state,
    show_default=f"{DEFAULT_STATE} of the project",
    envvar="BULK_RUNNER_STATE",
    help="State database.",
)
PANELS = click.option(
    "--panels",
    callback=placed(DEFAULT_PANELS),
    show_default=f"{DEFAULT_PANELS} of the project",
    envvar="BULK_RUNNER_PANELS",
    help="Panel profiles.",
)
NEW_STATE = click.option(
    "--new-state",
    is_flag=True,
    help="Begin a new state: only if nothing was ever bought with these campaigns. Not for scripts.",
)
SELECT = click.option(
    "--select",
    multiple=True,
    metavar="PATTERN",
    help="Only these orders: a glob over campaign/id, tag:NAME, status:WORD, service:ID or @FILE of addresses. May be repeated: all that one of them fits.",
)
EXCLUDE = click.option("--exclude", multiple=True, metavar="PATTERN", help="Not these orders; the same patterns.")
LOCK = click.option(
    "--lock-timeout",
    type=Wait(),
    default=0.0,
    metavar="DURATION",
    help="Wait so long for the state lock: 30s, 10m.  [default: do not wait]",
)
PARALLEL = click.option(
    "--parallel", type=click.IntRange(1, 256), help="Requests in flight per panel; the profile's figure otherwise."
)
PATIENCE = click.option(
    "--patience",
    type=Wait(),
    default=600.0,
    metavar="DURATION",
    help="Give a panel up that asks to wait for longer: 30s, 10m, 1h.  [default: 10m]",
)
REPORT = _report_option("text", "json", "jsonl", "csv", "markdown", "junit", "html")
DOCUMENTS = _report_option("text", "json")  # of commands whose result is no account of orders and money
NO_CI = click.option("--no-ci", is_flag=True, envvar="BULK_RUNNER_NO_CI", help="Tell GitHub Actions nothing.")
COUNTS = click.option(
    "--counts",
    type=click.Path(path_type=Path),
    metavar="CSV",
    help="Present counts (link,count), for policy.refill.when: drop.",
)
PRUNE = click.option(
    "--prune",
    is_flag=True,
    help="Also cancel live orders that the campaigns no longer list, where the service allows it; never protected ones.",
)
SHORT = click.option(
    "--short",
    is_flag=True,
    help="Sum up many orders in a pipe or a file too, as on a terminal, instead of listing all.",
)
QUIET = click.option("-q", "--quiet", is_flag=True, help="No progress.")
COLOR = click.option("--no-color", "color", is_flag=True, flag_value=False, default=True, help="No colours.")
DEBUG = click.option("--debug", is_flag=True, help="Log every request (never the key) to stderr; tracebacks.")
LOG_FILE = click.option("--log-file", type=click.Path(path_type=Path), help="Append the log to a file.")


def format_option(*formats: str) -> Callable[[Decorated], Decorated]:
    """`--format` with the choices that a command has."""
    return click.option("--format", type=click.Choice(formats), default=formats[0], show_default=True, help="Output.")


def options(*decorators: Callable[[Decorated], Decorated]) -> Callable[[Decorated], Decorated]:
    """Several shared flags at once, in the order given."""

    def decorate(function: Decorated) -> Decorated:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


READING = (FILES, STATE, PANELS, SELECT, EXCLUDE, COLOR, DEBUG)
CALLING = (LOCK, PARALLEL, PATIENCE, QUIET, LOG_FILE)
