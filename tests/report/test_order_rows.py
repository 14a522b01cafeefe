from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.core.attempts import AttemptKind, AttemptState, LiveStatus
from runner.core.refills import CancelRequest, CancelState
from runner.planning.accounting.ledger import make_ledger
from runner.planning.status.order_status import Sync, make_standings
from runner.report.model.model import State
from runner.report.model.order_rows import listed_rows, recorded_rows
from tests.planning.builders import EARLIER, NOW, a_balance, a_campaign, an_attempt, an_order, recorded_with

USD = {"sandbox": "USD", "other": "EUR"}
amounts = st.none() | st.decimals(0, 50, places=3)
attempts = st.builds(
    an_attempt,
    st.builds(an_order, st.sampled_from(["a", "b", "c"])),
    st.sampled_from(AttemptState),
    panel=st.sampled_from(["sandbox", "other"]),
    kind=st.sampled_from(AttemptKind),
    status=st.sampled_from(LiveStatus),
    first_charge=amounts,
    charge=amounts,
    remains=st.none() | st.integers(-10, 1200),
    checked_at=st.sampled_from([None, NOW]),
    missing_in_a_row=st.integers(0, 4),
    marked_at=st.sampled_from([EARLIER, NOW, EARLIER.replace(year=2025)]),
)


@settings(max_examples=150)
@given(st.lists(attempts, max_size=6))
def test_the_rows_of_all_orders_add_up_to_the_ledger_in_each_currency(tried):
    recorded = recorded_with(*tried, balances=[a_balance("1"), a_balance("1", "EUR", "other")])
    ledger = make_ledger(recorded)
    rows = recorded_rows(recorded, USD, NOW)
    for line in ledger.panels:
        of_panel = [row for row in rows if row.panel == line.name]
        for name in ("spent", "refunded", "reserved", "in_doubt"):
            assert sum((getattr(row, name) for row in of_panel), Decimal(0)) == getattr(line, name)
    assert {(row.campaign, row.id) for row in rows} == set(recorded.attempts)


@settings(max_examples=150)
@given(attempts)
def test_the_short_way_for_the_usual_order_says_what_the_long_way_says(attempt):
    recorded = recorded_with(attempt)
    asked_for_more = recorded_with(attempt, cancels={99: (CancelRequest(99, NOW, CancelState.RECORDED, ""),)})
    asked_for_more.cancels[1] = ()  # the same order, and something to look at: the long way
    assert recorded_rows(recorded, USD, NOW) == recorded_rows(asked_for_more, USD, NOW)


def test_an_order_bought_on_two_panels_has_a_row_for_each():
    abandoned = an_attempt(state=AttemptState.ABANDONED, panel="other")
    recorded = recorded_with(abandoned, an_attempt(charge=Decimal(2), first_charge=Decimal(2)))
    rows = recorded_rows(recorded, USD, NOW)
    assert [(row.panel, row.spent, row.currency) for row in rows] == [
        ("sandbox", Decimal(2), "USD"),
        ("other", Decimal("0.90"), "EUR"),
    ]


@pytest.mark.parametrize(
    ("attempt", "state"),
    [
        (an_attempt(state=AttemptState.ABANDONED), State.ABANDONED),
        (an_attempt(missing_in_a_row=3), State.LOST),
        (an_attempt(state=AttemptState.REFUSED), State.REFUSED),
        (an_attempt(state=AttemptState.NOT_SENT), State.MISSING),
        (an_attempt(status=LiveStatus.FAILED), State.STALLED),
    ],
)
def test_one_word_says_how_an_order_stands(attempt, state):
    (row,) = recorded_rows(recorded_with(attempt), USD, NOW)
    assert row.state is state


def test_listed_orders_keep_the_order_of_the_file_and_name_their_lines():
    campaign = a_campaign(an_order("b", line=4), an_order("a", line=5))
    recorded = recorded_with(an_attempt(an_order("a"), remains=250), an_attempt(an_order("old")))
    standings = make_standings([campaign], recorded, NOW)
    rows = listed_rows(standings, USD)
    assert [(row.id, row.state, row.sync, row.line) for row in rows] == [
        ("b", State.MISSING, Sync.MISSING, 4),
        ("a", State.UNKNOWN, Sync.PLACED, 5),
        ("old", State.UNKNOWN, Sync.REMOVED, 0),
    ]
    assert [row.delivered for row in rows] == [None, 750, None]
