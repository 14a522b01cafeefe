"""What the first orders of a service are charged, before many follow."""

from collections import Counter
from dataclasses import replace
from decimal import Decimal

import pytest

from runner.core.attempts import LiveStatus, StatusSeen
from runner.core.catalogue import Service
from runner.core.errors import ExitCode, PanelUnreachable
from runner.core.events import EventType
from runner.engine.first_charges import FIRST
from tests.engine.simulated import SimulatedPanel, campaign
from tests.engine.test_apply import run


class ChargingPanel(SimulatedPanel):
    """Charges each service `factor` times what it lists, and shows charges from the n-th look on."""

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)  # type: ignore[arg-type]
        self.factors: dict[str, str] = {}
        self.hidden = 0  # looks that show "0"
        self.unreadable = 0  # looks that fail
        one = self.services_by_id["1"]
        self.services_by_id["3"] = Service("3", "Likes", *one[2:])

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
                self.ids[order].expected_charge * Decimal(self.factors.get(self.ids[order].service, "1"))
                if shown
                else Decimal(0),
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
    assert FIRST <= panel.bought["1"] <= FIRST - 1 + parallel
    assert result.exit_code is ExitCode.PARTLY
    async with open_run(panel) as session:
        again = await run(session, campaign(300))
    assert (again.exit_code, again.placed) == (ExitCode.GUARD, 0)
    assert [refusal.guard for refusal in again.plan.refusals] == ["first-charge"]


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
    assert panel.status_calls == [FIRST, 40]  # the first charges, and all at the end
    assert clock.monotonic() == 0


async def test_few_orders_of_a_service_wait_for_nothing_and_are_looked_at_in_the_end(open_run, panel):
    panel.factors = {"1": "1.5"}
    async with open_run() as session:
        result = await run(session, campaign(FIRST))
    assert panel.status_calls == [FIRST]
    assert (result.exit_code, result.placed) == (ExitCode.OK, FIRST)
    assert "was charged 0.135 and 0.09 was expected" in result.warnings[0]


async def test_a_charge_that_is_shown_late_is_waited_for(open_run, panel):
    panel.hidden, panel.factors = 2, {"1": "2"}
    async with open_run() as session:
        result = await run(session, campaign(100))
    assert result.exit_code is ExitCode.PARTLY
    assert panel.bought["1"] < 10


async def test_a_panel_that_shows_no_charges_holds_a_run_for_seconds_and_says_so(open_run, panel, clock, events):
    panel.hidden = 10**9
    async with open_run() as session:
        result = await run(session, campaign(100))
    assert (result.exit_code, result.placed) == (ExitCode.OK, 100)
    assert 0 < clock.monotonic() <= 5
    assert notes(events) == ["sim shows no charge for the first orders of service 1: not compared"]


async def test_statuses_that_can_not_be_read_hold_nothing(open_run, panel, events):
    panel.unreadable = 1
    async with open_run() as session:
        result = await run(session, campaign(50))
    assert (result.exit_code, result.placed) == (ExitCode.OK, 50)
    assert "could not be read: no answer" in notes(events)[0]


async def test_the_charges_that_were_read_are_recorded(open_run, panel):
    panel.factors = {"1": "3"}
    async with open_run() as session:
        await run(session, campaign(100))
        recorded = await session.journal.recorded()
    known = [one for attempts in recorded.attempts.values() for one in attempts if one.first_charge is not None]
    assert len(known) >= FIRST


async def test_an_interruption_ends_the_wait_for_a_charge(open_run, panel):
    panel.hidden = 10**9
    async with open_run() as session:

        def stop_when_waiting(event):
            events.append(event)
            if event.type is EventType.SETTLED and len(events) > 12:
                session.stop.request()

        events: list[object] = []
        listening = replace(session, listen=stop_when_waiting)
        listening.stop.on_request(lambda: None)
        result = await run(listening, campaign(100))
    assert result.exit_code is ExitCode.INTERRUPTED
    assert result.placed < 100
