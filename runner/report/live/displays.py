"""Displays of progress: redrawn in place on a terminal, lines on a pipe. Both read the tally."""

import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from runner.core.attempts import OutcomeKind
from runner.report.live.tally import Stage, Tally
from runner.report.terminal.screen import Screen
from runner.report.terminal.style import TROUBLES, Span, Style, Written, dim, strong
from runner.report.wording import count, duration, words

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

_FRAMES = 10  # a second
_BAR = 30  # terminal cells, less on a narrow screen
_WINDOW = 100  # samples that the pace is taken from: ten seconds of frames
_APART = 1.0  # seconds at least between two plain lines of one stage
_TENTHS = 10

DOING = {Stage.REFRESH: "Reading", Stage.POLL: "Polling", Stage.SUBMIT: "Placing"}


class Display:
    """Shows the tally while a stage lasts; this one shows nothing."""

    def start(self) -> None:
        """A stage began, or another panel joined it."""

    def stop(self) -> None:
        """The stage ended, or a person is about to be asked: nothing is drawn afterwards."""

    def moved(self) -> None:
        """The tally changed; called for every outcome and every batch."""


class Picture:
    """A picture that rich's own thread redraws in place, `frames` times a second, until it is taken off the screen."""

    def __init__(self, out: Screen, draw: "Callable[[], RenderableType]", frames: int) -> None:
        self._out = out
        self._draw = draw
        self._frames = frames
        self._live: Live | None = None

    @property
    def is_shown(self) -> bool:
        """True while it is on the screen."""
        return self._live is not None

    def show(self) -> None:
        """Put it on the screen, where it is not shown yet."""
        from rich.live import Live

        self._live = Live(
            console=self._out.console,
            get_renderable=self._draw,
            refresh_per_second=self._frames,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        self._live.start(refresh=True)
        self._out.console.show_cursor()  # a run that is killed must not leave a terminal without its cursor

    def hide(self) -> None:
        """Take it off again."""
        if self._live is not None:
            self._live.stop()
            self._live = None


def stage_object(stage: Stage, amount: int) -> str:
    """What a stage works on: `225 orders`, `prices, balance and 12 statuses`."""
    if stage is Stage.SUBMIT:
        return count(amount, "order")
    return f"prices, balance and {count(amount, 'status')}" if amount else "prices and balance"


def stage_result(tally: Tally) -> list[Written]:
    """What the present stage achieved, for its last line."""
    if tally.stage is not Stage.SUBMIT:
        some = f"{tally.done:,} of {count(tally.total, 'status')}"
        return [f"Read {stage_object(tally.stage, tally.total) if tally.done == tally.total else some}"]
    placed = tally.outcomes[OutcomeKind.PLACED]
    troubles = _troubles(tally)
    return [f"Placed {placed:,} of {count(tally.total, 'order')}{', but' if troubles else ''}", *troubles]


def _troubles(tally: Tally) -> list[Span]:
    return [
        Span(f"{tally.outcomes[kind]:,} {words(kind)}", style)
        for kind, style in TROUBLES.items()
        if tally.outcomes[kind]
    ]


class Pace:
    """How fast a stage goes, from the last samples."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._samples: deque[tuple[float, int]] = deque(maxlen=_WINDOW)

    def reset(self) -> None:
        """Forget the former stage."""
        self._samples.clear()
        self._samples.append((self._monotonic(), 0))

    def words(self, tally: Tally) -> str:
        """Note how much is done now. `12.3/s, about 8 s left`; empty while nothing moves."""
        done, left = tally.done, tally.total - tally.done
        self._samples.append((self._monotonic(), done))
        (then, before), (now, after) = self._samples[0], self._samples[-1]
        if now <= then or after <= before:
            return ""
        per_second = (after - before) / (now - then)
        return f"{per_second:,.1f}/s" + (f", about {duration(max(left / per_second, 1))} left" if left else "")


class Lines(Display):
    """A plain line every tenth of the work, and every `tick` seconds when that takes longer."""

    def __init__(self, tally: Tally, say: Callable[..., None], monotonic: Callable[[], float], tick: float) -> None:
        self._tally = tally
        self._say = say
        self._monotonic = monotonic
        self._tick = tick
        self._pace = Pace(monotonic)
        self._tenth = 0
        self._said_at = 0.0
        self._over: threading.Event | None = None

    def start(self) -> None:
        """Begin to count tenths, and start the clock that speaks when nothing else does."""
        if self._over is not None:
            return
        self._tenth = 0
        self._said_at = self._monotonic()
        self._pace.reset()
        self._over = threading.Event()
        threading.Thread(target=self._beat, args=(self._over,), daemon=True, name="progress").start()

    def stop(self) -> None:
        """Say nothing more."""
        if self._over is not None:
            self._over.set()
            self._over = None

    def moved(self) -> None:
        """Speak at every full tenth but the last, which the stage's own last line tells."""
        done, total = self._tally.done, self._tally.total
        if done * _TENTHS < (self._tenth + 1) * total or done >= total:
            return
        self._tenth = done * _TENTHS // total
        if self._monotonic() - self._said_at >= _APART:
            self._tell()

    def _beat(self, over: threading.Event) -> None:
        while not over.wait(self._tick):
            if self._monotonic() - self._said_at >= self._tick:
                self._tell()

    def _tell(self) -> None:
        tally = self._tally
        self._said_at = self._monotonic()
        parts = [f"{DOING.get(tally.stage, '')}: {tally.done:,} of {tally.total:,}"]
        if tally.stage is Stage.SUBMIT:
            parts.append(f"{tally.in_flight:,} in flight")
        parts += [trouble.text for trouble in _troubles(tally)]
        parts.append(self._pace.words(tally))
        self._say(", ".join(part for part in parts if part))


class LiveDisplay(Display):
    """A bar with numbers, redrawn ten times a second."""

    def __init__(self, out: Screen, tally: Tally, monotonic: Callable[[], float]) -> None:
        self._out = out
        self._tally = tally
        self._pace = Pace(monotonic)
        self._picture = Picture(out, self._drawn, _FRAMES)

    def start(self) -> None:
        """Put the display on the screen."""
        if not self._picture.is_shown:
            self._pace.reset()
            self._picture.show()

    def stop(self) -> None:
        """Take it off again."""
        self._picture.hide()

    def _drawn(self) -> "RenderableType":
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        tally = self._tally
        if tally.stage is Stage.IDLE:
            return Text("")
        done, total = tally.done, tally.total
        grid = Table.grid(padding=(0, 2, 0, 0))
        for _ in range(4):
            grid.add_column(no_wrap=True)
        numbers = f"{done:,}/{total:,}" if total else "prices and balance"
        grid.add_row(
            Text(DOING[tally.stage], style=Style.HEADING.value),
            ProgressBar(total=total or None, completed=done, width=min(_BAR, self._out.width // 3), pulse=not total),
            Text(numbers),
            Text(self._pace.words(tally), style=Style.DIM.value),
        )
        if tally.stage is not Stage.SUBMIT:
            return grid
        spans = [
            dim(f"{tally.in_flight:,} in flight"),
            strong(f"{tally.outcomes[OutcomeKind.PLACED]:,} placed"),
            *_troubles(tally),
        ]
        counts = Text("   ").join(Text(span.text, style=span.style.value) for span in spans)
        return Group(grid, Text("  ") + counts)
