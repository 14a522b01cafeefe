"""Shows a watch on a pipe: one line a pass on stderr, and urgent lines at once."""

import time
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Self

from runner.core.errors import RunnerError
from runner.core.events import Event, EventType
from runner.core.values.clock import to_the_second
from runner.core.values.money import ZERO
from runner.planning.status.wakeups import Moment
from runner.report.live.progress import Progress
from runner.report.live.watch_view import WatchView
from runner.report.terminal.screen import Screen
from runner.report.terminal.style import Written, attention, bad, dim
from runner.report.wording import count, duration, money, words

# Reading is not told: it is what every pass does.
_NOT_SHOWN = (EventType.RUN_STARTED, EventType.REFRESH_STARTED, EventType.STATUSES, EventType.PLANNED)
_TOLD_ONCE = (EventType.NOTE, EventType.WARNING)


class WatchDisplay:
    """Shows a watch while it goes on. A context manager; leaving it leaves the terminal clean."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def __enter__(self) -> Self:
        self.resume()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pause()

    def __call__(self, event: Event) -> None:
        """Something happened in a pass."""

    def show(self, view: WatchView) -> None:
        """A pass went through."""

    def failed(self, error: RunnerError, times: int) -> None:
        """A pass did not go through, so many times in a row."""

    def waiting(self, moment: Moment, now: datetime) -> None:
        """Nothing happens until then."""

    def say(self, text: str) -> None:
        """Tell something, unless it has been told."""
        if text not in self._told:
            self._told.add(text)
            self.note(text)

    def note(self, text: str) -> None:
        """Tell something."""

    def pause(self) -> None:
        """Leave the screen to a question."""

    def resume(self) -> None:
        """Take the screen back: the question is answered."""


class WatchLines(WatchDisplay):
    """Plain lines; nothing at all if quiet."""

    def __init__(self, out: Screen, *, quiet: bool = False, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._progress = Progress(out, quiet=quiet, monotonic=monotonic)
        self._view: WatchView | None = None  # shown with when the next pass is, or at the end

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.pause()
        self._tell(None)

    def __call__(self, event: Event) -> None:
        """Show purchases, and say each note once."""
        if event.type in _TOLD_ONCE:
            self.say(str(event.facts.get("message")))
        elif event.type not in _NOT_SHOWN:
            self._progress(event)

    def show(self, view: WatchView) -> None:
        """Keep the line of this pass until it is known when the next one is."""
        self._tell(None)
        self._view = view

    def failed(self, error: RunnerError, times: int) -> None:
        """Say what kept a pass from going through, the first time that it does so."""
        if times == 1:
            self._progress.say(attention("not now:"), error.message)

    def waiting(self, moment: Moment, now: datetime) -> None:
        """Write the line of the last pass, with when the next one is."""
        self._tell(f"next pass in {duration((moment.at - now).total_seconds())}, for {moment.why}")

    def note(self, text: str) -> None:
        """A line of its own."""
        self._progress.say(attention("note:"), text)

    def _tell(self, tail: str | None) -> None:
        view, self._view = self._view, None
        if view is not None:
            self._progress.say(to_the_second(view.at), *pass_line(view), dim(tail or ""))


def pass_line(view: WatchView) -> list[Written]:
    """`pass 3: 230 of 230 orders bought, 140 live, 87 completed, 3 canceled; 34% delivered; spent 72.11 USD;`."""
    campaigns = view.campaigns
    bought, orders = sum(one.bought for one in campaigns), sum(one.orders for one in campaigns)
    delivered, units = sum(one.delivered for one in campaigns), sum(one.units for one in campaigns)
    states = [f"{number:,} {words(state)}" for state, number in view.states.items()]
    told: list[Written] = [
        f"pass {view.number}: {bought:,} of {count(orders, 'order')} bought,",
        f"{', '.join(states)};" if states else "nothing yet;",
        f"{percent(delivered, units)} delivered;",
    ]
    told += [f"spent {money(one.spent, one.currency)};" for one in view.money]
    if doubts := [one for one in view.money if one.in_doubt > ZERO]:
        told.append(bad(f"in doubt {', '.join(money(one.in_doubt, one.currency) for one in doubts)};"))
    return told


def percent(part: int, whole: int) -> str:
    """`34%`; 100% only when all of it is there."""
    if whole <= 0:
        return "0%"
    share = min(part * 100 // whole, 100)
    return f"{share}%"
