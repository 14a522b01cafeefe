from dataclasses import replace
from datetime import timedelta

import pytest

from runner.core.attempts import AttemptKind, AttemptState, LiveStatus
from runner.planning.status.order_status import Health, Standing, Sync, make_standings
from tests.planning.builders import LINK, NOW, D, a_campaign, a_charged_attempt, an_attempt, an_order, recorded_with


def standing(*attempts, order=None, **changes) -> Standing:
    """The one line of a campaign with one order."""
    campaign = replace(a_campaign(order or an_order()), **changes)
    (one,) = make_standings([campaign], recorded_with(*attempts), NOW).orders
    return one


def test_an_order_that_was_never_bought_is_missing():
    assert standing() == Standing("spring/teaser", Sync.MISSING, Health.UNKNOWN, None, None, None, None, None, None)


def test_a_bought_order_shows_what_the_panel_said_last():
    one = standing(a_charged_attempt("0.90", "0.45", LiveStatus.PARTIAL, remains=500, start_count=3572))
    assert one == Standing(
        "spring/teaser", Sync.PLACED, Health.PARTIAL, "23501", "partial", D("0.45"), 3572, 500, NOW, ""
    )


def test_a_purchase_that_was_never_checked_has_no_status():
    one = standing(an_attempt())
    assert (one.sync, one.health, one.status) == (Sync.PLACED, Health.UNKNOWN, None)


@pytest.mark.parametrize(
    ("status", "health"),
    [
        (LiveStatus.PENDING, Health.WAITING),
        (LiveStatus.PROCESSING, Health.PROGRESSING),
        (LiveStatus.IN_PROGRESS, Health.PROGRESSING),
        (LiveStatus.COMPLETED, Health.COMPLETED),
        (LiveStatus.PARTIAL, Health.PARTIAL),
        (LiveStatus.CANCELED, Health.CANCELED),
        (LiveStatus.REFUNDED, Health.CANCELED),
        (LiveStatus.FAILED, Health.STALLED),
        (LiveStatus.UNKNOWN, Health.UNKNOWN),
    ],
)
def test_every_status_word_has_a_health(status, health):
    assert standing(an_attempt(status=status, checked_at=NOW)).health is health


@pytest.mark.parametrize(("hours", "health"), [(72, Health.WAITING), (73, Health.STALLED)])
def test_pending_for_more_than_three_days_is_stalled(hours, health):
    attempt = an_attempt(status=LiveStatus.PENDING, marked_at=NOW - timedelta(hours=hours))
    assert standing(attempt).health is health


def test_an_order_in_doubt_shows_what_happened():
    one = standing(an_attempt(state=AttemptState.IN_DOUBT, message="connection lost after the request was sent"))
    assert (one.sync, one.health) == (Sync.IN_DOUBT, Health.UNKNOWN)
    assert one.message == "connection lost after the request was sent"


def test_an_order_that_a_living_run_sends_is_sending():
    assert standing(an_attempt(state=AttemptState.SENDING)).sync is Sync.SENDING


def test_a_refused_order_shows_the_panels_words():
    one = standing(an_attempt(state=AttemptState.REFUSED, message="Not enough funds"))
    assert (one.sync, one.message) == (Sync.REFUSED, "Not enough funds")


def test_an_order_that_was_not_sent_is_missing_and_says_why():
    one = standing(an_attempt(state=AttemptState.NOT_SENT, message="connection refused"))
    assert (one.sync, one.message) == (Sync.MISSING, "connection refused")


def test_the_last_try_decides_where_nothing_was_bought():
    tries = [an_attempt(state=AttemptState.REFUSED), an_attempt(state=AttemptState.NOT_SENT)]
    assert standing(*tries).sync is Sync.MISSING
    assert standing(*tries[::-1]).sync is Sync.REFUSED


def test_an_edited_order_is_changed_and_names_both_versions():
    one = standing(an_attempt(status=LiveStatus.COMPLETED), order=an_order(quantity=2000))
    assert (one.sync, one.health) == (Sync.CHANGED, Health.COMPLETED)
    assert one.message == "bought: quantity 1000; listed: quantity 2000"


def test_an_order_that_was_given_up_is_placed_and_says_so():
    one = standing(an_attempt(state=AttemptState.ABANDONED))
    assert (one.sync, one.health, one.status) == (Sync.PLACED, Health.UNKNOWN, None)
    assert one.message.startswith("given up")


@pytest.mark.parametrize(("times", "message"), [(2, ""), (3, "the panel no longer knows this order")])
def test_three_answers_in_a_row_that_the_order_does_not_exist_are_told(times, message):
    assert standing(an_attempt(missing_in_a_row=times)).message == message


def test_a_doubt_about_a_later_attempt_is_shown_before_the_purchase():
    doubt = an_attempt(state=AttemptState.IN_DOUBT, kind=AttemptKind.TOP_UP, message="lost")
    assert standing(an_attempt(), doubt).sync is Sync.IN_DOUBT


def test_a_renamed_order_is_found_under_its_former_id():
    order = an_order("new", link=f"{LINK}/x")
    one = standing(an_attempt(an_order("old", link=f"{LINK}/x")), order=order, moved={"new": "old"})
    assert (one.order, one.sync) == ("spring/new", Sync.PLACED)


def addresses(campaigns, recorded, **how) -> list[tuple[str, Sync]]:
    return [(one.order, one.sync) for one in make_standings(campaigns, recorded, NOW, **how).orders]


def test_listed_orders_come_in_file_order_then_bought_ones_that_are_not_listed():
    attempts = [an_attempt(an_order(order_id)) for order_id in ("z", "gone-2", "gone-1")]
    refused = an_attempt(an_order("gone-3"), AttemptState.REFUSED)
    campaign = a_campaign(an_order("z"), an_order("a"))
    assert addresses([campaign], recorded_with(*attempts, refused)) == [
        ("spring/z", Sync.PLACED),
        ("spring/a", Sync.MISSING),
        ("spring/gone-1", Sync.REMOVED),
        ("spring/gone-2", Sync.REMOVED),
    ]


def test_removed_hides_a_purchase_but_never_a_doubt():
    campaign = replace(a_campaign(), removed=frozenset({"bought", "doubt"}))
    recorded = recorded_with(an_attempt(an_order("bought")), an_attempt(an_order("doubt"), AttemptState.IN_DOUBT))
    assert addresses([campaign], recorded) == [("spring/doubt", Sync.IN_DOUBT)]


def test_purchases_of_a_campaign_whose_file_is_gone_are_shown_as_removed():
    assert addresses([], recorded_with(an_attempt())) == [("spring/teaser", Sync.REMOVED)]


def test_of_campaigns_that_were_not_asked_for_only_the_doubts_are_shown():
    recorded = recorded_with(an_attempt(an_order("a")), an_attempt(an_order("b"), AttemptState.IN_DOUBT))
    assert addresses([a_campaign(name="summer")], recorded, complete=False) == [("spring/b", Sync.IN_DOUBT)]


def test_a_doubt_under_a_former_id_stays_visible_when_the_new_id_has_a_purchase():
    campaign = replace(a_campaign(an_order("new")), moved={"new": "old"})
    recorded = recorded_with(an_attempt(an_order("new")), an_attempt(an_order("old"), AttemptState.IN_DOUBT))
    assert addresses([campaign], recorded) == [("spring/new", Sync.PLACED), ("spring/old", Sync.IN_DOUBT)]


def test_a_selection_narrows_listed_and_unlisted_orders():
    recorded = recorded_with(an_attempt(an_order("a")), an_attempt(an_order("b")), an_attempt(an_order("c")))
    found = addresses([a_campaign(an_order("a"))], recorded, selection=lambda order: order.id == "c")
    assert found == [("spring/c", Sync.REMOVED)]


def test_the_summary_counts_what_occurs():
    recorded = recorded_with(
        an_attempt(an_order("a"), status=LiveStatus.COMPLETED),
        an_attempt(an_order("b"), status=LiveStatus.COMPLETED),
        an_attempt(an_order("gone"), status=LiveStatus.PARTIAL),
    )
    campaign = a_campaign(an_order("a"), an_order("b"), an_order("c"))
    assert make_standings([campaign], recorded, NOW).summary == {
        "placed": 2,
        "missing": 1,
        "removed": 1,
        "completed": 2,
        "partial": 1,
        "unknown": 1,
        "total": 4,
    }


def test_an_order_that_was_topped_up_is_as_listed_and_shown_by_the_part_that_is_worked_on():
    done = an_attempt(status=LiveStatus.COMPLETED, checked_at=NOW)
    more = an_attempt(
        kind=AttemptKind.TOP_UP, quantity=500, panel_order_id="23502", status=LiveStatus.IN_PROGRESS, checked_at=NOW
    )
    one = standing(done, more, order=an_order(quantity=1500))
    assert (one.sync, one.health, one.panel_order_id) == (Sync.PLACED, Health.PROGRESSING, "23502")
    first = standing(done._replace(status=LiveStatus.PENDING), more._replace(status=LiveStatus.COMPLETED))
    assert (first.health, first.panel_order_id) == (Health.WAITING, "23501")


def test_a_drip_of_the_runner_goes_on_until_its_last_instalment_is_sent_and_done():
    order = an_order(quantity=100, runs=3, interval=60)
    sent = [
        an_attempt(
            order,
            kind=AttemptKind.INSTALMENT,
            slot=n,
            runs=None,
            interval=None,
            status=LiveStatus.COMPLETED,
            marked_at=NOW - timedelta(hours=2 - n, minutes=-30),
        )
        for n in range(3)
    ]
    drips = frozenset({order.id})
    two = standing(*sent[:2], order=order, drips=drips)
    assert (two.health, two.eta) == (Health.PROGRESSING, NOW + timedelta(minutes=30))
    assert two.message == "instalment 2 of 3 was sent; the next is due 2026-03-01 12:30 UTC"
    assert standing(*sent, order=order, drips=drips).health is Health.COMPLETED


def test_a_final_order_that_vanishes_is_no_loss():
    one = standing(an_attempt(status=LiveStatus.COMPLETED, missing_in_a_row=5, checked_at=NOW))
    assert (one.health, one.message) == (Health.COMPLETED, "")


# Orders that were bought in several parts


def part(kind, **changes):
    return an_attempt(kind=kind, checked_at=NOW, **changes)


def test_a_topped_up_order_is_placed_and_shows_the_sums():
    first = a_charged_attempt("0.90", "0.90", LiveStatus.COMPLETED, remains=0, start_count=100)
    more = part(
        AttemptKind.TOP_UP, quantity=500, status=LiveStatus.IN_PROGRESS, charge=D("0.45"), remains=200, start_count=1100
    )
    one = standing(first, more._replace(panel_order_id="23502"), order=an_order(quantity=1500))
    assert (one.sync, one.health) == (Sync.PLACED, Health.PROGRESSING)
    assert (one.panel_order_id, one.charge, one.remains, one.start_count) == ("23502", D("1.35"), 200, 100)


def test_what_was_bought_again_is_missing_no_longer():
    first = a_charged_attempt("0.90", "0.63", LiveStatus.PARTIAL, remains=300)
    again = part(AttemptKind.REORDER, quantity=300, status=LiveStatus.COMPLETED, charge=D("0.27"))
    one = standing(first, again)
    assert (one.sync, one.health, one.remains, one.charge) == (Sync.PLACED, Health.COMPLETED, 0, D("0.90"))


def test_a_reorder_that_ends_short_leaves_the_order_partial():
    first = a_charged_attempt("0.90", "0.63", LiveStatus.PARTIAL, remains=300)
    again = part(AttemptKind.REORDER, quantity=300, status=LiveStatus.PARTIAL, remains=100)
    one = standing(first, again)
    assert (one.health, one.remains) == (Health.PARTIAL, 100)


def test_a_replaced_order_is_shown_by_its_replacement_alone():
    former = a_charged_attempt("0.90", "0.20", LiveStatus.CANCELED, remains=780)
    new = part(AttemptKind.REPLACEMENT, quantity=2000, status=LiveStatus.PENDING, charge=D("1.80"))
    one = standing(former, new._replace(panel_order_id="23502"), order=an_order(quantity=2000))
    assert (one.sync, one.health, one.panel_order_id, one.charge) == (Sync.PLACED, Health.WAITING, "23502", D("1.80"))


def test_an_order_of_which_parts_ended_differently_is_partial():
    first = a_charged_attempt("0.90", "0.90", LiveStatus.COMPLETED)
    more = part(AttemptKind.TOP_UP, quantity=500, status=LiveStatus.CANCELED, charge=D(0), remains=500)
    one = standing(first, more, order=an_order(quantity=1500))
    assert (one.health, one.remains) == (Health.PARTIAL, 500)
