"""`runner refill` and `runner cancel`: ask panels by hand, 100 recorded orders a call."""

import asyncio
import sys
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner.cli.arguments.options import (
    CALLING,
    COLOR,
    COUNTS,
    DEBUG,
    DOCUMENTS,
    PANELS,
    STATE,
    Settings,
    format_option,
    options,
)
from runner.cli.by_hand.cancel_cap import CHOICES, excess
from runner.cli.io.inputs import Inputs, need_counts, need_inputs, need_profiles, start_logging
from runner.cli.io.listener import listener
from runner.cli.io.report_files import Result, claim, publish
from runner.core.attempts import Attempt
from runner.core.errors import ExitCode, GuardRefused, Interrupted, InvalidInput
from runner.core.operations import DoubtLeftOvers
from runner.core.orders import SANDBOX, PanelProfile, RefillPolicy
from runner.core.snapshot import Recorded
from runner.core.values.clock import SystemClock
from runner.engine.results import RequestOutcome, RequestResult
from runner.planning.refills.cancels import too_late
from runner.planning.refills.due_refills import DueRefill, RefillInputs, RefillRound, hindrance, service_of
from runner.planning.status.selected_attempts import Chosen, choose
from runner.report.documents.as_json import cancel_document, refill_document, write_json
from runner.store.disk.lock import is_free
from runner.store.disk.paths import StatePaths
from runner.store.integrity.progress_evidence import check
from runner.store.read.snapshot import read_state

if TYPE_CHECKING:
    from runner.engine.session import Session

_YES = click.option("-y", "--yes", is_flag=True, help="Do not ask.")
_NO_INPUT = click.option("--no-input", is_flag=True, envvar="BULK_RUNNER_NO_INPUT", help="Never ask; needs --yes.")
_DRY_RUN = click.option("--dry-run", is_flag=True, help="Show what would be asked for; sends nothing.")
_SHARED = (_DRY_RUN, _YES, _NO_INPUT, STATE, PANELS, format_option("text", "json"), *CALLING, DOCUMENTS, COLOR, DEBUG)


@click.command()
@click.argument("addresses", nargs=-1, metavar="[ADDR]...")
@options(COUNTS, *_SHARED)
def refill(
    addresses: tuple[str, ...],
    counts: Path | None,
    dry_run: bool,
    yes: bool,
    no_input: bool,
    **flags: Any,  # noqa: ANN401  # click passes options by name
) -> int:
    """Ask for refills of the orders ADDR (campaign/id, or a glob), whatever policy.refill says of them.

    Without ADDR, of the orders that are due. Never while a refill of an order is open, and never within
    policy.refill.every (24h) of the last request. Exit 10 for an address that is not placed, 14 if some were refused.
    """
    settings = Settings(**flags)
    inputs = need_inputs(settings)
    claim(settings, inputs, read=[counts])
    start_logging(settings)
    round_ = _Round(inputs=inputs, names=addresses, counts=need_counts(settings, counts))
    recorded = _remembered(settings)
    chosen = _chosen(recorded, addresses)
    panels = {one.panel for one in chosen.attempts} if addresses else set(inputs.panels)
    _need_panels(settings, panels, inputs.profiles)
    if dry_run:
        results, stopped = round_.rehearse(recorded, SystemClock().now()), False
    else:
        what = f"refills of {len(chosen.attempts)} order(s)" if addresses else "the refills that are due"
        _consent(f"Ask for {what}?", panels, yes=yes, no_input=no_input)
        results, stopped = asyncio.run(_in_session(settings, inputs, "refill", panels, round_.carry_out))
    code = ExitCode.INTERRUPTED if stopped else _exit_code(results, chosen, dry_run=dry_run)
    return _show(settings, code, "refill", results, refill_document(results, dry_run=dry_run))


@click.command()
@click.argument("addresses", nargs=-1, required=True, metavar="ADDR...")
@click.option("--max-cancel", metavar="SHARE|NUMBER", help="In place of policy.max_cancel; 100% takes the cap away.")
@options(*_SHARED)
def cancel(
    *,
    addresses: tuple[str, ...],
    max_cancel: str | None,
    dry_run: bool,
    yes: bool,
    no_input: bool,
    **flags: Any,  # noqa: ANN401  # click passes options by name
) -> int:
    """Ask to cancel the orders ADDR (campaign/id, or a glob). May be repeated.

    A panel's yes means that the request was taken: whether the order is cancelled and refunded, its status tells
    later. More than policy.max_cancel (30%) of 10 or more live orders of a campaign are refused whole, with exit 11.
    Exit 10 for an address that is not placed, 14 if some were refused or it is too late.
    """
    from runner.engine.cancel import cancel_orders

    settings = Settings(**flags)
    claim(settings)
    start_logging(settings)
    inputs = Inputs(campaigns=(), profiles=need_profiles(settings), warnings=())  # a broken campaign stops no cancel
    recorded = _remembered(settings)
    chosen = _chosen(recorded, addresses)
    held = {one.id: why for one in chosen.attempts if (why := too_late(one, service_of(recorded, one)))}
    asking = [one for one in chosen.attempts if one.id not in held]
    panels = {one.panel for one in asking}
    _need_panels(settings, panels, inputs.profiles)
    results = [_row(one, RequestOutcome.HELD, held[one.id]) for one in chosen.attempts if one.id in held]

    async def carry_out(session: "Session") -> list[RequestResult]:
        asked = await cancel_orders(session, asking)
        done = [
            RequestResult(one.order, one.panel_order_id, RequestOutcome(one.state), None, one.message) for one in asked
        ]
        told = {one.panel_order_id for one in asked}
        return done + [_row(one, RequestOutcome.NOT_SENT, _ENDED) for one in asking if one.panel_order_id not in told]

    stopped = False
    too_many = excess(asking, recorded, max_cancel)
    if too_many and not dry_run:
        raise GuardRefused(f"{'; '.join(too_many)}; nothing was sent", CHOICES)
    if dry_run:
        results += [_row(one, RequestOutcome.WOULD, "") for one in asking]
    elif asking:
        _consent(f"Ask to cancel {len(asking)} order(s)?", panels, yes=yes, no_input=no_input)
        asked, stopped = asyncio.run(_in_session(settings, inputs, "cancel", panels, carry_out))
        results += asked
    code = ExitCode.INTERRUPTED if stopped else _exit_code(results, chosen, dry_run=dry_run)
    code = _show(settings, code, "cancellation", results, cancel_document(results, dry_run=dry_run))
    if too_many:  # a dry run: it is shown all the same
        raise GuardRefused(f"{'; '.join(too_many)}; it would be refused", CHOICES)
    return code


_ENDED = "not asked for: this run ended before"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    """One `runner refill`: decided on what is remembered, or on what the panels say now."""

    inputs: Inputs
    names: Sequence[str]
    counts: Mapping[str, int] | None

    def rehearse(self, recorded: Recorded, now: datetime) -> list[RequestResult]:
        """What would be asked for, and what is held, as far as the state knows."""
        due, held = self._decide(recorded, now)
        would = [RequestResult(one.order, one.panel_order_id, RequestOutcome.WOULD, None, one.reason) for one in due]
        return held + would

    async def carry_out(self, session: "Session") -> list[RequestResult]:
        """Look first, so that nothing is asked for on old knowledge; then ask, once."""
        from runner.engine.refill import ask_refills
        from runner.engine.refresh import refresh

        await session.journal.record(DoubtLeftOvers(session.clock.now()))
        await refresh(session, await session.journal.recorded(), campaigns=self.inputs.campaigns)
        due, results = self._decide(await session.journal.recorded(), session.clock.now())
        for name, panel in session.panels.items():
            here = [one for one in due if one.panel == name]
            asked = await ask_refills(session, panel, here)
            results += [
                RequestResult(one.order, one.panel_order_id, RequestOutcome(one.state), one.refill_id, one.message)
                for one in asked
            ]
            results += [
                RequestResult(one.order, one.panel_order_id, RequestOutcome.NOT_SENT, None, _ENDED)
                for one in here[len(asked) :]
            ]
        return results

    def _decide(self, recorded: Recorded, now: datetime) -> tuple[list[DueRefill], list[RequestResult]]:
        """What may be asked for; and, of orders that were named, what may not."""
        if not self.names:
            found = RefillRound(recorded, RefillInputs(now=now, counts=self.counts))
            found.look_at_all(self.inputs.campaigns)
            for note in found.notes():
                click.echo(f"note: {note}", err=True)
            return found.due, []
        every = {one.name: one.policy.refill.every for one in self.inputs.campaigns}
        due: list[DueRefill] = []
        held: list[RequestResult] = []
        for one in choose(recorded, self.names).attempts:
            former = recorded.refills.get(one.id, ())
            pause = every.get(one.campaign, RefillPolicy().every)
            if why := hindrance(one, former, pause, service_of(recorded, one), now):
                held.append(_row(one, RequestOutcome.HELD, why))
            else:
                due.append(DueRefill(one.address, one.id, one.panel, one.panel_order_id or "", "named by hand"))
        return due, held


async def _in_session(
    settings: Settings,
    inputs: Inputs,
    command: str,
    panels: Collection[str],
    carry_out: "Callable[[Session], Coroutine[Any, Any, list[RequestResult]]]",
) -> tuple[list[RequestResult], bool]:
    """What became of the requests, and whether the run was interrupted."""
    from runner.cli.composition import end_run, open_session

    with listener(settings) as listen:
        async with open_session(settings, inputs, command, listen, panels=sorted(panels)) as session:
            results = await carry_out(session)
            await end_run(session, ExitCode.INTERRUPTED if session.stop.requested else ExitCode.OK)
    return results, session.stop.requested


def _remembered(settings: Settings) -> Recorded:
    paths = StatePaths.at(settings.state)
    check(paths)
    return read_state(paths, lock_is_free=is_free(paths))


def _chosen(recorded: Recorded, names: Sequence[str]) -> Chosen:
    """What the names mean; InvalidInput if one of them means nothing that is placed."""
    chosen = choose(recorded, names)
    if chosen.wrong:
        raise InvalidInput(f"{'; '.join(chosen.wrong)}; nothing was sent", "runner status lists the addresses")
    return chosen


def _need_panels(settings: Settings, panels: Collection[str], profiles: Mapping[str, PanelProfile]) -> None:
    for name in sorted(panels):
        if name != SANDBOX and name not in profiles:
            raise InvalidInput(
                f"{settings.panels} has no panel {name}, where these orders were placed",
                "put its profile back, or name the file with --panels",
            )


def _consent(question: str, panels: Collection[str], *, yes: bool, no_input: bool) -> None:
    """Asked before the lock is taken. Raises `GuardRefused` or `Interrupted`; nothing has been sent then."""
    if yes or all(name == SANDBOX for name in panels):
        return
    if no_input or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise GuardRefused("nobody to ask; nothing was sent", "add --yes, or look with --dry-run")
    if not click.confirm(question, default=False, err=True):
        raise Interrupted("not confirmed; nothing was sent")


def _row(attempt: Attempt, outcome: RequestOutcome, message: str) -> RequestResult:
    return RequestResult(attempt.address, attempt.panel_order_id or "", outcome, None, message)


def _show(
    settings: Settings, code: ExitCode, noun: str, results: Sequence[RequestResult], document: Mapping[str, object]
) -> ExitCode:
    from runner.report.text.refills import render_request_results

    told = Result(
        as_json=lambda out: write_json(out, document),
        as_text=lambda screen: render_request_results(noun, results, screen),
    )
    return publish(settings, code, told)


def _exit_code(results: Sequence[RequestResult], chosen: Chosen, *, dry_run: bool) -> ExitCode:
    """14 if something that was asked for, or named one by one, did not come to its end; a glob may mean too much."""
    missed = (RequestOutcome.REFUSED, RequestOutcome.UNKNOWN, RequestOutcome.NOT_SENT)
    failed = any(
        one.outcome in missed or (one.outcome is RequestOutcome.HELD and one.order in chosen.named) for one in results
    )
    return ExitCode.PARTLY if failed and not dry_run else ExitCode.OK
