"""`runner state`: shows and repairs what is remembered, with a backup before each change."""

import asyncio
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner.cli.arguments.options import COLOR, DEBUG, LOCK, STATE, Settings, format_option, options
from runner.core.errors import ExitCode, InvalidInput, StateRefused, UsageError
from runner.core.snapshot import Recorded
from runner.core.values.clock import SystemClock
from runner.store.disk.lock import StateLock, acquire, holder_of, is_alive, is_free
from runner.store.disk.paths import StatePaths
from runner.store.integrity.progress_evidence import check
from runner.store.read.snapshot import read_state

if TYPE_CHECKING:
    from runner.core.operations import Move

_DRY_RUN = click.option("--dry-run", is_flag=True, help="Show what would change; change nothing.")
_REASON = click.option("--reason", default="", metavar="TEXT", help="Why; recorded in the state.")
_LOOKING = (STATE, format_option("text", "json"), COLOR, DEBUG)
_CHANGING = (_DRY_RUN, STATE, LOCK, COLOR, DEBUG)


@click.group()
def state() -> None:
    """Look at the state, check it, and repair it. What changes it makes a backup before."""


@state.command("list")
@click.argument("globs", nargs=-1, metavar="[GLOB…]")
@options(*_LOOKING)
def list_(globs: tuple[str, ...], **flags: Any) -> None:  # noqa: ANN401  # click passes options by name
    """List every attempt of orders whose address matches a GLOB (default: all)."""
    from runner.report.text.state import attempts_document, render_attempts

    settings = Settings(**flags)
    recorded = _recorded(settings)
    found = sorted(
        (
            attempt
            for attempt in recorded.each()
            if not globs or any(fnmatchcase(attempt.address, glob) for glob in globs)
        ),
        key=lambda attempt: attempt.id,
    )
    if settings.format == "json":
        _write(attempts_document(recorded, found))
    elif recorded.attempts:
        render_attempts(found, settings.stdout())
    else:
        settings.stdout().line(f"Nothing was ever ordered with {settings.state}.")


@state.command()
@click.argument("address", metavar="ADDR")
@options(*_LOOKING)
def show(address: str, **flags: Any) -> None:  # noqa: ANN401  # same
    """Show everything remembered of order ADDR (campaign/id)."""
    from runner.report.text.state import attempts_document, render_attempt
    from runner.store.recovery.repair import attempts_of, parse_address

    settings = Settings(**flags)
    key = parse_address(address)
    _need_state(settings, address)
    recorded = _recorded(settings)
    found = attempts_of(recorded, key)
    if settings.format == "json":
        _write(attempts_document(recorded, found))
    else:
        render_attempt(found, settings.stdout())


@state.command()
@click.argument("address", metavar="ADDR")
@click.argument("new_address", metavar="NEWADDR")
@options(*_CHANGING)
def mv(address: str, new_address: str, dry_run: bool, **flags: Any) -> None:  # noqa: ANN401  # same
    """Give the attempts of order ADDR the address NEWADDR, in this or another campaign. Nothing is bought or merged.

    Two names without a slash are campaigns: every order of the first gets the second's name, if that has bought
    nothing.
    """
    from runner.store.recovery.repair import parse_address, plan_campaign_move, plan_move

    settings = Settings(**flags)
    of_campaigns = "/" not in address and "/" not in new_address
    before, after = ("", ""), ("", "")
    if not of_campaigns:
        before, after = parse_address(address), parse_address(new_address)
    _need_state(settings, address)
    with _locked(settings, "state mv") as (paths, lock):
        recorded = _recorded(settings)
        moves = (
            plan_campaign_move(recorded, address, new_address) if of_campaigns else [plan_move(recorded, before, after)]
        )
        _carry_out(settings, paths, lock, moves, f"state mv {address} {new_address}", dry_run=dry_run)


@state.command()
@click.argument("address", metavar="ADDR")
@click.option("--i-know-it-may-be-bought-again", "accepted", is_flag=True, help="Forget an order that may exist.")
@options(_REASON, *_CHANGING)
def rm(address: str, accepted: bool, reason: str, dry_run: bool, **flags: Any) -> None:  # noqa: ANN401  # same
    """Forget order ADDR, so that a file that lists it buys it anew.

    Its attempts and their money stay in the state, as campaign/id~removed1. Refused while one of them may exist on the
    panel. An attempt in doubt stays in doubt, and nothing is sent for its service and link until that is settled.
    """
    from runner.store.recovery.repair import parse_address, plan_removal

    settings = Settings(**flags)
    if accepted and not reason.strip():
        raise UsageError("--i-know-it-may-be-bought-again needs a --reason", "it is recorded, for whoever looks later")
    key = parse_address(address)
    _need_state(settings, address)
    with _locked(settings, "state rm") as (paths, lock):
        move = plan_removal(_recorded(settings), key, accepted=accepted)
        what = f"state rm {address}" + (f": {reason}" if reason else "")
        _carry_out(settings, paths, lock, [move], what, dry_run=dry_run)


@state.command()
@options(*_CHANGING)
def backup(dry_run: bool, **flags: Any) -> None:  # noqa: ANN401  # same
    """Copy the state into the backups directory now; print the copy's path."""
    from runner.store.startup.backup import backup as make_backup

    settings = Settings(**flags)
    check(paths := StatePaths.at(settings.state))
    if not paths.db.exists():
        click.echo(f"nothing was ever ordered with {settings.state}: there is nothing to copy")
        return
    with _locked(settings, "state backup"):
        check(paths)
        if dry_run:
            click.echo(f"would write a copy into {paths.backups}")
            return
        copy = make_backup(paths, SystemClock())
    click.echo("nothing was ever bought: there is nothing to copy" if copy is None else str(copy))


@state.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--accept-loss", is_flag=True, help="Go on although the copy is older than what was done since.")
@options(_REASON, *_CHANGING)
def restore(file: Path, accept_loss: bool, reason: str, dry_run: bool, **flags: Any) -> int:  # noqa: ANN401  # same
    """Put the copy FILE in the place of the present state. Exit 15 if something is in doubt then.

    What only the present state knows is carried over, as doubts, as far as it can be read. A copy that is older than
    the lineage knows needs --accept-loss and --reason: what was bought since and can't be carried over is unknown.
    """
    from runner.report.text.state import render_restoration
    from runner.store.recovery.restore import plan_restore
    from runner.store.recovery.restore import restore as carry_out

    settings = Settings(**flags)
    if accept_loss and not reason.strip():
        raise UsageError("--accept-loss needs a --reason", "it is recorded, for whoever looks later")
    if not file.is_file():  # before a lock makes the state's directory
        raise StateRefused(f"there is no file {file}", f"name one of {StatePaths.at(settings.state).backups}")
    with _locked(settings, "state restore") as (paths, _):
        plan = plan_restore(paths, file)
        if dry_run or (plan.loses and not accept_loss):
            render_restoration(plan, settings.stdout(), done=False)
        if dry_run:
            return ExitCode.OK
        if plan.loses and not accept_loss:
            raise StateRefused(
                f"{file} may be older than reality; nothing was changed",
                f"bring back the newest state; or go on: runner state restore {file} --accept-loss --reason '…'",
            )
        done = carry_out(paths, plan, reason, SystemClock())
        render_restoration(done, settings.stdout(), done=True)
        recorded = read_state(paths, lock_is_free=True)
    doubt = any(attempt.is_open_doubt for attempt in recorded.each())
    return ExitCode.IN_DOUBT if doubt else ExitCode.OK


@state.command()
@options(*_LOOKING)
def verify(**flags: Any) -> int:  # noqa: ANN401  # same
    """Check pages, log, tables, purchases, lineage, marks, owner, permissions. Exit 0, or 12 with what is wrong."""
    from runner.report.text.state import render_verified
    from runner.store.recovery.verify import verify as look_over

    settings = Settings(**flags)
    verified = look_over(StatePaths.at(settings.state))
    if settings.format == "json":
        findings = [finding._asdict() for finding in verified.findings]
        _write(verified._asdict() | {"checks": list(verified.checks), "findings": findings})
    else:
        render_verified(verified, settings.stdout())
    return ExitCode.STATE if verified.findings else ExitCode.OK


@state.command()
@options(_DRY_RUN, STATE, COLOR, DEBUG)
def unlock(dry_run: bool, **flags: Any) -> None:  # noqa: ANN401  # same
    """Say who holds the lock. Rarely needed: the system frees the lock when its holder ends, however it ends.

    Refused while a process holds it; else a name left by a killed run is taken off. Never breaks a lock.
    """
    from runner.report.text.state import render_unlocked

    settings = Settings(**flags)
    paths = StatePaths.at(settings.state)
    holder = holder_of(paths)
    if not is_free(paths):
        alive = (
            "which is running"
            if holder is not None and is_alive(holder)
            else "whose process, or a child of it, is running"
        )
        raise StateRefused(
            f"the state is locked by {holder or 'another run'}, {alive}",
            "wait until it has ended" + (f", or end it: kill {holder.pid}" if holder is not None else ""),
        )
    if holder is not None and not dry_run:
        with _locked(settings, "state unlock"):
            pass  # leaving takes the name off
    render_unlocked(holder, settings.stdout(), cleared=not dry_run)


def _recorded(settings: Settings) -> Recorded:
    paths = StatePaths.at(settings.state)
    check(paths)
    return read_state(paths, lock_is_free=is_free(paths))


def _need_state(settings: Settings, address: str) -> None:
    """InvalidInput if there is no state, before a lock makes its directory. StateRefused if there should be one."""
    paths = StatePaths.at(settings.state)
    check(paths)
    if not paths.db.exists():
        raise InvalidInput(
            f"there is no state {settings.state}, so nothing is known of {address}",
            "name the right one with --state",
        )


@contextmanager
def _locked(settings: Settings, command: str) -> Iterator[tuple[StatePaths, StateLock]]:
    paths = StatePaths.at(settings.state)
    with asyncio.run(acquire(paths, command, SystemClock(), settings.lock_timeout)) as lock:
        yield paths, lock


def _carry_out(
    settings: Settings, paths: StatePaths, lock: StateLock, moves: "Sequence[Move]", what: str, *, dry_run: bool
) -> None:
    from runner.report.text.state import render_moves
    from runner.store.recovery.repair import repairing

    kept = None
    if not dry_run:
        with repairing(paths, lock, SystemClock(), what) as repair:
            repair.carry_out(moves)
            kept = repair.kept
    render_moves(moves, settings.stdout(), kept, done=not dry_run)


def _write(document: Mapping[str, object]) -> None:
    from runner.report.documents.as_json import write_json

    write_json(sys.stdout, document)
