"""Flags that several commands share, and the typed settings they become."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from runner.cli.arguments.durations import Wait
from runner.cli.arguments.project import PANELS as DEFAULT_PANELS
from runner.cli.arguments.project import STATE as DEFAULT_STATE
from runner.cli.arguments.project import from_here, placed, project
from runner.core.errors import UsageError
from runner.core.orders import Campaign
from runner.core.values.money import parse_amount
from runner.report.terminal.screen import Screen
from runner.store.disk.paths import StatePaths, refuse_as_state
from runner.store.postgres.address import is_address, need_driver, parse
from runner.store.state import SharedState, State

if TYPE_CHECKING:
    from runner.core.snapshot import Recorded
    from runner.planning.status.selectors import Bound, Selector


class Amount(click.ParamType[Decimal]):
    """A decimal amount of money, `60.00`."""

    name = "amount"

    def __init__(self, *, signed: bool = False) -> None:
        """With `signed` it may be negative."""
        self._signed = signed

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:  # noqa: ANN401  # click's signature
        """The exact amount; a usage error for anything else."""
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
    allow_empty: bool = False
    lock_timeout: float = 0.0
    parallel: int | None = None
    patience: float = 600.0  # seconds that a panel may ask to wait
    quiet: bool = False
    color: bool = True
    debug: bool = False
    log_file: Path | None = None
    no_ci: bool = False
    short: bool = False
    yes: bool = False
    no_input: bool = False
    dry_run: bool = False
    prune: bool = False
    counts: Path | None = None
    max_cost: Decimal | None = None
    selection: "Selector | None" = None  # which orders take part, by `select` and `exclude`; None for all

    def __post_init__(self) -> None:
        """Read the patterns, and the files that they name, once: a pipe can't be read twice."""
        if self.selection is None and (self.select or self.exclude):
            from runner.cli.arguments.selection import read_selection

            chosen = read_selection(self.select, self.exclude, allow_empty=self.allow_empty)
            object.__setattr__(self, "selection", chosen)

    def bound(self, campaigns: Sequence[Campaign], recorded: "Recorded", now: datetime) -> "Bound | None":
        """The selection, applied to the present state; None: all orders."""
        return None if self.selection is None else self.selection.bind(campaigns, recorded, now)

    @property
    def project(self) -> Path:
        """The project's folder, as seen from where one stands."""
        return project()

    @property
    def where(self) -> State:
        """Where the state is: in a file, or on a server."""
        return state_at(self.state)

    @property
    def paths(self) -> StatePaths:
        """The state's files; of a state on a server those that stay on this machine."""
        return _paths_of(self.state)

    def need_file(self, command: str, instead: str) -> StatePaths:
        """The state's files; UsageError for a state on a server, where `instead` is done."""
        if is_address(self.state):
            raise UsageError(f"{command} is for a state in a file; this one is on a server", instead)
        return self.paths

    @property
    def may_ask(self) -> bool:
        """True if stdin and stderr are a terminal and --no-input was not given."""
        return not self.no_input and sys.stdin.isatty() and sys.stderr.isatty()

    @property
    def places(self) -> str:
        """The flags that another command needs to use the same state and panels; empty if the defaults lead there."""
        flags = ""
        if self.state != from_here(DEFAULT_STATE):
            flags += f" --state {quote(self.state)}"
        if self.panels != from_here(DEFAULT_PANELS):
            flags += f" --panels {quote(self.panels)}"
        return flags

    def stdout(self) -> Screen:
        """Where data goes; with `short`, a pipe or a file gets the screen of a terminal, without its colours."""
        if self.short and not sys.stdout.isatty():
            return Screen(sys.stdout, terminal=True, colour=False)
        return Screen(sys.stdout, colour=None if self.color else False)

    def stderr(self) -> Screen:
        """Where progress, prompts and complaints go."""
        return Screen(sys.stderr, colour=None if self.color else False)


def state_at(name: str) -> State:
    """The state that a path or an address means."""
    return SharedState(parse(name), _paths_of(name)) if is_address(name) else StatePaths.at(name)


def _paths_of(name: str) -> StatePaths:
    return StatePaths.at(from_here(DEFAULT_STATE) if is_address(name) else name)


_SHARED = frozenset(field.name for field in fields(Settings))


class Command(click.Command):
    """A command to which the flags that several commands share come as one argument, `settings`."""

    def invoke(self, ctx: click.Context) -> object:
        """Call the command; returns what it returns."""
        shared = {name: ctx.params.pop(name) for name in _SHARED.intersection(ctx.params)}
        ctx.params["settings"] = Settings(**shared)
        return super().invoke(ctx)


class Group(click.Group):
    """A group of such commands."""

    command_class = Command


def _report_option(*formats: str) -> click.Option:
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

    return click.Option(
        ["--report", "reports"],
        multiple=True,
        metavar="FORMAT=PATH",
        callback=parse,
        help=f"Also write the result to a file; may be repeated. FORMAT: {', '.join(formats)}.",
    )


def state_option(ctx: click.Context, param: click.Parameter, value: str | None) -> str:
    """The callback of an option that names a state."""
    found = placed(DEFAULT_STATE)(ctx, param, value)
    if ctx.resilient_parsing:
        return found
    if is_address(found):
        parse(found)
        need_driver()
    else:
        refuse_as_state(found)
    return found


_flag = partial(click.Option, is_flag=True)
_PATH = click.Path(path_type=Path)

FILES = click.Argument(["files"], nargs=-1, type=click.Path())
STATE = click.Option(
    ["--state"],
    callback=state_option,
    show_default=f"{DEFAULT_STATE} of the project",
    envvar="BULK_RUNNER_STATE",
    help="State: a file, or postgresql://user@host/database?project=NAME.",
)
PANELS = click.Option(
    ["--panels"],
    callback=placed(DEFAULT_PANELS),
    show_default=f"{DEFAULT_PANELS} of the project",
    envvar="BULK_RUNNER_PANELS",
    help="Panel profiles.",
)
NEW_STATE = _flag(
    ["--new-state"], help="Begin a new state: only if nothing was ever bought with these campaigns. Not for scripts."
)
SELECT = click.Option(
    ["--select"],
    multiple=True,
    metavar="PATTERN",
    help="Only these orders: a glob over campaign/id, tag:NAME, status:WORD, service:ID or @FILE of addresses. May be repeated: all that one of them fits.",
)
ALLOW_EMPTY = _flag(["--allow-empty"], help="In a CI job, a --select that fits no order is no error.")
EXCLUDE = click.Option(["--exclude"], multiple=True, metavar="PATTERN", help="Not these orders; the same patterns.")
LOCK = click.Option(
    ["--lock-timeout"],
    type=Wait(),
    default=0.0,
    metavar="DURATION",
    help="Wait so long for the state lock: 30s, 10m.  [default: do not wait]",
)
PARALLEL = click.Option(
    ["--parallel"], type=click.IntRange(1, 256), help="Requests in flight per panel; the profile's figure otherwise."
)
PATIENCE = click.Option(
    ["--patience"],
    type=Wait(),
    default=600.0,
    metavar="DURATION",
    help="Give a panel up that asks to wait for longer: 30s, 10m, 1h.  [default: 10m]",
)
NO_CI = _flag(["--no-ci"], envvar="BULK_RUNNER_NO_CI", help="Tell GitHub Actions nothing.")
COUNTS = click.Option(
    ["--counts"], type=_PATH, metavar="CSV", help="Present counts (link,count), for policy.refill.when: drop."
)
PRUNE = _flag(
    ["--prune"],
    help="Also cancel live orders that the campaigns no longer list, where the service allows it; never protected ones.",
)
SHORT = _flag(["--short"], help="Sum up many orders in a pipe or a file too, as on a terminal, instead of listing all.")
QUIET = _flag(["-q", "--quiet"], help="No progress.")
COLOR = _flag(["--no-color", "color"], flag_value=False, default=True, help="No colours.")
DEBUG = _flag(["--debug"], help="Log every request (never the key) to stderr; tracebacks.")
LOG_FILE = click.Option(["--log-file"], type=_PATH, help="Append the log to a file.")


def _format_option(*formats: str) -> click.Option:
    """`--format` with the choices that a command has."""
    return click.Option(["--format"], type=click.Choice(formats), default=formats[0], show_default=True, help="Output.")


# What they do differs from command to command: each says it as `help`.
YES = partial(_flag, ["-y", "--yes"])
NO_INPUT = partial(_flag, ["--no-input"], envvar="BULK_RUNNER_NO_INPUT")
DRY_RUN = partial(_flag, ["--dry-run"])
MAX_COST = partial(click.Option, ["--max-cost"], type=Amount())

FORMAT = _format_option("text", "json")
EVENTS = _format_option("text", "json", "jsonl")
_REPORT = _report_option("text", "json", "jsonl", "csv", "markdown", "junit", "html")
_DOCUMENTS = _report_option("text", "json")  # of commands whose result is no account of orders and money

# The flags of a command, in the order in which its help lists them.
_CHOOSING = (FILES, STATE, PANELS, SELECT, EXCLUDE, ALLOW_EMPTY, COLOR, DEBUG)
_CALLING = (LOCK, PARALLEL, PATIENCE, QUIET, LOG_FILE)
VALIDATING = (FILES, PANELS, FORMAT, NO_CI, COLOR, DEBUG)
PLANNING = (*_CHOOSING, FORMAT, *_CALLING, NEW_STATE, SHORT, PRUNE, COUNTS, _REPORT, NO_CI)
BUYING = (
    *(*_CHOOSING, EVENTS, *_CALLING, NEW_STATE, PRUNE, COUNTS, _REPORT, NO_CI),
    YES(help="Do not ask. Never settles a doubt."),
    NO_INPUT(help="Never ask; without --yes, buy nothing."),
)
BY_HAND = (
    DRY_RUN(help="Show what would be asked for; sends nothing."),
    YES(help="Do not ask."),
    NO_INPUT(help="Never ask; needs --yes."),
    *(STATE, PANELS, FORMAT, *_CALLING, _DOCUMENTS, COLOR, DEBUG),
)
IMPORTING = (
    DRY_RUN(help="Ask the panel and show what would be imported; records nothing."),
    *(STATE, NEW_STATE, PANELS, FORMAT, LOCK, PARALLEL, QUIET, _DOCUMENTS, COLOR, DEBUG, LOG_FILE),
)
STANDING = (*_CHOOSING, FORMAT, *_CALLING, SHORT, _REPORT, NO_CI)
REPORTING = (FORMAT, _REPORT, NO_CI, COLOR, DEBUG)
ASKING = (PANELS, STATE, FORMAT, PARALLEL, PATIENCE, COLOR, DEBUG, LOG_FILE)
