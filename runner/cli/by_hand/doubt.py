"""`runner doubt`: shows orders that may have been bought, and records what a person decides about them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner.cli.arguments.options import COLOR, DEBUG, LOCK, LOG_FILE, PANELS, STATE, Settings, format_option, options
from runner.cli.io.inputs import need_profiles, start_logging
from runner.cli.io.output import show_warnings
from runner.cli.io.report_files import claim
from runner.cli.io.snapshot import nothing_known
from runner.cli.process.prompts import who
from runner.core.attempts import Attempt, StatusSeen
from runner.core.doubts import Decision, DecisionKind
from runner.core.errors import ExitCode, InvalidInput
from runner.core.orders import SANDBOX, KeySource, PanelProfile
from runner.core.snapshot import Recorded
from runner.core.values.clock import SystemClock
from runner.core.values.text import clean
from runner.files.panels import load_panels
from runner.panel.parse.values import read_id
from runner.planning.accounting.balance_deltas import other_spending
from runner.planning.doubts.evidence import gather, weigh
from runner.planning.doubts.late_execution import late_signs_in
from runner.report.documents.as_json import write_json
from runner.report.documents.doubt_json import doubts_document
from runner.report.terminal.screen import Screen
from runner.store.disk.lock import acquire, is_free
from runner.store.disk.paths import StatePaths
from runner.store.integrity.progress_evidence import check
from runner.store.read.balance_looks import read_readings
from runner.store.read.doubts import read_kept
from runner.store.read.snapshot import read_state
from runner.store.run_ids import new_run_id

if TYPE_CHECKING:
    from runner.engine.decisions.settle_doubt import Case
    from runner.report.text.doubt import Weighed

_ADDRESS = click.argument("address", metavar="ADDR")
_REASON = click.option("--reason", required=True, metavar="TEXT", help="Why; recorded with your name.")
_LOOKING = (STATE, PANELS, format_option("text", "json"), COLOR, DEBUG)
_SETTLING = (_REASON, STATE, PANELS, LOCK, COLOR, DEBUG, LOG_FILE)
_LONGEST_REASON = 500  # characters


@click.group()
def doubt() -> None:
    """Orders that may have been bought: look at the evidence, then decide. Nothing is decided by itself."""


@doubt.command("list")
@options(*_LOOKING)
def list_(**flags: Any) -> int:  # noqa: ANN401  # click passes options by name
    """List every order in doubt. Exit 15 while there are any."""
    from runner.report.text.doubt import render_doubts

    settings = Settings(**flags)
    recorded = _remembered(settings)
    open_doubts = sorted((one for one in recorded.each() if one.is_open_doubt), key=lambda one: one.id)
    doubts = _weighed(settings, _known_profiles(settings), recorded, open_doubts)
    _show(settings, doubts, lambda screen: render_doubts(doubts, screen, _flags(settings)))
    show_warnings(settings, [*nothing_known(settings), *late_signs_in(recorded)])
    return ExitCode.IN_DOUBT if doubts else ExitCode.OK


@doubt.command()
@_ADDRESS
@options(*_LOOKING)
def show(address: str, **flags: Any) -> None:  # noqa: ANN401  # same
    """Show all the evidence about order ADDR (campaign/id), what to look for on the panel, and what to type then."""
    from runner.engine.decisions.settle_doubt import find
    from runner.report.text.doubt import render_doubt

    settings = Settings(**flags)
    recorded = _remembered(settings)
    if not StatePaths.at(settings.state).db.exists():
        raise _nothing_here(settings, address)
    doubts = _weighed(settings, _known_profiles(settings), recorded, [find(recorded, address).attempt])
    _show(settings, doubts, lambda screen: render_doubt(*doubts[0], screen, _flags(settings)))


@doubt.command()
@_ADDRESS
@click.option("--order", "order_id", required=True, metavar="ID", help="The panel's order id.")
@options(*_SETTLING)
@click.option("--force", is_flag=True, help="Adopt although something does not fit; never an id that is yours already.")
def adopt(address: str, order_id: str, reason: str, force: bool, **flags: Any) -> None:  # noqa: ANN401  # same
    """ADDR was placed: it is order ID on the panel. The panel is asked whether that fits."""
    wanted = read_id(order_id.strip())
    if wanted is None:
        raise InvalidInput(f"{order_id!r} is no order id", "copy the id from the panel's order list")
    _settle(Settings(**flags), _DecisionRequest(address, DecisionKind.ADOPT, _worded(reason), wanted, force=force))


@doubt.command("not-placed")
@_ADDRESS
@options(*_SETTLING)
@click.option(
    "--i-checked",
    "checked",
    is_flag=True,
    help="You looked at the panel's order list, and the order is not there. Always needed.",
)
def not_placed(address: str, reason: str, checked: bool, **flags: Any) -> None:  # noqa: ANN401  # same
    """ADDR was never placed, as the panel's order list shows: the next apply buys it."""
    _settle(Settings(**flags), _DecisionRequest(address, DecisionKind.NOT_PLACED, _worded(reason), checked=checked))


@doubt.command()
@_ADDRESS
@options(*_SETTLING)
def abandon(address: str, reason: str, **flags: Any) -> None:  # noqa: ANN401  # same
    """Nobody can tell whether ADDR was placed: it counts as spent and is never bought again."""
    _settle(Settings(**flags), _DecisionRequest(address, DecisionKind.ABANDON, _worded(reason)))


@dataclass(frozen=True, slots=True)
class _DecisionRequest:
    """One decision as it was typed."""

    address: str
    kind: DecisionKind
    reason: str
    order_id: str | None = None  # with ADOPT
    force: bool = False
    checked: bool = False


def _settle(settings: Settings, request: _DecisionRequest) -> None:
    claim(settings)
    start_logging(settings)
    asyncio.run(_record(settings, request))


async def _record(settings: Settings, request: _DecisionRequest) -> None:
    """Look and check first, under the lock: a refusal leaves no trace in the state. Then backup, then record."""
    from runner.engine.decisions.settle_doubt import Choice, check_looked, find, is_decided, record
    from runner.report.text.doubt import render_settled
    from runner.store.journal import open_journal
    from runner.store.startup.backup import backup

    clock = SystemClock()
    paths = StatePaths.at(settings.state)
    check(paths)
    if not paths.db.exists():  # the lock would make its directory
        raise _nothing_here(settings, request.address)
    with await acquire(paths, f"doubt {request.kind.replace('_', '-')}", clock, settings.lock_timeout) as lock:
        check(paths)
        recorded = read_state(paths, lock_is_free=True)
        case = find(recorded, request.address)
        seen: StatusSeen | None = None
        misfits: Sequence[str] = ()
        is_forced = is_new = False
        if not is_decided(case, request.kind, request.order_id):
            if request.kind is DecisionKind.ADOPT:
                seen, misfits = await _asked(settings, request, case, recorded, clock.now())
            elif request.kind is DecisionKind.NOT_PLACED:
                ((evidence, weighing),) = _weighed(settings, need_profiles(settings), recorded, [case.attempt])
                is_forced = check_looked(case, weighing, evidence.settle, clock.now(), checked=request.checked)
        decision = _decision(request, clock.now(), forced=is_forced or bool(misfits))
        choice = Choice(request.kind, decision, request.order_id)
        if case.decided is None:
            backup(paths, clock)
            async with open_journal(paths, lock, clock) as journal:
                is_new = await record(journal, new_run_id(clock.now()), case, choice, seen)
    render_settled(case, choice, misfits, settings.stdout(), is_new=is_new)


async def _asked(
    settings: Settings, request: _DecisionRequest, case: "Case", recorded: Recorded, now: datetime
) -> tuple[StatusSeen | None, Sequence[str]]:
    """What the panel says about the id, and what was forced."""
    from runner.cli.composition import open_panels
    from runner.engine.decisions.settle_doubt import check_adoption

    name = case.attempt.panel
    profiles = need_profiles(settings)
    if name != SANDBOX and name not in profiles:
        raise InvalidInput(
            f"{settings.panels} has no panel {name}, where {request.address} was sent",
            "put its profile back, or name the file with --panels",
        )
    async with open_panels(settings, (name,), profiles) as panels:
        seen, misfits = await check_adoption(
            case, request.order_id or "", panels[name], recorded, now, force=request.force
        )
    return seen, misfits


def _decision(request: _DecisionRequest, at: datetime, *, forced: bool) -> Decision:
    user, host = who()
    return Decision(request.reason, user, host, at, forced)


def _worded(reason: str) -> str:
    words = clean(reason, _LONGEST_REASON)
    if not words:
        raise InvalidInput("--reason is empty", "say in a few words how you know")
    return words


def _nothing_here(settings: Settings, address: str) -> InvalidInput:
    return InvalidInput(
        f"there is no state {settings.state}, so nothing is known of {address}", "name the right one with --state"
    )


def _remembered(settings: Settings) -> Recorded:
    """The state as it is; marks that no living run owns are shown as the doubts they are."""
    paths = StatePaths.at(settings.state)
    check(paths)
    return read_state(paths, lock_is_free=is_free(paths))


def _weighed(
    settings: Settings, profiles: Mapping[str, PanelProfile], recorded: Recorded, attempts: list[Attempt]
) -> "list[Weighed]":
    if not attempts:
        return []
    paths = StatePaths.at(settings.state)
    kept = read_kept(paths, [one.id for one in attempts])
    others = {panel: other_spending(recorded, read_readings(paths, panel)) for panel in {one.panel for one in attempts}}
    now = datetime.now(UTC)
    doubts = []
    for attempt in attempts:
        profile = _profile(profiles, attempt.panel)
        evidence = gather(
            recorded,
            attempt,
            kept[attempt.id],
            exclusive=profile.exclusive,
            settle=profile.settle,
            now=now,
            spent_by_others=others[attempt.panel],
        )
        doubts.append((evidence, weigh(evidence)))
    return doubts


def _known_profiles(settings: Settings) -> Mapping[str, PanelProfile]:
    """Those without errors: a slip in panels.yaml is no reason to hide what may have been bought."""
    return load_panels(Path(settings.panels))[0]


def _profile(profiles: Mapping[str, PanelProfile], name: str) -> PanelProfile:
    """The panel's profile; where panels.yaml has none, the defaults, under which the balance is no evidence."""
    return profiles.get(name) or PanelProfile(name=name, url="", key=KeySource(), exclusive=name == SANDBOX)


def _show(settings: Settings, doubts: "list[Weighed]", as_text: Callable[[Screen], None]) -> None:
    from runner.cli.io.output import show

    show(settings, lambda stream: write_json(stream, doubts_document(doubts)), as_text)


def _flags(settings: Settings) -> str:
    """What must stand behind the commands shown, so that they find the same state and panels."""
    return settings.places
