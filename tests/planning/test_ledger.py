from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from runner.core.attempts import AttemptState, LiveStatus
from runner.planning.accounting.ledger import Account, Booked, LedgerLine, book, make_ledger
from tests.planning.builders import EARLIER, NOW, D, a_balance, a_charged_attempt, an_attempt, an_order, recorded_with

BEFORE = EARLIER - timedelta(hours=1)
S = LiveStatus


@pytest.mark.parametrize("state", [AttemptState.REFUSED, AttemptState.NOT_SENT])
def test_what_was_provably_not_bought_is_not_counted(state):
    assert book(an_attempt(state=state)) is None


@pytest.mark.parametrize("state", [AttemptState.SENDING, AttemptState.IN_DOUBT])
def test_what_may_exist_is_in_doubt_at_its_expected_charge(state):
    assert book(an_attempt(state=state)) == Booked(in_doubt=D("0.90"))


def test_what_was_given_up_counts_as_spent_for_ever():
    assert book(an_attempt(state=AttemptState.ABANDONED)) == Booked(spent=D("0.90"))


@pytest.mark.parametrize(
    ("charge", "status"), [(None, S.UNKNOWN), (D(0), S.PENDING), (None, S.IN_PROGRESS), (None, S.FAILED)]
)
def test_a_live_purchase_without_a_charge_is_reserved_at_its_expected_charge(charge, status):
    assert book(an_attempt(charge=charge, status=status)) == Booked(reserved=D("0.90"))


@pytest.mark.parametrize(
    ("charge", "status"), [(D("0.00"), S.COMPLETED), (None, S.COMPLETED), (None, S.PARTIAL), (None, S.CANCELED)]
)
def test_a_purchase_that_ended_without_a_charge_counts_as_spent_and_is_not_reserved_for_ever(charge, status):
    assert book(an_attempt(charge=charge, status=status)) == Booked(spent=D("0.90"))


@pytest.mark.parametrize("status", [S.CANCELED, S.REFUNDED])
def test_a_canceled_purchase_that_never_had_a_charge_costs_nothing(status):
    assert book(an_attempt(charge=D("0.00"), status=status)) == Booked()


@pytest.mark.parametrize(
    ("attempt", "spent", "refunded"),
    [
        # first = latest, whatever the status: the panel may not rewrite charges
        (a_charged_attempt("0.90", "0.90", S.IN_PROGRESS), "0.90", "0"),
        (a_charged_attempt("0.90", "0.90", S.PARTIAL, remains=500), "0.90", "0"),
        (a_charged_attempt("0.90", "0.90", S.CANCELED, remains=1000), "0.90", "0"),
        # raised
        (a_charged_attempt("0.90", "1.10", S.COMPLETED), "1.10", "0"),
        # the refund agrees with `remains`, within the panel's rounding
        (a_charged_attempt("0.90", "0.45", S.PARTIAL, remains=500), "0.45", "0.45"),
        (a_charged_attempt("0.33", "0.28", S.PARTIAL, remains=157), "0.28", "0.05"),
        (a_charged_attempt("0.33000", "0.27819", S.PARTIAL, remains=157), "0.27819", "0.05181"),
        (a_charged_attempt("0.90", "0.00", S.PARTIAL, remains=1000), "0", "0.90"),
        (a_charged_attempt("4.50", "2.25", S.PARTIAL, remains=2500, runs=5, interval=1), "2.25", "2.25"),
        (a_charged_attempt("1000.00", "999.95", S.COMPLETED, remains=-20), "999.95", "0.05"),  # over-delivered
        # given back whole
        (a_charged_attempt("0.90", "0", S.CANCELED, remains=0), "0", "0.90"),
        (a_charged_attempt("0.90", "0", S.REFUNDED, remains=None), "0", "0.90"),
        # nothing is known of `remains`: the panel's own figure
        (a_charged_attempt("0.90", "0.60", S.PARTIAL, remains=None), "0.60", "0.30"),
        (a_charged_attempt("0.90", "0.60", S.PARTIAL, remains=5000), "0.60", "0.30"),
        # `remains` contradicts, or nothing is final: no refund is booked
        (a_charged_attempt("0.90", "0.60", S.PARTIAL, remains=500), "0.90", "0"),
        (a_charged_attempt("0.33000", "0.27800", S.PARTIAL, remains=157), "0.33", "0"),
        (a_charged_attempt("0.90", "0.00", S.COMPLETED, remains=0), "0.90", "0"),
        (a_charged_attempt("0.90", "0.00", S.PARTIAL, remains=500), "0.90", "0"),
        (a_charged_attempt("0.90", "0.45", S.IN_PROGRESS, remains=500), "0.90", "0"),
        (a_charged_attempt("0.90", "0.45", S.COMPLETED, remains=-20), "0.90", "0"),
        # figures that mean nothing
        (a_charged_attempt("0.90", "-1", S.CANCELED, remains=0), "0.90", "0"),
    ],
)
def test_a_refund_is_booked_only_where_first_charge_latest_charge_and_remains_agree(attempt, spent, refunded):
    assert book(attempt) == Booked(spent=D(spent), refunded=D(refunded))


def test_a_charge_that_the_panel_no_longer_tells_stays_spent():
    assert book(an_attempt(first_charge=D("0.90"), status=S.COMPLETED)) == Booked(spent=D("0.90"))


def test_the_ledger_has_a_line_for_each_campaign_service_day_and_panel_sorted():
    recorded = recorded_with(
        a_charged_attempt("0.80", "0.80", S.COMPLETED, order_id="a"),
        an_attempt(an_order("b", service="2"), AttemptState.IN_DOUBT, marked_at=NOW),
        an_attempt(an_order("c", campaign="autumn")),
        an_attempt(an_order("d"), AttemptState.REFUSED),
    )
    ledger = make_ledger(recorded)
    zero = D(0)
    assert list(ledger.campaigns) == [
        LedgerLine("autumn", "USD", 1, zero, zero, D("0.90"), zero),
        LedgerLine("spring", "USD", 2, D("0.80"), zero, zero, D("0.90")),
    ]
    assert [(line.name, line.orders) for line in ledger.services] == [("sandbox/1", 2), ("sandbox/2", 1)]
    assert [(line.name, line.orders) for line in ledger.days] == [("2026-02-28", 2), ("2026-03-01", 1)]
    assert [(line.name, line.orders) for line in ledger.panels] == [("sandbox", 3)]
    assert (ledger.spent, ledger.refunded, ledger.reserved, ledger.in_doubt) == (D("0.80"), zero, D("0.90"), D("0.90"))
    assert (ledger.currency, ledger.balance) == ("USD", D("100.00"))


def test_days_are_utc_days():
    tokyo = timezone(timedelta(hours=9))
    late = an_attempt(marked_at=datetime(2026, 3, 2, 3, tzinfo=tokyo))
    assert [line.name for line in make_ledger(recorded_with(late)).days] == ["2026-03-01"]
    assert datetime(2026, 3, 1, 18, tzinfo=UTC) == late.marked_at


def test_amounts_of_different_currencies_are_never_added():
    attempts = [an_attempt(), an_attempt(an_order("b"), panel="other")]
    recorded = recorded_with(*attempts, balances=[a_balance("9.00"), a_balance("8.00", "EUR", "other")])
    ledger = make_ledger(recorded)
    totals = (ledger.spent, ledger.refunded, ledger.reserved, ledger.in_doubt, ledger.balance, ledger.unexplained)
    assert totals == (None,) * 6
    assert ledger.currency is None
    assert [(line.name, line.currency, line.reserved) for line in ledger.campaigns] == [
        ("spring", "EUR", D("0.90")),
        ("spring", "USD", D("0.90")),
    ]
    assert [(account.panel, account.balance) for account in ledger.accounts] == [
        ("other", D("8.00")),
        ("sandbox", D("9.00")),
    ]


def test_panels_of_unknown_currency_are_not_added_to_others():
    recorded = recorded_with(an_attempt(), an_attempt(an_order("b"), panel="other"), balances=[])
    ledger = make_ledger(recorded)
    assert ledger.spent is None
    assert [(line.name, line.currency, line.orders) for line in ledger.campaigns] == [("spring", None, 1)] * 2


def test_a_profiles_currency_is_taken_where_no_balance_was_ever_seen():
    ledger = make_ledger(recorded_with(an_attempt(), balances=[]), currencies={"sandbox": "EUR", "unused": "USD"})
    assert (ledger.currency, ledger.reserved, ledger.balance, ledger.unexplained) == ("EUR", D("0.90"), None, None)


def test_the_ledger_of_some_panels_leaves_the_others_out():
    recorded = recorded_with(
        an_attempt(),
        an_attempt(an_order("b"), panel="other"),
        balances=[a_balance("9.00"), a_balance("8.00", "EUR", "other")],
    )
    ledger = make_ledger(recorded, panels={"other"})
    assert (ledger.currency, ledger.balance, ledger.reserved) == ("EUR", D("8.00"), D("0.90"))


def test_an_empty_state_has_an_empty_ledger():
    ledger = make_ledger(recorded_with(balances=[]))
    assert (ledger.spent, ledger.reserved, ledger.balance, ledger.unexplained) == (D(0), D(0), None, None)
    assert (list(ledger.campaigns), ledger.currency) == ([], None)


# Unexplained


def unexplained(first: str, last: str, *attempts, at: datetime = NOW):
    recorded = recorded_with(*attempts, balances=[a_balance(last, at=at)], first_balances=[a_balance(first, at=BEFORE)])
    return make_ledger(recorded).unexplained


CHARGED = a_charged_attempt("0.90", "0.90", S.COMPLETED)


def test_a_balance_that_lost_what_was_spent_and_reserved_leaves_nothing_unexplained():
    assert unexplained("10.00", "8.20", CHARGED, an_attempt(an_order("b"))) == 0


def test_money_that_is_gone_and_in_no_book_is_unexplained():
    assert unexplained("10.00", "8.10", CHARGED) == D("1.00")


def test_money_that_came_in_is_negative():
    assert unexplained("10.00", "59.10", CHARGED) == D("-50.00")


def test_a_doubt_that_was_bought_after_all_shows_up_as_unexplained():
    assert unexplained("10.00", "9.10", an_attempt(state=AttemptState.IN_DOUBT)) == D("0.90")


def test_a_refund_that_nobody_vouches_for_shows_up_as_unexplained():
    assert unexplained("10.00", "10.00", a_charged_attempt("0.90", "0.90", S.CANCELED, remains=1000)) == D("-0.90")


def test_a_refund_that_is_booked_is_explained():
    assert unexplained("10.00", "9.55", a_charged_attempt("0.90", "0.45", S.PARTIAL, remains=500)) == 0


def test_attempts_marked_before_the_first_or_after_the_last_balance_explain_nothing():
    older = an_attempt(an_order("a"), marked_at=BEFORE - timedelta(seconds=1))
    newer = an_attempt(an_order("b"), marked_at=NOW + timedelta(seconds=1))
    assert unexplained("10.00", "10.00", older, newer) == 0


def test_rounding_is_no_mystery_but_a_cent_is():
    finer = a_charged_attempt("0.9040", "0.9040", S.COMPLETED)
    assert unexplained("10.00", "9.10", finer) == 0
    assert unexplained("10", "9.1", finer) == 0
    assert unexplained("10.00", "9.11", CHARGED) == D("-0.01")


def test_roundings_of_many_charges_add_up():
    many = [a_charged_attempt("0.90", "0.90", S.COMPLETED, order_id=f"o{n}") for n in range(1000)]
    assert unexplained("1000.00000", "99.99100", *many) == 0
    assert unexplained("1000.00000", "99.98900", *many) == D("0.01100")


def test_one_look_at_a_balance_explains_nothing():
    seen = a_balance("10.00", at=EARLIER)
    recorded = recorded_with(CHARGED, balances=[seen], first_balances=[seen])
    assert make_ledger(recorded).unexplained == 0


def test_a_changed_currency_makes_balances_incomparable():
    recorded = recorded_with(
        CHARGED, balances=[a_balance("8.00", "EUR")], first_balances=[a_balance("10.00", at=BEFORE)]
    )
    account = Account("sandbox", "EUR", D("8.00"), None, seen_at=NOW, is_compared=False)
    assert make_ledger(recorded).accounts == [account]


def test_unexplained_money_of_panels_with_one_currency_is_added():
    recorded = recorded_with(
        balances=[a_balance("9.00"), a_balance("7.00", panel="other")],
        first_balances=[a_balance("10.00", at=BEFORE), a_balance("10.00", panel="other", at=BEFORE)],
    )
    ledger = make_ledger(recorded)
    assert (ledger.unexplained, ledger.balance) == (D("4.00"), D("16.00"))
    without = replace(recorded, first_balances={})
    assert make_ledger(without).unexplained is None
