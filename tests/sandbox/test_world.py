"""The simulation alone: pure, seeded, monotonic, and money that adds up."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from runner.sandbox.world import (
    DAY,
    FINAL_WORDS,
    PanelOrder,
    PanelStatus,
    Refill,
    RefillState,
    charge_for,
    course,
    dropped,
    end_of,
    progress,
    refill_state,
    refund_of,
)

STEPS = [PanelStatus.PENDING, PanelStatus.PROCESSING, PanelStatus.IN_PROGRESS]


def an_order(number: int = 23501, *, quantity: int = 1000, runs: int = 1, interval: int = 0, **more) -> PanelOrder:
    return PanelOrder(number, 1, "https://example.com/a", quantity, runs, interval, Decimal("0.9"), 0.0, seed=1, **more)


orders = st.builds(
    lambda number, quantity, drip, cancel: an_order(
        number, quantity=quantity, runs=drip[0], interval=drip[1], cancel_requested=cancel
    ),
    st.integers(1, 10**9),
    st.integers(10, 1_000_000),
    st.one_of(st.just((1, 0)), st.tuples(st.integers(1, 50), st.integers(1, 1440))),
    st.one_of(st.none(), st.floats(0, 5000)),
)


@settings(max_examples=100, deadline=None)
@given(order=orders, moments=st.lists(st.floats(0, 20_000), min_size=2, max_size=12))
def test_delivery_only_grows_and_statuses_only_move_on(order, moments):
    seen = [progress(order, now) for now in sorted(moments)]
    assert [p.delivered for p in seen] == sorted(p.delivered for p in seen)
    ranks = [STEPS.index(PanelStatus(p.status)) if p.status in STEPS else len(STEPS) for p in seen]
    assert ranks == sorted(ranks)
    for p in seen:
        assert 0 <= p.delivered <= order.total
        assert 0 <= p.charge <= order.charge


@settings(max_examples=100, deadline=None)
@given(order=orders)
def test_every_order_ends_and_its_end_agrees_with_its_status_and_its_refund(order):
    end = end_of(order, 0.0)
    assert progress(order, end - 1e-6).status not in FINAL_WORDS
    last = progress(order, end)
    refund = refund_of(order, 0.0)
    assert last.charge + (refund[1] if refund else 0) == order.charge
    match last.status:
        case PanelStatus.COMPLETED:
            assert last.delivered == order.total
            assert refund is None
        case PanelStatus.PARTIAL:
            assert 0 < last.delivered < order.total
        case PanelStatus.CANCELED:
            assert (last.delivered, last.charge) == (0, 0)
    assert refund is None or refund[0] == end


def test_about_nine_in_ten_complete_within_two_hours():
    ways = [course(an_order(number)) for number in range(23501, 26501)]
    share = {ending: sum(way.ending is ending for way in ways) / len(ways) for ending in PanelStatus}
    assert 0.88 < share[PanelStatus.COMPLETED] < 0.92
    assert 0.035 < share[PanelStatus.PARTIAL] < 0.065
    assert 0.035 < share[PanelStatus.CANCELED] < 0.065
    assert all(5 <= way.ends <= 120 for way in ways if way.ending is PanelStatus.COMPLETED)


def test_a_drip_feed_order_lasts_at_least_its_runs_and_starts_them_an_interval_apart():
    order = next(
        order
        for order in (an_order(n, quantity=1000, runs=5, interval=200) for n in range(100))
        if course(order).ending is PanelStatus.COMPLETED
    )
    way = course(order)
    assert way.ends - way.begins > 4 * 200
    for run in range(5):
        between = progress(order, way.begins + run * 200 + way.run_minutes + 1e-6)  # each run is done before the next
        assert between.delivered == 1000 * (run + 1)


def test_the_seed_and_the_id_alone_decide():
    assert course(an_order(1)) == course(an_order(1))
    assert course(an_order(1)) != course(an_order(2))
    assert course(an_order(1)) != course(an_order(1)._replace(seed=2))


def test_a_charge_is_rate_times_units_to_five_decimals():
    assert charge_for("0.90", 1000, 1) == Decimal("0.90000")
    assert charge_for("0.35", 333, 3) == Decimal("0.34965")
    assert charge_for("0.123456", 1, 1) == Decimal("0.00012")


@settings(max_examples=100, deadline=None)
@given(order=orders, status=st.sampled_from([*PanelStatus, "Refunded", "Awaiting"]), at=st.floats(0, 500))
def test_a_forced_status_holds_and_its_money_adds_up(order, status, at):
    forced = order._replace(forced_at=at, forced_status=str(status))
    seen = progress(forced, at + 1)
    refund = refund_of(forced, at)
    assert seen.status == status
    assert seen.charge + (refund[1] if refund else 0) == order.charge
    if status in ("Refunded", PanelStatus.CANCELED):
        assert refund == (at, order.charge)


def test_completed_orders_drop_and_a_completed_refill_restores():
    found = 0
    for number in range(200):
        order = an_order(number)
        if course(order).ending is not PanelStatus.COMPLETED:
            assert dropped(order, [], 1e6) == 0
            continue
        later = end_of(order, 0.0) + 30 * DAY
        assert dropped(order, [], end_of(order, 0.0)) == 0
        lost = dropped(order, [], later)
        refill = Refill(1, order.id, later)
        if lost and refill_state(order, refill, later + DAY) is RefillState.COMPLETED:
            assert dropped(order, [refill], later + DAY) == 0
            found += 1
        elif lost:
            assert dropped(order, [refill], later + DAY) == lost
    assert found > 40


def test_refills_pass_through_their_states_and_some_are_rejected():
    order = an_order()
    ends = []
    for number in range(400):
        refill = Refill(number, order.id, 100.0)
        assert refill_state(order, refill, 100.0) is RefillState.PENDING
        ends.append(refill_state(order, refill, 100.0 + DAY))
    assert set(ends) == {RefillState.COMPLETED, RefillState.REJECTED}
    assert 0.08 < ends.count(RefillState.REJECTED) / 400 < 0.25


@settings(max_examples=50, deadline=None)
@given(order=orders)
def test_a_cancel_that_comes_too_late_changes_nothing(order):
    alone = course(order._replace(cancel_requested=None))
    assert course(order._replace(cancel_requested=alone.ends - 0.5)) == alone
