from datetime import timedelta

import pytest

from runner.core.attempts import AttemptState
from runner.core.catalogue import ServiceSeen
from runner.core.errors import ExitCode
from runner.core.orders import OnChange, RefillPolicy, RefillWhen
from runner.planning.guards.price_guard import PriceTerms
from runner.planning.plan import ActionKind
from runner.planning.reconcile.planner import make_plan
from tests.planning.builders import (
    EARLIER,
    NOW,
    D,
    a_campaign,
    a_catalogue,
    a_profile,
    a_service,
    an_attempt,
    an_order,
    kinds,
    recorded_with,
)

BEFORE = a_service("1")
WHILE_AGO = EARLIER - timedelta(days=10)


def planned(*services):
    return PriceTerms(planned={("sandbox", one.id): one for one in services})


def now_sold(**changes):
    return recorded_with(catalogues=[a_catalogue(BEFORE._replace(**changes))])


def changed_since(now, *, at=NOW, looked_at=None, attempts=()):
    """A state whose list had service 1 as BEFORE, and has it as `now` from `at` on."""
    seen = [ServiceSeen("sandbox", WHILE_AGO, BEFORE, True), ServiceSeen("sandbox", at, now, True)]
    return recorded_with(
        *attempts,
        catalogues=[a_catalogue(now)],
        service_changes={("sandbox", "1"): seen},
        looked_at=looked_at,
    )


@pytest.mark.parametrize(
    ("change", "words", "guard"),
    [
        ({"rate": D("0.91")}, "costs 0.91 per 1000 and cost 0.90 in the saved plan: 0.01 more than", "price"),
        ({"name": "Likes"}, "was named 'Service 1' and is named 'Likes' now", "service"),
        ({"type": "package"}, "", ""),  # another type can't be ordered at all: exit 10
    ],
)
def test_what_a_saved_plan_was_priced_with_must_not_have_changed(change, words, guard):
    plan = make_plan([a_campaign(an_order("a"), an_order("b"))], now_sold(**change), prices=planned(BEFORE))
    if not guard:
        assert plan.exit_code is ExitCode.INVALID
        return
    (refusal,) = plan.refusals
    assert (refusal.guard, refusal.subject, plan.exit_code) == (guard, "spring", ExitCode.GUARD)
    assert words in refusal.message
    assert refusal.message.startswith("2 orders: service 1 on sandbox ")
    assert set(kinds(plan).values()) == {ActionKind.BLOCKED}
    assert plan.cost == 0


def test_a_type_that_changed_is_told_even_where_both_may_be_ordered():
    was = BEFORE._replace(type="default refill")
    plan = make_plan([a_campaign(an_order())], now_sold(), prices=planned(was))
    assert "was of type 'default refill' and is of type 'default' now" in plan.refusals[0].message


def test_a_price_may_rise_as_far_as_the_campaign_allows_and_not_further():
    campaign = a_campaign(
        an_order(), max_price_increase=D("0.1"), places={"policy.max_price_increase": "spring.yaml:6"}
    )
    fits = make_plan([campaign], now_sold(rate=D("0.99")), prices=planned(BEFORE))
    assert (list(fits.refusals), fits.cost) == ([], D("0.99"))
    (refusal,) = make_plan([campaign], now_sold(rate=D("0.991")), prices=planned(BEFORE)).refusals
    assert "policy.max_price_increase 10% (spring.yaml:6) allows" in refusal.message
    cheaper = make_plan([campaign], now_sold(rate=D("0.5")), prices=planned(BEFORE))
    assert list(cheaper.refusals) == []


@pytest.mark.parametrize("lost", [False, None])
@pytest.mark.parametrize(
    ("flag", "policy"),
    [
        ("refill", {"refill": RefillPolicy(when=RefillWhen.DUE)}),
        ("cancel", {"on_change": OnChange.REPLACE}),
    ],
)
def test_a_flag_that_the_campaign_relies_on_must_not_be_lost(flag, policy, lost):
    recorded = now_sold(**{flag: lost})
    (refusal,) = make_plan([a_campaign(an_order(), **policy)], recorded, prices=planned(BEFORE)).refusals
    assert refusal.guard == "service"
    assert make_plan([a_campaign(an_order())], recorded, prices=planned(BEFORE)).refusals == []


def test_only_the_services_that_are_to_be_bought_are_compared():
    other = a_service("2")
    recorded = recorded_with(catalogues=[a_catalogue(BEFORE, other._replace(rate=D("9")))])
    plan = make_plan([a_campaign(an_order())], recorded, prices=planned(BEFORE, other))
    assert list(plan.refusals) == []


def test_without_a_saved_plan_the_last_look_at_a_plan_counts():
    dearer = BEFORE._replace(rate=D("1.00"))
    before = make_plan([a_campaign(an_order())], changed_since(dearer, looked_at=EARLIER))
    (refusal,) = before.refusals
    assert "cost 0.90 when it was last planned, 2026-02-28 12:00 UTC" in refusal.message
    assert "look at it with `runner plan`, then apply" in refusal.message
    after = make_plan([a_campaign(an_order())], changed_since(dearer, looked_at=NOW))
    assert list(after.refusals) == []


def test_without_a_look_the_last_purchase_of_the_service_counts():
    dearer = BEFORE._replace(rate=D("1.00"))
    bought = an_attempt(an_order("old"), marked_at=EARLIER)
    (refusal,) = make_plan([a_campaign(an_order())], changed_since(dearer, attempts=[bought])).refusals
    assert "when it was last bought" in refusal.message
    since = an_attempt(an_order("old"), marked_at=NOW)
    assert make_plan([a_campaign(an_order())], changed_since(dearer, attempts=[since])).refusals == []
    assert make_plan([a_campaign(an_order())], changed_since(dearer)).refusals == []  # nobody saw it at another price


def test_an_order_that_was_bought_elsewhere_is_no_look_at_the_price():
    dearer = BEFORE._replace(rate=D("1.00"))
    bought = an_attempt(an_order("old"), marked_at=EARLIER)
    imported = an_attempt(an_order("older"), marked_at=NOW, message="imported by anna on build-1")
    assert make_plan([a_campaign(an_order())], changed_since(dearer, attempts=[bought, imported])).refusals


def test_a_price_that_rose_after_the_clock_was_put_back_was_not_looked_at():
    dearer, ahead = BEFORE._replace(rate=D("1.00")), NOW + timedelta(days=2)
    seen = [ServiceSeen("sandbox", ahead, BEFORE, True), ServiceSeen("sandbox", NOW, dearer, True)]

    def plan(looked_at):
        recorded = recorded_with(
            catalogues=[a_catalogue(dearer)], service_changes={("sandbox", "1"): seen}, looked_at=looked_at
        )
        return make_plan([a_campaign(an_order())], recorded)

    assert [one.guard for one in plan(ahead + timedelta(minutes=1)).refusals] == ["price"]
    assert plan(NOW + timedelta(minutes=1)).refusals == []  # a look since then


def test_a_look_tells_what_changed_and_holds_nothing():
    dearer = BEFORE._replace(rate=D("1.00"))
    recorded = changed_since(dearer, looked_at=EARLIER)
    plan = make_plan([a_campaign(an_order())], recorded, prices=PriceTerms(is_look=True))
    assert (list(plan.refusals), plan.cost) == ([], D("1.00"))
    assert any("costs 1.00 per 1000 and cost 0.90" in note for note in plan.notes)
    nothing = make_plan([a_campaign()], recorded, prices=PriceTerms(is_look=True))
    assert list(nothing.notes) == []


@pytest.mark.parametrize("rate", ["0", "0.00"])
def test_a_price_of_zero_is_never_free(rate):
    plan = make_plan([a_campaign(an_order())], now_sold(rate=D(rate)), prices=PriceTerms(is_look=True))
    (refusal,) = plan.refusals
    assert (refusal.guard, plan.exit_code) == ("price", ExitCode.GUARD)
    assert "nothing is free" in refusal.message
    assert kinds(plan) == {"spring/teaser": ActionKind.BLOCKED}


def with_profile(**changes):
    return PriceTerms(profiles={"sandbox": a_profile(**changes)})


def test_a_rate_that_the_panel_rounds_to_zero_counts_at_the_most_that_rounding_hides():
    campaign = a_campaign(an_order(quantity=10000), per_run="0.05")
    plan = make_plan([campaign], now_sold(rate=D("0.00")), prices=with_profile(rounded_rates=True))
    assert (list(plan.refusals), plan.cost) == ([], D("0.05"))
    tight = a_campaign(an_order(quantity=10000), per_run="0.04")
    assert make_plan([tight], now_sold(rate=D("0.00")), prices=with_profile(rounded_rates=True)).refusals


def test_an_accepted_charge_factor_is_in_every_cost():
    factors = with_profile(charge_factors={"default": D("1.05"), "2": D(2)})
    campaign = a_campaign(an_order("a"), an_order("b", service="2"))
    plan = make_plan([campaign], recorded_with(), prices=factors)
    assert [action.cost for action in plan.actions] == [D("0.945"), D("6.00")]


def test_an_attempt_that_was_refused_still_tells_what_the_price_was():
    dearer = BEFORE._replace(rate=D("1.00"))
    refused = an_attempt(an_order("old"), AttemptState.REFUSED, marked_at=EARLIER)
    assert make_plan([a_campaign(an_order())], changed_since(dearer, attempts=[refused])).refusals
