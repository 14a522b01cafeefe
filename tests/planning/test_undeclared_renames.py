from dataclasses import replace

import pytest

from runner.core.attempts import FORGOTTEN, AttemptState, LiveStatus
from runner.core.errors import ExitCode
from runner.planning.plan import ActionKind
from runner.planning.reconcile.planner import make_plan
from tests.planning.builders import (
    LINK,
    D,
    a_balance,
    a_campaign,
    a_catalogue,
    an_attempt,
    an_order,
    kinds,
    reasons,
    recorded_with,
)

PAGE = f"{LINK}/page"
NEW = an_order("new", link=PAGE)
OLD = an_order("old", link=PAGE)


def held(plan) -> bool:
    return plan.exit_code is ExitCode.GUARD and [one.guard for one in plan.refusals] == ["rename"]


@pytest.mark.parametrize("status", list(LiveStatus))
def test_a_new_id_for_what_vanished_is_held_and_all_ways_out_are_named(status):
    plan = make_plan([a_campaign(NEW)], recorded_with(an_attempt(OLD, status=status)))
    assert held(plan)
    assert kinds(plan) == {"spring/new": ActionKind.BLOCKED}
    assert (plan.cost, plan.purchases()) == (D(0), [])
    (refusal,) = plan.refusals
    assert refusal.subject == "spring"
    assert refusal.message == (
        "spring/new (campaigns/spring.yaml:9) looks like spring/old under a new name: the same service and link, bought 2026-02-28 as order 23501 and "
        "no longer listed; if it is the same order: `moved: [{from: old, to: new}]`, or `runner state mv spring/old "
        "spring/new`; if it is to be bought as well: `removed: [old]`"
    )


def test_another_quantity_is_no_excuse():
    assert held(make_plan([a_campaign(NEW._replace(quantity=5000))], recorded_with(an_attempt(OLD))))


def test_moved_says_that_it_is_the_same_order():
    campaign = replace(a_campaign(NEW), moved={"new": "old"})
    plan = make_plan([campaign], recorded_with(an_attempt(OLD)))
    assert (list(plan.actions), plan.ok, plan.exit_code) == ([], 1, ExitCode.OK)


def test_a_chain_of_moves_says_so_too():
    campaign = replace(a_campaign(NEW), moved={"new": "between", "between": "old"})
    plan = make_plan([campaign], recorded_with(an_attempt(OLD)))
    assert (list(plan.actions), plan.ok) == ([], 1)


def test_removed_says_that_it_is_a_new_purchase():
    campaign = replace(a_campaign(NEW), removed=frozenset({"old"}))
    over = make_plan([campaign], recorded_with(an_attempt(OLD, status=LiveStatus.COMPLETED)))
    assert (kinds(over), over.exit_code) == ({"spring/new": ActionKind.PLACE}, ExitCode.OK)
    in_flight = make_plan([campaign], recorded_with(an_attempt(OLD)))
    assert kinds(in_flight) == {"spring/new": ActionKind.WAIT}


def test_state_rm_says_so_too():
    forgotten = an_attempt(OLD, order_id=f"old{FORGOTTEN}1", status=LiveStatus.COMPLETED)
    assert kinds(make_plan([a_campaign(NEW)], recorded_with(forgotten))) == {"spring/new": ActionKind.PLACE}


@pytest.mark.parametrize("other", [{"service": "2"}, {"link": f"{LINK}/other"}])
def test_another_service_or_link_is_another_order(other):
    plan = make_plan([a_campaign(NEW)], recorded_with(an_attempt(OLD._replace(**other))))
    assert kinds(plan) == {"spring/new": ActionKind.PLACE}


def test_another_panel_is_another_order():
    here = replace(a_campaign(NEW), panel="other")
    recorded = recorded_with(
        an_attempt(OLD), catalogues=[a_catalogue(panel="other")], balances=[a_balance("9", panel="other")]
    )
    assert kinds(make_plan([here], recorded)) == {"spring/new": ActionKind.PLACE}


def test_an_order_that_is_still_listed_is_no_rename():
    plan = make_plan([a_campaign(OLD, NEW)], recorded_with(an_attempt(OLD)))
    assert kinds(plan) == {"spring/new": ActionKind.WAIT}


def test_an_id_that_was_tried_before_is_not_new():
    refused = an_attempt(NEW, AttemptState.REFUSED)
    plan = make_plan([a_campaign(NEW)], recorded_with(an_attempt(OLD, status=LiveStatus.COMPLETED), refused))
    assert kinds(plan) == {"spring/new": ActionKind.PLACE}


@pytest.mark.parametrize("state", [AttemptState.IN_DOUBT, AttemptState.SENDING])
def test_a_new_order_for_what_is_in_doubt_waits_as_ever(state):
    plan = make_plan([a_campaign(NEW)], recorded_with(an_attempt(OLD, state)))
    assert kinds(plan) == {"spring/new": ActionKind.WAIT}
    assert "is in doubt; it waits until that is settled" in reasons(plan)["spring/new"]


@pytest.mark.parametrize("state", [AttemptState.REFUSED, AttemptState.NOT_SENT])
def test_what_was_not_bought_is_no_former_order(state):
    plan = make_plan([a_campaign(NEW)], recorded_with(an_attempt(OLD, state)))
    assert kinds(plan) == {"spring/new": ActionKind.PLACE}


def test_what_was_given_up_may_exist_and_is_not_sent_again_under_a_new_name():
    recorded = recorded_with(an_attempt(OLD, AttemptState.ABANDONED))
    plan = make_plan([a_campaign(NEW)], recorded)
    assert held(plan)
    assert (
        "sent 2026-02-28, given up without knowing whether it exists, and no longer listed" in plan.refusals[0].message
    )
    wanted = replace(a_campaign(NEW), removed=frozenset({"old"}))
    assert kinds(make_plan([wanted], recorded)) == {"spring/new": ActionKind.PLACE}


def test_many_renames_are_one_refusal_and_the_rest_is_planned():
    news = [an_order(f"n{number}", link=f"{LINK}/{number}") for number in range(3)]
    olds = [an_attempt(an_order(f"o{number}", link=f"{LINK}/{number}")) for number in range(2)]
    plan = make_plan([a_campaign(*news)], recorded_with(*olds))
    assert held(plan)
    assert plan.refusals[0].message.startswith(
        "2 orders, the first of them: spring/n0 (campaigns/spring.yaml:9) looks like spring/o0"
    )
    assert list(kinds(plan).values()) == [ActionKind.BLOCKED, ActionKind.BLOCKED, ActionKind.PLACE]


def test_with_prune_the_former_order_of_a_rename_is_not_cancelled_behind_anybodys_back():
    plan = make_plan([a_campaign(NEW)], recorded_with(an_attempt(OLD)), prune=True)
    assert held(plan)


def test_an_order_that_went_to_another_given_campaign_is_held_there():
    theirs = an_order("new", link=PAGE)
    campaigns = [a_campaign(an_order("rest")), a_campaign(theirs, name="summer")]
    recorded = recorded_with(an_attempt(OLD), an_attempt(an_order("rest")))
    plan = make_plan(campaigns, recorded)
    assert held(plan)
    assert "if it is the same order: `runner state mv spring/old summer/new`" in plan.refusals[0].message
    assert "`removed: [old]` in campaign spring" in plan.refusals[0].message
    kept = replace(campaigns[0], removed=frozenset({"old"}))
    assert make_plan([kept, campaigns[1]], recorded).exit_code is ExitCode.OK


# A campaign under a new name


def renamed(*, others=tuple, removed: frozenset[str] = frozenset()):
    """What was bought as campaign spring is listed as campaign summer."""
    campaign = replace(a_campaign(OLD, an_order("more"), name="summer"), removed=removed)
    return make_plan([campaign], recorded_with(an_attempt(OLD)), others=others)


def test_a_campaign_under_a_new_name_is_held_where_no_file_has_the_former_one():
    plan = renamed()
    assert held(plan)
    assert list(kinds(plan).values()) == [ActionKind.BLOCKED, ActionKind.PLACE]
    message = plan.refusals[0].message
    assert "summer/old (campaigns/spring.yaml:9) looks like spring/old under a new name" in message
    assert "`runner state mv spring summer`, or give it its name spring back" in message
    assert "`removed: [spring]` in campaign summer" in message


def test_removed_may_name_a_campaign():
    plan = renamed(removed=frozenset({"spring"}))
    assert plan.exit_code is ExitCode.OK
    assert kinds(plan)["summer/old"] is ActionKind.WAIT


def test_a_campaign_of_a_file_that_is_not_given_did_not_vanish():
    assert renamed(others=lambda: {"spring"}).exit_code is ExitCode.OK


def test_where_nobody_knows_what_files_there_are_no_campaign_vanished():
    assert renamed(others=None).exit_code is ExitCode.OK


BEFORE = an_attempt(an_order("more", campaign="summer"))


def test_a_campaign_that_has_bought_before_is_not_a_new_name():
    campaign = a_campaign(NEW, an_order("more"), name="summer")
    assert make_plan([campaign], recorded_with(an_attempt(OLD), BEFORE), others=tuple).exit_code is ExitCode.OK


def test_orders_that_went_with_their_ids_into_another_file_are_held_where_their_own_file_is_gone():
    campaign, recorded = a_campaign(OLD, an_order("more"), name="summer"), recorded_with(an_attempt(OLD), BEFORE)
    plan = make_plan([campaign], recorded, others=tuple)
    assert held(plan)
    assert kinds(plan) == {"summer/old": ActionKind.BLOCKED}
    assert plan.refusals[0].message.endswith(
        "of a campaign that no file has; if it is the same order: `runner state mv spring/old summer/old`; if it is to be "
        "bought as well: `removed: [spring]` in campaign summer"
    )
    assert make_plan([campaign], recorded, others=lambda: {"spring"}).exit_code is ExitCode.OK
    wanted = replace(campaign, removed=frozenset({"spring"}))
    assert make_plan([wanted], recorded, others=tuple).exit_code is ExitCode.OK


def test_files_are_looked_through_only_where_a_campaign_is_missing():
    def others():
        raise AssertionError("asked in vain")

    plan = make_plan([a_campaign(an_order("teaser"), an_order("b"))], recorded_with(an_attempt()), others=others)
    assert kinds(plan) == {"spring/b": ActionKind.PLACE}
