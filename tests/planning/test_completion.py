from datetime import timedelta

from runner.core.attempts import AttemptKind, AttemptState, LiveStatus
from runner.core.orders import RefillPolicy, RefillWhen
from runner.core.refills import Refill, RefillState
from runner.core.snapshot import Recorded
from runner.planning.reconcile.planner import make_plan
from runner.planning.refills.due_refills import RefillInputs
from runner.planning.status.completion import Outlook, Until, outlook_of
from tests.planning.builders import (
    NOW,
    a_balance,
    a_campaign,
    a_catalogue,
    a_service,
    an_attempt,
    an_order,
    recorded_with,
)


def outlook(*attempts, orders=None, given_up=(), refills=None, **rules) -> Outlook:
    """After a pass over a campaign on a panel with 1000 USD."""
    campaign = a_campaign(*(orders or [an_order()]), **rules)
    recorded: Recorded = recorded_with(
        *attempts,
        catalogues=[a_catalogue(a_service(refill=True))],
        balances=[a_balance("1000")],
        refills=refills or {},
    )
    plan = make_plan([campaign], recorded, refills=RefillInputs(now=NOW))
    return outlook_of([campaign], recorded, plan, NOW, given_up=lambda order: order.id in given_up)


def live(order=None, **changes):
    return an_attempt(order, **{"status": LiveStatus.IN_PROGRESS, "checked_at": NOW} | changes)


def done(order=None, **changes):
    return an_attempt(order, **{"status": LiveStatus.COMPLETED, "checked_at": NOW, "final_at": NOW} | changes)


def test_a_live_order_goes_on():
    found = outlook(live())
    assert found == Outlook(live=1)
    assert not found.is_over(Until.FINAL)
    assert found.is_over(Until.PLACED)


def test_a_final_order_is_over_whatever_its_end():
    for status in (LiveStatus.COMPLETED, LiveStatus.PARTIAL, LiveStatus.CANCELED):
        found = outlook(done(status=status))
        assert found.is_over(Until.FINAL)
        assert not found.needs_person


def test_a_missing_order_is_still_to_be_bought():
    found = outlook()
    assert found.to_do == 1
    assert not found.is_over(Until.PLACED)


def test_a_refused_order_that_is_not_tried_again_needs_a_person():
    found = outlook(an_attempt(state=AttemptState.REFUSED), given_up=["teaser"])
    assert (found.to_do, found.refused) == (0, 1)
    assert found.is_over(Until.FINAL)
    assert found.needs_person


def test_an_order_in_doubt_is_not_waited_for():
    found = outlook(an_attempt(state=AttemptState.IN_DOUBT))
    assert found.in_doubt == 1
    assert found.is_over(Until.FINAL)


def test_what_waits_for_a_live_order_is_bought_later():
    again = an_order("again", link=an_order().link)
    found = outlook(live(), orders=[an_order(), again])
    assert (found.later, found.held) == (1, 0)
    assert not found.is_over(Until.PLACED)


def test_what_waits_for_a_doubt_or_a_lost_order_needs_a_person():
    again = an_order("again", link=an_order().link)
    for holder in (an_attempt(state=AttemptState.IN_DOUBT), live(missing_in_a_row=5)):
        found = outlook(holder, orders=[an_order(), again])
        assert (found.later, found.held) == (0, 1)
        assert found.is_over(Until.PLACED)


def test_a_stalled_order_is_not_waited_for():
    found = outlook(live(status=LiveStatus.FAILED))
    assert (found.live, found.stalled) == (0, 1)
    assert found.is_over(Until.FINAL)
    assert found.needs_person


def test_an_open_refill_is_waited_for_a_future_one_is_not():
    asked = NOW - timedelta(hours=2)
    policy = RefillPolicy(when=RefillWhen.DUE)
    attempt = done()
    request = Refill(1, attempt.id, RefillState.REQUESTED, "r1", None, "", asked, asked, asked)
    found = outlook(attempt, refills={attempt.id: [request]}, refill=policy)
    assert found.refilling == 1
    assert not found.is_over(Until.FINAL)
    over = outlook(attempt, refills={attempt.id: [request._replace(state=RefillState.COMPLETED)]}, refill=policy)
    assert over.is_over(Until.FINAL)


def test_a_drip_goes_on_until_its_last_run():
    order = an_order(quantity=100, runs=2, interval=60)
    run = {"kind": AttemptKind.INSTALMENT, "quantity": 100, "runs": None, "interval": None}
    first = done(order, **run, marked_at=NOW)
    drips = frozenset({order.id})
    going = outlook(first, orders=[order], drips=drips)
    assert not going.is_over(Until.PLACED)
    second = done(order, **run, slot=1, id=2, marked_at=NOW)
    assert outlook(first, second, orders=[order], drips=drips).is_over(Until.FINAL)


def test_a_budget_that_is_used_up_needs_a_person_and_that_of_a_day_does_not():
    used_up = outlook(total="0.10")
    assert used_up.is_over(Until.PLACED)
    assert used_up.needs_person
    today = outlook(per_day="0.10")
    assert not today.is_over(Until.PLACED)
