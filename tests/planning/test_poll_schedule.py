"""Who is asked for when, and in how many calls."""

from datetime import UTC, datetime, timedelta
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.core.attempts import AttemptKind, AttemptState, LiveStatus
from runner.core.orders import OnShort, RefillPolicy
from runner.core.refills import CancelRequest, CancelState
from runner.core.snapshot import Recorded
from runner.planning.status.poll_schedule import (
    FINAL_PERIOD,
    MISSING_PERIOD,
    PollTerms,
    due_polls,
    next_day,
    next_poll,
    terms_of,
)
from tests.planning.builders import NOW, a_campaign, an_attempt, an_order, recorded_with

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TABLE = [  # age at the last look -> asked again after
    (timedelta(), MINUTE),
    (10 * MINUTE, MINUTE),
    (11 * MINUTE, 5 * MINUTE),
    (HOUR, 5 * MINUTE),
    (61 * MINUTE, 15 * MINUTE),
    (DAY, 15 * MINUTE),
    (25 * HOUR, HOUR),
    (7 * DAY, HOUR),
    (8 * DAY, 6 * HOUR),
    (300 * DAY, 6 * HOUR),
]


def placed(age=HOUR, looked=timedelta(), **changes):
    """A live order that was placed `age` before its last look, which was `looked` ago."""
    checked = NOW - looked
    facts = {"status": LiveStatus.PENDING, "settled_at": checked - age, "checked_at": checked}
    order = an_order(changes.pop("order_id", "teaser"))
    return an_attempt(order, **(facts | changes))


def final(ago=DAY, looked=timedelta(), **changes):
    """A completed order that was first seen so `ago`, and last looked at `looked` ago."""
    return placed(HOUR, looked, status=LiveStatus.COMPLETED, final_at=NOW - ago, **changes)


def asked(*attempts, everything=False, now=NOW, terms=None, **changes):
    polls = due_polls(recorded_with(*attempts, **changes), now, everything=everything, terms=terms)
    return [attempt_id for _, attempt_id in polls.get("sandbox", ())]


@pytest.mark.parametrize(("age", "period"), TABLE)
def test_an_order_is_asked_for_as_often_as_its_age_says(age, period):
    recorded = recorded_with(placed(age))
    assert next_poll(recorded, NOW) == NOW + period
    assert not due_polls(recorded, NOW + period - timedelta(seconds=1), everything=False)
    assert due_polls(recorded, NOW + period, everything=False) == {"sandbox": [("23501", 1)]}


def test_what_may_be_bought_again_is_looked_at_in_each_call_that_goes_out_anyway():
    short = placed(status=LiveStatus.CANCELED, final_at=NOW)
    terms = terms_of([a_campaign(an_order(), on_canceled=OnShort.REORDER)])
    assert asked(short, everything=True, terms=terms) == []
    live = placed(kind=AttemptKind.REORDER, panel_order_id="23502")
    assert asked(short, live, everything=True) == [2]
    assert asked(short, live, everything=True, terms=terms) == [2, 1]
    elsewhere = placed(looked=HOUR, order_id="b", panel_order_id="23503")
    assert asked(short, elsewhere, terms=terms) == [2, 1]
    bought = final(kind=AttemptKind.REORDER, panel_order_id="23502")
    assert asked(short, bought, elsewhere._replace(id=3), terms=terms) == [3]


def test_everything_asks_for_all_that_is_live_due_or_not():
    assert asked(placed(), placed(order_id="b"), everything=False) == []
    assert asked(placed(), placed(order_id="b"), everything=True) == [1, 2]


def test_what_is_not_placed_is_not_asked_for():
    for state in set(AttemptState) - {AttemptState.PLACED}:
        assert asked(an_attempt(state=state, panel_order_id=None), everything=True) == []
        assert next_poll(recorded_with(an_attempt(state=state, panel_order_id=None)), NOW) is None


def test_an_order_that_was_never_looked_at_is_due_at_once():
    assert asked(an_attempt()) == [1]


def test_a_final_order_is_asked_for_once_a_day_until_its_window_ends():
    assert asked(final(looked=FINAL_PERIOD - MINUTE), everything=True) == []
    assert asked(final(looked=FINAL_PERIOD), everything=True) == [1]
    assert asked(final(ago=30 * DAY - MINUTE, looked=DAY)) == [1]
    assert asked(final(ago=30 * DAY, looked=DAY), everything=True) == []
    assert next_poll(recorded_with(final(ago=30 * DAY, looked=DAY)), NOW) is None


def test_the_window_of_a_campaign_is_the_one_of_its_refills():
    campaign = a_campaign(refill=RefillPolicy(within=3 * DAY))
    order = final(ago=4 * DAY, looked=2 * DAY)
    assert asked(order) == [1]
    assert asked(order, terms=terms_of([campaign])) == []
    assert asked(order._replace(campaign="other"), terms=terms_of([campaign])) == [1]


def test_a_request_to_cancel_makes_an_old_order_young_again():
    old = placed(10 * DAY, looked=5 * MINUTE)
    requests = {1: (CancelRequest(1, NOW - 4 * MINUTE, CancelState.RECORDED, ""),)}
    assert asked(old) == []
    assert asked(old, cancels=requests) == [1]


def test_an_order_that_the_panel_did_not_know_is_not_asked_for_more_often_than_misses_count():
    assert next_poll(recorded_with(placed(timedelta(), missing_in_a_row=1)), NOW) == NOW + MISSING_PERIOD
    assert next_poll(recorded_with(placed(8 * DAY, missing_in_a_row=1)), NOW) == NOW + 6 * HOUR


def test_a_call_that_goes_out_anyway_is_filled_with_those_due_soonest():
    due = [placed(order_id=f"due-{n}", looked=5 * MINUTE) for n in range(150)]
    soon = [placed(order_id=f"soon-{n}", looked=3 * MINUTE + n * timedelta(seconds=1)) for n in range(60)]
    fresh = [placed(order_id=f"fresh-{n}", looked=2 * MINUTE) for n in range(60)]  # not half of its time has passed
    found = asked(*due, *soon, *fresh)
    assert found[:150] == list(range(1, 151))
    assert sorted(found[150:]) == list(range(151 + 10, 151 + 60)), "the fifty that are due soonest"


def test_a_panel_without_lists_is_asked_for_nothing_that_is_not_due():
    due, soon = placed(order_id="due", looked=5 * MINUTE), placed(order_id="soon", looked=4 * MINUTE)
    assert asked(due, soon) == [1, 2]
    assert asked(due, soon, lacking={"sandbox": frozenset({"multi_status"})}) == [1]


def test_final_orders_ride_along_but_never_make_a_live_one_wait():
    finals = [final(order_id=f"final-{n}", looked=5 * DAY) for n in range(3)]
    live = [placed(order_id=f"live-{n}", looked=n * MINUTE) for n in range(6, 9)]
    assert asked(*finals, *live) == [6, 5, 4, 1, 2, 3]


def test_each_panel_has_its_own_calls():
    polls = due_polls(recorded_with(an_attempt(), an_attempt(panel="other")), NOW, everything=False)
    assert {panel: [one for _, one in several] for panel, several in polls.items()} == {"sandbox": [1], "other": [2]}


def test_where_the_calls_of_the_day_are_used_up_the_next_poll_is_tomorrow():
    terms = PollTerms(calls_per_day={"sandbox": 10})
    for calls, at in ((9, NOW + 5 * MINUTE), (10, next_day(NOW))):
        recorded = recorded_with(placed(), status_calls={("sandbox", NOW.date()): calls})
        assert next_poll(recorded, NOW, terms) == at
    yesterday = recorded_with(placed(), status_calls={("sandbox", (NOW - DAY).date()): 10})
    assert next_poll(yesterday, NOW, terms) == NOW + 5 * MINUTE
    assert next_day(datetime(2026, 12, 31, 23, 59, tzinfo=UTC)) == datetime(2027, 1, 1, tzinfo=UTC)


ages = st.integers(0, 40 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes))
looks = st.integers(0, 3 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes))
orders = st.one_of(
    st.builds(placed, ages, looks, missing_in_a_row=st.integers(0, 4)),
    st.builds(final, ages, looks),
    st.builds(an_attempt),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(orders, max_size=250), st.booleans())
def test_every_order_that_is_due_is_asked_for_once_and_no_call_goes_out_for_others(tried, everything):
    recorded = recorded_with(*(one._replace(order_id=f"o{n}") for n, one in enumerate(tried)))
    attempts = [one for several in recorded.attempts.values() for one in several]
    found = [one for _, one in due_polls(recorded, NOW, everything=everything).get("sandbox", ())]
    must = {one.id for one in attempts if _is_due(one) or (everything and one.is_live)}
    assert len(found) == len(set(found))
    assert must <= set(found)
    assert found[: len(must)] == [one for one in found if one in must], "what is due comes first"
    assert ceil(len(found) / 100) == ceil(len(must) / 100)


def _is_due(attempt):
    """By the table, written down once more."""
    if attempt.checked_at is None:
        return True
    if attempt.is_final:
        return NOW - attempt.checked_at >= DAY and NOW - attempt.final_at < 30 * DAY
    period = _period(attempt.checked_at - attempt.settled_at)
    return NOW - attempt.checked_at >= (max(period, 30 * MINUTE) if attempt.missing_in_a_row else period)


def _period(age):
    stages = ((10 * MINUTE, MINUTE), (HOUR, 5 * MINUTE), (DAY, 15 * MINUTE), (7 * DAY, HOUR))
    return next((wait for most, wait in stages if age <= most), 6 * HOUR)


@settings(max_examples=25, deadline=None)
@given(st.lists(ages.filter(lambda age: age < 9 * DAY), min_size=1, max_size=120), st.integers(1, 7))
def test_whoever_polls_at_the_moments_named_keeps_every_live_order_within_its_period(many, hours):
    """A watch, simulated: no order waits longer than the table says, and no moment is named in vain."""
    now, until = NOW, NOW + timedelta(hours=hours)
    attempts = [placed(age, looked=timedelta(), order_id=f"o{n}") for n, age in enumerate(many)]
    while True:
        recorded = recorded_with(*attempts)
        at = next_poll(recorded, now)
        assert at is not None
        assert at > now
        if at > until:
            break
        now = at
        asked_for = {one for _, one in due_polls(recorded, now, everything=False)["sandbox"]}
        assert asked_for
        for n, one in enumerate(attempts):
            assert now - one.checked_at <= _period(one.checked_at - one.settled_at)
            if n + 1 in asked_for:
                attempts[n] = one._replace(checked_at=now)


def test_an_empty_state_asks_for_nothing():
    assert due_polls(Recorded(), NOW, everything=True) == {}
    assert next_poll(Recorded(), NOW) is None
