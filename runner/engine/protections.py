"""Keeps in the state which orders are listed with `protect: true`, for the time when they are no longer listed."""

from runner.core.recorded import Recorded
from runner.engine.session import Session
from runner.planning.wish import Wish


async def note_protections(session: Session, wish: Wish, recorded: Recorded) -> None:
    """Protect what is listed so; let go what is selected and listed without it. What is not listed stays as it is."""
    now, held = session.clock.now(), recorded.protected
    wanted = {(one.name, order_id) for one in wish.campaigns for order_id in one.protected}
    if new := sorted(wanted - held):
        await session.journal.protect(new, now)
    names = {name for name, _ in held}
    selection = wish.selected(recorded, now) if names else None
    let_go = [
        order.key
        for campaign in wish.campaigns
        if campaign.name in names
        for order in campaign.orders
        if order.key in held and order.key not in wanted and (selection is None or selection(order))
    ]
    if let_go:
        await session.journal.unprotect(let_go)
