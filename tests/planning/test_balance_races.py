"""A panel that takes less than it charges for orders sent in parallel."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.core.attempts import AttemptState
from runner.core.catalogue import BalanceLabel
from runner.planning.accounting.balance_races import race_warnings, races
from runner.planning.accounting.ledger import make_ledger
from tests.planning.builders import NOW, D, a_look, a_profile, an_attempt, an_order, recorded_with

SECOND = timedelta(seconds=1)


def look(amount, number, last_attempt, currency="USD"):
    return a_look(amount, number, last_attempt, currency, at=NOW + number * SECOND)


def sent(*charges, apart=0.1, **changes):
    """Orders of one run, each sent so many seconds after the one before and answered after a second."""
    return [
        an_attempt(
            an_order(f"o{place}"),
            charge=D(charge),
            first_charge=D(charge),
            marked_at=NOW + place * apart * SECOND,
            settled_at=NOW + (place * apart + 1) * SECOND,
            panel_order_id=f"{place}",
        )._replace(**changes)
        for place, charge in enumerate(charges)
    ]


def state(attempts, before="100.00", after="99.00", **changes):
    first, last = look(before, 1, 0), look(after, 2, len(attempts))
    return recorded_with(
        *attempts,
        balances=[last],
        first_balances=[first],
        run_looks={"sandbox": {"run-1": (first, last)}},
        **changes,
    )


def found(*attempts, **changes):
    return races(state(attempts, **changes), "sandbox")


def test_half_of_the_charges_taken_is_a_race_with_its_numbers():
    (race,) = found(*sent(*["0.25"] * 8))
    assert (race.orders, race.charged, race.fell, race.missing) == (8, D("2.00"), D("1.00"), D("1.00"))
    assert "set `parallel: {add: 1}` for it in panels.yaml" in race.words
    assert "no deposit" in race.words


@pytest.mark.parametrize(
    ("charges", "after", "is_race"),
    [
        (["0.50", "0.50"], "99.00", False),  # all of it was taken
        (["0.50", "0.50"], "99.50", True),
        (["0.50", "0.50"], "100.00", False),  # nothing was: a slow balance
        (["0.50", "0.50"], "100.50", False),  # it rose: a deposit
        (["0.50", "0.50"], "99.20", False),  # no whole number of orders
        (["0.50", "0.50"], "98.00", False),  # more was taken
        (["0.30", "0.20", "0.70"], "99.10", True),  # 0.30 is missing
        (["0.30", "0.20", "0.70"], "99.30", True),  # 0.30 and 0.20
        (["0.30", "0.20", "0.70"], "99.20", False),  # 0.40
        (["0.50"], "99.75", False),  # one order races with nobody
    ],
)
def test_what_is_missing_must_be_whole_orders_and_not_all(charges, after, is_race):
    assert bool(found(*sent(*charges), after=after)) is is_race


def test_orders_sent_one_after_the_other_do_not_race():
    assert found(*sent(*["0.25"] * 8, apart=2)) == []


def test_orders_of_other_runs_or_not_placed_are_not_counted():
    assert found(*sent(*["0.25"] * 8, run_id="run-0")) == []
    assert found(*sent(*["0.25"] * 8, state=AttemptState.REFUSED)) == []


def test_a_charge_that_is_not_known_counts_as_expected():
    attempts = sent(*["0.25"] * 8, charge=None, first_charge=None, expected_charge=D("0.25"))
    assert [race.missing for race in found(*attempts)] == [D("1.00")]


def test_a_refund_that_came_later_is_no_missing_deduction():
    assert found(*sent(*["0.25"] * 4, charge=D(0)), after="99.00") == []


def test_what_people_labelled_meanwhile_is_taken_out():
    label = BalanceLabel("sandbox", "top-up", D("0.50"), "USD", 2, NOW, "anna", "here", NOW)
    assert found(*sent(*["0.25"] * 4), after="99.50", labels=[label]) == []
    (race,) = found(*sent(*["0.25"] * 4), after="99.75", labels=[label])
    assert race.missing == D("0.25")


def test_a_ledger_tells_it_only_of_money_that_came_in_unexplained():
    (account,) = make_ledger(state(sent(*["0.25"] * 8))).accounts
    assert (account.unexplained, [race.missing for race in account.races]) == (D("-1.00"), [D("1.00")])
    gone = state(sent(*["0.25"] * 8), before="105.00")
    (account,) = make_ledger(gone).accounts
    assert (account.unexplained > 0, account.races) == (True, ())


def test_a_plan_warns_while_the_panel_is_sent_orders_in_parallel():
    recorded = state(sent(*["0.25"] * 8))
    profile = a_profile()
    assert len(race_warnings(recorded, {"sandbox": profile})) == 1
    alone = a_profile(parallel_add=1)
    assert race_warnings(recorded, {"sandbox": alone}) == ()
    assert race_warnings(recorded, {}) == ()


@given(
    st.lists(st.decimals("0.01", "3.00", places=4), min_size=2, max_size=40),
    st.data(),
)
def test_any_lost_deductions_are_found(charges, data):
    """Whatever the orders cost: some were taken, some were not."""
    lost = data.draw(st.lists(st.booleans(), min_size=len(charges), max_size=len(charges)))
    lost[0], lost[-1] = True, False
    taken = sum((charge for charge, is_lost in zip(charges, lost, strict=True) if not is_lost), D(0))
    attempts = sent(*map(str, charges), apart=0.01)
    missing = [race.missing for race in found(*attempts, before="500.0000", after=str(D("500.0000") - taken))]
    untaken = sum(charges, D(0)) - taken
    if untaken > D("0.01") and taken > D("0.01"):
        assert missing == [untaken]
