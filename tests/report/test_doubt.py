"""What a person reads about an order in doubt."""

import io
import re
import shlex
from datetime import timedelta
from decimal import Decimal

import pytest
from jsonschema import ValidationError

from runner.core.attempts import Attempt, AttemptKind, AttemptState, LiveStatus, Phase
from runner.core.doubts import AnswerKept, Decided, Decision, DecisionKind, Duplicate, Kept
from runner.engine.decisions.settle_doubt import Case, Choice
from runner.planning.doubts.evidence import Evidence, weigh
from runner.report.terminal.screen import Screen
from runner.report.text.doubt import doubts_document, render_doubt, render_doubts, render_settled
from tests.report.conftest import LINK, NOW
from tests.report.test_as_json import check

AGO = NOW - timedelta(hours=1)
BY = Decision("not in the list", "anna", "build-1", NOW)


def an_attempt(**changes) -> Attempt:
    attempt = Attempt(
        7, "spring", "teaser", AttemptKind.INITIAL, 0, "kings", "1", LINK, 1000, 5, 60, Decimal("0.90"),
        Decimal("4.50"), AttemptState.IN_DOUBT, "run-1", AGO, AGO + timedelta(seconds=3), None, "HTTP 502: not understood",
        Phase.ANSWERED, LiveStatus.UNKNOWN, "", None, None, None, None, None, 0,
    )  # fmt: skip
    return attempt._replace(**changes)


def evidence(make, attempt=None, **changes) -> Evidence:
    before = make.balance("kings", "100.00")
    facts = {
        "attempt": attempt or an_attempt(),
        "kept": Kept(
            answer=AnswerKept(502, 24, "<html>Bad gateway</html>"),
            balance_before=before,
            duplicates=(Duplicate("spring/next", "2", NOW, "active order"),),
        ),
        "decided": None,
        "now": NOW,
        "exclusive": True,
        "settle": timedelta(minutes=10),
        "before": an_attempt(order_id="a", panel_order_id="23501"),
        "after": an_attempt(order_id="b", panel_order_id="23503"),
        "balance_after": make.balance("kings", "95.50"),
        "charged": Decimal(0),
        "expected": Decimal(0),
        "counted": 0,
        "late_refunds": Decimal(0),
        "rivals": (),
    }
    return Evidence(**(facts | changes))


def joined(text: str) -> str:
    """As a shell reads it."""
    return " ".join(re.sub(r"\x1b\[[0-9;]*m", "", text).replace("\\\n", " ").split())


def show(one):
    def render(_subject, out):
        render_doubt(one, weigh(one), out, " --state other.db")

    return render


@pytest.mark.parametrize("colour", [False, True])
def test_everything_to_look_for_and_to_type_is_on_the_screen(make, write, colour):
    text = write(show(evidence(make)), None, colour=colour)
    flat = " ".join(text.split())
    for said in (
        "spring/teaser",
        "runs 5, every 1 h",
        "4.50 expected (0.90 per 1000)",
        "a complete answer, which proves nothing",
        "502",
        "24 bytes",
        "<html>Bad gateway</html>",
        "1000, or 5000 in all",
        "after 23501 (yours, spring/a), about or before 23503 (yours, spring/b)",
        "4.50 is missing",
        "it was probably placed",
    ):
        assert " ".join(said.split()) in flat or colour, said
    assert "runner doubt adopt spring/teaser --order ID --reason 'seen in the order list' --state other.db" in joined(
        text
    )


def test_what_is_unknown_is_said_and_not_shown_as_nothing(make, write):
    killed = an_attempt(phase=None, settled_at=None, runs=None, interval=None)
    kept = Kept(answer=None, balance_before=None, duplicates=())
    text = write(show(evidence(make, killed, kept=kept, before=None, after=None, balance_after=None)), None)
    flat = " ".join(text.split())
    assert "the process ended before it could record an answer" in flat
    assert "no other order of yours on this panel" in flat
    assert "no balance was seen before it was sent" in flat
    assert "--i-checked" in flat


def test_a_settled_doubt_shows_who_decided_and_offers_no_commands(make, write):
    decided = Decided(7, DecisionKind.NOT_PLACED, None, BY)
    text = write(show(evidence(make, decided=decided)), None)
    assert "declared not placed by anna on build-1 at 2026-03-01 12:00 UTC: not in the list" in " ".join(text.split())
    assert "runner doubt" not in text


def test_the_list_counts_and_an_empty_one_says_so(make, write):
    one = evidence(make)
    text = write(lambda _s, out: render_doubts([(one, weigh(one))], out), None, width=None)
    assert "spring/teaser" in text
    assert "1,000 x 5" in text
    assert "1 order may have been bought." in text
    assert write(lambda _s, out: render_doubts([], out), None) == "Nothing is in doubt.\n"


def test_what_was_recorded_is_told_with_what_was_forced_and_what_is_left(make, write):
    case = Case(attempt=an_attempt(), history=(), more=1)
    choice = Choice(DecisionKind.ADOPT, BY, "23502")

    def render(_subject, out):
        render_settled(case, choice, ["it cost 5.00, expected was 4.50"], out, is_new=True)

    flat = " ".join(write(render, None).split())
    assert "adopted as order 23502 on kings: it is polled from now on" in flat
    assert "forced, although it cost 5.00" in flat
    assert "1 further attempt of this order still in doubt: runner doubt show spring/teaser" in flat


@pytest.mark.parametrize("kind", [None, *DecisionKind])
def test_the_document_fits_its_schema_and_no_other_keys_do(make, kind):
    order_id = "23502" if kind is DecisionKind.ADOPT else None
    decided = None if kind is None else Decided(7, kind, order_id, BY)
    nothing = Kept(answer=None, balance_before=None, duplicates=())
    for one in (
        evidence(make, decided=decided),
        evidence(
            make, an_attempt(phase=None, settled_at=None), kept=nothing, balance_after=None, before=None, after=None
        ),
    ):
        document = check("doubt", doubts_document([(one, weigh(one))]))
        first = ["order", "panel", "service", "link", "quantity", "runs", "interval", "cost", "since"]
        assert list(document["doubts"][0])[:9] == first
        with pytest.raises(ValidationError):
            check("doubt", {"doubts": [document["doubts"][0] | {"key": "secret"}]})


def test_a_long_command_is_continued_so_that_a_shell_reads_it_as_one():
    address, state = shlex.quote("a'b c"), shlex.quote("x y/" * 5)
    line = f"runner doubt adopt {address} --order ID --reason 'seen in the order list' --state {state}"
    for width in (40, 60, 200):
        stream = io.StringIO()
        Screen(stream, terminal=True, width=width, colour=False, environ={}).command(line, indent=4)
        shown = stream.getvalue()
        assert shlex.split(shown.replace("\\\n", "")) == shlex.split(line)  # what a shell makes of it
        assert max(len(one) for one in shown.splitlines()) <= width
