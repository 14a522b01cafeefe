"""The screen: what it knows of its stream, what it makes of hostile text, how it fits things."""

import io
import subprocess
import sys
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from runner.planning.plan import ActionKind
from runner.planning.status.order_status import Standings
from runner.report.terminal.elided import shorten
from runner.report.terminal.screen import Column, Fit, Screen
from runner.report.terminal.style import bad
from runner.report.text.lists import render_services
from runner.report.text.plan import render_plan
from runner.report.text.status import render_status
from runner.report.wording import count, duration, money

EVIL = "\x1b[31mred\x1b]0;title\x07 [red]markup[/red] \u202egpj.exe\u200b\nsecond\rline\x9b2J :smile: [link=x]"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_pipe_is_no_terminal_and_has_no_colour():
    out = Screen(io.StringIO(), environ={})
    assert (out.is_terminal, out.colour, out.width) == (False, False, 80)


def test_a_terminal_has_colour_unless_told_otherwise():
    assert Screen(Terminal(), environ={"TERM": "xterm"}).colour
    assert not Screen(Terminal(), environ={"TERM": "xterm", "NO_COLOR": "1"}).colour
    assert Screen(Terminal(), environ={"TERM": "xterm", "NO_COLOR": ""}).colour
    assert not Screen(Terminal(), colour=False, environ={}).colour
    assert Screen(Terminal(), environ={"NO_COLOR": "1"}).is_terminal


def test_a_dumb_terminal_gets_plain_lines():
    out = Screen(Terminal(), environ={"TERM": "dumb"})
    assert not out.is_terminal
    out.line(bad("refused"))
    assert out.stream.getvalue() == "refused\n"


def test_columns_set_the_width():
    assert Screen(Terminal(), environ={"COLUMNS": "132"}).width == 132
    assert Screen(Terminal(), environ={"COLUMNS": "wide"}).width == 80


def test_colours_are_the_terminals_own():
    out = Screen(Terminal(), terminal=True, width=80, environ={})
    out.line(bad("refused"))
    assert "\x1b[31mrefused" in out.stream.getvalue()


def test_without_colour_no_colour_code_is_written():
    out = Screen(Terminal(), terminal=True, width=80, colour=False, environ={})
    out.line(bad("refused"))
    assert "\x1b[3" not in out.stream.getvalue()


@pytest.mark.parametrize("width", [None, 80, 45])
def test_hostile_text_comes_out_harmless(make, write, width):
    service = make.service(name=EVIL, category=EVIL, type=EVIL, id=EVIL)
    standing = make.standing(EVIL, panel_order_id=EVIL, message=EVIL)
    plan = make.plan(
        make.action(EVIL, link=EVIL, service=EVIL, campaign=EVIL),
        make.action(EVIL, ActionKind.BLOCKED, reason=EVIL),
        notes=[EVIL],
    )
    texts = [
        write(render_services, [(EVIL, service)], width=width),
        write(render_status, Standings(orders=[standing], summary={}), make.now, width=width),
        write(render_plan, plan, width=width),
    ]
    for text in texts:
        for harm in ("\x1b[31m", "\x1b]", "\x07", "\u202e", "\u200b", "\r", "\x9b"):
            assert harm not in text
    assert "[red]markup[/red]" in "".join(text.replace("\n", "") for text in texts) or width == 45
    assert not any(line.startswith("second") for text in texts for line in text.splitlines())


def test_a_stream_of_few_characters_never_stops_a_command():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="latin-1")
    out = Screen(stream, environ={})
    out.line("… und ÄÖÜ 中文")
    stream.flush()
    assert raw.getvalue() == "\\u2026 und ÄÖÜ \\u4e2d\\u6587\n".encode("latin-1")


def test_a_plain_table_is_aligned_and_never_cut_and_has_no_empty_cells():
    out = Screen(io.StringIO(), environ={})
    out.table(
        [Column("order"), Column("units", Fit.NUMBER), Column("why")], [["a", "1", ""], ["b" * 200, "1,000", "x"]]
    )
    title, first, second = out.stream.getvalue().splitlines()
    assert title.split() == ["order", "units", "why"]
    assert first.split() == ["a", "1", "-"]
    assert second.split() == ["b" * 200, "1,000", "x"]
    assert first.index("1") == second.index("1,000") + 4


def test_a_plain_table_streams():
    out = Screen(io.StringIO(), environ={})
    seen = []

    def rows():
        for number in range(2000):
            seen.append(len(out.stream.getvalue()))
            yield [str(number)]

    out.table([Column("n")], rows())
    assert seen[-1] > 1000
    assert len(out.stream.getvalue().splitlines()) == 2001


@settings(max_examples=100, deadline=None)
@given(text=st.text(alphabet="ab/中👍é", max_size=60), width=st.integers(0, 40))
def test_a_shortened_text_fits_and_keeps_both_ends(text, width):
    short = shorten(text, width)
    assert cell_len(short) <= width or short == text == ""
    if cell_len(text) <= width:
        assert short == text
    elif width >= 10:
        head, tail = short.split("…")
        assert text.startswith(head)
        assert text.endswith(tail)


@settings(max_examples=25, deadline=None)
@given(
    cells=st.lists(st.lists(st.text(max_size=90), min_size=4, max_size=4), min_size=1, max_size=4),
    width=st.integers(40, 120),
)
def test_no_table_is_wider_than_its_terminal(write, cells, width):
    columns = [Column("a"), Column("b", Fit.MIDDLE), Column("c", Fit.WRAP), Column("d", Fit.NAME)]
    write(lambda rows, out: out.table(columns, rows), cells, width=width)


@pytest.mark.parametrize(("width", "is_below"), [(50, True), (60, False)])
def test_long_cells_go_below_a_row_that_leaves_them_no_room(write, width, is_below):
    columns = [Column("time"), Column("order", Fit.NAME), Column("what", Fit.WRAP)]
    rows = [["2026-11-22 23:49:13", "spring/teaser", "order 23501; pending, 1000 remain"], ["never", "-", ""]]
    lines = write(lambda rows, out: out.table(columns, rows), rows, width=width).splitlines()
    assert ("      order 23501; pending, 1000 remain" in [line.rstrip() for line in lines]) == is_below
    assert len(lines) == 4
    assert ("what" in lines[0]) != is_below


def test_several_cells_below_a_row_say_what_they_are(write):
    columns = [Column("order"), Column("link", Fit.MIDDLE), Column("message", Fit.WRAP)]
    rows = [["spring/" + "a" * 20, "https://example.com/our-brand/p/1", "lost"], ["b", "-", "cut"]]
    shown = write(lambda rows, out: out.table(columns, rows), rows, width=40)
    assert [line.strip() for line in shown.splitlines()] == [
        "order",
        "spring/" + "a" * 20,
        "link:",
        "https://example.com/our-brand/p/1",
        "message: lost",
        "b",
        "message: cut",
    ]


def test_help_does_not_pay_for_rich():
    code = "import sys, runner.report.text.apply, runner.report.text.doubt, runner.report.text.lists, runner.report.text.status, runner.report.live.progress, runner.report.documents.as_json; print('rich' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_words_for_numbers():
    assert [count(1, "order"), count(1225, "order"), count(0, "status")] == ["1 order", "1,225 orders", "0 statuses"]
    assert [duration(s) for s in (0.2, 59.6, 130, 7200, 200_000)] == ["0 s", "60 s", "2 min", "2 h", "2 d"]
    assert [money(None), money(Decimal("1131.3"), "USD")] == ["unknown", "1,131.30 USD"]
    assert money(Decimal("0.0004")) == "0.0004"
