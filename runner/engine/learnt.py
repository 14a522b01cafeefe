"""Records what the clients found out about their panels: what these lack, and the status calls of a limited day."""

from collections.abc import Iterable, Iterator

from runner.core.events import EventType
from runner.engine.session import Session
from runner.panel.learnt import KEEP_ALIVE, OFFSET

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


async def record_learnt(session: Session) -> None:
    """Put what is new into the state, and tell what a panel lacks: it is not tried again until the state forgets it."""
    for name, panel in session.panels.items():
        learnt = panel.learnt()
        if learnt.lacking:
            await session.journal.note_lacking(name, sorted(learnt.lacking), session.clock.now())
        for words in lacking_words(name, learnt.lacking):
            session.tell(EventType.NOTE, message=words)
        for day, calls in learnt.status_calls.items():
            await session.journal.count_status_calls(name, day, calls)
