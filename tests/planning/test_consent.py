from dataclasses import replace

from runner.core.attempts import LiveStatus
from runner.core.orders import OnShort
from runner.planning.guards.consent import Approval
from runner.planning.plan import DueCancel
from runner.planning.reconcile.planner import make_plan
from runner.planning.refills.due_refills import DueRefill, RefillInputs
from tests.planning.builders import (
    NOW,
    D,
    a_balance,
    a_campaign,
    a_catalogue,
    a_service,
    an_attempt,
    an_order,
    recorded_with,
)

AGAIN = an_order("again", link=an_order().link)


def state(*attempts, rate="0.90"):
    return recorded_with(*attempts, catalogues=[a_catalogue(a_service(rate=D(rate)))], balances=[a_balance("1000")])


def plan_of(campaign, recorded):
    return make_plan([campaign], recorded, refills=RefillInputs(now=NOW))


def beyond(approval, campaign, recorded):
    return [one.order.id for one in approval.beyond(plan_of(campaign, recorded), [campaign]).purchases]


def agreed_to(campaign, recorded):
    return Approval().with_plan(plan_of(campaign, recorded), [campaign], recorded)


def test_without_an_answer_everything_is_beyond():
    campaign = a_campaign(an_order(), AGAIN)
    assert beyond(Approval(), campaign, state()) == ["teaser"]


def test_what_waited_when_it_was_agreed_to_may_be_bought_later():
    campaign = a_campaign(an_order(), AGAIN)
    approval = agreed_to(campaign, state())
    later = state(an_attempt(status=LiveStatus.COMPLETED, checked_at=NOW))
    assert [one.order.id for one in plan_of(campaign, later).purchases()] == ["again"]
    assert beyond(approval, campaign, later) == []


def test_a_new_line_an_edited_line_and_a_dearer_service_are_asked_about():
    campaign = a_campaign(an_order())
    approval = agreed_to(campaign, state())
    assert beyond(approval, campaign, state()) == []
    assert beyond(approval, a_campaign(an_order(), an_order("new")), state()) == ["new"]
    assert beyond(approval, a_campaign(an_order(quantity=2000)), state()) == ["teaser"]
    assert beyond(approval, campaign, state(rate="0.91")) == ["teaser"]
    assert beyond(approval, campaign, state(rate="0.89")) == []


def test_another_account_behind_the_panels_name_is_asked_about():
    campaign, recorded = a_campaign(an_order()), state()
    ours, theirs = (replace(plan_of(campaign, recorded), accounts={"sandbox": name}) for name in ("ours", "theirs"))
    approval = Approval().with_plan(ours, [campaign], recorded)
    assert not approval.beyond(ours, [campaign])
    assert [one.order.id for one in approval.beyond(theirs, [campaign]).purchases] == ["teaser"]


def test_another_budget_or_policy_is_asked_about():
    approval = agreed_to(a_campaign(an_order(), total="10"), state())
    assert beyond(approval, a_campaign(an_order(), total="10"), state()) == []
    assert beyond(approval, a_campaign(an_order(), total="20"), state()) == ["teaser"]
    eager = a_campaign(an_order(), total="10", on_partial=OnShort.REORDER)
    assert beyond(approval, eager, state()) == ["teaser"]


def test_cancels_are_agreed_to_one_by_one_and_refills_by_line():
    campaign, recorded = a_campaign(an_order()), state()
    shown = replace(plan_of(campaign, recorded), cancels=[DueCancel("spring/old", 7, "sandbox", "23507", "gone")])
    approval = Approval().with_plan(shown, [campaign], recorded)
    later = replace(
        shown,
        cancels=[*shown.cancels, DueCancel("spring/older", 8, "sandbox", "23508", "gone")],
        refills=[
            DueRefill("spring/teaser", 1, "sandbox", "23501", "due"),
            DueRefill("spring/x", 2, "sandbox", "3", ""),
        ],
    )
    found = approval.beyond(later, [campaign])
    assert [one.attempt_id for one in found.cancels] == [8]
    assert [one.order for one in found.refills] == ["spring/x"]
    assert found.addresses == {"spring/older", "spring/x"}
