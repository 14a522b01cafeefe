"""Shows a watch on a terminal: one table that is redrawn in place and fits the terminal."""

import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from runner.core.errors import RunnerError
from runner.core.events import Event, EventType
from runner.core.values.money import ZERO
from runner.core.values.text import clean
from runner.planning.status.wakeups import Moment
from runner.report.live.displays import DOING, Picture, stage_object
from runner.report.live.tally import Stage, Tally, whole
from runner.report.live.watch_lines import WatchDisplay, percent
from runner.report.live.watch_view import MoneyView, WatchView
from runner.report.model.model import CampaignProgress
from runner.report.terminal.screen import Screen
from runner.report.terminal.style import Span, Style, attention, bad, command, counted, dim, strong
from runner.report.wording import NOTHING, Amounts, count, duration, rate_lowered_words

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

_FRAMES = 2  # a second: a countdown needs no more
_MESSAGES = 4  # the last ones stay in the picture
_WIDE = 120  # columns from which every number has one of its own
_REST = 12  # lines of the picture that are no campaigns, at most
_NAME = 24  # cells of a campaign's name
_CLEAR = "\x1b[2J\x1b[H"  # a terminal that was resized has broken the lines of the last picture


class WatchTable(WatchDisplay):
    """A watch as one picture, and the events that it is made of. Times of day are UTC."""

    def __init__(self, out: Screen, title: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._out = out
        self._title = title
        self._monotonic = monotonic
        self._began = monotonic()
        self._tally = Tally()
        self._messages: deque[tuple[str, Span]] = deque(maxlen=_MESSAGES)
        self._view: WatchView | None = None
        self._until: float | None = None  # on the monotonic clock, of the next pass
        self._why = ""
        self._size = (0, 0)
        self._picture = Picture(out, self._frame, _FRAMES)
        self._draining = False

    def __call__(self, event: Event) -> None:
        """Count what the picture shows; keep what has to be read."""
        match event.type:
            case EventType.RUN_STARTED:
                self._until, self._why = None, ""
            case EventType.REFRESH_STARTED:
                self._tally.begin(Stage.POLL, whole(event.facts, "live"))
            case EventType.STATUSES:
                self._tally.statuses(event)
            case EventType.SUBMIT_STARTED:
                self._tally.begin(Stage.SUBMIT, whole(event.facts, "orders"))
            case EventType.MARKED:
                self._tally.marked(event)
            case EventType.SETTLED:
                self._tally.settled(event)
            case EventType.RUN_FINISHED:
                self._tally.end()
            case EventType.DRAINING:
                self._draining = True
            case EventType.PANEL_STOPPED:
                self._keep(bad(f"nothing more is placed on {event.facts.get('panel')}: {event.facts.get('message')}"))
            case EventType.RATE_LOWERED:
                self._keep(attention(rate_lowered_words(event)))
            case EventType.NOTE | EventType.WARNING:
                self.say(str(event.facts.get("message")))

    def show(self, view: WatchView) -> None:
        """The numbers of a pass."""
        self._view = view

    def failed(self, error: RunnerError, times: int) -> None:
        """What keeps passes from going through, told when it begins."""
        self._tally.end()
        if times == 1:
            self._keep(attention(error.message))

    def waiting(self, moment: Moment, now: datetime) -> None:
        """Count down."""
        self._until = self._monotonic() + (moment.at - now).total_seconds()
        self._why = moment.why

    def note(self, text: str) -> None:
        """A message in the picture."""
        self._keep(attention(text))

    def pause(self) -> None:
        """Take the picture off the screen."""
        self._picture.hide()

    def resume(self) -> None:
        """Put it on the screen."""
        if not self._picture.is_shown:
            self._size = self._out.measure()
            self._picture.show()

    def _keep(self, message: Span) -> None:
        self._messages.append((f"{datetime.now(UTC):%H:%M:%S}", message._replace(text=clean(message.text))))

    def _frame(self) -> "RenderableType":
        size = self._out.measure()
        if size != self._size:
            self._size = size
            self._out.stream.write(_CLEAR)
        self._out.console.width = size[0]
        return self.picture(*size)

    def picture(self, width: int, height: int) -> "RenderableType":
        """What stands on a screen of so many columns and lines."""
        from rich.console import Group
        from rich.padding import Padding

        parts: list[RenderableType] = [self._head()]
        if self._view is not None:
            parts += [
                Padding(_campaigns(self._view, width, max(height - _REST, 1)), (0, 0, 0, 2), expand=False),
                *(_money(one) for one in self._view.money),
            ]
            if doubts := self._view.outlook.in_doubt:
                told = bad(f"{count(doubts, 'order')} may have been bought:")
                parts.append(_cut(told, command("runner doubt list")))
        parts += [_cut(Span(at, Style.DIM), message) for at, message in self._messages]
        parts.append(self._foot())
        return Group(*parts)

    def _head(self) -> "Text":
        passes = "first pass" if self._view is None else count(self._view.number, "pass")
        return _cut(Span(self._title, Style.HEADING), dim(f"{passes}, {duration(self._monotonic() - self._began)}"))

    def _foot(self) -> "Text":
        if self._draining:
            return _cut(attention(f"Stopping: {self._tally.in_flight:,} in flight to finish. Ctrl-C again stops now."))
        tally = self._tally
        if tally.stage is not Stage.IDLE:
            numbers = f"{tally.done:,}/{tally.total:,}" if tally.total else ""
            return _cut(strong(f"{DOING[tally.stage]} {stage_object(tally.stage, tally.total)}"), dim(numbers))
        if self._until is None:
            return _cut(strong("Beginning a pass"))
        left = duration(max(self._until - self._monotonic(), 0))
        return _cut(strong(f"Next pass in {left}"), dim(f"for {self._why}; Ctrl-C ends the watch"))


def _campaigns(view: WatchView, width: int, most: int) -> "RenderableType":
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    is_wide = width >= _WIDE
    table.add_column("campaign", no_wrap=True, overflow="ellipsis", max_width=_NAME if not is_wide else None)
    table.add_column("delivered", no_wrap=True, min_width=5)
    for title in ["", *(["units", "an hour"] if is_wide else []), "bought", "live", "final", "problems"]:
        table.add_column(title, justify="right", no_wrap=True)
    bar = max(min(width // 5, 40), 5)
    shown = sorted(view.campaigns, key=lambda one: (-one.problems, -one.live, one.campaign))[:most]
    for one in shown:
        cells: list[RenderableType] = [
            Text(clean(one.campaign)),
            ProgressBar(total=max(one.units, 1), completed=min(one.delivered, one.units), width=bar),
            *(Text(cell.text, style=cell.style.value) for cell in _cells(one, is_wide=is_wide)),
        ]
        table.add_row(*cells)
    if len(shown) < len(view.campaigns):
        table.add_row(Text(f"and {len(view.campaigns) - len(shown):,} more", style=Style.DIM.value))
    return table


def _cells(one: CampaignProgress, *, is_wide: bool) -> list[Span]:
    cells = [Span(percent(one.delivered, one.units), Style.STRONG)]
    if is_wide:
        rate = NOTHING if one.per_hour is None else f"{one.per_hour:,.0f}"
        cells += [Span(f"{one.delivered:,} of {one.units:,}"), dim(rate)]
    return [
        *cells,
        Span(f"{one.bought:,}/{one.orders:,}", Style.PLAIN if one.bought == one.orders else Style.ATTENTION),
        Span(f"{one.live:,}"),
        counted(one.final, Style.GOOD),
        counted(one.problems, Style.BAD),
    ]


def _money(one: MoneyView) -> "Text":
    amounts = Amounts((amount, None) for amount in (one.spent, one.reserved, one.balance, one.in_doubt))
    doubt = bad(f"in doubt {amounts.bare(one.in_doubt)}") if one.in_doubt > ZERO else Span("")
    return _cut(
        dim("money"),
        Span(f"spent {amounts.bare(one.spent)}{f' {one.currency}' if one.currency else ''},"),
        Span(f"reserved {amounts.bare(one.reserved)},"),
        Span(f"balance {amounts.bare(one.balance)}"),
        doubt,
    )


def _cut(*spans: Span) -> "Text":
    """One line; what does not fit is cut."""
    from rich.text import Text

    text = Text(" ", no_wrap=True, overflow="ellipsis").join(
        Text(span.text, style=span.style.value) for span in spans if span.text
    )
    text.no_wrap, text.overflow = True, "ellipsis"
    return text
