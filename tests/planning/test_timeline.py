"""What happened to orders, told in order with the money of each event."""

from datetime import timedelta

import pytest

from runner.core.attempts import AttemptState, LiveStatus, Phase
from runner.core.catalogue import BalanceLabel
from runner.core.doubts import AnswerKept, Decided, Decision, DecisionKind
from runner.core.refills import CancelRequest, CancelState, Finality, Refill, RefillState
from runner.core.snapshot import Run
from runner.planning.accounting.periods import Period
from runner.planning.accounting.timeline import Happening, latest, of_order
from tests.planning.builders import EARLIER, NOW, D, a_charged_attempt, an_attempt, an_order, recorded_with

HOUR = timedelta(hours=1)
RUN = Run("run-1", "apply", EARLIER, EARLIER + HOUR, 15)
BY = Decision("not in the list", "anna", "build-1", NOW)
H = Happening


def told(recorded, runs=(), **answers):
    (attempts,) = recorded.attempts.values()
    return of_order(recorded, attempts, runs, answers.get("answers", {}))


def kinds(events):
    return [event.kind.value for event in events]


def test_a_purchase_is_marked_placed_and_seen_with_its_charges_and_refund():
    bought = a_charged_attempt("0.90", "0.45", LiveStatus.PARTIAL, 500, start_count=10)
    marked, placed, status = told(recorded_with(bought))
    assert (marked.kind, marked.amount, marked.currency, marked.run_id) == (H.MARKED, D("0.90"), "USD", "run-1")
    assert (placed.kind, placed.panel_order_id, placed.amount) == (H.PLACED, "23501", None)
    assert (status.amount, status.first_charge, status.refunded) == (D("0.45"), D("0.90"), D("0.45"))
    assert status.text == "partial, started at 10, 500 remain"


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        (AttemptState.REFUSED, H.REFUSED),
        (AttemptState.NOT_SENT, H.NOT_SENT),
        (AttemptState.IN_DOUBT, H.IN_DOUBT),
    ],
)
def test_an_outcome_says_what_it_proved_and_how_far_the_request_got(state, kind):
    _, outcome = told(recorded_with(an_attempt(state=state, message="reset", phase=Phase.SENDING)))
    assert (outcome.kind, outcome.text) == (kind, "reset; phase sending")
    assert outcome.amount == (D("0.90") if kind is H.IN_DOUBT else None)


@pytest.mark.parametrize(
    ("state", "kind", "happened", "amount"),
    [
        (AttemptState.PLACED, DecisionKind.ADOPT, H.ADOPTED, None),
        (AttemptState.NOT_SENT, DecisionKind.NOT_PLACED, H.DECLARED_NOT_PLACED, None),
        (AttemptState.ABANDONED, DecisionKind.ABANDON, H.ABANDONED, "0.90"),
    ],
)
def test_a_decision_follows_the_doubt_that_it_settled(state, kind, happened, amount):
    attempt = an_attempt(state=state, message="reset", phase=Phase.ANSWERING)
    recorded = recorded_with(attempt, decisions=[Decided(1, kind, "7" if kind is DecisionKind.ADOPT else None, BY)])
    answers = {1: AnswerKept(502, 6, "<html>")}
    _, doubt, decision = told(recorded, answers=answers)
    assert doubt.kind is H.IN_DOUBT
    assert doubt.text == "reset; phase answering; answer: HTTP 502, 6 bytes: <html>"
    assert (decision.kind, decision.user, decision.text) == (happened, "anna on build-1", "not in the list")
    assert decision.amount == (None if amount is None else D(amount))


def test_a_left_over_mark_has_no_answer():
    _, doubt = told(recorded_with(an_attempt(state=AttemptState.IN_DOUBT, settled_at=None)))
    assert (doubt.kind, doubt.text) == (H.IN_DOUBT, "no answer was recorded")


def test_a_mark_of_a_run_that_is_alive_has_no_outcome_yet():
    assert kinds(told(recorded_with(an_attempt(state=AttemptState.SENDING, settled_at=None)))) == ["marked"]


def test_refills_and_cancellations_are_told_with_their_answers():
    refills = [
        Refill(1, 1, RefillState.COMPLETED, "r1", None, "", NOW, NOW + HOUR, NOW + 2 * HOUR),
        Refill(2, 1, RefillState.REFUSED, None, Finality.LATER, "wait 24 hours", NOW + 3 * HOUR, NOW + 4 * HOUR, None),
    ]
    cancels = [CancelRequest(1, NOW + 5 * HOUR, CancelState.RECORDED, "")]
    events = told(recorded_with(an_attempt(), refills={1: refills}, cancels={1: cancels}))
    assert [(event.kind.value, event.text) for event in events[2:]] == [
        ("refill_asked", ""),
        ("refill_answered", "requested: refill r1"),
        ("refill_status", "completed"),
        ("refill_asked", ""),
        ("refill_answered", "refused: wait 24 hours"),
        ("cancel_asked", "recorded"),
    ]


def test_a_clock_that_was_put_back_changes_no_order_of_cause_and_effect():
    attempt = a_charged_attempt(
        "0.90", "0.90", LiveStatus.COMPLETED, marked_at=NOW, settled_at=NOW - HOUR, checked_at=NOW - 2 * HOUR
    )
    events = told(recorded_with(attempt))
    assert kinds(events) == ["marked", "placed", "status"]
    assert [event.at for event in events] == [NOW, NOW - HOUR, NOW - 2 * HOUR]  # as it was recorded


def test_a_repair_that_names_the_order_is_a_part_of_its_history():
    moved = Run("r", "state mv spring/old spring/teaser", NOW, NOW, 0)
    other = Run("r", "state mv spring/old spring/teaser-2", NOW, NOW, 0)
    events = told(recorded_with(an_attempt()), [RUN, moved, other])
    assert kinds(events) == ["marked", "placed", "run_started", "run_ended"]


def test_the_latest_events_are_those_of_orders_runs_and_labels():
    label = BalanceLabel("sandbox", "top-up", D("50"), "USD", 1, NOW, "anna", "build-1", NOW)
    recorded = recorded_with(
        an_attempt(), an_attempt(an_order("b"), marked_at=NOW - HOUR, settled_at=NOW - HOUR), labels=[label]
    )
    events = latest(recorded, [RUN], 100)
    assert [event.at for event in events] == sorted(event.at for event in events)
    assert kinds(events)[-1] == "labelled"
    assert (events[-1].amount, events[-1].panel, events[-1].user) == (D("50"), "sandbox", "anna on build-1")
    assert kinds(latest(recorded, [RUN], 2)) == kinds(events)[-2:]
    assert latest(recorded, [RUN], 100, Period(NOW, None)) == events[-1:]
    assert {event.at for event in latest(recorded, [RUN], 100, Period(None, NOW - HOUR))} == {EARLIER, EARLIER + HOUR}


def test_the_latest_of_many_orders_are_the_same_with_and_without_looking_at_all():
    attempts = [
        an_attempt(an_order(f"o{n}"), marked_at=EARLIER + n * HOUR, settled_at=EARLIER + (n % 7) * HOUR)
        for n in range(40)
    ]
    recorded = recorded_with(*attempts)
    assert latest(recorded, [], 9) == latest(recorded, [], 1000)[-9:]


def test_a_run_ends_after_what_it_did_in_the_same_moment():
    run = Run("run-1", "apply", EARLIER, EARLIER, 0)
    assert kinds(latest(recorded_with(an_attempt()), [run], 9)) == ["run_started", "marked", "placed", "run_ended"]
