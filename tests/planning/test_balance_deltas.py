"""Who else moved a balance, and when; and what that does to the evidence about doubts."""

from dataclasses import replace
from datetime import timedelta

import pytest

from runner.core.attempts import AttemptState, LiveStatus, Phase
from runner.core.doubts import Decided, Decision, DecisionKind, Kept
from runner.planning.accounting.balance_deltas import balance_deltas, other_spending, shown_first
from runner.planning.doubts.evidence import Verdict, gather, weigh
from tests.planning.builders import (
    NOW,
    D,
    a_balance,
    a_charged_attempt,
    a_label,
    a_look,
    an_attempt,
    an_order,
    recorded_with,
)

HOUR = timedelta(hours=1)
DOUBT = AttemptState.IN_DOUBT


def looks(*facts, places=True):
    """(amount, last attempt) for each look, an hour apart, the last one now."""
    return [
        a_look(amount, number, last if places else None, at=NOW - HOUR * (len(facts) - number))
        for number, (amount, last) in enumerate(facts, 1)
    ]


def bought(name, hours_ago=0.0, charge="0.90", **changes):
    facts = {"order_id": name, "panel_order_id": name, "marked_at": NOW - HOUR * hours_ago} | changes
    return a_charged_attempt(charge, charge, LiveStatus.COMPLETED, **facts)


def test_steps_hold_what_was_marked_between_two_looks():
    readings = looks(("10.00", 0), ("9.10", 1), ("9.10", 1), ("7.30", 3))
    found = list(balance_deltas(recorded_with(bought("a"), bought("b"), bought("c")), readings))
    assert [(one.gone, one.booked, one.marked) for one in found] == [
        (D("0.90"), D("0.90"), 1),
        (0, 0, 0),
        (D("1.80"), D("1.80"), 2),
    ]


def test_looks_of_an_older_state_are_placed_by_the_clock():
    readings = looks(("10.00", 0), ("9.10", 1), ("7.30", 3), places=False)
    attempts = [bought("a", 1.5), bought("b", 0.5), bought("c", 0.2)]
    assert [one.marked for one in balance_deltas(recorded_with(*attempts), readings)] == [1, 2]


def test_money_that_goes_while_nothing_is_bought_was_spent_by_somebody_else():
    readings = looks(("10.00", 0), ("9.10", 1), ("6.10", 1), ("5.20", 2))
    step = other_spending(recorded_with(bought("a"), bought("b")), readings)
    assert step is not None
    assert (step.gone, step.after.number) == (D("3.00"), 3)


@pytest.mark.parametrize(
    ("why", "facts"),
    [
        ("nothing went", [("10.00", 0), ("9.10", 1), ("9.10", 1)]),
        ("rounding", [("10.00", 0), ("9.10", 1), ("9.09", 1)]),
        ("a top-up", [("10.00", 0), ("9.10", 1), ("59.10", 1)]),
        ("the charge was taken late", [("10.00", 0), ("10.00", 1), ("9.10", 1)]),
        ("something was being bought", [("10.00", 0), ("4.00", 1)]),
        ("there was one look", [("10.00", 0)]),
        ("there was none", []),
    ],
)
def test_what_shows_nobody_else_spending(why, facts):
    assert other_spending(recorded_with(bought("a")), looks(*facts)) is None, why


def test_a_charge_taken_late_does_not_hide_more_than_itself():
    step = other_spending(recorded_with(bought("a")), looks(("10.00", 0), ("10.00", 1), ("9.10", 1), ("8.20", 1)))
    assert step is not None
    assert step.after.number == 4


def test_a_doubt_executed_late_is_nobody_elses_spending_and_another_amount_is():
    doubt = an_attempt(state=DOUBT)
    assert other_spending(recorded_with(doubt), looks(("10.00", 0), ("10.00", 1), ("9.10", 1))) is None
    assert other_spending(recorded_with(doubt), looks(("10.00", 0), ("10.00", 1), ("9.40", 1))) is not None


def test_an_order_declared_not_placed_may_have_been_executed_late():
    declared = Decided(1, DecisionKind.NOT_PLACED, None, Decision("x", "anna", "here", NOW))
    readings = looks(("10.00", 0), ("10.00", 1), ("9.10", 1))
    attempt = an_attempt(state=AttemptState.NOT_SENT)
    assert other_spending(recorded_with(attempt, decisions=[declared]), readings) is None
    assert other_spending(recorded_with(attempt), readings) is not None


def test_labelled_spending_is_known():
    readings = looks(("10.00", 0), ("7.00", 0))
    assert other_spending(recorded_with(), readings) is not None
    assert other_spending(recorded_with(labels=[a_label("-3.00", 2)]), readings) is None


def test_another_currency_is_no_spending():
    dollars, euros = looks(("10.00", 0), ("8.00", 0))
    euros = replace(euros, balance=replace(euros.balance, currency="EUR"))
    assert other_spending(recorded_with(), [dollars, euros]) is None


def evidence_with(*facts, exclusive=True, labels=(), now=NOW):
    readings = looks(*facts)
    doubt = an_attempt(
        an_order("lost"), DOUBT, phase=Phase.SENDING, marked_at=NOW - 9 * HOUR, settled_at=NOW - 9 * HOUR
    )
    recorded = recorded_with(doubt, balances=[readings[-1]], labels=labels)
    ((own,),) = recorded.attempts.values()
    kept = Kept(answer=None, balance_before=readings[0], duplicates=())
    found = other_spending(recorded, readings)
    return gather(recorded, own, kept, exclusive=exclusive, settle=HOUR, now=now, spent_by_others=found)


def test_a_second_spender_switches_the_balance_off_as_evidence_whatever_the_profile_says():
    spent = [("10.00", 0), ("9.10", 1), ("9.10", 1)]
    assert weigh(evidence_with(*spent)).verdict is Verdict.PLACED
    verdict, said = weigh(evidence_with(("13.00", 0), ("12.10", 1), ("9.10", 1)))
    assert verdict is Verdict.INCONCLUSIVE
    assert (
        "3.00 left the balance between 2026-03-01 11:00 UTC and 2026-03-01 12:00 UTC while nothing was bought"
        in said[1]
    )
    assert "somebody else spends it, whatever panels.yaml says: inconclusive" in said[1]


def test_labelled_spending_makes_the_balance_evidence_again():
    labelled = evidence_with(("13.00", 0), ("12.10", 1), ("9.10", 1), labels=[a_label("-3.00", 3)])
    verdict, said = weigh(labelled)
    assert (verdict, labelled.missing) == (Verdict.PLACED, D("0.90"))
    assert "3.00 went out as labelled: 0.90 is missing" in said[0]


def test_a_labelled_top_up_does_not_hide_what_is_missing():
    labelled = evidence_with(("10.00", 0), ("9.10", 1), ("59.10", 1), labels=[a_label("50.00", 3)])
    assert (weigh(labelled).verdict, labelled.missing) == (Verdict.PLACED, D("0.90"))


def test_a_second_spender_of_long_ago_is_forgiven():
    months = evidence_with(("13.00", 0), ("12.10", 1), ("9.10", 1), now=NOW + 60 * 24 * HOUR)
    assert months.spent_by_others is None


def test_a_look_before_the_mark_is_no_look_after_it_though_the_clock_was_put_back():
    """The clock went back between the look and the mark: by the clock alone the same look would prove both sides."""
    seen = replace(a_balance("10.00"), number=1, last_attempt=0)
    doubt = an_attempt(an_order("lost"), DOUBT, phase=Phase.SENDING, marked_at=NOW - HOUR, settled_at=NOW - HOUR)
    recorded = recorded_with(doubt, balances=[seen])
    ((own,),) = recorded.attempts.values()
    kept = Kept(answer=None, balance_before=seen, duplicates=())
    evidence = gather(recorded, own, kept, exclusive=True, settle=timedelta(minutes=1), now=NOW)
    assert evidence.balance_after is None
    assert weigh(evidence).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("amount", "number"),
    [("50.00", 3), ("49.00", 3), ("5.00", 4), ("-2.00", 5), ("-0.90", 5)],
)
def test_an_amount_is_traced_to_the_look_that_showed_it_first(amount, number):
    readings = looks(("10.00", 0), ("9.10", 1), ("59.10", 1), ("64.10", 1), ("62.10", 1))
    assert shown_first(recorded_with(bought("a")), readings, D(amount)).number == number


def test_of_two_equal_top_ups_the_one_without_a_label_is_meant():
    readings = looks(("10.00", 0), ("60.00", 0), ("110.00", 0), ("110.00", 0))
    assert shown_first(recorded_with(), readings, D(50)).number == 3
    assert shown_first(recorded_with(labels=[a_label("50", 3)]), readings, D(50)).number == 2


def test_what_no_step_shows_is_put_at_the_last_look():
    readings = looks(("10.00", 0), ("9.10", 1))
    assert shown_first(recorded_with(bought("a")), readings, D(50)).number == 2
    assert shown_first(recorded_with(), [], D(50)) is None
