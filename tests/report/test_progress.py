"""A run as it is watched: counts, lines, quiet, and a clean end."""

import io
import json
import threading
import time

import pytest
from rich.ansi import AnsiDecoder
from rich.cells import cell_len

from runner.core.events import EventType
from runner.report.documents.event_lines import EventLines, together
from runner.report.live.progress import Progress
from runner.report.terminal.screen import Screen


class Time:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Time()


def ends(threads):
    """True once no more than `threads` are left."""
    deadline = time.monotonic() + 5
    while threading.active_count() > threads and time.monotonic() < deadline:
        time.sleep(0.01)
    return threading.active_count() <= threads


def pipe(clock, **options):
    stream = io.StringIO()
    return stream, Progress(Screen(stream, environ={}), monotonic=clock, **options)


def terminal(clock, **options):
    stream = io.StringIO()
    return stream, Progress(Screen(stream, terminal=True, width=80, environ={}), monotonic=clock, **options)


def submit(make, progress, outcomes, clock=None, seconds=0.0):
    progress(make.event(EventType.SUBMIT_STARTED, panel="sandbox", orders=len(outcomes)))
    for number, outcome in enumerate(outcomes):
        progress(make.event(EventType.MARKED, f"spring/{number}"))
        if clock is not None:
            clock.now += seconds
        progress(make.event(EventType.SETTLED, f"spring/{number}", outcome=outcome))


def test_each_stage_has_a_first_and_a_last_line_in_a_pipe(make, clock):
    stream, progress = pipe(clock)
    with progress:
        progress(make.event(EventType.REFRESH_STARTED, panel="sandbox", live=200))
        progress(make.event(EventType.STATUSES, panel="sandbox", asked=100, answered=99))
        progress(make.event(EventType.STATUSES, panel="sandbox", asked=100, answered=100))
        progress(make.event(EventType.PLANNED, place=5))
        submit(make, progress, ["placed"] * 3 + ["refused", "in_doubt"])
        progress(make.event(EventType.RUN_FINISHED, exit_code=15))
    assert stream.getvalue().splitlines() == [
        "Reading prices, balance and 200 statuses on sandbox",
        "Read prices, balance and 200 statuses in 0 s",
        "Placing 5 orders on sandbox",
        "Placed 3 of 5 orders, but 1 refused 1 in doubt in 0 s",
    ]


def test_a_slow_stage_speaks_every_tenth(make, clock):
    stream, progress = pipe(clock)
    with progress:
        submit(make, progress, ["placed"] * 100, clock, seconds=0.5)
    lines = stream.getvalue().splitlines()
    assert "Placing: 50 of 100, 0 in flight, 2.0/s, about 25 s left" in lines
    assert len(lines) == 1 + 9 + 1
    assert lines[-1] == "Placed 100 of 100 orders in 50 s"


def test_a_fast_stage_does_not_chatter(make, clock):
    stream, progress = pipe(clock)
    with progress:
        submit(make, progress, ["placed"] * 1000, clock, seconds=0.0001)
    assert len(stream.getvalue().splitlines()) == 2


def test_a_silent_panel_is_seen_to_be_waited_for(make):
    stream = io.StringIO()
    with Progress(Screen(stream, environ={}), tick=0.02) as progress:
        progress(make.event(EventType.SUBMIT_STARTED, panel="sandbox", orders=4))
        progress(make.event(EventType.MARKED, "spring/a"))
        deadline = time.monotonic() + 5
        while "1 in flight" not in stream.getvalue() and time.monotonic() < deadline:
            time.sleep(0.01)
    assert "Placing: 0 of 4, 1 in flight" in stream.getvalue()


def test_an_order_sent_again_after_a_rate_limit_counts_once(make, clock):
    stream, progress = pipe(clock)
    with progress:
        progress(make.event(EventType.SUBMIT_STARTED, panel="sandbox", orders=1))
        for outcome in ("refused", "refused", "placed"):
            progress(make.event(EventType.MARKED, "spring/a"))
            progress(make.event(EventType.SETTLED, "spring/a", outcome=outcome))
    assert stream.getvalue().splitlines()[-1] == "Placed 1 of 1 order in 0 s"


def test_several_panels_are_one_stage(make, clock):
    stream, progress = pipe(clock)
    with progress:
        progress(make.event(EventType.SUBMIT_STARTED, panel="one", orders=1))
        submit(make, progress, ["placed", "placed"])
        progress(make.event(EventType.SETTLED, "autumn/a", outcome="placed"))
    assert stream.getvalue().splitlines()[-1] == "Placed 3 of 3 orders in 0 s"


def test_what_cannot_wait_is_said_at_once_and_harmlessly(make, clock):
    stream, progress = pipe(clock)
    with progress:
        progress(make.event(EventType.NOTE, message="old prices\x1b[2J\nkept"))
        until = "2026-03-01T12:00:07.000Z"
        lowered = {"panel": "sandbox", "per_minute": 30, "until": until, "message": "slow down"}
        progress(make.event(EventType.RATE_LOWERED, **lowered))
        progress(make.event(EventType.PANEL_STOPPED, panel="sandbox", message="no funds"))
        progress(make.event(EventType.DRAINING, in_flight=4))
        assert stream.getvalue().splitlines() == [
            "note: old prices\\x1b[2J kept",
            "sandbox asks for less: no order until 2026-03-01 12:00:07 UTC, then at most 30 a minute",
            "Nothing more is placed on sandbox: no funds",
            "Stopping: 4 requests in flight to finish. Ctrl-C again stops now and may leave doubts.",
        ]


def test_after_orders_were_placed_a_refresh_is_a_poll(make, clock):
    stream, progress = pipe(clock)
    with progress:
        submit(make, progress, ["placed"])
        progress(make.event(EventType.REFRESH_STARTED, panel="sandbox", live=1))
    assert "Polling prices, balance and 1 status on sandbox" in stream.getvalue()


def test_quiet_shows_nothing(make, clock):
    for stream, progress in (pipe(clock, quiet=True), terminal(clock, quiet=True)):
        with progress:
            submit(make, progress, ["placed", "refused"])
            progress(make.event(EventType.NOTE, message="x"))
        assert stream.getvalue() == ""


def test_a_terminal_shows_a_bar_and_is_left_clean(make, clock):
    stream, progress = terminal(clock)
    before = threading.active_count()
    with progress:
        submit(make, progress, ["placed"] * 30 + ["refused"] * 3)
        deadline = time.monotonic() + 5
        while "33/33" not in stream.getvalue() and time.monotonic() < deadline:
            time.sleep(0.02)
        drawn = stream.getvalue()
        progress.pause()
        paused = stream.getvalue()
        time.sleep(0.15)
        assert stream.getvalue() == paused
    plain = [line.plain for line in AnsiDecoder().decode(drawn)]
    assert any("33/33" in line for line in plain)
    assert any("30 placed" in line and "3 refused" in line for line in plain)
    assert max(cell_len(line) for line in plain) <= 80
    assert "Placed 30 of 33 orders" in paused
    assert ends(before)
    assert stream.getvalue().rfind("\x1b[?25h") > stream.getvalue().rfind("\x1b[?25l")


def test_an_exception_leaves_a_clean_terminal_and_goes_on(make, clock):
    stream, progress = terminal(clock)
    before = threading.active_count()

    def broken_off():
        with progress:
            progress(make.event(EventType.SUBMIT_STARTED, panel="sandbox", orders=3))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert "Placed 0 of 3 orders" in stream.getvalue()
    assert ends(before)


def test_a_closed_stderr_never_stops_a_run(make, clock):
    stream, progress = pipe(clock)
    with progress:
        stream.close()
        submit(make, progress, ["placed"] * 10, clock, seconds=5)


def test_a_thousand_events_cost_little(make, clock):
    _, progress = terminal(clock)
    events = [make.event(EventType.MARKED, "spring/a"), make.event(EventType.SETTLED, "spring/a", outcome="placed")]
    with progress:
        progress(make.event(EventType.SUBMIT_STARTED, panel="sandbox", orders=10_000))
        written = len(progress._out.stream.getvalue())
        for _ in range(10_000):
            for event in events:
                progress(event)
        assert progress._tally.done == 10_000
        assert len(progress._out.stream.getvalue()) < written + 20_000


def test_every_event_is_one_flushed_line(make):
    class Stream(io.StringIO):
        flushed = 0

        def flush(self):
            self.flushed = len(self.getvalue())

    stream = Stream()
    listen = EventLines(stream)
    for outcome in ("placed", "refused"):
        listen(make.event(EventType.SETTLED, "spring/a", outcome=outcome, message="a\nb\x1b"))
        assert stream.flushed == len(stream.getvalue())
    documents = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [each["outcome"] for each in documents] == ["placed", "refused"]
    assert documents[0]["message"] == "a\nb\x1b"


def test_a_reader_that_went_away_never_stops_a_run(make):
    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    listen = EventLines(Gone())
    listen(make.event(EventType.NOTE, message="x"))
    listen(make.event(EventType.NOTE, message="y"))
    assert isinstance(listen.broken, BrokenPipeError)


def test_listeners_hear_together(make):
    heard = []
    listen = together(lambda event: heard.append(("a", event.type)), lambda event: heard.append(("b", event.type)))
    listen(make.event(EventType.NOTE, message="x"))
    assert heard == [("a", EventType.NOTE), ("b", EventType.NOTE)]
