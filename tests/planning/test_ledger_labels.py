"""What people say of balances, currencies that change, and clocks that are put back."""

from datetime import timedelta

import pytest

from runner.core.attempts import AttemptState, LiveStatus
from runner.planning.accounting.ledger import make_ledger
from runner.planning.accounting.periods import Period, in_period
from tests.planning.builders import (
    EARLIER,
    NOW,
    D,
    a_charged_attempt,
    a_label,
    a_look,
    an_attempt,
    an_order,
    recorded_with,
)

HOUR = timedelta(hours=1)
BEFORE = EARLIER - HOUR
S = LiveStatus


def ledger_of(*attempts, looks, labels=(), **changes):
    return make_ledger(
        recorded_with(*attempts, balances=[looks[-1]], first_balances=[looks[0]], labels=labels, **changes)
    )


CHARGED = a_charged_attempt("0.90", "0.90", S.COMPLETED)
TWO = (a_look("10.00", 1, 0, at=BEFORE), a_look("59.10", 2, 1))


def test_a_labelled_top_up_is_unexplained_no_longer_and_is_listed():
    ledger = ledger_of(CHARGED, looks=TWO, labels=[a_label("50.00")])
    assert (ledger.unexplained, ledger.labelled) == (0, D("50.00"))
    assert [one.text for one in ledger.labels] == ["top-up"]
    assert ledger.accounts[0].labelled == D("50.00")


def test_a_label_of_less_leaves_the_rest_unexplained():
    assert ledger_of(CHARGED, looks=TWO, labels=[a_label("48.00")]).unexplained == D("-2.00")


def test_labelled_spending_is_negative():
    looks = (a_look("10.00", 1, 0, at=BEFORE), a_look("6.10", 2, 1))
    assert ledger_of(CHARGED, looks=looks, labels=[a_label("-3.00")]).unexplained == 0


@pytest.mark.parametrize(
    "one", [a_label("50.00", currency="EUR"), a_label("50.00", panel="other"), a_label("50.00", reading=1)]
)
def test_a_label_of_another_currency_or_panel_or_before_the_first_look_explains_nothing(one):
    assert ledger_of(CHARGED, looks=TWO, labels=[one]).unexplained == D("-50.00")


# Currencies


def test_amounts_stay_in_the_currency_that_the_balance_had_when_they_were_marked():
    old, new = CHARGED, a_charged_attempt("2.00", "2.00", S.COMPLETED, order_id="b", marked_at=NOW)
    dollars, euros, last = a_look("10.00", 1, 0, at=BEFORE), a_look("8.00", 2, 1, "EUR"), a_look("6.00", 3, 2, "EUR")
    ledger = ledger_of(old, new, looks=(dollars, last), currency_changes={"sandbox": [dollars, euros]})
    assert [(line.currency, line.spent) for line in ledger.panels] == [("EUR", D("2.00")), ("USD", D("0.90"))]
    assert (ledger.spent, ledger.currency) == (None, None)
    assert (ledger.accounts[0].currency, ledger.accounts[0].unexplained) == ("EUR", 0)


def test_a_balance_that_went_to_another_currency_and_came_back_is_compared_from_there_on():
    dollars, euros, again = a_look("10.00", 1, 0, at=BEFORE), a_look("7.00", 2, 0, "EUR"), a_look("9.00", 3, 0)
    last = a_look("8.10", 4, 1)
    ledger = ledger_of(CHARGED, looks=(dollars, last), currency_changes={"sandbox": [dollars, euros, again]})
    assert (ledger.unexplained, ledger.currency) == (0, "USD")


# Clocks


def test_a_clock_that_was_put_back_does_not_take_a_charge_out_of_the_books():
    """Marked after the first look, and dated before it."""
    early = CHARGED._replace(marked_at=BEFORE - 100 * HOUR)
    assert ledger_of(early, looks=(a_look("10.00", 1, 0), a_look("9.10", 2, 1))).unexplained == 0
    late = CHARGED._replace(marked_at=NOW + 100 * HOUR)
    assert ledger_of(late, looks=(a_look("10.00", 1, 0), a_look("9.10", 2, 1))).unexplained == 0


def test_a_charge_older_than_the_first_look_stays_out_whatever_its_clock_said():
    ahead = CHARGED._replace(marked_at=NOW + 100 * HOUR)
    assert ledger_of(ahead, looks=(a_look("9.10", 1, 1), a_look("9.10", 2, 1))).unexplained == 0


def test_a_label_is_found_by_its_look_and_not_by_the_clock():
    looks = (a_look("10.00", 1, 0), a_look("59.10", 2, 1, at=BEFORE))
    assert ledger_of(CHARGED, looks=looks, labels=[a_label("50.00", at=BEFORE)]).unexplained == 0


# Faults of panels


def test_a_refund_that_never_shows_in_the_balance_is_unexplained():
    canceled = a_charged_attempt("0.90", "0.00", S.CANCELED, 1000)
    ledger = ledger_of(canceled, looks=(a_look("10.00", 1, 0), a_look("9.10", 2, 1)))
    assert (ledger.refunded, ledger.unexplained) == (D("0.90"), D("0.90"))


def test_a_charge_above_the_expectation_is_spent_as_it_was_taken():
    dearer = an_attempt(first_charge=D("1.20"), charge=D("1.20"), status=S.COMPLETED)
    ledger = ledger_of(dearer, looks=(a_look("10.00", 1, 0), a_look("8.80", 2, 1)))
    assert (ledger.spent, ledger.unexplained) == (D("1.20"), 0)


def test_a_negative_balance_is_an_amount_like_any_other():
    ledger = ledger_of(CHARGED, looks=(a_look("0.50", 1, 0), a_look("-0.40", 2, 1)))
    assert (ledger.balance, ledger.unexplained) == (D("-0.40"), 0)


# Periods


def test_a_period_holds_what_was_marked_and_seen_in_it():
    old = an_attempt(an_order("old"), marked_at=EARLIER - 10 * HOUR)
    new = a_charged_attempt("0.90", "0.90", S.COMPLETED, order_id="new", marked_at=NOW)
    recorded = recorded_with(old, new, labels=[a_label("5.00"), a_label("7.00", at=BEFORE)])
    first, last = a_look("10.00", 1, 1, at=NOW - HOUR), a_look("14.10", 2, 2)
    inside = in_period(recorded, Period(NOW - HOUR, NOW + HOUR), {"sandbox": first}, {"sandbox": last})
    ledger = make_ledger(inside)
    assert [(line.name, line.orders) for line in ledger.days] == [("2026-03-01", 1)]
    assert (ledger.spent, ledger.reserved, ledger.unexplained, ledger.labelled) == (D("0.90"), 0, 0, D("5.00"))


def test_a_period_without_a_look_knows_no_balance_and_keeps_the_currency():
    inside = in_period(recorded_with(CHARGED), Period(None, NOW), {}, {})
    ledger = make_ledger(inside, currencies={"sandbox": "USD"})
    assert (ledger.currency, ledger.spent, ledger.balance, ledger.unexplained) == ("USD", D("0.90"), None, None)


def test_a_period_begins_with_its_first_moment_and_ends_before_its_last():
    period = Period(EARLIER, NOW)
    assert [period.holds(at) for at in (EARLIER, NOW - HOUR, NOW)] == [True, True, False]
    assert Period(None, None).holds(NOW)


def test_a_doubt_in_a_period_is_in_doubt_there():
    recorded = in_period(recorded_with(an_attempt(state=AttemptState.IN_DOUBT)), Period(BEFORE, None), {}, {})
    assert make_ledger(recorded).in_doubt == D("0.90")
