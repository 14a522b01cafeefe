"""A link is compared as a page: whatever was bought, is in doubt or is counted under one spelling is so under all."""

from dataclasses import replace

import pytest

from runner.core.attempts import AttemptKind, AttemptState, LiveStatus
from runner.core.errors import ExitCode
from runner.core.imports import Bought, BoughtRow
from runner.core.orders import OnChange, RefillPolicy, RefillWhen
from runner.core.values.links import page_key
from runner.planning.guards.consent import Approval
from runner.planning.orders.imports import Listed, Obstacles
from runner.planning.plan import ActionKind
from runner.planning.reconcile.planner import make_plan
from runner.planning.refills.due_refills import RefillInputs
from runner.planning.status.completion import outlook_of
from runner.planning.status.order_status import Sync, make_standings
from tests.planning.builders import (
    EARLIER,
    LINK,
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

PAGE = f"{LINK}/p/1"
SPELLINGS = [
    "https://EXAMPLE.com/our-brand/p/1",
    "HTTPS://example.com:443/our-brand/p/1",
    "https://example.com/our-brand/p/%31",
    "https://example.com/our%2Dbrand/p/1",
    f"{PAGE}#top",
    f"{PAGE}?",
]
spelt = pytest.mark.parametrize("other", SPELLINGS)


@spelt
def test_one_of_two_spellings_is_bought_and_the_other_waits(other):
    plan = make_plan([a_campaign(an_order("a", link=PAGE), an_order("b", link=other))], recorded_with())
    assert kinds(plan) == {"spring/a": ActionKind.PLACE, "spring/b": ActionKind.WAIT}
    assert "this plan buys the same service and link as spring/a" in reasons(plan)["spring/b"]
    assert plan.purchases()[0].order.link == PAGE


@spelt
def test_the_same_holds_between_campaigns_of_one_panel_and_is_sent_as_it_is_written(other):
    campaigns = [a_campaign(an_order("a", link=other)), a_campaign(an_order("b", link=PAGE), name="autumn")]
    plan = make_plan(campaigns, recorded_with())
    assert kinds(plan) == {"spring/a": ActionKind.PLACE, "autumn/b": ActionKind.WAIT}
    assert [one.order.link for one in plan.purchases()] == [other]


@spelt
@pytest.mark.parametrize(
    ("state", "words"),
    [
        (AttemptState.PLACED, "is in flight"),
        (AttemptState.IN_DOUBT, "is in doubt"),
        (AttemptState.SENDING, "is in doubt"),
    ],
)
def test_what_is_in_flight_or_in_doubt_holds_its_page(other, state, words):
    recorded = recorded_with(an_attempt(an_order("x", link=other)._replace(campaign="autumn"), state))
    campaigns = [a_campaign(an_order("a", link=PAGE)), a_campaign(an_order("x", link=other), name="autumn")]
    plan = make_plan(campaigns, recorded)
    assert kinds(plan)["spring/a"] is ActionKind.WAIT
    assert f"autumn/x, for the same service and link, {words}" in reasons(plan)["spring/a"]
    assert plan.purchases() == []


@spelt
@pytest.mark.parametrize("policy", list(OnChange))
def test_tidying_the_link_of_a_bought_line_is_no_change(other, policy):
    bought = an_attempt(an_order("a", link=other))
    for listed, was in ((PAGE, other), (other, PAGE)):
        campaign = a_campaign(an_order("a", link=listed), on_change=policy)
        recorded = recorded_with(bought._replace(link=was))
        plan = make_plan([campaign], recorded)
        assert (list(plan.actions), plan.ok, plan.exit_code) == ([], 1, ExitCode.OK)
        (row,) = make_standings([campaign], recorded, NOW).orders
        assert (row.sync, row.message) == (Sync.PLACED, "")


@spelt
def test_an_edit_of_quantity_and_spelling_is_an_edit_of_the_quantity(other):
    recorded = recorded_with(an_attempt(an_order("a", link=other)))
    order = an_order("a", link=PAGE, quantity=2000)
    held = make_plan([a_campaign(order)], recorded)
    assert "bought: quantity 1000; listed: quantity 2000" in reasons(held)["spring/a"]
    assert "link" not in held.refusals[0].message.partition("(")[2].partition(")")[0]
    raised = make_plan([a_campaign(order, on_change=OnChange.TOP_UP)], recorded, refills=RefillInputs(now=NOW))
    assert kinds(raised) == {"spring/a": ActionKind.WAIT}
    assert raised.parts["spring", "a"].kind is AttemptKind.TOP_UP
    assert "order 23501 of it, for the same service and link, is in flight" in reasons(raised)["spring/a"]


@spelt
def test_a_replacement_does_not_wait_for_what_it_cancels(other):
    recorded = recorded_with(an_attempt(an_order("a", link=other), checked_at=NOW, status=LiveStatus.PENDING))
    campaign = a_campaign(an_order("a", link=PAGE, quantity=2000), on_change=OnChange.REPLACE)
    plan = make_plan([campaign], recorded, refills=RefillInputs(now=NOW))
    assert kinds(plan) == {"spring/a": ActionKind.REPLACE}
    assert [one.panel_order_id for one in plan.cancels] == ["23501"]


@spelt
def test_a_drip_goes_on_where_its_link_is_tidied(other):
    order = an_order("a", link=PAGE, quantity=100, runs=3, interval=60)
    first = an_attempt(
        order._replace(link=other, runs=None, interval=None), kind=AttemptKind.INSTALMENT, status=LiveStatus.COMPLETED
    )
    plan = make_plan(
        [replace(a_campaign(order), drips=frozenset({"a"}))], recorded_with(first), refills=RefillInputs(now=NOW)
    )
    assert kinds(plan) == {"spring/a": ActionKind.PLACE}
    assert reasons(plan)["spring/a"].startswith("instalment 2 of 3")


@spelt
def test_a_new_id_for_a_page_that_vanished_is_a_rename_however_it_is_written(other):
    plan = make_plan([a_campaign(an_order("new", link=PAGE))], recorded_with(an_attempt(an_order("old", link=other))))
    assert (plan.exit_code, [one.guard for one in plan.refusals]) == (ExitCode.GUARD, ["rename"])
    gone = an_attempt(an_order("old", link=other)._replace(campaign="lost"))
    plan = make_plan([a_campaign(an_order("new", link=PAGE))], recorded_with(gone), others=list)
    assert [one.guard for one in plan.refusals] == ["rename"]


@spelt
def test_a_count_is_that_of_the_page(other):
    policy = RefillPolicy(when=RefillWhen.DROP)
    completed = {
        "status": LiveStatus.COMPLETED,
        "start_count": 10,
        "remains": 0,
        "checked_at": NOW,
        "final_at": EARLIER,
    }
    for bought, counted in ((PAGE, other), (other, PAGE)):
        order = an_order("a", link=bought)
        wish = RefillInputs(now=NOW, counts={page_key(counted): 500})
        plan = make_plan(
            [a_campaign(order, refill=policy)], recorded_with(an_attempt(order, **completed)), refills=wish
        )
        assert kinds(plan) == {"spring/a": ActionKind.REFILL}


@spelt
def test_a_row_of_an_import_means_the_page(other):
    order = an_order("a", link=PAGE)
    rows = [
        BoughtRow(2, "23501", None, "1", other, None, None, None),
        BoughtRow(2, "23501", None, None, other, None, None, None),
        BoughtRow(2, "23501", "a", "1", other, None, None, None),
    ]
    for row in rows:
        bought, wrong = Listed([a_campaign(order)]).match([row])
        assert ([one.order for one in bought], wrong) == ([order], [])
    twice = Listed([a_campaign(order, an_order("b", link=other))]).match(rows[:1])[1]
    assert "several orders are listed with service 1 and this link (spring/a, spring/b)" in twice[0].message


@spelt
def test_a_doubt_speaks_against_importing_its_page(other):
    order = an_order("a", link=PAGE)
    doubt = an_attempt(an_order("b", link=other), AttemptState.IN_DOUBT)
    obstacle = Obstacles([a_campaign(order)], recorded_with(doubt)).of(Bought(order, "sandbox", "23501"))
    assert "spring/b, with the same service and link, is in doubt" in obstacle.message


@spelt
def test_who_agreed_to_a_line_agreed_to_its_page(other):
    recorded = recorded_with()
    before, after = a_campaign(an_order("a", link=other)), a_campaign(an_order("a", link=PAGE))
    agreed = Approval().with_plan(make_plan([before], recorded), [before], recorded)
    assert not agreed.beyond(make_plan([after], recorded), [after])
    elsewhere = a_campaign(an_order("a", link=f"{PAGE}0"))
    assert agreed.beyond(make_plan([elsewhere], recorded), [elsewhere])


@spelt
def test_what_waits_for_a_page_that_is_worked_on_need_not_wait_for_ever(other):
    recorded = recorded_with(an_attempt(an_order("x", link=other), status=LiveStatus.PENDING, checked_at=NOW))
    campaigns = [a_campaign(an_order("x", link=other), an_order("a", link=PAGE))]
    plan = make_plan(campaigns, recorded)
    found = outlook_of(campaigns, recorded, plan, NOW)
    assert (found.later, found.held) == (1, 0)


def test_a_spelling_that_is_probably_the_page_of_what_vanished_is_told_and_bought():
    old = an_attempt(an_order("old", link=f"{PAGE}/"))
    plan = make_plan([a_campaign(an_order("new", link=PAGE))], recorded_with(old))
    assert kinds(plan) == {"spring/new": ActionKind.PLACE}
    assert (
        "spring: 1 order is new, and probably for a page that was bought and is no longer listed: spring/new is spring/old but "
        "for the slash at the end; if it is the same order, write its link as it was, else it is bought as well"
    ) in plan.notes
    listed = a_campaign(an_order("new", link=PAGE), an_order("old", link=f"{PAGE}/"))
    assert not any("probably" in note for note in make_plan([listed], recorded_with(old)).notes)
    dearer = [a_catalogue(a_service("1"), a_service("2", rate=D("3.00")))]
    other = make_plan([a_campaign(an_order("new", link=PAGE, service="2"))], recorded_with(old, catalogues=dearer))
    assert not any("probably" in note for note in other.notes)
