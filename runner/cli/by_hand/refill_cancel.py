"""`runner refill` and `runner cancel`: ask panels by hand, 100 recorded orders a call."""

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import click

from runner.cli.arguments.options import BY_HAND, COUNTS, Command, Settings
from runner.cli.io.inputs import Inputs, listed_in_project, need_counts, need_inputs, need_panels, need_profiles
from runner.cli.io.report_files import claim, publish
from runner.cli.io.snapshot import remembered
from runner.cli.process.prompts import confirm
from runner.core.attempts import Attempt
from runner.core.errors import ExitCode, GuardRefused, InvalidInput, UsageError
from runner.core.orders import SANDBOX, USUAL_MAX_CANCEL, Limit, RefillPolicy
from runner.core.snapshot import Recorded
from runner.core.values.clock import SystemClock
from runner.engine.cancel import cancel_orders
from runner.engine.refill import ask_refills
from runner.engine.results import RequestOutcome, RequestResult
from runner.engine.session import Session
from runner.files.syntax.scalars import fraction
from runner.planning.guards.order_limits import too_many_cancelled
from runner.planning.refills.cancels import too_late
from runner.planning.refills.due_refills import DueRefill, RefillInputs, RefillRound, hindrance, service_of
from runner.planning.status.selected_attempts import Chosen, choose
from runner.report.documents.as_json import cancel_document, json_chunks, refill_document
from runner.report.text.refills import render_request_results

_MANY = re.compile(r"[0-9]{1,9}|[0-9]{1,4}(\.[0-9]{1,6})?%")  # a value of --max-cancel
_MAX_CANCEL = click.Option(
    ["--max-cancel"], metavar="SHARE|NUMBER", help="In place of policy.max_cancel; 100% takes the cap away."
)


@click.command(cls=Command, params=[COUNTS, *BY_HAND])
@click.argument("addresses", nargs=-1, metavar="[ADDR]...")
def refill(settings: Settings, *, addresses: tuple[str, ...]) -> int:
    """Ask for refills of the orders ADDR (campaign/id, or a glob), whatever policy.refill says of them.

    Without ADDR, of the orders that are due. Never while a refill of an order is open, and never within
    policy.refill.every (24h) of the last request. Exit 10 for an address that is not placed, 14 if some were refused.
    """
    inputs = need_inputs(settings)
    claim(settings, inputs)
    round_ = _Round(inputs=inputs, names=addresses, counts=need_counts(settings))
    recorded = remembered(settings)
    chosen = _chosen(recorded, addresses)
    panels = {one.panel for one in chosen.attempts} if addresses else set(inputs.panels)
    need_panels(settings, inputs.profiles, panels, _PLACED)
    if settings.dry_run:
        results, stopped = round_.rehearse(recorded, SystemClock().now()), False
    else:
        what = f"refills of {len(chosen.attempts)} order(s)" if addresses else "the refills that are due"
        _consent(settings, f"Ask for {what}?", panels)
        results, stopped = _in_session(settings, inputs, "refill", panels, round_.carry_out)
    code = ExitCode.INTERRUPTED if stopped else _exit_code(settings, results, chosen)
    return _show(settings, code, "refill", results, refill_document(results, dry_run=settings.dry_run))


@click.command(cls=Command, params=[_MAX_CANCEL, *BY_HAND])
@click.argument("addresses", nargs=-1, required=True, metavar="ADDR...")
def cancel(settings: Settings, *, addresses: tuple[str, ...], max_cancel: str | None) -> int:
    """Ask to cancel the orders ADDR (campaign/id, or a glob). May be repeated.

    A panel's yes means that the request was taken: whether the order is cancelled and refunded, its status tells
    later. More than policy.max_cancel (30%) of 10 or more live orders of a campaign are refused whole, with exit 11.
    Exit 10 for an address that is not placed, 14 if some were refused or it is too late.
    """
    claim(settings)
    inputs = Inputs(campaigns=(), profiles=need_profiles(settings))  # a broken campaign stops no cancel
    recorded = remembered(settings)
    chosen = _chosen(recorded, addresses)
    held = {one.id: why for one in chosen.attempts if (why := too_late(one, service_of(recorded, one)))}
    asking = [one for one in chosen.attempts if one.id not in held]
    panels = {one.panel for one in asking}
    need_panels(settings, inputs.profiles, panels, _PLACED)
    results = [_row(one, RequestOutcome.HELD, held[one.id]) for one in chosen.attempts if one.id in held]

    async def carry_out(session: Session) -> list[RequestResult]:
        asked = await cancel_orders(session, asking)
        told = {one.panel_order_id for one in asked}
        left = [one for one in asking if one.panel_order_id not in told]
        return [*asked, *(_row(one, RequestOutcome.NOT_SENT, _ENDED) for one in left)]

    stopped = False
    too_many = _excess(settings, asking, recorded, max_cancel)
    if too_many and not settings.dry_run:
        raise GuardRefused(f"{'; '.join(too_many)}; nothing was sent", _CHOICES)
    if settings.dry_run:
        results += [_row(one, RequestOutcome.WOULD, "") for one in asking]
    elif asking:
        _consent(settings, f"Ask to cancel {len(asking)} order(s)?", panels)
        asked, stopped = _in_session(settings, inputs, "cancel", panels, carry_out)
        results += asked
    code = ExitCode.INTERRUPTED if stopped else _exit_code(settings, results, chosen)
    code = _show(settings, code, "cancellation", results, cancel_document(results, dry_run=settings.dry_run))
    if too_many:  # a dry run: it is shown all the same
        raise GuardRefused(f"{'; '.join(too_many)}; it would be refused", _CHOICES)
    return code


_CHOICES = "cancel fewer, or allow it with --max-cancel 100% or policy.max_cancel"
_ENDED = "not asked for: this run ended before"
_PLACED = "these orders were placed"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    """One `runner refill`, decided by the state alone or after the panels were read."""

    inputs: Inputs
    names: Sequence[str]
    counts: Mapping[str, int] | None

    def rehearse(self, recorded: Recorded, now: datetime) -> list[RequestResult]:
        """What would be asked for and what is held, as far as the state tells."""
        due, held = self._decide(recorded, now)
        return held + [_due(one, RequestOutcome.WOULD, one.reason) for one in due]

    async def carry_out(self, session: Session) -> list[RequestResult]:
        """Read the panels, decide on the state after that, and ask for each refill once."""
        from runner.cli.composition import look

        due, results = self._decide(await look(session, self.inputs.campaigns), session.clock.now())
        for name, panel in session.panels.items():
            here = [one for one in due if one.panel == name]
            asked = await ask_refills(session, panel, here)
            results += asked
            results += [_due(one, RequestOutcome.NOT_SENT, _ENDED) for one in here[len(asked) :]]
        return results

    def _decide(self, recorded: Recorded, now: datetime) -> tuple[list[DueRefill], list[RequestResult]]:
        """The refills to ask for; and of orders that were named, those that are held."""
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


def _in_session(
    settings: Settings,
    inputs: Inputs,
    command: str,
    panels: Collection[str],
    carry_out: Callable[[Session], Awaitable[list[RequestResult]]],
) -> tuple[list[RequestResult], bool]:
    """The results of the requests, and whether the run was interrupted."""
    from runner.cli.composition import in_session

    async def asked(session: Session) -> tuple[list[RequestResult], bool]:
        return await carry_out(session), session.stop.requested

    return in_session(
        settings,
        inputs,
        command,
        asked,
        lambda done: ExitCode.INTERRUPTED if done[1] else ExitCode.OK,
        panels=sorted(panels),
    )


def _chosen(recorded: Recorded, names: Sequence[str]) -> Chosen:
    """The attempts that the names select; raises InvalidInput if a name selects none that is placed."""
    chosen = choose(recorded, names)
    if chosen.wrong:
        raise InvalidInput(f"{'; '.join(chosen.wrong)}; nothing was sent", "runner status lists the addresses")
    return chosen


def _excess(settings: Settings, asking: Sequence[Attempt], recorded: Recorded, option: str | None) -> list[str]:
    """One line for each campaign of which `asking` holds more orders than may be cancelled at once; else empty."""
    given: Limit | None = None
    if option is not None:
        if not _MANY.fullmatch(option):
            raise UsageError(f"--max-cancel {option}: neither a number nor a share", "write it like 50 or 30%")
        given = Limit(share=fraction(option)) if option.endswith("%") else Limit(number=int(option))
    wanted = Counter(one.campaign for one in asking)
    live = Counter(one.campaign for one in recorded.each() if one.is_live)
    # A broken campaign stops no cancel.
    campaigns = {} if given is not None else {one.name: one for one in listed_in_project(settings.project).campaigns}
    found = []
    for name, number in wanted.items():
        campaign = campaigns.get(name)
        if given is not None:
            limit, place = given, "--max-cancel"
        elif campaign is not None and "policy.max_cancel" in campaign.places:
            limit, place = campaign.policy.max_cancel, campaign.place_of("policy.max_cancel")
        else:
            limit, place = USUAL_MAX_CANCEL, "unless a campaign says otherwise"
        found.append(too_many_cancelled(name, limit, place, number, live[name]))
    return [one for one in found if one]


def _consent(settings: Settings, question: str, panels: Collection[str]) -> None:
    """Ask if need be, before the lock is taken. Raises `GuardRefused` or `Interrupted`; nothing has been sent then."""
    if settings.yes or all(name == SANDBOX for name in panels):
        return
    if not settings.may_ask:
        raise GuardRefused("nobody to ask; nothing was sent", "add --yes, or look with --dry-run")
    confirm(question)


def _due(one: DueRefill, outcome: RequestOutcome, message: str) -> RequestResult:
    return RequestResult(one.order, one.panel_order_id, outcome, None, message)


def _row(attempt: Attempt, outcome: RequestOutcome, message: str) -> RequestResult:
    return RequestResult(attempt.address, attempt.panel_order_id or "", outcome, None, message)


def _show(
    settings: Settings, code: ExitCode, noun: str, results: Sequence[RequestResult], document: Mapping[str, object]
) -> ExitCode:
    return publish(
        settings,
        code,
        lambda: json_chunks(document),
        lambda screen: render_request_results(noun, results, screen),
    )


def _exit_code(settings: Settings, results: Sequence[RequestResult], chosen: Chosen) -> ExitCode:
    """14 if a request failed, or an order named by its full address was held; orders held under a glob don't count."""
    missed = (RequestOutcome.REFUSED, RequestOutcome.UNKNOWN, RequestOutcome.NOT_SENT)
    failed = any(
        one.outcome in missed or (one.outcome is RequestOutcome.HELD and one.order in chosen.named) for one in results
    )
    return ExitCode.PARTLY if failed and not settings.dry_run else ExitCode.OK
