"""Which refills are due: the rules one by one, and that no history of answers and times asks too often."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.core.attempts import AttemptKind, AttemptState, LiveStatus
from runner.core.orders import OnChange, Policy, RefillPolicy, RefillWhen
from runner.core.refills import CancelRequest, CancelState, Finality, Refill, RefillState
from runner.planning.plan import ActionKind
from runner.planning.reconcile.planner import make_plan
from runner.planning.refills.cancels import cancel_word, too_late
from runner.planning.refills.due_refills import RefillInputs, RefillRound, asked, drop_of, last_word
from runner.planning.status.order_status import Health, make_standings
from runner.planning.status.selected_attempts import choose
from tests.planning.builders import LINK, NOW, a_campaign, a_catalogue, a_service, an_attempt, an_order, recorded_with

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
POLICY = RefillPolicy(when=RefillWhen.DUE)
COMPLETED = {"status": LiveStatus.COMPLETED, "checked_at": NOW - DAY, "remains": 0}


def a_refill(state: RefillState, ago: timedelta = DAY, **changes) -> Refill:
    refill = Refill(1, 1, state, None, None, "", NOW - ago, NOW - ago, None)
    if state is RefillState.REQUESTED:
        refill = refill._replace(refill_id="9")
    return refill._replace(**changes)


def plan_for(
    *former: Refill, policy=POLICY, attempt=None, campaign=None, now=NOW, counts=None, own=None, only=None, **state
):
    """A plan of one bought order; `own` are the counts of its campaign, `counts` those of the command line."""
    bought = attempt or an_attempt(**COMPLETED)
    campaign = replace(campaign or a_campaign(an_order()), counts=own)
    campaign = replace(campaign, policy=replace(campaign.policy, refill=policy))
    recorded = replace(recorded_with(bought, **state), refills={1: former} if former else {})
    return make_plan([campaign], recorded, refills=RefillInputs(now=now, counts=counts, only=only))


def is_due(*former: Refill, **given) -> bool:
    plan = plan_for(*former, **given)
    assert len(plan.refills) == plan.summary.get("refill", 0)
    assert plan.ok == 1 - len(plan.refills)
    return bool(plan.refills)


def test_a_completed_order_of_a_service_with_refill_is_due_and_costs_nothing():
    plan = plan_for()
    (action,) = plan.actions
    assert (action.kind, action.cost, action.reason) == (ActionKind.REFILL, 0, "refill 1 of at most 5")
    (due,) = plan.refills
    assert (due.order, due.attempt_id, due.panel, due.panel_order_id) == ("spring/teaser", 1, "sandbox", "23501")
    assert (plan.cost, plan.summary) == (0, {"refill": 1, "ok": 0})
    assert plan.purchases() == []


def test_without_a_wish_for_refills_a_plan_has_none():
    campaign = a_campaign(an_order(), policy=Policy(refill=POLICY))
    assert make_plan([campaign], recorded_with(an_attempt(**COMPLETED))).ok == 1


@pytest.mark.parametrize("status", [one for one in LiveStatus if one is not LiveStatus.COMPLETED])
def test_only_completed_orders_are_refilled(status):
    assert not is_due(attempt=an_attempt(**COMPLETED | {"status": status}))


def test_a_panel_that_showed_to_have_no_refills_is_not_asked_again():
    assert not is_due(lacking={"sandbox": frozenset({"refill"})})
    assert is_due(lacking={"sandbox": frozenset({"cancel", "multi_refill"}), "other": frozenset({"refill"})})


@pytest.mark.parametrize("refill", [False, None])
def test_only_services_that_offer_refills_are_refilled(refill):
    assert not is_due(catalogues=[a_catalogue(a_service(refill=refill))])
    assert not is_due(catalogues=[a_catalogue(a_service("2"))])
    assert not is_due(catalogues=[])


def test_the_window_begins_when_the_order_was_seen_completed():
    assert is_due(attempt=an_attempt(**COMPLETED | {"checked_at": NOW - 30 * DAY}))
    assert not is_due(attempt=an_attempt(**COMPLETED | {"checked_at": NOW - 30 * DAY - HOUR}))
    assert not is_due(attempt=an_attempt(**COMPLETED | {"checked_at": None, "settled_at": NOW - 31 * DAY}))


@pytest.mark.parametrize("state", [RefillState.ASKING, RefillState.REQUESTED])
def test_one_refill_is_open_at_a_time(state):
    assert not is_due(a_refill(state, 20 * DAY))


@pytest.mark.parametrize(
    "state", [RefillState.COMPLETED, RefillState.REJECTED, RefillState.REFUSED, RefillState.UNKNOWN]
)
def test_the_next_request_waits_for_the_whole_interval_whatever_came_of_the_last(state):
    assert not is_due(a_refill(state, DAY - HOUR))
    assert is_due(a_refill(state, DAY))
    assert is_due(a_refill(state, 2 * HOUR), policy=replace(POLICY, every=2 * HOUR))


@pytest.mark.parametrize("state", [RefillState.REJECTED, RefillState.UNKNOWN])
def test_the_interval_begins_when_the_panel_answered_or_nobody_waited_any_longer(state):
    """A slow panel takes a request later than it was written down, and counts its day from then."""
    late = a_refill(state, DAY, answered_at=NOW - DAY + timedelta(seconds=90))
    assert not is_due(late)
    assert not is_due(late, now=NOW + timedelta(seconds=89))
    assert is_due(late, now=NOW + timedelta(seconds=90))


def test_a_request_that_never_left_does_not_count():
    assert is_due(a_refill(RefillState.NOT_SENT, HOUR), policy=replace(POLICY, max=1))


def test_a_final_refusal_ends_it_and_any_other_does_not():
    assert not is_due(a_refill(RefillState.REFUSED, 9 * DAY, finality=Finality.FINAL))
    assert is_due(a_refill(RefillState.REFUSED, 9 * DAY, finality=Finality.LATER))


def test_at_most_max_requests_are_made():
    former = [a_refill(RefillState.COMPLETED, age * DAY) for age in (9, 6, 3)]
    assert not is_due(*former, policy=replace(POLICY, max=3))
    assert is_due(*former, policy=replace(POLICY, max=4))
    assert not is_due(policy=replace(POLICY, max=0))
    (action,) = plan_for(*former).actions
    assert action.reason == "refill 4 of at most 5; the last was asked for 2026-02-26 12:00 UTC (completed)"


def test_never_means_never_and_a_selection_or_a_saved_plan_leaves_others_out():
    assert not is_due(policy=replace(POLICY, when=RefillWhen.NEVER))
    assert not is_due(only=frozenset())
    assert is_due(only=frozenset({"spring/teaser"}))


def test_an_edited_order_that_is_kept_is_refilled_and_one_that_is_refused_is_not():
    edited = a_campaign(an_order(quantity=2000), on_change=OnChange.KEEP)
    assert plan_for(campaign=edited).refills
    assert not plan_for(campaign=a_campaign(an_order(quantity=2000))).refills


def test_what_was_given_up_or_is_on_another_panel_is_not_refilled():
    assert not is_due(attempt=an_attempt(state=AttemptState.ABANDONED, **COMPLETED))
    elsewhere = an_attempt(**COMPLETED, panel="other")
    kept = a_campaign(an_order(), on_change=OnChange.KEEP)
    assert not plan_for(attempt=elsewhere, campaign=kept, catalogues=[a_catalogue(panel="other")]).refills


def test_a_final_order_that_is_looked_at_again_keeps_its_window():
    seen = {"final_at": NOW - 31 * DAY, "checked_at": NOW - HOUR}
    assert not is_due(attempt=an_attempt(**COMPLETED | seen))
    assert is_due(attempt=an_attempt(**COMPLETED | seen | {"final_at": NOW - 29 * DAY}))


def test_each_attempt_of_an_order_is_refilled_by_itself():
    first = an_attempt(**COMPLETED, id=1, panel_order_id="1")
    rest = an_attempt(**COMPLETED, id=2, panel_order_id="2", kind=AttemptKind.TOP_UP, slot=1, quantity=500)
    live = an_attempt(
        id=3, panel_order_id="3", kind=AttemptKind.TOP_UP, slot=2, quantity=500, status=LiveStatus.PENDING
    )
    campaign = a_campaign(an_order(), policy=Policy(refill=POLICY))
    recorded = replace(recorded_with(first, rest, live), refills={1: [a_refill(RefillState.REQUESTED)]})
    found = RefillRound(recorded, RefillInputs(now=NOW))
    found.look_at_all([campaign])
    assert [one.panel_order_id for one in found.due] == ["2"]


def test_a_renamed_order_keeps_its_requests():
    renamed = replace(a_campaign(an_order("new", link=f"{LINK}/teaser")), moved={"new": "teaser"})
    assert plan_for(campaign=renamed).refills[0].order == "spring/new"
    assert not is_due(a_refill(RefillState.REQUESTED), campaign=renamed)
    assert not is_due(a_refill(RefillState.COMPLETED, HOUR), campaign=renamed)


def test_an_order_that_is_no_longer_completed_is_not_asked_for():
    """It was, and a refill was asked for; then the panel took its word back."""
    for status in (LiveStatus.IN_PROGRESS, LiveStatus.PARTIAL, LiveStatus.CANCELED):
        regressed = an_attempt(**COMPLETED | {"status": status, "final_at": None})
        assert not is_due(a_refill(RefillState.COMPLETED, 9 * DAY), attempt=regressed)


DROP = replace(POLICY, when=RefillWhen.DROP, threshold=Decimal(0))


def counted(count: int | None, **changes) -> bool:
    bought = an_attempt(**COMPLETED | {"start_count": 500} | changes)
    return is_due(attempt=bought, policy=DROP, counts={} if count is None else {f"{LINK}/teaser": count})


def test_a_drop_is_a_count_below_what_was_there_plus_what_was_delivered():
    assert not counted(1500)
    assert counted(1499)
    assert not counted(1900)
    assert counted(1399, remains=100)
    assert not counted(1400, remains=100)
    assert counted(1499, remains=-50)  # over-delivery is no debt
    dripped = an_attempt(**COMPLETED, start_count=500, runs=5)
    assert drop_of(dripped, {dripped.link: 5499}).shown
    assert not drop_of(dripped, {dripped.link: 5500}).shown


def test_where_nothing_can_be_compared_nothing_is_asked_for_and_a_note_says_why():
    assert not counted(None)
    assert not counted(3, start_count=None)
    without = plan_for(policy=DROP)
    assert without.refills == []
    assert any("name a file with `counts:` or --counts" in note for note in without.notes)
    for empty in ({"counts": {}}, {"own": {}}):
        assert any("no drop can be seen" in note for note in plan_for(policy=DROP, **empty).notes)
    assert drop_of(an_attempt(start_count=1), {}).shown is None
    untouched = drop_of(an_attempt(start_count=1, remains=1000, status=LiveStatus.COMPLETED), {f"{LINK}/teaser": 0})
    assert not untouched.shown  # nothing was delivered: nothing can be lost of it


def test_counts_come_from_the_campaign_and_those_of_the_command_line_win():
    bought = an_attempt(**COMPLETED | {"start_count": 500})
    low, high = {bought.link: 100}, {bought.link: 1500}
    assert is_due(policy=DROP, attempt=bought, own=low)
    assert not is_due(policy=DROP, attempt=bought, own=low, counts=high)
    assert is_due(policy=DROP, attempt=bought, own=high, counts=low)


@pytest.mark.parametrize(("missing", "shown"), [(20, False), (21, True), (19, False), (0, False)])
def test_a_loss_up_to_the_threshold_is_no_drop(missing, shown):
    two_percent = RefillPolicy(when=RefillWhen.DROP)
    bought = an_attempt(**COMPLETED | {"start_count": 500})
    assert is_due(policy=two_percent, attempt=bought, counts={bought.link: 1500 - missing}) is shown


def test_the_threshold_is_a_share_of_what_was_delivered_not_of_what_was_bought():
    two_percent = RefillPolicy(when=RefillWhen.DROP)
    short = an_attempt(**COMPLETED | {"start_count": 500, "remains": 600})  # 400 delivered: 8 are 2 %
    assert not is_due(policy=two_percent, attempt=short, counts={short.link: 892})
    assert is_due(policy=two_percent, attempt=short, counts={short.link: 891})


def test_the_reason_of_a_drop_tells_the_numbers():
    policy = RefillPolicy(when=RefillWhen.DROP, threshold=Decimal("0.025"))
    bought = an_attempt(**COMPLETED | {"start_count": 1500})
    (action,) = plan_for(policy=policy, attempt=bought, counts={bought.link: 2380}).actions
    assert action.reason == (
        "count 2,380 is 120 (12.0 %) below 1,500 + 1,000 delivered, more than the 2.5 % of policy.refill.threshold: "
        "refill 1 of at most 5"
    )
    within = drop_of(bought, {bought.link: 2499}, policy.threshold)
    assert within.reason.endswith("(0.1 %) below 1,500 + 1,000 delivered, within the 2.5 % of policy.refill.threshold")


answers = st.sampled_from(
    [RefillState.REQUESTED, RefillState.REFUSED, RefillState.UNKNOWN, RefillState.NOT_SENT, RefillState.COMPLETED]
)


@given(
    steps=st.lists(
        st.tuples(st.integers(-30, 600), answers, st.sampled_from([None, *Finality]), st.booleans()), max_size=40
    ),
    every=st.integers(1, 300),
    most=st.integers(0, 4),
    window=st.integers(1, 4000),
)
def test_no_history_of_answers_and_times_asks_twice_within_the_interval_or_beyond_max(steps, every, most, window):
    """Minutes; the clock may be set back, and an open refill may end or not."""
    policy = RefillPolicy(
        when=RefillWhen.DUE, every=timedelta(minutes=every), within=timedelta(minutes=window), max=most
    )
    bought = an_attempt(**COMPLETED | {"checked_at": NOW})
    history: list[Refill] = []
    now = NOW
    for minutes, answer, finality, ends in steps:
        now += timedelta(minutes=minutes)
        if ends and history and history[-1].state is RefillState.REQUESTED:
            history[-1] = history[-1]._replace(state=RefillState.REJECTED)
        if is_due(*history, policy=policy, attempt=bought, now=now):
            assert not any(one.is_open for one in history)
            assert not any(one.finality is Finality.FINAL for one in asked(history))
            assert now - NOW <= policy.within
            said = finality if answer is RefillState.REFUSED else None
            history.append(a_refill(answer, asked_at=now, finality=said))
    counting: Sequence[Refill] = asked(history)
    moments = [one.asked_at for one in counting]
    assert len(counting) <= most
    assert all(later - earlier >= policy.every for earlier, later in pairwise(moments))


def standing(*former: Refill, cancels=(), **changes):
    recorded = replace(
        recorded_with(an_attempt(**COMPLETED | changes)),
        refills={1: former} if former else {},
        cancels={1: cancels} if cancels else {},
    )
    (shown,) = make_standings([a_campaign(an_order())], recorded, NOW.astimezone(UTC)).orders
    return shown


def test_an_open_refill_shows_and_a_lost_or_refused_one_is_told():
    assert standing(a_refill(RefillState.REQUESTED)).health is Health.REFILLING
    assert standing(a_refill(RefillState.COMPLETED)).health is Health.COMPLETED
    lost = standing(a_refill(RefillState.UNKNOWN, message="connection reset"))
    assert lost.health is Health.COMPLETED
    assert lost.message == "the answer to the refill asked for 2026-02-28 12:00 UTC is not known: connection reset"
    assert "was refused: days are over" in last_word([a_refill(RefillState.REFUSED, message="days are over")])
    assert "was rejected" in last_word([a_refill(RefillState.REJECTED)])
    assert last_word([a_refill(RefillState.NOT_SENT)]) == last_word([]) == ""


def test_a_request_to_cancel_is_told_while_the_order_is_live():
    taken = [CancelRequest(1, NOW, CancelState.RECORDED, "")]
    assert "took the request" in standing(cancels=taken, status=LiveStatus.IN_PROGRESS).message
    assert standing(cancels=taken).message == ""
    live = an_attempt(status=LiveStatus.PENDING)
    for state, words in ((CancelState.REFUSED, "was refused: no"), (CancelState.UNKNOWN, "may be repeated")):
        assert words in cancel_word(live, [CancelRequest(1, NOW, state, "no")])


def test_final_orders_and_services_without_cancel_are_not_asked_for():
    assert too_late(an_attempt(**COMPLETED), a_service()) == "too late: it is completed"
    assert too_late(an_attempt(), a_service(cancel=False)) == "service 1 can't be cancelled"
    for service in (a_service(), a_service(cancel=None), None):
        assert too_late(an_attempt(), service) == ""


def test_names_mean_placed_orders_one_by_one_or_by_glob():
    recorded = recorded_with(
        an_attempt(an_order("a")),
        an_attempt(an_order("b")),
        an_attempt(an_order("c"), AttemptState.IN_DOUBT),
        an_attempt(an_order("d"), AttemptState.REFUSED),
    )
    chosen = choose(recorded, ["spring/*", "spring/a", "spring/a"])
    assert [one.order_id for one in chosen.attempts] == ["a", "b"]
    assert (chosen.named, chosen.wrong) == ({"spring/a"}, [])
    wrong = choose(recorded, ["spring/c", "spring/d", "spring/x", "other/*", "nonsense"]).wrong
    assert [line.partition(": ")[2] for line in wrong] == [
        "in doubt: settle it first, with `runner doubt show`",
        "not placed: refused",
        *["no order of this address was ever tried"] * 3,
    ]
