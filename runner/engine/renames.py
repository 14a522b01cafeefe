"""Carries out `moved:`: the attempts of an order get its new id, so that a rename never buys."""

from collections.abc import Sequence

from runner.core.events import EventType
from runner.core.orders import Campaign
from runner.core.recorded import Recorded
from runner.engine.session import Session

Move = tuple[str, str, str]  # campaign, former id, new id


async def rename(session: Session, campaigns: Sequence[Campaign], recorded: Recorded) -> Recorded:
    """Give attempts their new ids; the state as it is then. Each rename is told; the journal keeps it.

    Raises `StateRefused` if both ids of a move have attempts; then nothing is renamed.
    """
    moves = [*_having_attempts(_moves(campaigns), recorded)]
    if not moves:
        return recorded
    await session.journal.rename(moves)
    for campaign, former, new in moves:
        session.tell(
            EventType.NOTE, f"{campaign}/{new}", message=f"{campaign}/{former} is {campaign}/{new} from now on"
        )
    return await session.journal.recorded()


def _moves(campaigns: Sequence[Campaign]) -> list[Move]:
    """Every move, oldest name first, so that chains end at the last name."""
    moves: list[Move] = []
    for campaign in campaigns:
        waiting = dict(campaign.moved)
        while waiting:
            ready = [new for new, former in waiting.items() if former not in waiting]
            moves += [(campaign.name, waiting.pop(new), new) for new in ready]
    return moves


def _having_attempts(moves: Sequence[Move], recorded: Recorded) -> list[Move]:
    """The moves whose former id has attempts when their turn comes."""
    there = set(recorded.attempts) if moves else set()
    found = []
    for campaign, former, new in moves:
        if (campaign, former) in there:
            there.discard((campaign, former))
            there.add((campaign, new))
            found.append((campaign, former, new))
    return found
