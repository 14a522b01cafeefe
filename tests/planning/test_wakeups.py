from datetime import UTC, datetime, timedelta

import pytest

from runner.core.attempts import AttemptKind, AttemptState, LiveStatus
from runner.core.orders import PanelProfile, RefillPolicy, RefillWhen
from runner.core.refills import Refill, RefillState
from runner.core.values.text import Secret
from runner.planning.status.wakeups import Moment, Pace, next_day, next_moment, settling
from tests.planning.builders import NOW, a_campaign, a_catalogue, a_service, an_attempt, an_order, live, recorded_with

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def test_a_young_order_is_looked_at_a_minute_after_the_last_look():
    recorded = recorded_with(live(marked_at=NOW - 5 * MINUTE, settled_at=NOW - 5 * MINUTE, checked_at=NOW))
    assert next_moment(recorded, [a_campaign(an_order())], NOW) == Moment(NOW + MINUTE, "statuses")


def test_it_is_never_busier_than_the_floor():
    recorded = recorded_with(live(checked_at=NOW - HOUR, settled_at=NOW - HOUR))
    assert next_moment(recorded, [], NOW).at == NOW + timedelta(seconds=15)
    assert next_moment(recorded, [], NOW, pace=Pace(floor=2 * MINUTE)).at == NOW + 2 * MINUTE


def test_it_is_never_lazier_than_the_ceiling():
    recorded = recorded_with(live(marked_at=NOW - 90 * 24 * HOUR, settled_at=NOW - 90 * 24 * HOUR, checked_at=NOW))
    assert next_moment(recorded, [], NOW).at == NOW + HOUR
    assert next_moment(recorded_with(), [], NOW).at == NOW + HOUR


@pytest.mark.parametrize(
    ("asked", "state", "due"),
    [
        (NOW - timedelta(hours=23, minutes=40), RefillState.COMPLETED, NOW + 20 * MINUTE),
        (NOW - timedelta(hours=23, minutes=40), RefillState.UNKNOWN, NOW + 20 * MINUTE),
        (NOW - timedelta(hours=23, minutes=40), RefillState.REQUESTED, NOW + HOUR),
        (NOW - timedelta(hours=10), RefillState.COMPLETED, NOW + HOUR),
    ],
    ids=["over", "answer-lost", "still-open", "far-away"],
)
def test_the_next_refill_is_looked_forward_to(asked, state, due):
    done = an_attempt(status=LiveStatus.COMPLETED, checked_at=NOW - HOUR, final_at=NOW - 25 * HOUR)
    refill = Refill(1, done.id, state, "r1", None, "", asked, asked, None)
    recorded = recorded_with(done, catalogues=[a_catalogue(a_service(refill=True))], refills={done.id: [refill]})
    listed = a_campaign(an_order(), refill=RefillPolicy(when=RefillWhen.DUE))
    assert next_moment(recorded, [listed], NOW).at == due
    never = a_campaign(an_order(), refill=RefillPolicy(when=RefillWhen.NEVER))
    assert next_moment(recorded, [never], NOW).at == NOW + HOUR


def test_the_next_instalment_of_a_drip_is_looked_forward_to():
    order = an_order(quantity=100, runs=5, interval=30)
    sent = an_attempt(
        order,
        kind=AttemptKind.INSTALMENT,
        runs=None,
        interval=None,
        status=LiveStatus.COMPLETED,
        marked_at=NOW - 10 * MINUTE,
        checked_at=NOW,
    )
    recorded = recorded_with(sent)
    assert next_moment(recorded, [a_campaign(order, drips=frozenset({order.id}))], NOW).at == NOW + 20 * MINUTE
    assert next_moment(recorded, [a_campaign(order)], NOW).at == NOW + HOUR


def test_what_the_caller_knows_of_counts_too():
    more = [Moment(NOW + 7 * MINUTE, "another try"), Moment(NOW + 9 * MINUTE, "later")]
    assert next_moment(recorded_with(), [], NOW, more=more) == more[0]


def test_a_budget_of_a_day_lets_go_at_the_next_utc_day():
    (moment,) = next_day(NOW, ["budget.total", "budget.per_day"])
    assert moment.at == datetime(2026, 3, 2, tzinfo=UTC)
    assert list(next_day(NOW, ["budget.total"])) == []


def test_a_doubt_is_looked_at_when_it_can_no_longer_appear():
    doubt = an_attempt(state=AttemptState.IN_DOUBT, settled_at=NOW - 4 * MINUTE)
    profiles = {"sandbox": PanelProfile(name="sandbox", url="http://127.0.0.1:1", key=Secret("k"))}
    (moment,) = settling(recorded_with(doubt), profiles, NOW)
    assert moment.at == NOW + 6 * MINUTE
    assert "spring/teaser" in moment.why
    assert list(settling(recorded_with(doubt), profiles, NOW + HOUR)) == []
