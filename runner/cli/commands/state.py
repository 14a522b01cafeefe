"""`runner state`: shows and repairs what is remembered, with a backup before each change."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runner.cli.arguments.options import (
    COLOR,
    DEBUG,
    DRY_RUN,
    FORMAT,
    LOCK,
    STATE,
    Group,
    Settings,
    state_at,
    state_option,
)
from runner.cli.io.output import show as show_result
from runner.cli.io.snapshot import check_state, need_state, remembered
from runner.core.errors import ExitCode, StateRefused, UsageError
from runner.core.values.clock import SystemClock
from runner.report.terminal.screen import Screen
from runner.store.disk.lock import holder_of, is_alive, is_free
from runner.store.integrity.progress_evidence import check
from runner.store.read.snapshot import read_state
from runner.store.state import SharedState

if TYPE_CHECKING:
    from runner.core.operations import Move
    from runner.store.journal import Lock

_ADDRESS = click.Argument(["address"], metavar="ADDR")
_DRY_RUN = DRY_RUN(help="Show what would change; change nothing.")
_REASON = click.Option(["--reason"], default="", metavar="TEXT", help="Why; recorded in the state.")
_ACCEPTED = click.Option(
    ["--i-know-it-may-be-bought-again", "accepted"], is_flag=True, help="Forget an order that may exist."
)
_ACCEPT_LOSS = click.Option(
    ["--accept-loss"], is_flag=True, help="Go on although the copy is older than what was done since."
)
_ACCEPT = click.Option(["--accept"], is_flag=True, help="Say that what a server holds now is right; needs --reason.")
_TO = click.Option(["--to"], required=True, metavar="URL|FILE", callback=state_option, help="Where the state goes.")
_LOOKING = (STATE, FORMAT, COLOR, DEBUG)
_CHANGING = (_DRY_RUN, STATE, LOCK, COLOR, DEBUG)


@click.group(cls=Group)
def state() -> None:
    """Look at the state, check it, and repair it. What changes it makes a backup before."""


@state.command("list", params=[*_LOOKING])
@click.argument("globs", nargs=-1, metavar="[GLOB…]")
def list_(settings: Settings, *, globs: tuple[str, ...]) -> None:
    """List every attempt of orders whose address matches a GLOB (default: all)."""
    from runner.report.documents.as_json import json_chunks
    from runner.report.text.state import attempts_document, render_attempts

    recorded = remembered(settings)
    found = sorted(
        (
            attempt
            for attempt in recorded.each()
            if not globs or any(fnmatchcase(attempt.address, glob) for glob in globs)
        ),
        key=lambda attempt: attempt.id,
    )

    def as_text(screen: Screen) -> None:
        if recorded.attempts:
            render_attempts(found, screen)
        else:
            screen.line(f"Nothing was ever ordered with {settings.state}.")

    show_result(settings, lambda: json_chunks(attempts_document(recorded, found)), as_text)


@state.command(params=[_ADDRESS, *_LOOKING])
def show(settings: Settings, *, address: str) -> None:
    """Show everything remembered of order ADDR (campaign/id)."""
    from runner.report.documents.as_json import json_chunks
    from runner.report.text.state import attempts_document, render_attempt
    from runner.store.recovery.repair import attempts_of, parse_address

    key = parse_address(address)
    need_state(settings, address)
    recorded = remembered(settings)
    found = attempts_of(recorded, key)
    show_result(
        settings,
        lambda: json_chunks(attempts_document(recorded, found)),
        lambda screen: render_attempt(found, screen),
    )


@state.command(params=[_ADDRESS, *_CHANGING])
@click.argument("new_address", metavar="NEWADDR")
def mv(settings: Settings, *, address: str, new_address: str) -> None:
    """Give the attempts of order ADDR the address NEWADDR, in this or another campaign. Nothing is bought or merged.

    Two names without a slash are campaigns: every order of the first gets the second's name, if that has bought
    nothing.
    """
    from runner.store.recovery.repair import parse_address, plan_campaign_move, plan_move

    of_campaigns = "/" not in address and "/" not in new_address
    before, after = ("", ""), ("", "")
    if not of_campaigns:
        before, after = parse_address(address), parse_address(new_address)
    need_state(settings, address)
    with _locked(settings, "state mv") as lock:
        recorded = remembered(settings)
        moves = (
            plan_campaign_move(recorded, address, new_address) if of_campaigns else [plan_move(recorded, before, after)]
        )
        _carry_out(settings, lock, moves, f"state mv {address} {new_address}")


@state.command(params=[_ADDRESS, _ACCEPTED, _REASON, *_CHANGING])
def rm(settings: Settings, *, address: str, accepted: bool, reason: str) -> None:
    """Forget order ADDR, so that a file that lists it buys it anew.

    Its attempts and their money stay in the state, as campaign/id~removed1. Refused while one of them may exist on the
    panel. An attempt in doubt stays in doubt, and nothing is sent for its service and link until that is settled.
    """
    from runner.store.recovery.repair import parse_address, plan_removal

    if accepted and not reason.strip():
        raise UsageError("--i-know-it-may-be-bought-again needs a --reason", "it is recorded, for whoever looks later")
    key = parse_address(address)
    need_state(settings, address)
    with _locked(settings, "state rm") as lock:
        move = plan_removal(remembered(settings), key, accepted=accepted)
        _carry_out(settings, lock, [move], f"state rm {address}" + (f": {reason}" if reason else ""))


@state.command(params=[*_CHANGING])
def backup(settings: Settings) -> None:
    """Copy the state into the backups directory now; print the copy's path."""
    from runner.store.startup.backup import backup as make_backup

    check(paths := settings.need_file("state backup", "use the server's own tools, as pg_dump"))
    if not paths.db.exists():
        click.echo(f"nothing was ever ordered with {settings.state}: there is nothing to copy")
        return
    with _locked(settings, "state backup"):
        check(paths)
        if settings.dry_run:
            click.echo(f"would write a copy into {paths.backups}")
            return
        copy = make_backup(paths, SystemClock())
    click.echo("nothing was ever bought: there is nothing to copy" if copy is None else str(copy))


@state.command(params=[_ACCEPT_LOSS, _REASON, *_CHANGING])
@click.argument("file", type=click.Path(path_type=Path))
def restore(settings: Settings, *, file: Path, accept_loss: bool, reason: str) -> int:
    """Put the copy FILE in the place of the present state. Exit 15 if something is in doubt then.

    What only the present state knows is carried over, as doubts, as far as it can be read. A copy that is older than
    the lineage knows needs --accept-loss and --reason: what was bought since and can't be carried over is unknown.
    """
    from runner.report.text.state import render_restoration
    from runner.store.recovery.restore import plan_restore
    from runner.store.recovery.restore import restore as carry_out

    if accept_loss and not reason.strip():
        raise UsageError("--accept-loss needs a --reason", "it is recorded, for whoever looks later")
    paths = settings.need_file("state restore", "use the server's own tools, as pg_restore")
    if not file.is_file():  # before a lock makes the state's directory
        raise StateRefused(f"there is no file {file}", f"name one of {paths.backups}")
    with _locked(settings, "state restore"):
        plan = plan_restore(paths, file)
        if settings.dry_run or (plan.loses and not accept_loss):
            render_restoration(plan, settings.stdout(), done=False)
        if settings.dry_run:
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


@state.command(params=[_TO, *_CHANGING])
def copy(settings: Settings, *, to: str) -> None:
    """Copy the state to a server, or from one into a file, and close it here: from then on every command uses the copy.

    Refused where the target has been used. Every order, decision, price and balance goes along, and is compared after that.
    A copy that was broken off is finished by the same command.
    """
    from runner.report.text.state import render_copied
    from runner.store.recovery.copy_state import copy as carry_out
    from runner.store.recovery.copy_state import plan_copy

    source, target = settings.where, state_at(to)
    check_state(settings)
    copied = plan_copy(source, target)  # before a lock makes a directory
    if not settings.dry_run:
        with _locked(settings, "state copy") as lock, _locked(replace(settings, state=to), "state copy") as other:
            copied = carry_out(source, target, (lock, other), SystemClock())
    render_copied(copied, settings.stdout())


@state.command(params=[_ACCEPT, _REASON, *_LOOKING])
def verify(settings: Settings, *, accept: bool, reason: str) -> int:
    """Check pages, log, tables, purchases, lineage, marks, owner, permissions. Exit 0, or 12 with what is wrong.

    On a server: its settings, its history, and what this machine knows of the state. After a fail-over or a restored
    backup, once you have compared with the panel's own order list, --accept goes on with what is there.
    """
    from runner.report.documents.as_json import json_chunks
    from runner.report.text.state import render_verified

    where = settings.where
    if accept and not reason.strip():
        raise UsageError("--accept needs a --reason", "it is recorded, for whoever looks later")
    if isinstance(where, SharedState):
        from runner.store.recovery.verify_shared import verify_shared
        from runner.store.startup.shared import accept as accept_history

        if accept and not accept_history(where, reason, SystemClock()):
            settings.stderr().line("there is nothing to accept: the server is the one it was")
        verified = verify_shared(where)
    else:
        from runner.store.recovery.verify import verify as look_over

        if accept:
            raise UsageError(
                "--accept is for a state on a server", "of a file: runner state restore FILE --accept-loss"
            )
        verified = look_over(where)
    findings = [finding._asdict() for finding in verified.findings]
    show_result(
        settings,
        lambda: json_chunks(verified._asdict() | {"checks": list(verified.checks), "findings": findings}),
        lambda screen: render_verified(verified, screen),
    )
    return ExitCode.STATE if verified.findings else ExitCode.OK


@state.command(params=[_DRY_RUN, STATE, COLOR, DEBUG])
def unlock(settings: Settings) -> None:
    """Say who holds the lock. Rarely needed: the system frees the lock when its holder ends, however it ends.

    Refused while a process holds it; else a name left by a killed run is taken off. Never breaks a lock.
    """
    from runner.report.text.state import render_unlocked

    paths = settings.need_file("state unlock", "nothing is left locked there: a lease ends with its run")
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
    if holder is not None and not settings.dry_run:
        with _locked(settings, "state unlock"):
            pass  # leaving takes the name off
    render_unlocked(holder, settings.stdout(), cleared=not settings.dry_run)


@contextmanager
def _locked(settings: Settings, command: str) -> "Iterator[Lock]":
    """The lock of a file, or every account that the project is known to use on a server."""
    from runner.store.journal import hold

    taking = hold(settings.where, {}, command, SystemClock(), settings.lock_timeout, all_known=True)
    with asyncio.run(taking) as lock:
        yield lock


def _carry_out(settings: Settings, lock: "Lock", moves: "Sequence[Move]", what: str) -> None:
    from runner.report.text.state import render_moves
    from runner.store.recovery.repair import carry_out

    kept = None if settings.dry_run else carry_out(settings.where, lock, SystemClock(), what, moves)
    render_moves(moves, settings.stdout(), kept, done=not settings.dry_run)
