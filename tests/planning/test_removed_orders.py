from dataclasses import replace
from datetime import timedelta

import pytest

from runner.core.attempts import FORGOTTEN, AttemptKind, AttemptState, LiveStatus
from runner.core.errors import ExitCode
from runner.core.orders import Limit, OnChange
from runner.core.refills import CancelRequest, CancelState
from runner.planning.plan import ActionKind
from runner.planning.reconcile.planner import make_plan
from runner.planning.reconcile.removed_orders import PAUSE
from runner.planning.refills.due_refills import RefillInputs
from tests.planning.builders import (
    NOW,
    D,
    a_campaign,
    a_catalogue,
    a_service,
    an_attempt,
    an_order,
    kinds,
    reasons,
    recorded_with,
)

LISTED = an_order("teaser")
KEPT = an_attempt(LISTED, status=LiveStatus.COMPLETED)
BUSY = LiveStatus.IN_PROGRESS


def live(order_id: str, **changes):
    return an_attempt(an_order(order_id), status=BUSY, panel_order_id=f"9{order_id}", checked_at=NOW)._replace(
        **changes
    )


def pruned(*attempts, campaign=None, **parts):
    """The plan of a file that lists the teaser alone, with --prune."""
    state = {name: parts.pop(name) for name in ("cancels", "protected", "lacking", "catalogues") if name in parts}
    now = parts.pop("now", NOW)
    recorded = recorded_with(KEPT, *attempts, **state)
    campaigns = [campaign or a_campaign(LISTED)]
    return make_plan(campaigns, recorded, refills=RefillInputs(now=now), **{"prune": True, **parts})


def nothing_cancelled(plan) -> bool:
    return not plan.cancels and not any(one.kind is ActionKind.CANCEL for one in plan.actions)


def test_without_prune_what_is_no_longer_listed_stays_and_one_note_says_so():
    plan = pruned(live("a"), live("b"), prune=False)
    assert (list(plan.actions), list(plan.cancels), plan.ok) == ([], [], 1)
    assert list(plan.notes) == ["spring: 2 orders are no longer listed; they stay bought"]


@pytest.mark.parametrize("by", ["the command line", "the campaign"])
def test_prune_cancels_live_orders_that_are_no_longer_listed(by):
    campaign = replace(a_campaign(LISTED), prune=by == "the campaign")
    plan = pruned(live("b"), live("a"), campaign=campaign, prune=by == "the command line")
    assert kinds(plan) == {"spring/a": ActionKind.CANCEL, "spring/b": ActionKind.CANCEL}
    assert reasons(plan)["spring/a"] == "no longer listed; order 9a is in progress"
    assert [(one.order, one.attempt_id, one.panel, one.panel_order_id) for one in plan.cancels] == [
        ("spring/a", 3, "sandbox", "9a"),
        ("spring/b", 2, "sandbox", "9b"),
    ]
    assert (plan.cost, plan.exit_code, plan.ok, list(plan.notes)) == (D(0), ExitCode.OK, 1, [])
    assert plan.purchases() == []


def test_the_line_of_a_cancelled_order_is_made_of_what_was_bought():
    plan = pruned(live("a", quantity=300, runs=2, interval=60, service="2"))
    (action,) = plan.actions
    assert (action.cost, action.panel) == (D(0), "sandbox")
    assert (action.order.address, action.order.service, action.order.quantity) == ("spring/a", "2", 300)
    assert (action.order.runs, action.order.interval) == (2, 60)
    assert (action.order.source, action.order.line) == ("campaigns/spring.yaml", 0)


def test_every_live_attempt_of_an_order_is_cancelled_and_the_plan_has_one_line():
    top_up = live("a", kind=AttemptKind.TOP_UP, panel_order_id="95", quantity=200)
    over = live("a", kind=AttemptKind.REORDER, panel_order_id="96", status=LiveStatus.COMPLETED)
    plan = pruned(live("a"), top_up, over)
    assert kinds(plan) == {"spring/a": ActionKind.CANCEL}
    assert [one.panel_order_id for one in plan.cancels] == ["9a", "95"]


@pytest.mark.parametrize("status", [LiveStatus.COMPLETED, LiveStatus.PARTIAL, LiveStatus.CANCELED, LiveStatus.REFUNDED])
def test_what_has_ended_is_never_cancelled(status):
    plan = pruned(live("a", status=status))
    assert nothing_cancelled(plan)
    assert list(plan.notes) == ["spring: 1 order is no longer listed; it stays bought"]


@pytest.mark.parametrize("state", [AttemptState.SENDING, AttemptState.IN_DOUBT])
def test_what_may_exist_is_never_cancelled(state):
    plan = pruned(an_attempt(an_order("a"), state), live("a", kind=AttemptKind.TOP_UP))
    assert nothing_cancelled(plan)
    assert list(plan.notes) == ["spring: 1 order is no longer listed and in doubt; see `runner doubt list`"]


@pytest.mark.parametrize("state", [AttemptState.ABANDONED, AttemptState.REFUSED, AttemptState.NOT_SENT])
def test_what_was_given_up_or_never_bought_is_never_cancelled(state):
    assert nothing_cancelled(pruned(an_attempt(an_order("a"), state)))


@pytest.mark.parametrize(
    ("parts", "changes", "why"),
    [
        ({"catalogues": [a_catalogue(a_service(cancel=False))]}, {}, "service 1 can't be cancelled"),
        ({"lacking": {"sandbox": frozenset({"cancel"})}}, {}, "sandbox can't cancel orders"),
        ({}, {"missing_in_a_row": 3}, "the panel no longer knows it"),
        ({}, {"panel": "elsewhere"}, "it was bought on elsewhere, which no campaign here orders on"),
    ],
)
def test_what_can_not_be_cancelled_stays_and_the_note_says_why(parts, changes, why):
    plan = pruned(live("a", **changes), **parts)
    assert nothing_cancelled(plan)
    (note,) = plan.notes
    assert note.startswith(f"spring: 1 order is no longer listed and stays bought, as {why}")
    assert note.endswith("spring/a")


def test_many_for_one_reason_are_one_note_with_the_first_names():
    attempts = [live(f"a{number}") for number in range(8)]
    (note,) = pruned(*attempts, lacking={"sandbox": frozenset({"cancel"})}).notes
    assert note == (
        "spring: 8 orders are no longer listed and stay bought, as sandbox can't cancel orders: "
        "spring/a0, spring/a1, spring/a2, spring/a3, spring/a4 and 3 more"
    )


@pytest.mark.parametrize("cancel", [True, None])
def test_a_service_that_may_be_cancellable_is_asked(cancel):
    plan = pruned(live("a"), catalogues=[a_catalogue(a_service(cancel=cancel))])
    assert [one.order for one in plan.cancels] == ["spring/a"]


# What is never meant


def test_a_file_without_orders_cancels_nothing():
    plan = pruned(live("a"), campaign=replace(a_campaign(), prune=True))
    assert nothing_cancelled(plan)
    assert list(plan.notes) == [
        "spring lists no order, and then prune cancels nothing",
        "spring: 2 orders are no longer listed; they stay bought",
    ]


def test_no_campaign_at_all_cancels_nothing():
    plan = make_plan([], recorded_with(live("a")), prune=True)
    assert (list(plan.actions), list(plan.cancels)) == ([], [])


def test_a_campaign_that_is_not_given_is_left_alone():
    theirs = live("a", campaign="autumn")
    plan = pruned(theirs)
    assert nothing_cancelled(plan)
    given = [a_campaign(LISTED), a_campaign(an_order("x"), name="autumn")]
    both = make_plan(given, recorded_with(KEPT, theirs), prune=True)
    assert [one.order for one in both.cancels] == ["autumn/a"]


def test_what_the_selection_leaves_out_is_neither_cancelled_nor_told_of():
    plan = pruned(live("a"), live("b"), selection=lambda order: order.id == "b")
    assert kinds(plan) == {"spring/b": ActionKind.CANCEL}
    nothing = pruned(live("a"), live("b"), selection=lambda order: order.id == "teaser")
    assert (nothing_cancelled(nothing), list(nothing.notes)) == (True, [])


def test_removed_is_forgotten_without_cancelling():
    plan = pruned(live("a"), live("b"), campaign=replace(a_campaign(LISTED), removed=frozenset({"a"})))
    assert [one.order for one in plan.cancels] == ["spring/b"]
    assert list(plan.notes) == []


def test_what_was_taken_out_of_reach_by_state_rm_is_never_cancelled():
    plan = pruned(live(f"a{FORGOTTEN}1"))
    assert nothing_cancelled(plan)
    assert list(plan.notes) == ["spring: 1 order is no longer listed; it stays bought"]


def test_a_renamed_order_is_listed_and_never_cancelled():
    campaign = replace(a_campaign(LISTED, an_order("c")), moved={"c": "b", "b": "a"})
    plan = pruned(live("a"), campaign=campaign)
    assert nothing_cancelled(plan)
    conflict = pruned(live("a"), live("c"), campaign=campaign)  # apply refuses to make two orders one
    assert nothing_cancelled(conflict)


# Protected


@pytest.mark.parametrize("prune", [True, False])
def test_a_protected_order_survives_its_removal_from_the_file_and_says_how_to_let_go(prune):
    plan = pruned(live("a"), live("b"), protected=frozenset({("spring", "a")}), prune=prune)
    assert [one.order for one in plan.cancels] == (["spring/b"] if prune else [])
    told = plan.notes[-1]
    assert told == (
        "spring: 1 order is no longer listed but protected, and never cancelled by prune: spring/a; to change that, list "
        "it without `protect`, apply, and take it out again"
    )


def test_the_protection_of_another_campaigns_order_protects_nothing_here():
    plan = pruned(live("a"), protected=frozenset({("autumn", "a")}))
    assert [one.order for one in plan.cancels] == ["spring/a"]


def test_a_protected_order_that_has_ended_is_no_longer_worth_a_word():
    plan = pruned(live("a", status=LiveStatus.COMPLETED), protected=frozenset({("spring", "a")}))
    assert list(plan.notes) == ["spring: 1 order is no longer listed; it stays bought"]


# Asked already


def asked(state: CancelState, ago: timedelta, message: str = "") -> dict:
    return {2: [CancelRequest(2, NOW - ago, state, message)]}


@pytest.mark.parametrize(
    ("state", "message", "told"),
    [
        (
            CancelState.RECORDED,
            "",
            (
                "asked to cancel it on 2026-03-01 11:00 UTC, the panel has not cancelled it yet; asked again after 2026-03-02 "
                "11:00 UTC"
            ),
        ),
        (
            CancelState.REFUSED,
            "too early",
            "the panel refused on 2026-03-01 11:00 UTC to cancel it: too early; asked again after 2026-03-02 11:00 UTC",
        ),
    ],
)
def test_a_request_that_was_answered_is_not_repeated_within_a_day(state, message, told):
    plan = pruned(live("a"), cancels=asked(state, timedelta(hours=1), message))
    assert (kinds(plan), list(plan.cancels)) == ({"spring/a": ActionKind.WAIT}, [])
    assert reasons(plan)["spring/a"] == f"no longer listed; {told}"
    assert plan.exit_code is ExitCode.OK
    later = pruned(live("a"), cancels=asked(state, PAUSE, message))
    assert kinds(later) == {"spring/a": ActionKind.CANCEL}
    assert "request to cancel it of 2026-02-28 12:00 UTC" in reasons(later)["spring/a"]


def test_a_request_whose_answer_was_lost_is_repeated_at_once():
    plan = pruned(live("a"), cancels=asked(CancelState.UNKNOWN, timedelta()))
    assert [one.order for one in plan.cancels] == ["spring/a"]


def test_without_a_clock_an_answered_request_is_not_repeated():
    recorded = recorded_with(KEPT, live("a"), cancels=asked(CancelState.RECORDED, PAUSE))
    plan = make_plan([a_campaign(LISTED)], recorded, prune=True)
    assert kinds(plan) == {"spring/a": ActionKind.WAIT}


# The cap


def cap(count: int, *, of: int, **policy):
    """A plan that would cancel `count` of `of` live orders."""
    orders = [an_order(f"k{number}") for number in range(of - count)]
    attempts = [live(one.id) for one in orders] + [live(f"x{number}") for number in range(count)]
    recorded = recorded_with(*(one._replace(panel_order_id=f"n{place}") for place, one in enumerate(attempts)))
    return make_plan([a_campaign(LISTED, *orders, **policy)], recorded, prune=True)


def test_more_than_the_usual_share_is_refused_whole_with_the_numbers():
    plan = cap(4, of=10)
    assert plan.exit_code is ExitCode.GUARD
    (refusal,) = plan.refusals
    assert (refusal.guard, refusal.subject) == ("policy.max_cancel", "spring")
    assert "4 of 10 live orders would be cancelled, but policy.max_cancel is 30% of 10 live orders, that is 3" in (
        refusal.message
    )
    assert "1 too many; raise policy.max_cancel, or cancel fewer orders with --select" in refusal.message
    assert nothing_cancelled(plan)
    assert [one.kind for one in plan.actions if one.order.id.startswith("x")] == [ActionKind.BLOCKED] * 4


@pytest.mark.parametrize(
    ("count", "of", "policy"),
    [
        (3, 10, {}),
        (9, 9, {}),  # a share of so few says nothing
        (10, 10, {"max_cancel": Limit(share=D(1))}),
        (4, 10, {"max_cancel": Limit(number=4)}),
    ],
)
def test_what_the_cap_allows_is_cancelled(count, of, policy):
    plan = cap(count, of=of, **policy)
    assert (len(plan.cancels), list(plan.refusals)) == (count, [])


@pytest.mark.parametrize(("most", "refused"), [(4, False), (3, True)])
def test_cancellations_of_replacements_count_too(most, refused):
    orders = [an_order(f"k{number}") for number in range(8)]
    listed = [one._replace(quantity=2000) if one.id in ("k0", "k1") else one for one in orders]
    attempts = [live(one.id) for one in orders] + [live("x0"), live("x1")]
    recorded = recorded_with(*(one._replace(panel_order_id=f"n{place}") for place, one in enumerate(attempts)))
    campaign = a_campaign(*listed, on_change=OnChange.REPLACE, max_cancel=Limit(number=most))
    plan = make_plan([campaign], recorded, prune=True, refills=RefillInputs(now=NOW))
    assert [one.guard for one in plan.refusals] == (["policy.max_cancel"] if refused else [])
    assert sorted(one.order for one in plan.cancels) == (
        [] if refused else ["spring/k0", "spring/k1", "spring/x0", "spring/x1"]
    )


def test_one_campaign_over_its_cap_refuses_the_apply():
    mine = [live(f"m{number}", panel_order_id=f"m{number}") for number in range(2)]
    theirs = [live(f"t{number}", campaign="autumn", panel_order_id=f"t{number}") for number in range(2)]
    campaigns = [
        a_campaign(LISTED, max_cancel=Limit(number=1)),
        a_campaign(an_order("x"), name="autumn"),
    ]
    plan = make_plan(campaigns, recorded_with(KEPT, *mine, *theirs), prune=True)
    assert [one.subject for one in plan.refusals] == ["spring"]
    assert plan.exit_code is ExitCode.GUARD
