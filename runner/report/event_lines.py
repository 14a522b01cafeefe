"""Listeners that are not for eyes: the jsonl event stream, and several listeners as one."""

from typing import TextIO

from runner.core.events import Event, Listener
from runner.report.as_json import event_line


class EventLines:
    """Writes one event per line and flushes it: what happened is still there after a kill.

    A reader that goes away never stops a run that is spending money: `broken` then holds why, and nothing more is written.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.broken: OSError | None = None

    def __call__(self, event: Event) -> None:
        """Write `event`."""
        if self.broken is not None:
            return
        try:
            self._stream.write(event_line(event))
            self._stream.flush()
        except OSError as error:
            self.broken = error


def together(*listeners: Listener) -> Listener:
    """One listener that tells all of `listeners`, in this order."""
    if len(listeners) == 1:
        return listeners[0]

    def tell(event: Event) -> None:
        for listener in listeners:
            listener(event)

    return tell
