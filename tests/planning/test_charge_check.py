from decimal import Decimal

import pytest

from runner.core.attempts import AttemptState, LiveStatus
from runner.core.errors import ExitCode
from runner.core.orders import PanelProfile
from runner.planning.guards.charge_check import Observed, check_charge, known_charge
from runner.planning.guards.price_guard import PriceTerms
from runner.planning.plan import ActionKind
from runner.planning.reconcile.planner import make_plan
from tests.planning.builders import (
    D,
    a_campaign,
    a_charged_attempt,
    a_profile,
    an_attempt,
    an_order,
    kinds,
    recorded_with,
)


def mismatch(one: Observed, profile: PanelProfile) -> str:
    wrong = check_charge(one, profile)
    return "" if wrong is None else wrong.words


def charged(charge: str, rate: str = "0.90", units: int = 1000) -> Observed:
    return Observed("23501", "1", D(rate), units, D(charge))


@pytest.mark.parametrize(
    ("charge", "rate", "units", "fits"),
    [
        ("0.90", "0.90", 1000, True),
        ("90", "0.90", 100_000, True),
        ("90.90", "0.90", 100_000, True),  # 1 %, and half a cent
        ("90.9049", "0.90", 100_000, True),
        ("90.906", "0.90", 100_000, False),
        ("89.094", "0.90", 100_000, False),
        ("0.09", "0.90", 95, True),  # 0.0855, rounded to cents
        ("0.0855", "0.90", 95, True),
        ("0.1", "0.90", 100, False),
        ("900", "0.90", 1000, False),  # per unit
        ("0.90", "0.90", 5000, False),  # runs not multiplied
        ("4.50", "0.90", 5000, True),
    ],
)
def test_a_charge_may_be_off_by_one_percent_and_half_a_unit_of_the_coarser_decimal(charge, rate, units, fits):
    assert (mismatch(charged(charge, rate, units), a_profile()) == "") is fits


def test_a_mismatch_says_both_numbers_and_the_factor_to_accept():
    words = mismatch(charged("0.945"), a_profile())
    assert "order 23501 was charged 0.945 and 0.90 was expected (1,000 units at 0.90 per 1000)" in words
    assert 'charge_factor: {"1": "1.05"} for sandbox in panels.yaml' in words


@pytest.mark.parametrize(
    ("charge", "factor"), [("0.945", "1.05"), ("900", "1000"), ("0.0009", "0.001"), ("1.2", "1.3333")]
)
def test_the_factor_that_is_shown_makes_the_charge_fit(charge, factor):
    assert f'"{factor}"' in mismatch(charged(charge), a_profile())
    assert mismatch(charged(charge), a_profile(charge_factors={"1": D(factor)})) == ""
    assert mismatch(charged(charge), a_profile(charge_factors={"default": D(factor)})) == ""
    assert mismatch(charged(charge), a_profile(charge_factors={"2": D(factor)})) != ""


def test_a_factor_once_accepted_is_the_new_expectation_and_the_next_one_builds_on_it():
    words = mismatch(charged("0.90"), a_profile(charge_factors={"1": D("1.05")}))
    assert "0.945 was expected" in words
    assert '"1": "1"' in words


def test_a_rounded_price_list_leaves_room_for_its_rounding():
    rounded = a_profile(rounded_rates=True)
    assert mismatch(charged("0.14", "0.01", 10_000), rounded) == ""
    assert mismatch(charged("0.16", "0.01", 10_000), rounded) != ""
    assert mismatch(charged("0.14", "0.01", 10_000), a_profile()) != ""
    assert mismatch(charged("0.01", "0.00", 10_000), rounded) == ""
    assert mismatch(charged("0.06", "0.00", 10_000), rounded) != ""


@pytest.mark.parametrize(
    ("charge", "status", "known"),
    [
        (None, LiveStatus.PENDING, None),
        (D(0), LiveStatus.PENDING, None),
        (D("0.9"), LiveStatus.PENDING, D("0.9")),
        (D("0.9"), LiveStatus.COMPLETED, D("0.9")),
        (D("0.4"), LiveStatus.PARTIAL, None),
        (D("0.9"), LiveStatus.CANCELED, None),
    ],
)
def test_a_charge_that_may_have_been_rewritten_or_is_not_there_yet_says_nothing(charge, status, known):
    assert known_charge(charge, status) == known


TERMS = PriceTerms(profiles={"sandbox": a_profile()})


def planned(*attempts, terms=TERMS):
    return make_plan([a_campaign(an_order("a"), an_order("b", service="2"))], recorded_with(*attempts), prices=terms)


def test_a_service_that_was_last_charged_otherwise_is_not_bought_again():
    wrong = a_charged_attempt("1.00", "1.00", LiveStatus.IN_PROGRESS, order_id="old")
    plan = planned(wrong)
    (refusal,) = plan.refusals
    assert (refusal.guard, plan.exit_code) == ("charge", ExitCode.GUARD)
    assert "was charged 1.00 and 0.90 was expected" in refusal.message
    assert kinds(plan) == {"spring/a": ActionKind.BLOCKED, "spring/b": ActionKind.PLACE}
    accepted = PriceTerms(profiles={"sandbox": a_profile(charge_factors={"1": D("1.1111")})})
    assert list(planned(wrong, terms=accepted).refusals) == []


@pytest.mark.parametrize(
    ("charge", "rate", "units", "fits"),
    [
        ("0.01", "0.52", 10, True),  # 0.0052, rounded to cents
        ("0.01", "0.01", 10, True),  # 0.0001, rounded up to cents: the account knows nothing less
        ("0.01", "1.99", 10, True),  # 0.0199, rounded down
        ("0.02", "0.52", 10, False),
        ("0.0055", "0.52", 10, False),
    ],
)
def test_a_charge_may_be_rounded_up_or_down_to_its_own_decimals(charge, rate, units, fits):
    assert (check_charge(charged(charge, rate, units), a_profile()) is None) is fits


def test_an_order_that_the_panel_corrected_upwards_holds_its_service_until_accepted():
    raised = a_charged_attempt("0.90", "90.00", LiveStatus.COMPLETED, order_id="old-1", panel_order_id="77")
    right = a_charged_attempt("0.90", "0.90", LiveStatus.IN_PROGRESS, order_id="old-2", panel_order_id="78")
    (refusal,) = planned(raised, right).refusals
    assert "order 77 was charged 90.00 and 0.90 was expected" in refusal.message
    assert "accepted_charges" in refusal.message
    accepted = PriceTerms(profiles={"sandbox": a_profile(accepted_charges=frozenset({"77"}))})
    assert list(planned(raised, right, terms=accepted).refusals) == []


def test_two_services_charged_wrongly_stop_the_whole_panel():
    wrong = [
        a_charged_attempt("90", "90", LiveStatus.IN_PROGRESS, order_id=f"old-{n}", service=n, panel_order_id=n)
        for n in ("8", "9")
    ]
    plan = planned(*wrong)
    assert set(kinds(plan).values()) == {ActionKind.BLOCKED}
    assert "several services of sandbox are charged wrongly" in plan.refusals[0].message
    assert list(planned(wrong[0]).refusals) == []  # one other service says nothing about these


def test_only_the_newest_charges_of_a_service_count_and_only_where_they_are_known():
    wrong = a_charged_attempt("1.00", "1.00", LiveStatus.IN_PROGRESS, order_id="old-1", id=1, run_id="1")
    right = a_charged_attempt(
        "0.90", "0.90", LiveStatus.IN_PROGRESS, order_id="old-2", id=2, run_id="2", panel_order_id="2"
    )
    uncharged = an_attempt(an_order("old-3"), id=3, run_id="3", panel_order_id="3")
    partial = a_charged_attempt(
        "0.40", "0.40", LiveStatus.PARTIAL, order_id="old-4", id=4, run_id="4", panel_order_id="4"
    )
    doubt = an_attempt(an_order("old-5"), AttemptState.IN_DOUBT, id=5, run_id="5", first_charge=D(9))
    assert list(planned(wrong, right, uncharged, partial, doubt).refusals) == []
    assert planned(right, wrong._replace(order_id="old-6", id=6, run_id="6"), uncharged).refusals


def test_a_wrong_charge_counts_also_where_the_run_went_on_to_an_order_that_was_charged_rightly():
    wrong = a_charged_attempt("1.35", "1.35", LiveStatus.IN_PROGRESS, order_id="old-1", id=1)
    right = a_charged_attempt("0.90", "0.90", LiveStatus.IN_PROGRESS, order_id="old-2", id=2, panel_order_id="2")
    assert planned(wrong, right).refusals
    assert planned(right, wrong).refusals


def test_an_attempt_bought_at_a_former_price_is_judged_by_that_price():
    former = a_charged_attempt("0.50", "0.50", LiveStatus.COMPLETED, order_id="old", rate=Decimal("0.50"))
    assert list(planned(former).refusals) == []
