"""What is bought is confirmed by charges or the balance before much more follows."""

from collections import Counter
from dataclasses import replace
from decimal import Decimal

import pytest

from runner.core.attempts import LiveStatus, StatusSeen
from runner.core.catalogue import Service
from runner.core.errors import ExitCode, PanelUnreachable
from runner.core.events import EventType
from runner.core.orders import Budget
from runner.planning.guards.send_window import FIRST
from tests.engine.simulated import SimulatedPanel, campaign
from tests.engine.test_apply import run


class ChargingPanel(SimulatedPanel):
    """Charges each service `factor` times what it lists, and shows charges from the n-th look on."""

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)  # type: ignore[arg-type]
        self.factors: dict[str, str] = {}
        self.takes = True  # the balance falls with each order
        self.hidden = 0  # looks that show "0"
        self.unreadable = 0  # looks that fail
        one = self.services_by_id["1"]
        self.services_by_id["3"] = Service("3", "Likes", *one[2:])

    def charge_of(self, attempt) -> Decimal:
        return attempt.expected_charge * Decimal(self.factors.get(attempt.service, "1"))

    def sell(self, attempt):  # type: ignore[no-untyped-def]
        outcome = super().sell(attempt)
        self.funds += attempt.expected_charge - (self.charge_of(attempt) if self.takes else Decimal(0))
        return outcome

    async def statuses(self, wanted, at):  # type: ignore[no-untyped-def]
        if self.unreadable:
            self.unreadable -= 1
            raise PanelUnreachable("no answer")
        self.status_calls.append(len(wanted))
        shown = self.hidden <= 0
        self.hidden -= 1
        return [
            StatusSeen(
                attempt_id,
                LiveStatus.PENDING,
                "Pending",
                self.charge_of(self.ids[order]) if shown else Decimal(0),
                None,
                None,
                "USD",
                at,
            )
            for order, attempt_id in wanted.items()
        ]

    @property
    def bought(self) -> Counter[str]:
        return Counter(attempt.service for attempt in self.sold)


@pytest.fixture
def panel(clock) -> ChargingPanel:
    return ChargingPanel(clock=clock)


def two_services(count: int):
    listed = campaign(count, quantity=1000)
    orders = [order._replace(service="3" if number % 2 else "1") for number, order in enumerate(listed.orders)]
    return replace(listed, orders=orders)


def notes(events) -> list[str]:
    return [str(event.facts["message"]) for event in events if event.type is EventType.NOTE]


async def test_a_service_that_is_charged_otherwise_is_stopped_and_the_others_go_on(open_run, panel, events):
    panel.factors = {"3": "1.02"}
    async with open_run() as session:
        result = await run(session, two_services(100))
    assert panel.bought["1"] == 50
    assert panel.bought["3"] <= FIRST - 1 + panel.profile.parallel_add
    assert result.exit_code is ExitCode.PARTLY
    (warning,) = result.warnings
    assert "service 3 on sim" in warning
    assert "was charged 0.918 and 0.90 was expected" in warning
    assert 'charge_factor: {"3": "1.02"}' in warning
    assert any("no further order of it is sent" in note for note in notes(events))


@pytest.mark.parametrize("parallel", [1, 2, 50])
async def test_with_any_number_in_flight_few_orders_are_bought_before_the_verdict(open_run, clock, parallel):
    panel = ChargingPanel(clock=clock, parallel=parallel, pace=0.05)
    panel.factors = {"1": "1000"}
    async with open_run(panel) as session:
        result = await run(session, campaign(300))
    assert panel.bought["1"] == FIRST
    assert result.exit_code is ExitCode.PARTLY
    async with open_run(panel) as session:
        again = await run(session, campaign(300))
    assert (again.exit_code, again.placed) == (ExitCode.GUARD, 0)
    assert [refusal.guard for refusal in again.plan.refusals] == ["charge"]


async def test_an_accepted_factor_lets_the_service_be_bought(open_run, panel):
    panel.factors = {"1": "1.05"}
    async with open_run() as session:
        assert (await run(session, campaign(20, quantity=1000))).exit_code is ExitCode.PARTLY
    panel.factors = {}  # the panel of this test takes it times what was expected, and the factor is in that now
    panel.profile = replace(panel.profile, charge_factors={"1": Decimal("1.05")})
    async with open_run() as session:
        result = await run(session, campaign(20, quantity=1000))
    assert (result.exit_code, result.plan.exit_code) == (ExitCode.OK, ExitCode.OK)
    assert panel.bought["1"] == 20


async def test_charges_as_expected_cost_one_look_and_hold_nothing(open_run, panel, clock):
    async with open_run() as session:
        result = await run(session, campaign(40))
    assert (result.exit_code, result.placed, result.warnings) == (ExitCode.OK, 40, ())
    assert sum(panel.status_calls) == 40  # each once
    assert clock.monotonic() == 0


async def test_few_orders_wait_for_nothing_and_are_looked_at_in_the_end(open_run, panel):
    panel.factors = {"1": "1.5"}
    async with open_run() as session:
        result = await run(session, campaign(FIRST))
    assert panel.status_calls == [FIRST]
    assert (result.exit_code, result.placed) == (ExitCode.PARTLY, FIRST)
    assert "was charged 0.135 and 0.09 was expected" in result.warnings[0]


async def test_a_charge_that_is_shown_late_is_waited_for(open_run, panel):
    panel.hidden, panel.factors = 2, {"1": "2"}
    async with open_run() as session:
        result = await run(session, campaign(100))
    assert result.exit_code is ExitCode.PARTLY
    assert panel.bought["1"] < 10


async def test_where_no_charge_is_shown_the_fall_of_the_balance_confirms(open_run, panel, clock, events):
    panel.hidden = 10**9
    async with open_run() as session:
        result = await run(session, campaign(100))
    assert (result.exit_code, result.placed, notes(events)) == (ExitCode.OK, 100, [])
    assert clock.monotonic() == 0


async def test_a_balance_that_falls_too_far_stops_the_panel_at_its_first_orders(open_run, panel):
    panel.hidden, panel.factors = 10**9, {"1": "100"}
    async with open_run() as session:
        result = await run(session, campaign(300))
    assert (result.exit_code, result.placed) == (ExitCode.PARTLY, FIRST)
    async with open_run() as session:
        again = await run(session, campaign(300))
    assert (again.exit_code, again.placed) == (ExitCode.GUARD, 0)
    assert [one.guard for one in again.plan.refusals] == ["unconfirmed"]


async def test_a_panel_that_shows_neither_charge_nor_balance_is_not_bought_on_beyond_the_first_orders(
    open_run, panel, clock, events
):
    panel.hidden, panel.takes = 10**9, False
    async with open_run() as session:
        result = await run(session, campaign(100))
    assert (result.exit_code, result.placed) == (ExitCode.PARTLY, FIRST)
    (stopped,) = [str(one.facts["message"]) for one in events if one.type is EventType.PANEL_STOPPED]
    assert "shows no charge for the last 4 orders, and its balance has not fallen" in stopped
    assert "charges: hidden" in stopped
    assert 10 < clock.monotonic() < 20


async def test_a_panel_that_is_said_to_hide_its_charges_is_bought_on(open_run, panel):
    panel.hidden, panel.takes = 10**9, False
    panel.profile = replace(panel.profile, hides_charges=True)
    async with open_run() as session:
        result = await run(session, campaign(100))
    assert (result.exit_code, result.placed) == (ExitCode.OK, 100)


async def test_a_price_that_rises_while_buying_stops_its_service_and_the_caps_count_what_was_taken(open_run, panel):
    sell = panel.sell

    def dearer_after_20(attempt):
        if len(panel.sold) == 20:
            panel.factors = {"1": "10"}
        return sell(attempt)

    panel.sell = dearer_after_20
    async with open_run() as session:
        result = await run(session, replace(campaign(600), budget=Budget(total=Decimal("54.00"))), max_cost=Decimal(54))
    assert result.exit_code is ExitCode.PARTLY
    assert Decimal(1000) - panel.funds < Decimal("54.00")
    assert panel.bought["1"] < 100
    assert result.report.spent == sum(one.cost for one in result.orders)


async def test_an_overrun_of_a_cap_stops_the_panel_and_is_told_by_every_later_run(open_run, panel):
    panel.factors = {"1": "100", "3": "1"}
    budget = Budget(total=Decimal("100.00"))
    async with open_run() as session:
        result = await run(session, replace(two_services(100), budget=budget))
    assert result.exit_code is ExitCode.PARTLY
    assert any("budget.total is overdrawn" in warning for warning in result.warnings)
    async with open_run() as session:
        again = await run(session, replace(two_services(100), budget=budget))
    assert again.exit_code is ExitCode.GUARD
    assert "budget.total" in [one.guard for one in again.plan.refusals]


async def test_charges_rounded_to_cents_count_as_they_are_and_in_what_is_bought_next(open_run, clock):
    panel = ChargingPanel(clock=clock)
    panel.charge_of = lambda _attempt: Decimal("0.01")  # type: ignore[method-assign]
    one = panel.services_by_id["1"]
    panel.services_by_id["1"] = one._replace(rate=Decimal("0.052"))
    spring = replace(campaign(70), budget=Budget(total=Decimal("0.40"), per_run=Decimal("0.40")))
    async with open_run(panel) as session:
        result = await run(session, spring, max_cost=Decimal("0.40"))
    taken = Decimal(1000) - panel.funds
    assert result.exit_code is ExitCode.PARTLY
    assert taken <= Decimal("0.40")
    assert result.report.spent == taken
    async with open_run(panel) as session:
        again = await run(session, spring)
    assert [one.cost for one in again.plan.actions][:1] == [Decimal("0.01")]
    assert Decimal(1000) - panel.funds <= Decimal("0.40")


async def test_many_services_charged_wrongly_stop_the_panel_after_its_first_orders(open_run, panel):
    one = panel.services_by_id["1"]
    panel.services_by_id = {str(n): Service(str(n), f"Service {n}", *one[2:]) for n in range(25)}
    panel.factors = {str(n): "100" for n in range(25)}
    listed = campaign(100)
    orders = [order._replace(service=str(number % 25)) for number, order in enumerate(listed.orders)]
    async with open_run() as session:
        result = await run(session, replace(listed, orders=orders, budget=Budget(total=Decimal("9.00"))))
    assert result.exit_code is ExitCode.PARTLY
    assert result.placed <= 2 * FIRST


def after_20_orders(panel, clock, happens):
    """Something happens while a run is long under way."""
    sell = panel.sell

    def sold(attempt):
        if len(panel.sold) == 20:
            clock.advance(601)
            happens()
        return sell(attempt)

    panel.sell = sold


@pytest.mark.parametrize(
    "listed", [{}, {"1": "0.91"}, {"1": "9.00", "3": "0.90"}], ids=["gone", "a little dearer", "ten times"]
)
async def test_a_service_whose_listed_price_rises_in_a_long_run_is_stopped(open_run, panel, clock, events, listed):
    one = panel.services_by_id["1"]

    def change():
        panel.services_by_id = {
            key: Service(key, "Followers", *one[2:])._replace(rate=Decimal(rate)) for key, rate in listed.items()
        }
        panel.charge_of = lambda attempt: attempt.expected_charge  # charged as before: only the list tells

    after_20_orders(panel, clock, change)
    async with open_run() as session:
        result = await run(session, two_services(100))
    assert result.exit_code is ExitCode.PARTLY
    assert panel.bought["1"] <= 20
    assert (panel.bought["3"] == 50) is ("3" in listed)
    assert any("was planned at 0.90: no further order of it is sent" in note for note in notes(events))


async def test_a_price_list_that_can_not_be_read_again_stops_a_long_run(open_run, panel, clock, events):
    def fail():
        async def services(_at):
            raise PanelUnreachable("no answer")

        panel.services = services

    after_20_orders(panel, clock, fail)
    async with open_run() as session:
        result = await run(session, campaign(100))
    assert result.exit_code is ExitCode.PARTLY
    assert result.placed <= 20 + panel.profile.parallel_add
    (stopped,) = [str(one.facts["message"]) for one in events if one.type is EventType.PANEL_STOPPED]
    assert "the price list of sim could not be read again (no answer)" in stopped


async def test_statuses_that_can_not_be_read_once_hold_nothing(open_run, panel):
    panel.unreadable = 1
    async with open_run() as session:
        result = await run(session, campaign(50))
    assert (result.exit_code, result.placed) == (ExitCode.OK, 50)


async def test_the_charges_that_were_read_are_recorded(open_run, panel):
    panel.factors = {"1": "3"}
    async with open_run() as session:
        await run(session, campaign(100))
        recorded = await session.journal.recorded()
    known = [one for attempts in recorded.attempts.values() for one in attempts if one.first_charge is not None]
    assert len(known) >= FIRST


async def test_an_interruption_ends_the_wait_for_a_charge(open_run, panel):
    panel.hidden, panel.takes = 10**9, False
    async with open_run() as session:

        def stop_when_waiting(event):
            events.append(event)
            if event.type is EventType.SETTLED and len(events) > 8:
                session.stop.request()

        events: list[object] = []
        listening = replace(session, listen=stop_when_waiting)
        listening.stop.on_request(lambda: None)
        result = await run(listening, campaign(100))
    assert result.exit_code is ExitCode.INTERRUPTED
    assert result.placed < 100
