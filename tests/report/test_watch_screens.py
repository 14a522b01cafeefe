"""What a watch shows: the numbers behind it, the picture on terminals of every size, the lines off one."""

import io
from dataclasses import replace
from datetime import timedelta

import pytest
from rich.ansi import AnsiDecoder
from rich.cells import cell_len

from runner.core.errors import PanelUnreachable
from runner.core.events import EventType
from runner.planning.status.completion import Outlook
from runner.planning.status.wakeups import Moment
from runner.report.live.watch_lines import WatchLines, percent
from runner.report.live.watch_table import WatchTable
from runner.report.live.watch_view import MoneyView, Rates, WatchView
from runner.report.model.model import CampaignProgress, State
from runner.report.terminal.screen import Screen
from tests.planning.builders import D
from tests.report.conftest import NOW


def a_campaign(name="spring", problems=0) -> CampaignProgress:
    states = {State.PROGRESSING: 140, State.COMPLETED: 85, State.MISSING: 5 - problems, State.IN_DOUBT: problems}
    return CampaignProgress(name, 230, 376_350, 128_000, states, 12_345.6)


def a_view(*campaigns: CampaignProgress, **changes) -> WatchView:
    view = WatchView(
        number=3,
        at=NOW,
        campaigns=campaigns or (a_campaign(),),
        money=[MoneyView("USD", D("72.11"), D("0.21"), D(0), D("927.89"))],
        states={State.PROGRESSING: 140, State.COMPLETED: 85, State.MISSING: 5},
        outlook=Outlook(live=140),
    )
    return replace(view, **changes)


def drawn(table: WatchTable, width: int, height: int) -> list[str]:
    """The picture, line by line, as a terminal of that size shows it."""
    stream = io.StringIO()
    screen = Screen(stream, terminal=True, width=width, environ={})
    screen.console.print(table.picture(width, height))
    return [line.plain for line in AnsiDecoder().decode(stream.getvalue().rstrip("\n"))]


def table(view: WatchView | None = None) -> WatchTable:
    made = WatchTable(Screen(io.StringIO(), terminal=True, width=80, environ={}), "Watching 2 campaigns")
    if view is not None:
        made.show(view)
    return made


@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("height", [20, 24, 50])
def test_the_picture_fits_every_terminal(width, height):
    many = [a_campaign(f"campaign-with-a-long-name-{n}", problems=n % 3) for n in range(60)]
    shown = table(a_view(*many))
    for number in range(9):
        shown.say(f"message {number} " + "with many words " * 20)
    lines = drawn(shown, width, height)
    assert len(lines) <= height
    assert max(map(cell_len, lines)) <= width
    assert any("more" in line for line in lines)
    assert any("message 8" in line for line in lines)


def test_what_needs_somebody_stands_first():
    shown = table(a_view(a_campaign("calm"), a_campaign("trouble", problems=2)))
    names = [line.split()[0] for line in drawn(shown, 80, 24) if line.startswith("  ")]
    assert names[1:3] == ["trouble", "calm"]


def test_doubts_and_their_money_are_shown_with_what_to_type():
    money = [MoneyView("USD", D(1), D(0), D("0.09"), D(9))]
    text = "\n".join(drawn(table(a_view(money=money, outlook=Outlook(in_doubt=1))), 80, 24))
    assert "in doubt 0.09" in text
    assert "1 order may have been bought: runner doubt list" in text


def test_a_wide_terminal_shows_more():
    wide, narrow = drawn(table(a_view()), 200, 24), drawn(table(a_view()), 80, 24)
    assert any("128,000 of 376,350" in line and "12,346" in line for line in wide)
    assert not any("376,350" in line for line in narrow)
    assert any("34%" in line and "225/230" in line for line in narrow)


def test_the_picture_tells_what_goes_on(make):
    shown = table(a_view())
    shown(make.event(EventType.RUN_STARTED, command="watch"))
    shown(make.event(EventType.REFRESH_STARTED, panel="sandbox", live=200))
    shown(make.event(EventType.STATUSES, panel="sandbox", asked=100, answered=100))
    assert "Polling prices, balance and 200 statuses 100/200" in drawn(shown, 80, 24)[-1]
    shown(make.event(EventType.RUN_FINISHED, exit_code=0))
    shown.waiting(Moment(NOW + timedelta(seconds=90), "statuses"), NOW)
    assert "Next pass in 90 s for statuses" in drawn(shown, 80, 24)[-1]
    shown.failed(PanelUnreachable("it does not answer"), 1)
    shown.failed(PanelUnreachable("it does not answer"), 2)
    assert sum("it does not answer" in line for line in drawn(shown, 80, 24)) == 1


def test_lines_off_a_terminal_are_one_for_each_pass_and_each_note_comes_once(make):
    stream = io.StringIO()
    with WatchLines(Screen(stream, environ={})) as lines:
        for _ in range(2):
            lines(make.event(EventType.REFRESH_STARTED, panel="sandbox", live=200))
            lines(make.event(EventType.NOTE, message="the former price list is kept"))
            lines.show(a_view())
            lines.waiting(Moment(NOW + timedelta(seconds=30), "statuses"), NOW)
        lines.show(a_view(number=4))
    told = stream.getvalue().splitlines()
    line = (
        "2026-03-01 12:00:00 UTC pass 3: 225 of 230 orders bought, 140 progressing, 85 completed, 5 missing; "
        "34% delivered; spent 72.11 USD; next pass in 30 s, for statuses"
    )
    assert told[:3] == ["note: the former price list is kept", line, line]
    assert told[3].startswith("2026-03-01 12:00:00 UTC pass 4:")
    assert len(told) == 4


def test_a_quiet_watch_says_nothing(make):
    stream = io.StringIO()
    with WatchLines(Screen(stream, environ={}), quiet=True) as lines:
        lines(make.event(EventType.NOTE, message="a note"))
        lines.show(a_view())
        lines.failed(PanelUnreachable("out"), 1)
        lines.waiting(Moment(NOW, "statuses"), NOW)
    assert stream.getvalue() == ""


def test_the_rate_is_that_of_the_last_hour():
    rates = Rates()
    assert rates.see("spring", NOW, 1000) is None
    assert rates.see("spring", NOW + timedelta(minutes=30), 1500) == 1000
    assert rates.see("spring", NOW + timedelta(minutes=60), 1500) == 500
    assert rates.see("spring", NOW + timedelta(minutes=120), 1700) == 200
    assert rates.see("autumn", NOW, 5) is None


def test_100_percent_is_said_only_when_all_is_there():
    assert [percent(*pair) for pair in ((0, 0), (0, 10), (999, 1000), (1000, 1000), (1100, 1000))] == [
        "0%",
        "0%",
        "99%",
        "100%",
        "100%",
    ]
