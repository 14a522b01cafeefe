"""`runner doubt`: shows orders that may have been bought, and records what a person decides about them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from runner.cli.arguments.options import COLOR, DEBUG, FORMAT, LOCK, LOG_FILE, PANELS, STATE, Group, Settings
from runner.cli.io.inputs import need_panels, need_profiles
from runner.cli.io.output import show as show_result
from runner.cli.io.output import show_warnings
from runner.cli.io.report_files import claim
from runner.cli.io.snapshot import check_state, need_state, nothing_known, remembered
from runner.cli.process.prompts import who
from runner.core.attempts import Attempt, StatusSeen
from runner.core.doubts import Decision, DecisionKind
from runner.core.errors import ExitCode, InvalidInput
from runner.core.orders import SANDBOX, KeySource, PanelProfile
from runner.core.snapshot import Recorded
from runner.core.values.clock import SystemClock
from runner.core.values.text import clean
from runner.engine.decisions.settle_doubt import Choice, check_adoption, check_looked, find, is_decided, record
from runner.files.panels import load_panels
from runner.panel.parse.values import read_id
from runner.planning.accounting.balance_deltas import other_spending
from runner.planning.doubts.evidence import gather, weigh
from runner.planning.doubts.late_execution import late_signs
from runner.report.documents.as_json import json_chunks
from runner.report.text.doubt import Weighed, doubts_document, render_doubt, render_doubts, render_settled
from runner.store.read.balance_looks import read_readings
from runner.store.read.doubts import read_kept
from runner.store.read.snapshot import read_state
from runner.store.run_ids import new_run_id
from runner.store.state import SharedState

_ADDRESS = click.Argument(["address"], metavar="ADDR")
_ORDER = click.Option(["--order", "order_id"], required=True, metavar="ID", help="The panel's order id.")
_REASON = click.Option(["--reason"], required=True, metavar="TEXT", help="Why; recorded with your name.")
_LOOKING = (STATE, PANELS, FORMAT, COLOR, DEBUG)
_SETTLING = (_ADDRESS, _REASON, STATE, PANELS, LOCK, COLOR, DEBUG, LOG_FILE)
_LONGEST_REASON = 500  # characters


@click.group(cls=Group)
def doubt() -> None:
    """Orders that may have been bought: look at the evidence, then decide. Nothing is decided by itself."""


@doubt.command("list", params=[*_LOOKING])
def list_(settings: Settings) -> int:
    """List every order in doubt. Exit 15 while there are any."""
    recorded = remembered(settings)
    open_doubts = sorted((one for one in recorded.each() if one.is_open_doubt), key=lambda one: one.id)
    doubts = _weighed(settings, _known_profiles(settings), recorded, open_doubts)
    show_result(
        settings,
        lambda: json_chunks(doubts_document(doubts)),
        lambda screen: render_doubts(doubts, screen, settings.places),
    )
    show_warnings(settings, [*nothing_known(settings), *late_signs(recorded)])
    return ExitCode.IN_DOUBT if doubts else ExitCode.OK


@doubt.command(params=[_ADDRESS, *_LOOKING])
def show(settings: Settings, *, address: str) -> None:
    """Show all the evidence about order ADDR (campaign/id), what to look for on the panel, and what to type then."""
    need_state(settings, address)
    recorded = remembered(settings)
    doubts = _weighed(settings, _known_profiles(settings), recorded, [find(recorded, address).attempt])
    show_result(
        settings,
        lambda: json_chunks(doubts_document(doubts)),
        lambda screen: render_doubt(*doubts[0], screen, settings.places),
    )


@doubt.command(params=[_ORDER, *_SETTLING])
@click.option("--force", is_flag=True, help="Adopt although something does not fit; never an id that is yours already.")
def adopt(settings: Settings, *, address: str, order_id: str, reason: str, force: bool) -> None:
    """ADDR was placed: it is order ID on the panel. The panel is asked whether that fits."""
    wanted = read_id(order_id.strip())
    if wanted is None:
        raise InvalidInput(f"{order_id!r} is no order id", "copy the id from the panel's order list")
    _settle(settings, _DecisionRequest(address, DecisionKind.ADOPT, _worded(reason), wanted, force=force))


@doubt.command("not-placed", params=[*_SETTLING])
@click.option(
    "--i-checked",
    "checked",
    is_flag=True,
    help="You looked at the panel's order list, and the order is not there. Always needed.",
)
def not_placed(settings: Settings, *, address: str, reason: str, checked: bool) -> None:
    """ADDR was never placed, as the panel's order list shows: the next apply buys it."""
    _settle(settings, _DecisionRequest(address, DecisionKind.NOT_PLACED, _worded(reason), checked=checked))


@doubt.command(params=[*_SETTLING])
def abandon(settings: Settings, *, address: str, reason: str) -> None:
    """Nobody can tell whether ADDR was placed: it counts as spent and is never bought again."""
    _settle(settings, _DecisionRequest(address, DecisionKind.ABANDON, _worded(reason)))


@dataclass(frozen=True, slots=True)
class _DecisionRequest:
    """A decision as given on the command line."""

    address: str
    kind: DecisionKind
    reason: str
    order_id: str | None = None  # with ADOPT
    force: bool = False
    checked: bool = False


def _settle(settings: Settings, request: _DecisionRequest) -> None:
    claim(settings)
    asyncio.run(_record(settings, request))


async def _record(settings: Settings, request: _DecisionRequest) -> None:
    """Check under the lock, then back up, then record; a refused decision leaves the state unchanged."""
    from runner.cli.composition import back_up, open_panels, take_lock
    from runner.store.journal import open_journal

    clock, where = SystemClock(), settings.where
    need_state(settings, request.address)
    sent_to = {find(remembered(settings), request.address).attempt.panel} if isinstance(where, SharedState) else set()
    what = f"doubt {request.kind.replace('_', '-')}"
    with await take_lock(settings, what, sent_to, _known_profiles(settings), keys_may_lack=True) as lock:
        check_state(settings)
        recorded = read_state(where, lock_is_free=True)
        case = find(recorded, request.address)
        seen: StatusSeen | None = None
        misfits: Sequence[str] = ()
        is_forced = is_new = False
        if not is_decided(case, request.kind, request.order_id):
            if request.kind is DecisionKind.ADOPT:
                name, profiles = case.attempt.panel, need_profiles(settings)
                need_panels(settings, profiles, (name,), f"{request.address} was sent")
                async with open_panels(settings, (name,), profiles) as panels:
                    seen, misfits = await check_adoption(
                        case, request.order_id or "", panels[name], recorded, clock.now(), force=request.force
                    )
            elif request.kind is DecisionKind.NOT_PLACED:
                ((evidence, weighing),) = _weighed(settings, need_profiles(settings), recorded, [case.attempt])
                is_forced = check_looked(case, weighing, evidence.settle, clock.now(), checked=request.checked)
        decision = Decision(request.reason, *who(), clock.now(), is_forced or bool(misfits))
        choice = Choice(request.kind, decision, request.order_id)
        if case.decided is None:
            back_up(where, clock)
            async with open_journal(where, lock, clock) as journal:
                is_new = await record(journal, new_run_id(clock.now()), case, choice, seen)
    render_settled(case, choice, misfits, settings.stdout(), is_new=is_new)


def _worded(reason: str) -> str:
    words = clean(reason, _LONGEST_REASON)
    if not words:
        raise InvalidInput("--reason is empty", "say in a few words how you know")
    return words


def _weighed(
    settings: Settings, profiles: Mapping[str, PanelProfile], recorded: Recorded, attempts: list[Attempt]
) -> list[Weighed]:
    if not attempts:
        return []
    where = settings.where
    kept = read_kept(where, [one.id for one in attempts])
    others = {panel: other_spending(recorded, read_readings(where, panel)) for panel in {one.panel for one in attempts}}
    now = datetime.now(UTC)
    doubts = []
    for attempt in attempts:
        name = attempt.panel
        # Without a profile the defaults hold, under which the balance is no evidence.
        profile = profiles.get(name) or PanelProfile(name=name, url="", key=KeySource(), exclusive=name == SANDBOX)
        evidence = gather(
            recorded,
            attempt,
            kept[attempt.id],
            exclusive=profile.exclusive,
            settle=profile.settle,
            now=now,
            spent_by_others=others[name],
        )
        doubts.append((evidence, weigh(evidence)))
    return doubts


def _known_profiles(settings: Settings) -> Mapping[str, PanelProfile]:
    """The profiles without errors: doubts are shown even if panels.yaml has mistakes."""
    return load_panels(Path(settings.panels)).profiles
