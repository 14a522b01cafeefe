from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from runner.core.attempts import AttemptState, LiveStatus, NewAttempt
from runner.core.errors import ExitCode
from runner.core.orders import KeySource, Order
from runner.planning.accounting.attempt_index import History
from runner.planning.accounting.balance_confirmation import Accounts
from runner.planning.accounting.committed_spend import Committed
from runner.planning.guards.budget import allowance
from runner.planning.guards.price_guard import PriceTerms
from runner.planning.plan import Action, ActionKind
from runner.planning.reconcile.planner import make_plan
from runner.planning.refills.due_refills import RefillInputs
from tests.planning.builders import (
    EARLIER,
    NOW,
    D,
    a_balance,
    a_campaign,
    a_catalogue,
    a_charged_attempt,
    a_profile,
    an_attempt,
    an_order,
    kinds,
    reasons,
    recorded_with,
)

ROUNDED = PriceTerms(profiles={"sandbox": a_profile(rounded_rates=True)})
THREE = [an_order("a"), an_order("b"), an_order("c")]  # 0.90 each


def two_panels(first: str = "USD", second: str = "EUR"):
    return recorded_with(
        catalogues=[a_catalogue(), a_catalogue(panel="other")],
        balances=[a_balance("100.00", first), a_balance("100.00", second, "other")],
    )


def on_other(*orders: Order, **changes):
    return replace(a_campaign(*orders, name="summer", **changes), panel="other")


def test_a_plan_within_all_its_caps_may_begin():
    campaign = a_campaign(*THREE, total="2.70", per_run="2.70", keep_balance="97.30")
    plan = make_plan([campaign], recorded_with(), max_cost=D("2.70"))
    assert (list(plan.refusals), plan.cost, plan.exit_code) == ([], D("2.70"), ExitCode.OK)


@pytest.mark.parametrize(
    ("caps", "balance", "max_cost", "guard", "subject"),
    [
        ({"total": "2.69"}, "100.00", None, "budget.total", "spring"),
        ({"per_run": "2.69"}, "100.00", None, "budget.per_run", "spring"),
        ({"keep_balance": "97.31"}, "100.00", None, "budget.keep_balance", "sandbox"),
        ({}, "2.69", None, "balance", "sandbox"),
        ({}, "100.00", "2.69", "max-cost", "plan"),
    ],
)
def test_a_cent_beyond_a_cap_refuses_the_apply_and_blocks_the_orders_beyond(caps, balance, max_cost, guard, subject):
    recorded = recorded_with(balances=[a_balance(balance)])
    plan = make_plan([a_campaign(*THREE, **caps)], recorded, max_cost=None if max_cost is None else D(max_cost))
    (refusal,) = plan.refusals
    assert (refusal.guard, refusal.subject, plan.exit_code) == (guard, subject, ExitCode.GUARD)
    assert "2.70 USD planned" in refusal.message
    assert "0.01 USD too much" in refusal.message
    assert list(kinds(plan).values()) == [ActionKind.PLACE, ActionKind.PLACE, ActionKind.BLOCKED]
    assert guard in reasons(plan)["spring/c"]
    assert plan.cost == D("1.80")


def test_an_order_that_still_fits_behind_one_that_does_not_is_not_called_blocked():
    orders = [an_order("a"), an_order("b", quantity=5000), an_order("c", quantity=100)]
    plan = make_plan([a_campaign(*orders, per_run="1.00")], recorded_with())
    assert list(kinds(plan).values()) == [ActionKind.PLACE, ActionKind.BLOCKED, ActionKind.PLACE]


def test_the_total_budget_counts_what_was_spent_reserved_doubted_and_given_up_also_when_no_longer_listed():
    past = [
        a_charged_attempt("0.90", "0.90", LiveStatus.COMPLETED, order_id="old-1", link="x"),  # spent 0.90
        an_attempt(an_order("old-2")),  # reserved 0.90
        an_attempt(an_order("old-3"), AttemptState.IN_DOUBT),  # 0.90
        an_attempt(an_order("old-4"), AttemptState.ABANDONED),  # 0.90
        an_attempt(an_order("old-5"), AttemptState.REFUSED),  # nothing
        an_attempt(an_order("x", campaign="autumn")),  # another campaign's
    ]
    enough = make_plan([a_campaign(an_order(), total="4.50")], recorded_with(*past))
    assert list(enough.refusals) == []
    short = make_plan([a_campaign(an_order(), total="4.49")], recorded_with(*past))
    (refusal,) = short.refusals
    assert "budget.total is 4.49 USD with 3.60 USD committed already" in refusal.message


BEFORE = NOW - timedelta(days=2)
REFUNDED = a_charged_attempt("0.90", "0.00", LiveStatus.CANCELED, remains=1000, order_id="old", link="x")


def balance_moved(to: str, *attempts, at=NOW):
    """A state whose balance was 100.00 before all orders and is `to` now."""
    return recorded_with(*attempts, first_balances=[a_balance("100.00", at=BEFORE)], balances=[a_balance(to, at=at)])


def test_the_total_budget_counts_refunds_as_given_back_once_the_balance_confirms_them():
    campaign = a_campaign(an_order(), total="0.90")
    assert list(make_plan([campaign], balance_moved("100.00", REFUNDED)).refusals) == []
    for not_confirmed in (balance_moved("99.10", REFUNDED), recorded_with(REFUNDED)):
        (refusal,) = make_plan([campaign], not_confirmed).refusals
        assert refusal.guard == "budget.total"
        assert "0.90 of it said to be refunded, but not confirmed by the balance" in refusal.message


def test_a_deposit_that_nobody_has_labelled_confirms_no_refund():
    (refusal,) = make_plan([a_campaign(an_order(), total="0.90")], balance_moved("150.00", REFUNDED)).refusals
    assert "not confirmed by the balance" in refusal.message


def test_a_cancelled_order_that_never_showed_a_charge_frees_nothing_while_the_balance_lacks_its_price():
    free = a_charged_attempt("0.00", "0.00", LiveStatus.CANCELED, order_id="old", link="x", first_charge=None)
    campaign = a_campaign(an_order(), total="0.90")
    assert [one.guard for one in make_plan([campaign], balance_moved("99.10", free)).refusals] == ["budget.total"]
    assert list(make_plan([campaign], balance_moved("100.00", free)).refusals) == []


def test_a_panel_whose_refunds_are_trusted_needs_no_confirmation():
    trusted = a_profile(trusts_refunds=True)
    plan = make_plan(
        [a_campaign(an_order(), total="0.90")],
        balance_moved("99.10", REFUNDED),
        prices=PriceTerms(profiles={"sandbox": trusted}),
    )
    assert list(plan.refusals) == []


def test_doubts_of_any_campaign_count_against_the_balance_at_full_price():
    doubt = an_attempt(an_order("x", campaign="autumn"), AttemptState.IN_DOUBT)
    recorded = recorded_with(doubt, balances=[a_balance("1.79")])
    plan = make_plan([a_campaign(an_order())], recorded)
    (refusal,) = plan.refusals
    assert refusal.guard == "balance"
    assert "the balance is 1.79 USD with 0.90 USD in doubt" in refusal.message


def test_doubts_count_before_what_must_be_kept():
    doubt = an_attempt(an_order("x", campaign="autumn"), AttemptState.IN_DOUBT)
    fits = make_plan([a_campaign(an_order(), keep_balance="98.20")], recorded_with(doubt))
    assert list(fits.refusals) == []
    short = make_plan([a_campaign(an_order(), keep_balance="98.21")], recorded_with(doubt))
    assert [refusal.guard for refusal in short.refusals] == ["budget.keep_balance"]


def test_two_campaigns_share_the_balance_of_their_panel():
    campaigns = [a_campaign(an_order("a")), a_campaign(an_order("b"), name="summer")]
    plan = make_plan(campaigns, recorded_with(balances=[a_balance("1.00")]))
    assert [refusal.guard for refusal in plan.refusals] == ["balance"]
    assert kinds(plan) == {"spring/a": ActionKind.PLACE, "summer/b": ActionKind.BLOCKED}


@pytest.mark.parametrize(
    ("url", "env", "is_one"),
    [
        ("https://p.test/api/", "KEY", True),
        ("https://P.test:443/%61pi", "KEY", True),
        ("https://p.test/api/", "OTHER_KEY", False),
        ("https://p.test/api2", "KEY", False),
    ],
)
def test_two_names_of_one_account_share_its_balance_and_its_doubts(url, env, is_one):
    profiles = {
        "sandbox": a_profile(url="https://p.test/api", key=KeySource(env="KEY")),
        "other": a_profile(name="other", url=url, key=KeySource(env=env)),
    }
    campaigns = [a_campaign(an_order("a"), keep_balance="98.50"), on_other(an_order("b", campaign="summer"))]
    both = make_plan(campaigns, two_panels("USD", "USD"), prices=PriceTerms(profiles=profiles))
    assert [one.guard for one in both.refusals][:1] == (["budget.keep_balance"] if is_one else [])
    assert not is_one or "sandbox and other are one account" in both.refusals[0].message
    doubtful = replace(two_panels("USD", "USD"), attempts={("x", "y"): [an_attempt(
        an_order("y", campaign="x", link="https://p.test/y"), AttemptState.IN_DOUBT, panel="other", expected_charge=D(1)
    )]})  # fmt: skip
    with_doubt = make_plan(campaigns[:1], doubtful, prices=PriceTerms(profiles=profiles))
    assert bool(with_doubt.refusals) == is_one


def test_the_highest_keep_balance_of_a_panels_campaigns_holds_for_all_of_them():
    campaigns = [a_campaign(an_order("a")), a_campaign(an_order("b"), name="summer", keep_balance="99.00")]
    plan = make_plan(campaigns, recorded_with())
    assert [(refusal.guard, refusal.subject) for refusal in plan.refusals] == [("budget.keep_balance", "sandbox")]


def test_an_empty_account_violates_the_balance_and_what_must_be_kept():
    plan = make_plan([a_campaign(an_order(), keep_balance="5.00")], recorded_with(balances=[a_balance("0.00")]))
    assert [refusal.guard for refusal in plan.refusals] == ["balance", "budget.keep_balance"]


def test_a_negative_balance_refuses_even_an_order_at_a_price_that_rounds_to_zero():
    free = a_catalogue(a_catalogue().services["1"]._replace(rate=D(0)))
    recorded = recorded_with(catalogues=[free], balances=[a_balance("-0.01")])
    plan = make_plan([a_campaign(an_order())], recorded, prices=ROUNDED)
    assert [refusal.guard for refusal in plan.refusals] == ["balance"]
    assert kinds(plan) == {"spring/teaser": ActionKind.BLOCKED}


def test_a_budget_that_is_overdrawn_refuses_whether_anything_is_planned_or_not():
    dear = a_charged_attempt("9.00", "9.00", LiveStatus.IN_PROGRESS)
    for orders in ((an_order(),), (an_order(), an_order("more"))):
        plan = make_plan(
            [a_campaign(*orders, total="8.10", per_day="8.10")],
            balance_moved("91.00", dear),
            refills=RefillInputs(now=EARLIER),
        )
        assert [one.guard for one in plan.refusals] == ["budget.total", "budget.per_day"]
        assert (
            "budget.total is overdrawn by 0.90 USD: 9.00 USD committed already, 8.10 USD allowed"
            in plan.refusals[0].message
        )
        assert plan.exit_code is ExitCode.GUARD


def test_other_guards_never_refuse_when_nothing_is_planned():
    campaign = a_campaign(an_order(), total="0.90", per_run="0.10", keep_balance="50.00")
    recorded = recorded_with(an_attempt(), balances=[a_balance("-3.00")])
    plan = make_plan([campaign], recorded, max_cost=D(0))
    assert (list(plan.refusals), plan.exit_code) == ([], ExitCode.OK)


def test_a_waiting_order_takes_no_room_under_a_cap():
    same = an_order("b", link=an_order("a").link)
    plan = make_plan([a_campaign(an_order("a"), same, per_run="0.90")], recorded_with())
    assert list(plan.refusals) == []


def test_every_violated_guard_has_its_own_refusal():
    campaign = a_campaign(*THREE, total="1.00", per_run="1.00")
    plan = make_plan([campaign], recorded_with(balances=[a_balance("1.00")]), max_cost=D("1.00"))
    assert [refusal.guard for refusal in plan.refusals] == ["budget.total", "budget.per_run", "balance", "max-cost"]


def test_max_cost_is_for_the_whole_plan():
    campaigns = [a_campaign(an_order("a")), on_other(an_order("b"))]
    plan = make_plan(campaigns, two_panels("USD", "USD"), max_cost=D("1.00"))
    assert kinds(plan) == {"spring/a": ActionKind.PLACE, "summer/b": ActionKind.BLOCKED}


def test_max_cost_over_two_currencies_is_refused_with_an_explanation():
    campaigns = [a_campaign(an_order("a")), on_other(an_order("b"))]
    plan = make_plan(campaigns, two_panels("USD", "EUR"), max_cost=D("100.00"))
    (refusal,) = plan.refusals
    assert refusal.guard == "max-cost"
    assert "needs one currency" in refusal.message


def test_max_cost_needs_only_the_currency_of_the_panels_that_are_bought_on():
    campaigns = [a_campaign(an_order("a")), on_other()]
    plan = make_plan(campaigns, two_panels("USD", "EUR"), max_cost=D("0.90"))
    assert (list(plan.refusals), plan.cost, plan.currency) == ([], D("0.90"), "USD")


def test_fresh_balances_win_over_remembered_ones():
    fresh = a_balance("0.50").balance
    plan = make_plan([a_campaign(an_order())], recorded_with(), balances={"sandbox": fresh})
    assert plan.money["sandbox"].balance == fresh
    assert [refusal.guard for refusal in plan.refusals] == ["balance"]


def test_an_unknown_balance_is_noted():
    plan = make_plan([a_campaign(an_order())], recorded_with(balances=[]))
    assert list(plan.notes) == ["no balance of sandbox remembered: what can be paid for is not checked"]
    assert (plan.currency, plan.cost) == (None, D("0.90"))


def test_past_orders_in_another_currency_are_noted_and_not_added_to_the_budget():
    recorded = replace(two_panels(), attempts={("summer", "old"): [an_attempt(an_order("old", campaign="summer"))]})
    plan = make_plan([on_other(an_order(), total="0.90")], recorded)
    assert list(plan.refusals) == []
    assert "summer: past orders on sandbox are in USD and not in budget.total" in plan.notes


def committed(recorded, campaign) -> Committed:
    return Committed(
        history=History(recorded, [campaign], NOW),
        balances={panel: seen.balance for panel, seen in recorded.last_balances.items()},
        accounts=Accounts(recorded),
    )


def a_mark(action: Action, cost: Decimal | None = None) -> NewAttempt:
    attempt = an_attempt(action.order)
    fields = {field: getattr(attempt, field) for field in NewAttempt._fields}
    return NewAttempt(**fields | {"expected_charge": action.cost if cost is None else cost})


def test_the_allowance_of_a_run_covers_its_plan_and_not_a_cent_more():
    campaign = a_campaign(*THREE, total="50.00", keep_balance="1.00")
    recorded = recorded_with()
    plan = make_plan([campaign], recorded)
    caps = allowance([campaign], committed(recorded, campaign), plan)
    marks = [a_mark(action) for action in plan.purchases()]
    assert [caps.take(mark) for mark in marks] == ["", "", ""]
    assert "panel sandbox has 0.00 left" in caps.take(marks[0]._replace(expected_charge=D("0.01")))


@pytest.mark.parametrize("caps", [{"total": "1.00"}, {"per_run": "1.00"}, {"keep_balance": "99.00"}])
def test_the_allowance_of_a_run_holds_every_cap_by_itself(caps):
    recorded = recorded_with()
    plan = make_plan([a_campaign(*THREE)], recorded)  # as if the guards had not been there
    campaign = a_campaign(*THREE, **caps)
    allowed = allowance([campaign], committed(recorded, campaign), plan)
    taken = [allowed.take(a_mark(action)) for action in plan.purchases()]
    assert [not refusal for refusal in taken] == [True, False, False]


def today(plan_campaigns, recorded, now=NOW):
    return make_plan(plan_campaigns, recorded, refills=RefillInputs(now=now))


def test_the_budget_of_a_day_counts_what_was_marked_since_midnight_utc_doubts_at_full_price():
    midnight = NOW.replace(hour=0)
    past = [
        an_attempt(an_order("a1"), marked_at=midnight),  # 0.90 reserved
        an_attempt(an_order("a2"), AttemptState.IN_DOUBT, marked_at=NOW),  # 0.90
        an_attempt(an_order("a3"), AttemptState.ABANDONED, marked_at=NOW),  # 0.90
        an_attempt(an_order("a4"), AttemptState.REFUSED, marked_at=NOW),  # nothing
        an_attempt(an_order("a5"), marked_at=midnight - timedelta(milliseconds=1)),  # yesterday's
        an_attempt(an_order("x", campaign="autumn"), marked_at=NOW),  # another campaign's
    ]
    fits = today([a_campaign(an_order(), per_day="3.60")], recorded_with(*past))
    assert list(fits.refusals) == []
    short = today([a_campaign(an_order(), per_day="3.59")], recorded_with(*past))
    (refusal,) = short.refusals
    assert (refusal.guard, refusal.subject) == ("budget.per_day", "spring")
    assert "budget.per_day is 3.59 USD with 2.70 USD committed today (UTC)" in refusal.message
    assert "0.01 USD too much; no order would fit" in refusal.message
    tomorrow = today([a_campaign(an_order(), per_day="0.90")], recorded_with(*past), NOW + timedelta(days=1))
    assert list(tomorrow.refusals) == []


def test_what_was_marked_in_the_future_counts_today_as_the_clock_may_have_been_put_back():
    ahead = an_attempt(an_order("old"), marked_at=NOW + timedelta(days=2))
    plan = today([a_campaign(an_order(), per_day="1.79")], recorded_with(ahead))
    assert [refusal.guard for refusal in plan.refusals] == ["budget.per_day"]


def test_a_budget_of_a_day_without_a_day_is_a_mistake_and_never_no_cap():
    with pytest.raises(ValueError, match="what day it is"):
        make_plan([a_campaign(an_order(), per_day="9")], recorded_with())


def test_a_charge_beyond_the_expected_one_is_taken_from_every_cap_and_tells_which_is_overdrawn():
    recorded = recorded_with()
    campaign = a_campaign(*THREE, total="2.00")
    plan = make_plan([a_campaign(*THREE)], recorded)
    caps = allowance([campaign], committed(recorded, campaign), plan)
    first, second, _ = (a_mark(action) for action in plan.purchases())
    assert caps.take(first) == ""
    assert caps.charge_more("spring", "sandbox", D("0.50")) == ""
    assert "campaign spring has 0.60 left" in caps.take(second)
    assert "campaign spring is overdrawn by 0.10" in caps.charge_more("spring", "sandbox", D("0.70"))


def test_the_allowance_of_a_run_holds_the_budget_of_a_day():
    recorded = recorded_with(an_attempt(an_order("old"), marked_at=NOW))
    plan = make_plan([a_campaign(*THREE)], recorded)
    campaign = a_campaign(*THREE, per_day="1.80")
    allowed = allowance([campaign], committed(recorded, campaign), plan)
    assert [not allowed.take(a_mark(action)) for action in plan.purchases()] == [True, False, False]


def test_a_refusal_says_where_the_cap_is_set_and_what_would_fit():
    campaign = a_campaign(*THREE, per_run="2.69", places={"budget.per_run": "campaigns/spring.yaml:7"})
    (refusal,) = make_plan([campaign], recorded_with()).refusals
    assert refusal.message == (
        "2.70 USD planned, but budget.per_run is 2.69 USD (campaigns/spring.yaml:7): 0.01 USD too much; "
        "2 orders for 1.80 USD would fit; raise budget.per_run, or apply fewer orders with --select"
    )


def test_each_cap_tells_what_would_fit_under_it_alone():
    campaign = a_campaign(*THREE, total="1.80", per_run="0.90")
    first, second = make_plan([campaign], recorded_with()).refusals
    assert "2 orders for 1.80 USD would fit" in first.message
    assert "1 order for 0.90 USD would fit" in second.message
    assert "(campaigns/spring.yaml)" in first.message


def test_the_keep_balance_that_holds_is_the_one_whose_place_is_told():
    campaigns = [
        a_campaign(an_order("a"), keep_balance="1.00"),
        a_campaign(an_order("b"), name="summer", keep_balance="99.00", places={"budget.keep_balance": "summer.yaml:4"}),
    ]
    (refusal,) = make_plan(campaigns, recorded_with()).refusals
    assert "(summer.yaml:4)" in refusal.message


@pytest.mark.parametrize("caps", [{"total": "9"}, {"per_run": "9"}])
def test_a_cap_is_never_held_against_an_unknown_price(caps):
    plan = make_plan([a_campaign(*THREE, **caps)], recorded_with(catalogues=[]))
    (refusal,) = plan.refusals
    assert "the price of 3 orders is not known" in refusal.message
    assert [
        one.guard for one in make_plan([a_campaign(*THREE)], recorded_with(catalogues=[]), max_cost=D(9)).refusals
    ] == ["max-cost"]


def test_the_higher_priority_is_bought_first_and_fits_first():
    campaign = a_campaign(*THREE, per_run="1.80", priorities={"c": 10, "a": -1})
    plan = make_plan([campaign], recorded_with())
    assert list(kinds(plan).items()) == [
        ("spring/c", ActionKind.PLACE),
        ("spring/b", ActionKind.PLACE),
        ("spring/a", ActionKind.BLOCKED),
    ]


def test_a_question_about_the_budget_blocks_what_does_not_fit_and_refuses_nothing():
    campaign = a_campaign(*THREE, priorities={"b": 1})
    plan = make_plan([campaign], recorded_with(), asked=D("1.79"))
    assert (list(plan.refusals), plan.cost, plan.exit_code) == ([], D("0.90"), ExitCode.OK)
    assert kinds(plan)["spring/b"] is ActionKind.PLACE
