"""The session: what one run works with, made by the command line or a test and passed down."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from runner.core.events import Event, EventType, Listener, no_op
from runner.core.values.clock import Clock
from runner.engine.ports import Journal, Panel
from runner.engine.stopping import Stop
from runner.planning.status.status_anomalies import Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The ports of one run, its clock and its listener."""

    run_id: str
    journal: Journal
    panels: Mapping[str, Panel]
    clock: Clock
    listen: Listener = no_op
    stop: Stop = field(default_factory=Stop)
    noted: set[tuple[str | None, object]] = field(default_factory=set, repr=False)  # (order, message) of notes told
    words: Words = field(default_factory=Words)  # status words that the panels are known to say

    @property
    def is_heard(self) -> bool:
        """False if nobody listens: then no event need be made."""
        return self.listen is not no_op

    def tell(self, kind: EventType, order: str | None = None, /, **facts: str | int | None) -> None:
        """Tell the listener what happened, now; a note only once."""
        if not self.is_heard:
            return  # an event costs a clock reading and two objects, twice for each order
        if kind is EventType.NOTE:
            note = (order, facts.get("message"))
            if note in self.noted:
                return
            self.noted.add(note)
        self.listen(Event(type=kind, time=self.clock.now(), run_id=self.run_id, order=order, facts=facts))
