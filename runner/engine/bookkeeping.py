"""Records what a pass learns or does beside attempts: missing abilities of panels, protected orders, renames."""

from collections.abc import Iterable, Iterator, Sequence

from runner.core.events import EventType
from runner.core.operations import CountStatusCalls, NoteLacking, Protect, Rename, Unprotect
from runner.core.orders import Campaign
from runner.core.snapshot import Recorded
from runner.engine.session import Session
from runner.panel.capabilities import KEEP_ALIVE, OFFSET
from runner.planning.orders.moved_orders import due_renames
from runner.planning.reconcile.plan_request import PlanRequest

_IN_WORDS = {
    "refill": "panel {panel} has no refills",
    "refill_status": "panel {panel} does not tell how refills stand",
    "cancel": "panel {panel} can't cancel orders",
    OFFSET: (
        "panel {panel} lists just as many services as fit on a page, and does not go on by `offset`: its price list looks "
        "incomplete"
    ),
    KEEP_ALIVE: "panel {panel} closes connections that it promised to keep: each request gets one of its own from now on",
}
_ONE_BY_ONE = "panel {panel} takes no lists in {action}: each order is a call of its own"


def lacking_words(panel: str, lacking: Iterable[str]) -> Iterator[str]:
    """What a panel turned out to lack, a line for each ability."""
    for ability in sorted(lacking):
        words = _IN_WORDS.get(ability, _ONE_BY_ONE)
        yield words.format(panel=panel, action=ability.removeprefix("multi_"))


async def record_capabilities(session: Session) -> None:
    """Put what is new into the state, and tell what a panel lacks: it is not tried again until the state forgets it."""
    for name, panel in session.panels.items():
        found = panel.capability_changes()
        if found.lacking:
            await session.journal.record(NoteLacking(name, sorted(found.lacking), session.clock.now()))
        for words in lacking_words(name, found.lacking):
            session.tell(EventType.NOTE, message=words)
        for day, calls in found.status_calls.items():
            await session.journal.record(CountStatusCalls(name, day, calls))


async def note_protections(session: Session, request: PlanRequest, recorded: Recorded) -> None:
    """Protect orders listed with `protect: true`, unprotect selected ones listed without it; unlisted ones stay as they are."""
    now, held = session.clock.now(), recorded.protected
    wanted = {(one.name, order_id) for one in request.campaigns for order_id in one.protected}
    if new := sorted(wanted - held):
        await session.journal.record(Protect(new, now))
    names = {name for name, _ in held}
    selection = request.selected(recorded, now) if names else None
    let_go = [
        order.key
        for campaign in request.campaigns
        if campaign.name in names
        for order in campaign.orders
        if order.key in held and order.key not in wanted and (selection is None or selection(order))
    ]
    if let_go:
        await session.journal.record(Unprotect(let_go))


async def rename(session: Session, campaigns: Sequence[Campaign], recorded: Recorded) -> Recorded:
    """Give attempts their new ids; the state as it is then. Each rename is told; the journal keeps it.

    Raises `StateRefused` if both ids of a move have attempts; then nothing is renamed.
    """
    renamed = due_renames(campaigns, recorded)
    if not renamed:
        return recorded
    await session.journal.record(Rename(renamed))
    for campaign, former, new in renamed:
        session.tell(
            EventType.NOTE, f"{campaign}/{new}", message=f"{campaign}/{former} is {campaign}/{new} from now on"
        )
    return await session.journal.recorded()
