"""How the refills of each service fared."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from runner.core.refills import Refill, RefillState
from runner.planning.accounting.periods import Period
from runner.planning.refills.refill_rates import RefillRate, refill_rates
from tests.planning.builders import NOW, an_attempt, an_order, recorded_with


def asked(*states: RefillState, ago: timedelta = timedelta(0)) -> list[Refill]:
    return [Refill(n, 1, state, None, None, "", NOW - ago, NOW - ago, None) for n, state in enumerate(states)]


def test_refills_are_counted_by_service_and_the_rate_is_of_those_that_ended():
    recorded = recorded_with(
        an_attempt(an_order("a")), an_attempt(an_order("b")), an_attempt(an_order("c", service="9"), panel="other")
    )
    completed, rejected, refused = RefillState.COMPLETED, RefillState.REJECTED, RefillState.REFUSED
    refills = {
        1: asked(completed, completed, RefillState.NOT_SENT, RefillState.REQUESTED),
        2: asked(completed, rejected, refused, RefillState.UNKNOWN),
        3: asked(RefillState.ASKING),
    }
    first, second = refill_rates(replace(recorded, refills=refills))
    assert first == RefillRate("other/9", asked=1, open=1, completed=0, rejected=0, refused=0, unknown=0)
    assert first.rate is None
    assert second == RefillRate("sandbox/1", asked=7, open=1, completed=3, rejected=1, refused=1, unknown=1)
    assert second.rate == Decimal("0.6")
    assert refill_rates(recorded) == []


def test_a_period_counts_what_was_asked_for_in_it_whenever_its_order_was_bought():
    bought = an_attempt(marked_at=NOW - timedelta(days=20))
    completed = asked(RefillState.COMPLETED, ago=timedelta(days=1))
    lost = asked(RefillState.REJECTED, ago=timedelta(days=9))
    recorded = replace(recorded_with(bought), refills={1: [*lost, *completed]})
    (rate,) = refill_rates(recorded, Period(NOW - timedelta(days=2), None))
    assert (rate.asked, rate.completed, rate.rate) == (1, 1, 1)
    assert refill_rates(recorded, Period(NOW, None)) == []
