"""When orders should be done, and when they stall, by what others took."""

from datetime import timedelta

import pytest

from runner.core.attempts import LiveStatus, Phase
from runner.core.orders import Policy
from runner.planning.status.delivery_estimate import DeliveryTimes
from runner.planning.status.order_status import Health, make_standings
from tests.planning.builders import NOW, a_campaign, an_attempt, an_order, recorded_with

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def done(hours, n=0, **changes):
    """An order of a thousand that took so many hours to be completed, some days ago."""
    marked = NOW - 10 * DAY
    facts = {
        "status": LiveStatus.COMPLETED,
        "phase": Phase.ANSWERED,
        "marked_at": marked,
        "settled_at": marked,
        "final_at": marked + hours * HOUR,
    }
    return an_attempt(an_order(f"done-{n}-{hours}"), **(facts | changes))


def live(age, status=LiveStatus.IN_PROGRESS, **changes):
    facts = {"status": status, "marked_at": NOW - age, "settled_at": NOW - age, "checked_at": NOW}
    return an_attempt(an_order("live", **{key: changes.pop(key) for key in ("quantity", "runs", "interval") if key in changes}), **(facts | changes))  # fmt: skip


HISTORY = [done(hours) for hours in (1, 2, 2, 3, 4, 4, 5, 6, 8, 10)]


def look(attempt, *others, limit=None):
    times = DeliveryTimes(recorded_with(*others, attempt))
    return times.stalled(attempt, NOW, limit)


def eta(attempt, *others):
    return DeliveryTimes(recorded_with(*others, attempt)).eta(attempt, NOW)


def test_an_order_stalls_after_three_times_what_nine_of_ten_took():
    assert look(live(24 * HOUR), *HISTORY) == ""
    assert look(live(25 * HOUR), *HISTORY) == "live for 1 d 1 h; nine of ten orders of service 1 took up to 8 h"


def test_a_larger_order_has_more_time_in_proportion_and_a_smaller_one_no_less():
    assert look(live(47 * HOUR, quantity=2000), *HISTORY) == ""
    assert look(live(49 * HOUR, quantity=2000), *HISTORY)
    assert look(live(24 * HOUR, quantity=10), *HISTORY) == ""


@pytest.mark.parametrize(
    "others",
    [
        HISTORY[:4],
        [done(1, n, service="2") for n in range(9)],
        [done(1, n, panel="other") for n in range(9)],
        [done(1, n, phase=None) for n in range(9)],  # imported: nobody knows when it was placed
        [done(1, n, status=LiveStatus.CANCELED) for n in range(9)],
    ],
)
def test_too_few_others_of_the_service_tell_nothing(others):
    assert look(live(60 * DAY), *others) == ""
    assert look(live(71 * HOUR, LiveStatus.PENDING), *others) == ""
    assert look(live(73 * HOUR, LiveStatus.PENDING), *others).startswith("pending for 3 d 1 h")


def test_nothing_stalls_within_an_hour_however_fast_others_were():
    fast = [done(0.01, n) for n in range(9)]
    assert look(live(59 * MINUTE), *fast) == ""
    assert look(live(61 * MINUTE), *fast)


def test_the_time_that_a_drip_feed_plans_for_does_not_count():
    drip = {"runs": 25, "interval": 60}
    assert look(live(2 * DAY, **drip), *HISTORY) == ""
    assert look(live(2 * DAY + HOUR, **drip), *HISTORY).endswith("behind the 1 d of its drip-feed")


def test_a_set_limit_wins_over_history():
    assert look(live(25 * HOUR), *HISTORY, limit=2 * DAY) == ""
    assert look(live(3 * HOUR), *HISTORY, limit=2 * HOUR) == "live for 3 h, policy.stalled_after is 2 h"
    assert look(live(100 * HOUR, LiveStatus.PENDING), limit=30 * DAY) == ""


def test_final_orders_and_those_never_looked_at_do_not_stall():
    assert look(done(1), limit=HOUR) == ""
    assert look(live(30 * DAY, LiveStatus.UNKNOWN, checked_at=None), limit=HOUR) == ""
    assert look(live(30 * DAY, LiveStatus.UNKNOWN), limit=HOUR)


def test_status_shows_a_stalled_order_with_the_reason_and_without_an_end():
    order = an_order("live")
    campaign = a_campaign(order)
    (shown,) = make_standings([campaign], recorded_with(live(25 * HOUR), *HISTORY), NOW).orders[:1]
    assert (shown.health, shown.eta) == (Health.STALLED, None)
    assert "nine of ten" in shown.message
    patient = make_standings(
        [type(campaign)(**{name: getattr(campaign, name) for name in campaign.__slots__} | {"policy": Policy(stalled_after=2 * DAY)})],
        recorded_with(live(25 * HOUR), *HISTORY),
        NOW,
    )  # fmt: skip
    assert patient.orders[0].health is Health.PROGRESSING


def test_an_order_should_be_done_when_half_of_the_others_were():
    assert eta(live(HOUR), *HISTORY) == NOW + 3 * HOUR
    assert eta(live(HOUR, quantity=2000), *HISTORY) == NOW + 7 * HOUR


def test_past_that_it_should_be_done_when_nearly_all_were_and_then_nobody_knows():
    assert eta(live(5 * HOUR), *HISTORY) == NOW + 3 * HOUR
    assert eta(live(9 * HOUR), *HISTORY) is None


def test_its_own_progress_tells_more_than_others():
    assert eta(live(4 * HOUR, remains=250), *HISTORY) == NOW + timedelta(hours=4 / 3)
    assert eta(live(4 * HOUR, remains=990), *HISTORY[:4]) is None, "hardly begun"


@pytest.mark.parametrize("remains", [0, -5, 1000, 5000, None])
def test_nonsense_about_what_remains_tells_nothing(remains):
    assert eta(live(HOUR, remains=remains)) is None


def test_a_drip_feed_has_its_plan():
    assert eta(live(HOUR, runs=5, interval=60)) == NOW + 4 * HOUR
    assert eta(live(HOUR, runs=5, interval=60, remains=2500)) == NOW + 3 * HOUR, "never before its last run"
    assert eta(live(HOUR, runs=5, interval=60), *HISTORY) == NOW + 7 * HOUR


def test_final_orders_have_no_end_to_wait_for():
    assert eta(done(1), *HISTORY) is None


def test_an_end_beyond_a_year_is_as_good_as_none():
    assert eta(live(HOUR, quantity=10**9), *HISTORY) is None
    assert eta(live(300 * DAY, remains=949)) is None
    assert eta(live(HOUR, runs=1000, interval=10**6)) is None


def test_only_the_last_fifty_orders_of_a_service_count():
    former = [done(100, n) for n in range(60)]
    lately = [done(1, n) for n in range(50)]
    assert look(live(4 * HOUR), *former, *lately)
    assert look(live(4 * HOUR), *lately, *former) == ""
