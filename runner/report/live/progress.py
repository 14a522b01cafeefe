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
        self._polls = False  # what is refreshed has been read before, in this run or watch

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pause()

    def __call__(self, event: Event) -> None:
        """Count `event`, and say at once what can't wait."""
        facts = event.facts
        match event.type:  # the most frequent first
            case EventType.MARKED:
                self._tally.marked(event)
            case EventType.SETTLED:
                self._tally.settled(event)
                self._display.moved()
            case EventType.STATUSES:
                self._tally.statuses(event)
                self._display.moved()
            case EventType.RUN_STARTED:
                self._polls = self._polls or facts.get("command") == "watch"
            case EventType.REFRESH_STARTED:
                self._begin(Stage.POLL if self._polls else Stage.REFRESH, event, whole(facts, "live"))
            case EventType.SUBMIT_STARTED:
                self._begin(Stage.SUBMIT, event, whole(facts, "orders"))
                self._polls = True
            case EventType.PLANNED | EventType.RUN_FINISHED:
                self.pause()
            case EventType.RATE_LOWERED:
                self.say(attention(rate_lowered_words(event)))
            case EventType.PANEL_STOPPED:
                self.say(bad(f"Nothing more is placed on {facts.get('panel')}:"), str(facts.get("message")))
            case EventType.DRAINING:
                flying = count(whole(facts, "in_flight"), "request")
                told = f"Stopping: {flying} in flight to finish. Ctrl-C again stops now and may leave doubts."
                self.say(attention(told))
            case EventType.NOTE:
                self.say(attention("note:"), str(facts.get("message")))

    def pause(self) -> None:
        """End the stage, and take the display off the screen; the next stage brings it back."""
        self._display.stop()
        tally = self._tally
        if tally.stage is not Stage.IDLE and (tally.total or not self._out.is_terminal):
            self.say(*stage_result(tally), dim(f"in {duration(self._monotonic() - self._started)}"))
        tally.end()

    def _begin(self, stage: Stage, event: Event, amount: int) -> None:
        """Another panel may join a stage that goes on."""
        if self._tally.stage is not stage:
            self.pause()
            self._started = self._monotonic()
        self._tally.begin(stage, amount)
        if not self._out.is_terminal:
            self.say(f"{DOING[stage]} {stage_object(stage, amount)} on {event.facts.get('panel')}")
        self._display.start()

    def say(self, *spans: Written) -> None:
        """Show a line that stays; a display redraws itself below it. A closed stderr never stops a run."""
        if self._quiet:
            return
        try:
            self._out.line(*spans)
            self._out.stream.flush()
        except (OSError, ValueError):
            self._quiet = True
