"""Shows a run while it goes on, on stderr: a live display on a terminal, plain lines elsewhere, or nothing.

Listening costs a few additions per event; drawing happens on a timer's thread.
"""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from runner.core.events import Event, EventType
from runner.report.live.displays import DOING, Display, Lines, LiveDisplay, stage_object, stage_result
from runner.report.live.tally import Stage, Tally, whole
from runner.report.terminal.screen import Screen
from runner.report.terminal.style import Written, attention, bad, dim
from runner.report.wording import count, duration, rate_lowered_words


class Progress:
    """A listener and a context manager. Leaving it, also by an exception, leaves the terminal clean."""

    def __init__(
        self, out: Screen, *, quiet: bool = False, monotonic: Callable[[], float] = time.monotonic, tick: float = 10.0
    ) -> None:
        """`tick`: seconds between two plain lines when little happens."""
        self._out = out
        self._quiet = quiet
        self._monotonic = monotonic
        self._tally = Tally()
        self._display: Display = Display()
        if out.is_terminal and not quiet:
            self._display = LiveDisplay(out, self._tally, monotonic)
        elif not quiet:
            self._display = Lines(self._tally, self.say, monotonic, tick)
        self._started = 0.0
        self._polls = False
        self._handlers: dict[EventType, Callable[[Event], None]] = {
            EventType.RUN_STARTED: self._run_started,
            EventType.REFRESH_STARTED: self._refresh_started,
            EventType.STATUSES: self._statuses,
            EventType.PLANNED: self._stage_ends,
            EventType.SUBMIT_STARTED: self._submit_started,
            EventType.MARKED: self._tally.marked,
            EventType.SETTLED: self._settled,
            EventType.RATE_LOWERED: self._rate_lowered,
            EventType.PANEL_STOPPED: self._panel_stopped,
            EventType.DRAINING: self._draining,
            EventType.NOTE: self._note,
            EventType.RUN_FINISHED: self._stage_ends,
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stage_ends()

    def __call__(self, event: Event) -> None:
        """Count `event`, and say at once what can't wait."""
        handler = self._handlers.get(event.type)
        if handler is not None:
            handler(event)

    def pause(self) -> None:
        """Take the display off the screen, before a question is asked; the next stage brings it back."""
        self._stage_ends()

    def _run_started(self, event: Event) -> None:
        self._polls = self._polls or event.facts.get("command") == "watch"

    def _refresh_started(self, event: Event) -> None:
        self._begin(Stage.POLL if self._polls else Stage.REFRESH, event, whole(event.facts, "live"))

    def _submit_started(self, event: Event) -> None:
        self._begin(Stage.SUBMIT, event, whole(event.facts, "orders"))
        self._polls = True

    def _statuses(self, event: Event) -> None:
        self._tally.statuses(event)
        self._display.moved()

    def _settled(self, event: Event) -> None:
        self._tally.settled(event)
        self._display.moved()

    def _rate_lowered(self, event: Event) -> None:
        self.say(attention(rate_lowered_words(event)))

    def _panel_stopped(self, event: Event) -> None:
        self.say(bad(f"Nothing more is placed on {event.facts.get('panel')}:"), str(event.facts.get("message")))

    def _draining(self, event: Event) -> None:
        flying = count(whole(event.facts, "in_flight"), "request")
        self.say(attention(f"Stopping: {flying} in flight to finish. Ctrl-C again stops now and may leave doubts."))

    def _note(self, event: Event) -> None:
        self.say(attention("note:"), str(event.facts.get("message")))

    def _begin(self, stage: Stage, event: Event, amount: int) -> None:
        """Another panel may join a stage that goes on."""
        if self._tally.stage is not stage:
            self._stage_ends()
            self._started = self._monotonic()
        self._tally.begin(stage, amount)
        if not self._out.is_terminal:
            self.say(f"{DOING[stage]} {stage_object(stage, amount)} on {event.facts.get('panel')}")
        self._display.start()

    def _stage_ends(self, _event: Event | None = None) -> None:
        self._display.stop()
        tally = self._tally
        if tally.stage is not Stage.IDLE and (tally.total or not self._out.is_terminal):
            self.say(*stage_result(tally), dim(f"in {duration(self._monotonic() - self._started)}"))
        tally.end()

    def say(self, *spans: Written) -> None:
        """A line that stays; a display redraws itself below it. A closed stderr never stops a run."""
        if self._quiet:
            return
        try:
            self._out.line(*spans)
            self._out.stream.flush()
        except (OSError, ValueError):
            self._quiet = True
