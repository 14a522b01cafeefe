"""What the evidence proposes, and when it must not propose anything."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.core.attempts import AttemptState, LiveStatus, Phase
from runner.core.doubts import Decided, Decision, DecisionKind, Duplicate, Kept
from runner.planning.accounting.ledger import make_ledger
from runner.planning.doubts.evidence import Verdict, gather, weigh
from runner.planning.doubts.late_execution import late_signs
from runner.planning.reconcile.planner import make_plan
from tests.planning.builders import (
    EARLIER,
    NOW,
    D,
    a_balance,
    a_campaign,
    a_charged_attempt,
    an_attempt,
    an_order,
    reasons,
    recorded_with,
)

MINUTE = timedelta(minutes=1)
BEFORE = EARLIER - MINUTE
SETTLE = 10 * MINUTE
BY = Decision("not there", "anna", "build-1", NOW)


def doubt(name="lost", **changes):
    return an_attempt(an_order(name), AttemptState.IN_DOUBT, phase=Phase.SENDING, **changes)


def bought(name="other", charge="0.90", **changes):
    facts = {"panel_order_id": f"id-{name}", "order_id": name} | changes
    return a_charged_attempt(charge, charge, LiveStatus.PENDING, **facts)


def evidence_of(*attempts, before="998.20", after="997.30", exclusive=True, at=NOW, now=NOW, **kept):
    balances = [] if after is None else [a_balance(after, at=at)]
    recorded = recorded_with(*attempts, balances=balances)
    own = next(one for several in recorded.attempts.values() for one in several if one.order_id == "lost")
    facts = {
        "answer": None,
        "balance_before": None if before is None else a_balance(before, at=BEFORE),
        "duplicates": (),
    }
    return gather(recorded, own, Kept(**(facts | kept)), exclusive=exclusive, settle=SETTLE, now=now)


def test_a_missing_amount_of_its_price_proposes_placed_with_the_arithmetic():
    verdict, said = weigh(evidence_of(doubt()))
    assert verdict is Verdict.PLACED
    arithmetic, conclusion = said
    assert arithmetic.startswith(
        "balance before 998.20 USD (2026-02-28 11:59 UTC), after 997.30 (2026-03-01 12:00 UTC)"
    )
    assert arithmetic.endswith("own known charges in between 0.00: 0.90 is missing")
    assert conclusion == "that is the price of this order: it was probably placed"


def test_nothing_missing_proposes_not_placed_and_speaks_of_late_execution():
    verdict, said = weigh(evidence_of(doubt(), after="998.20"))
    assert verdict is Verdict.NOT_PLACED
    assert (
        said[-1]
        == "nothing is missing: it was probably not placed; a late execution, or a deposit of its price, is possible"
    )


def test_own_charges_in_between_are_taken_off_and_older_and_later_ones_are_not():
    attempts = [
        bought("older", "5.00", marked_at=BEFORE - MINUTE, checked_at=BEFORE - MINUTE),
        doubt(),
        bought("between", "0.45"),
        bought("later", "7.00", marked_at=NOW + MINUTE),
        bought("elsewhere", "3.00", panel="other"),
    ]
    weighed = evidence_of(*attempts, after="996.85", now=NOW + 2 * MINUTE)
    assert (weighed.charged, weighed.missing) == (D("0.45"), D("0.90"))
    assert weigh(weighed).verdict is Verdict.PLACED


def test_orders_not_charged_yet_count_at_the_expected_price_and_that_is_said():
    verdict, said = weigh(evidence_of(doubt(), an_attempt(an_order("fresh")), after="996.40"))
    assert verdict is Verdict.PLACED
    assert "0.90 expected for orders that the panel has not charged yet" in said[0]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"exclusive": False}, "others may spend this balance"),
        ({"at": EARLIER + SETTLE - MINUTE}, "it may still be executed"),
        ({"before": None}, "no balance was seen before"),
        ({"after": None}, "no balance has been seen since"),
        ({"at": EARLIER - timedelta(seconds=1)}, "no balance has been seen since"),
        ({"after": "998.00"}, "that is not the price of this order (0.90)"),
        ({"after": "999.10"}, "something else moved the balance"),
    ],
)
@pytest.mark.parametrize("after", ["997.30", "998.20"])
def test_what_proves_nothing_is_called_inconclusive(changes, why, after):
    verdict, said = weigh(evidence_of(doubt(), **({"after": after} | changes)))
    assert verdict is Verdict.INCONCLUSIVE
    assert why in " ".join(said)


def test_a_change_of_currency_is_inconclusive():
    evidence = replace(evidence_of(doubt()), balance_after=a_balance("997.30", "EUR"))
    assert weigh(evidence).verdict is Verdict.INCONCLUSIVE


def test_late_refunds_of_older_orders_are_inconclusive():
    older = a_charged_attempt(
        "2.00", "1.10", LiveStatus.PARTIAL, None, order_id="older", marked_at=BEFORE - MINUTE, panel_order_id="p"
    )
    verdict, said = weigh(evidence_of(older, doubt(), after="998.20"))
    assert verdict is Verdict.INCONCLUSIVE
    assert "refunds of 0.90 for older orders" in said[-1]


def test_two_doubts_of_one_price_are_ambiguous_while_one_is_paid_and_clear_when_both_or_none_are():
    pair = (doubt(), doubt("rival"))
    one = weigh(evidence_of(*pair))
    assert one.verdict is Verdict.INCONCLUSIVE
    assert "or for spring/rival: ambiguous" in one.reasons[-1]
    both = weigh(evidence_of(*pair, after="996.40"))
    assert (both.verdict, "and of spring/rival together" in both.reasons[-1]) == (Verdict.PLACED, True)
    assert weigh(evidence_of(*pair, after="998.20")).verdict is Verdict.NOT_PLACED


def test_a_missing_amount_that_only_another_doubt_explains_speaks_against_this_one():
    rival = an_attempt(an_order("rival", quantity=500), AttemptState.IN_DOUBT)
    verdict, said = weigh(evidence_of(doubt(), rival, after="997.75"))
    assert verdict is Verdict.NOT_PLACED
    assert "the price of spring/rival, not of this order (0.90)" in said[-1]


def test_an_abandoned_order_is_a_rival_and_no_known_charge():
    verdict, _ = weigh(evidence_of(doubt(), doubt("given-up")._replace(state=AttemptState.ABANDONED)))
    assert verdict is Verdict.INCONCLUSIVE


def test_an_older_doubt_that_could_still_be_executed_is_a_rival_and_a_long_settled_one_is_not():
    for age, verdict in ((2 * MINUTE, Verdict.INCONCLUSIVE), (SETTLE * 2, Verdict.PLACED)):
        older = doubt("older", marked_at=BEFORE - age, settled_at=BEFORE - age)
        assert weigh(evidence_of(older, doubt())).verdict is verdict


def test_too_many_doubts_at_once_are_inconclusive():
    crowd = [doubt(f"rival-{n}") for n in range(12)]
    verdict, said = weigh(evidence_of(doubt(), *crowd))
    assert verdict is Verdict.INCONCLUSIVE
    assert "13 orders are in doubt at once" in said[-1]


def test_a_price_too_small_to_be_seen_is_inconclusive():
    tiny = an_attempt(an_order("lost", quantity=10), AttemptState.IN_DOUBT)
    verdict, said = weigh(evidence_of(tiny, after="998.20"))
    assert verdict is Verdict.INCONCLUSIVE
    assert "too small to be seen" in said[-1]


def test_a_refusal_as_a_duplicate_says_that_it_exists_whatever_the_balance_says():
    same = Duplicate("spring/lost", "1", NOW, "You have active order with this link")
    for exclusive in (True, False):
        weighing = weigh(evidence_of(doubt(), after="998.20", exclusive=exclusive, duplicates=(same,)))
        assert weighing.verdict is Verdict.PLACED
        assert "as a duplicate (You have active order with this link): this order was probably placed" in weighing[1][0]
    other = weigh(evidence_of(doubt(), exclusive=False, duplicates=(same._replace(service="2"),)))
    assert other.verdict is Verdict.INCONCLUSIVE
    assert "perhaps this one" in other.reasons[0]


def test_the_neighbours_are_the_nearest_own_ids_by_mark_on_the_same_panel():
    evidence = evidence_of(
        bought("first"), bought("near"), bought("foreign", panel="other"), doubt(), doubt("also"), bought("next"),
        bought("last"),
    )  # fmt: skip
    assert evidence.before is not None
    assert evidence.after is not None
    assert (evidence.before.panel_order_id, evidence.after.panel_order_id) == ("id-near", "id-next")


def test_a_left_over_that_no_run_has_met_has_its_window_open_until_now():
    evidence = evidence_of(doubt(settled_at=None)._replace(phase=None))
    assert evidence.was_killed
    assert (evidence.until, evidence.settles_at) == (NOW, NOW + SETTLE)


@settings(max_examples=60, deadline=None)
@given(
    prices=st.lists(st.integers(50, 5000), min_size=1, max_size=4),
    executed=st.lists(st.booleans(), min_size=4, max_size=4),
)
def test_a_proposal_is_never_wrong_when_nobody_else_moves_the_balance(prices, executed):
    """Prices of whole tenths of a cent against a balance of two decimals: what is proposed is what happened."""
    names = ["lost", *(f"r{n}" for n in range(len(prices) - 1))]
    attempts = [
        an_attempt(an_order(name, quantity=quantity), AttemptState.IN_DOUBT)
        for name, quantity in zip(names, prices, strict=True)
    ]
    gone = sum((one.expected_charge for one, was in zip(attempts, executed, strict=False) if was), D(0))
    left = (D("998.20") - gone).quantize(D("0.01"))
    verdict = weigh(evidence_of(*attempts, after=str(left))).verdict
    truth = Verdict.PLACED if executed[0] else Verdict.NOT_PLACED
    assert verdict in (truth, Verdict.INCONCLUSIVE)


# Late signs


def declared(*attempts, gone="0.90", **changes):
    facts = {
        "balances": [a_balance(str(D("100") - D(gone)), at=NOW)],
        "first_balances": [a_balance("100", at=BEFORE)],
        "decisions": [Decided(1, DecisionKind.NOT_PLACED, None, BY)],
    }
    return recorded_with(*attempts, **(facts | changes))


def signs(recorded):
    return late_signs(recorded, make_ledger(recorded))


NOT_SENT = AttemptState.NOT_SENT


def test_an_unexplained_amount_that_covers_the_price_names_the_order_and_the_day():
    (sign,) = signs(declared(doubt()._replace(state=NOT_SENT)))
    assert sign.startswith("spring/lost, declared not placed on 2026-03-01 12:00 UTC, looks as if it was executed")
    assert "0.90 is gone from sandbox unexplained, its price was 0.90" in sign
    assert "runner doubt show spring/lost" in sign


@pytest.mark.parametrize("gone", ["0", "0.50", "-3"])
def test_a_smaller_unexplained_amount_warns_of_nothing(gone):
    assert signs(declared(doubt()._replace(state=NOT_SENT), gone=gone)) == ()


def test_rounding_does_not_hide_a_late_sign():
    order = an_attempt(an_order(quantity=1113), NOT_SENT)  # 1.0017
    assert len(signs(declared(order, gone="1.00"))) == 1


def test_an_order_still_in_doubt_is_named_as_another_explanation():
    (sign,) = signs(declared(doubt()._replace(state=NOT_SENT), doubt("open")))
    assert "or it paid for spring/open, still in doubt" in sign


def test_a_refusal_as_a_duplicate_is_a_late_sign_without_any_balance():
    decided = Decided(1, DecisionKind.NOT_PLACED, None, BY, NOW)
    recorded = declared(
        doubt()._replace(state=NOT_SENT),
        an_attempt(an_order("lost"), AttemptState.REFUSED),
        gone="0",
        decisions=[decided],
    )
    (sign,) = signs(recorded)
    assert "as a duplicate" in sign


@pytest.mark.parametrize("kind", [DecisionKind.ADOPT, DecisionKind.ABANDON])
def test_other_decisions_leave_no_late_signs(kind):
    assert signs(declared(doubt(), decisions=[Decided(1, kind, None, BY, NOW)])) == ()


def test_the_plan_says_why_an_order_declared_not_placed_is_bought_and_where_a_doubt_is_explained():
    recorded = declared(doubt()._replace(state=NOT_SENT), doubt("open"), gone="0")
    plan = make_plan([a_campaign(an_order("lost"), an_order("open"))], recorded)
    assert reasons(plan)["spring/lost"] == "declared not placed last time: `runner doubt show spring/lost`"
    assert "`runner doubt show spring/open`" in reasons(plan)["spring/open"]
