"""drip: runner sends an order's runs one by one, never two at once and never more than listed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from runner.core.attempts import AttemptKind, AttemptState, LiveStatus
from runner.core.errors import ExitCode
from runner.core.orders import Limit, OnChange, OnShort, RefillPolicy, RefillWhen
from runner.planning.allowance import Part
from runner.planning.orders.drip import next_instalment
from runner.planning.orders.order_history import history_of
from runner.planning.plan import ActionKind
from runner.planning.reconcile.planner import make_plan
from runner.planning.refills.due_refills import RefillInputs
from tests.planning.builders import (
    LINK,
    NOW,
    D,
    a_campaign,
    a_catalogue,
    a_service,
    an_attempt,
    an_order,
    kinds,
    placed_by,
    reasons,
    recorded_with,
)

TEASER = ("spring", "teaser")
ORDER = an_order(quantity=100, runs=5, interval=60)


def dripping(order=ORDER, **changes):
    return replace(a_campaign(order, **changes), drips=frozenset({order.id}))


def sent(number, minutes_ago, status=LiveStatus.COMPLETED, **changes):
    """Instalment `number`, from 1."""
    attempt = an_attempt(
        kind=AttemptKind.INSTALMENT,
        slot=number - 1,
        quantity=100,
        status=status,
        marked_at=NOW - timedelta(minutes=minutes_ago),
        panel_order_id=str(23500 + number),
    )
    return attempt._replace(**changes)


def planned(campaign, *attempts, now=NOW, **recorded):
    return make_plan([campaign], recorded_with(*attempts, **recorded), refills=RefillInputs(now=now))


def test_the_first_instalment_is_due_at_once_and_the_rest_is_told():
    plan = planned(dripping())
    (action,) = plan.actions
    assert (action.kind, action.cost) == (ActionKind.PLACE, D("0.09"))
    assert plan.parts == {TEASER: Part(AttemptKind.INSTALMENT, 0, 100, None, None)}
    assert action.reason == "instalment 1 of 5, for 0.09 USD; 4 more to come, one every 60 min, 0.36 USD in all"


def test_a_service_without_drip_feed_and_with_a_maximum_below_the_whole_can_be_dripped():
    plan = planned(dripping(), catalogues=[a_catalogue(a_service(dripfeed=False, max=150))])
    assert kinds(plan) == {"spring/teaser": ActionKind.PLACE}


def test_the_next_instalment_waits_until_it_is_due():
    plan = planned(dripping(), sent(1, 59))
    assert kinds(plan) == {"spring/teaser": ActionKind.WAIT}
    assert reasons(plan)["spring/teaser"] == (
        "instalment 2 of 5 is due 2026-03-01 12:01 UTC, for 0.09 USD; 3 more to come, one every 60 min, 0.27 USD in all"
    )
    assert plan.cost == 0


def test_an_instalment_is_due_its_interval_after_the_former_was_sent():
    plan = planned(dripping(), sent(1, 60))
    assert plan.parts[TEASER] == Part(AttemptKind.INSTALMENT, 1, 100, None, None)
    assert [one.kind for one in plan.purchases()] == [ActionKind.PLACE]


def test_missed_instalments_are_never_sent_in_a_burst():
    campaign, recorded = dripping(), recorded_with(sent(1, 60 * 24 * 7))
    bought = placed_by(make_plan([campaign], recorded, refills=RefillInputs(now=NOW)), recorded)
    done = {
        key: [one._replace(status=LiveStatus.COMPLETED) for one in several] for key, several in bought.attempts.items()
    }
    again = make_plan([campaign], replace(bought, attempts=done), refills=RefillInputs(now=NOW + timedelta(minutes=59)))
    assert kinds(again) == {"spring/teaser": ActionKind.WAIT}


def test_an_instalment_that_is_due_waits_for_the_former_one_in_flight():
    plan = planned(dripping(), sent(1, 90, LiveStatus.IN_PROGRESS))
    assert kinds(plan) == {"spring/teaser": ActionKind.WAIT}
    assert "order 23501 of it, for the same service and link, is in flight" in reasons(plan)["spring/teaser"]


def test_after_the_last_run_the_drip_has_ended():
    plan = planned(dripping(), *(sent(number, 600 - 60 * number) for number in range(1, 6)))
    assert (list(plan.actions), plan.ok) == ([], 1)


@pytest.mark.parametrize("state", [AttemptState.REFUSED, AttemptState.NOT_SENT])
def test_an_instalment_that_was_not_bought_is_tried_again_at_once(state):
    plan = planned(dripping(), sent(1, 120), sent(2, 1, state=state, panel_order_id=None))
    assert plan.parts[TEASER] == Part(AttemptKind.INSTALMENT, 1, 100, None, None)
    assert kinds(plan) == {"spring/teaser": ActionKind.PLACE}
    first = planned(dripping(), sent(1, 1, state=state, panel_order_id=None))
    assert first.parts[TEASER].slot == 0


def test_an_instalment_in_doubt_holds_the_order():
    plan = planned(dripping(), sent(1, 120), sent(2, 60, state=AttemptState.IN_DOUBT, panel_order_id=None))
    assert kinds(plan) == {"spring/teaser": ActionKind.IN_DOUBT}


def test_one_that_was_given_up_counts_as_sent():
    plan = planned(dripping(), sent(1, 120), sent(2, 60, state=AttemptState.ABANDONED, panel_order_id=None))
    assert plan.parts[TEASER].slot == 2


@pytest.mark.parametrize(
    ("service", "code"),
    [
        (a_service(min=101), "quantity-range"),
        (a_service(max=99), "quantity-range"),
        (a_service("7"), "unknown-service"),
    ],
)
def test_each_instalment_must_fit_the_catalogue(service, code):
    plan = planned(dripping(), sent(1, 60), catalogues=[a_catalogue(service)])
    assert ([problem.code for problem in plan.problems], plan.exit_code) == ([code], ExitCode.INVALID)


def test_each_instalment_must_keep_to_the_price_of_the_first():
    plan = planned(dripping(max_price_increase=D("0.05")), sent(1, 120, rate=D("0.84")), sent(2, 60, rate=D("0.88")))
    assert [refusal.guard for refusal in plan.refusals] == ["price"]
    assert "lower its runs" in reasons(plan)["spring/teaser"]


def test_a_budget_takes_what_is_due_and_tells_that_the_rest_will_not_fit():
    plan = planned(dripping(total="0.30"))
    assert (kinds(plan), plan.exit_code) == ({"spring/teaser": ActionKind.PLACE}, ExitCode.OK)
    (note,) = plan.notes
    assert note == (
        "spring: the instalments still to come cost 0.36 USD, and budget.total (campaigns/spring.yaml) leaves 0.21 USD "
        "for them: not all of them will be sent"
    )
    assert list(planned(dripping(total="0.45")).notes) == []
    beyond = planned(dripping(total="0.30"), *(sent(number, 500 - 100 * number) for number in (1, 2, 3)))
    assert [refusal.guard for refusal in beyond.refusals] == ["budget.total"]


def test_what_waits_for_its_moment_is_part_of_what_is_to_come():
    plan = planned(dripping(total="0.30"), sent(1, 30))
    assert "the instalments still to come cost 0.36 USD" in plan.notes[0]


def test_later_instalments_are_no_new_orders():
    assert planned(dripping(max_new=Limit(number=0)), sent(1, 60)).exit_code is ExitCode.OK
    assert planned(dripping(max_new=Limit(number=0))).exit_code is ExitCode.GUARD


def test_runs_that_are_still_to_come_follow_the_file():
    longer = planned(dripping(ORDER._replace(runs=7)), *(sent(number, 900 - 100 * number) for number in range(1, 6)))
    assert reasons(longer)["spring/teaser"].startswith("instalment 6 of 7")
    ended = planned(dripping(ORDER._replace(runs=2)), sent(1, 200), sent(2, 100))
    assert ended.ok == 1


@pytest.mark.parametrize("on_change", [OnChange.ERROR, OnChange.TOP_UP, OnChange.REPLACE])
def test_fewer_runs_than_were_sent_are_refused(on_change):
    plan = planned(dripping(ORDER._replace(runs=1), on_change=on_change), sent(1, 200), sent(2, 100))
    assert plan.exit_code is ExitCode.GUARD
    assert "bought: 2 instalments; listed: runs 1" in reasons(plan)["spring/teaser"]


@pytest.mark.parametrize("on_change", [OnChange.ERROR, OnChange.REPLACE])
def test_another_quantity_while_it_runs_is_refused(on_change):
    plan = planned(dripping(ORDER._replace(quantity=200), on_change=on_change), sent(1, 60))
    assert plan.exit_code is ExitCode.GUARD
    assert "bought: 1 instalment of quantity 100; listed: quantity 200" in reasons(plan)["spring/teaser"]


@pytest.mark.parametrize("quantity", [60, 200])
def test_with_keep_a_drip_goes_on_as_it_began(quantity):
    plan = planned(dripping(ORDER._replace(quantity=quantity), on_change=OnChange.KEEP), sent(1, 60))
    assert plan.parts[TEASER] == Part(AttemptKind.INSTALMENT, 1, 100, None, None)
    assert "of quantity 100 as it began (policy.on_change is keep)" in reasons(plan)["spring/teaser"]


def test_with_keep_a_drip_to_elsewhere_ends():
    campaign = dripping(ORDER._replace(link=f"{LINK}/other"), on_change=OnChange.KEEP)
    assert planned(campaign, sent(1, 60)).ok == 1


def test_with_top_up_what_was_sent_is_caught_up_and_the_rest_takes_the_new_quantity():
    campaign = dripping(ORDER._replace(quantity=140), on_change=OnChange.TOP_UP)
    first = planned(campaign, sent(1, 200), sent(2, 100))
    assert first.parts[TEASER] == Part(AttemptKind.TOP_UP, 0, 80, None, None)
    caught_up = sent(1, 50, kind=AttemptKind.TOP_UP, quantity=80, panel_order_id="9")
    then = planned(campaign, sent(1, 200), sent(2, 100), caught_up)
    assert then.parts[TEASER] == Part(AttemptKind.INSTALMENT, 2, 140, None, None)
    last = sent(3, 30, quantity=140)
    assert kinds(planned(campaign, sent(1, 200), sent(2, 100), caught_up, last)) == {"spring/teaser": ActionKind.WAIT}


def test_a_drip_taken_out_of_the_file_is_a_change():
    plan = make_plan([a_campaign(ORDER)], recorded_with(sent(1, 60)))
    assert plan.exit_code is ExitCode.GUARD
    assert "bought: 1 instalment by `drip: runner`; listed: 5 runs by the panel" in reasons(plan)["spring/teaser"]


def test_a_drip_written_to_an_order_that_was_bought_whole_buys_nothing():
    assert planned(dripping(), an_attempt(ORDER)).ok == 1


def test_an_instalment_that_ends_short_is_bought_again_before_the_next():
    campaign = dripping(on_partial=OnShort.REORDER)
    short = sent(1, 90, LiveStatus.PARTIAL, remains=60)
    assert planned(campaign, short).parts[TEASER] == Part(AttemptKind.REORDER, 0, 60, None, None)
    again = sent(1, 30, kind=AttemptKind.REORDER, quantity=60, panel_order_id="9")
    assert planned(campaign, short, again).parts[TEASER] == Part(AttemptKind.INSTALMENT, 1, 100, None, None)


def test_a_refill_that_is_due_is_not_held_up_by_a_drip_that_waits():
    campaign = dripping(refill=RefillPolicy(when=RefillWhen.DUE))
    plan = planned(campaign, sent(1, 30))
    assert kinds(plan) == {"spring/teaser": ActionKind.REFILL}
    assert not plan.parts


def test_a_drip_needs_to_know_what_time_it_is():
    with pytest.raises(ValueError, match="what time it is"):
        make_plan([dripping()], recorded_with())


def test_the_next_instalment_is_foreseen():
    assert next_instalment(ORDER, history_of([])) is None  # due at once
    assert next_instalment(ORDER, history_of([sent(1, 30)])) == NOW + timedelta(minutes=30)
    assert next_instalment(ORDER, history_of([sent(1, 90)])) == NOW - timedelta(minutes=30)
    assert next_instalment(ORDER, history_of([sent(1, 90), sent(2, 30, state=AttemptState.IN_DOUBT)])) is None
    assert next_instalment(ORDER, history_of([sent(n, 1) for n in range(1, 6)])) is None
