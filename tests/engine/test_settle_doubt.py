"""Doubts settled over a real journal and a panel in memory, and what the next runs make of them."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import count

import pytest

from runner.core.attempts import Attempt, AttemptState, LiveStatus, StatusSeen
from runner.core.doubts import Decision, DecisionKind
from runner.core.errors import ExitCode, GuardRefused, InvalidInput, PanelUnreachable, StateRefused
from runner.core.operations import DoubtLeftOvers
from runner.engine.decisions.settle_doubt import Choice, check_adoption, check_looked, find, is_decided, record
from runner.engine.run import PlanRequest, apply
from runner.engine.session import Session
from runner.planning.doubts.evidence import Verdict, Weighing
from tests.engine.simulated import SimulatedPanel, campaign, lost

LOST = "spring/o1"
RUNS = count()
MINUTE = timedelta(minutes=1)


def by(session: Session, reason: str = "looked") -> Decision:
    return Decision(reason, "anna", "build-1", session.clock.now())


async def run(session: Session, *campaigns, **parts):
    return await apply(session, PlanRequest(campaigns=campaigns or (campaign(3, **parts),)), lambda _plan: True)


async def case_of(session: Session, address: str = LOST):
    return find(await session.journal.recorded(), address)


async def decide(session: Session, kind: DecisionKind, order_id: str | None = None, seen=None, address=LOST) -> bool:
    case = await case_of(session, address)
    return await record(session.journal, f"decision-{next(RUNS)}", case, Choice(kind, by(session), order_id), seen)


@pytest.fixture
def bought(panel: SimulatedPanel) -> bool:
    """Whether the order whose answer is lost exists."""
    return True


@pytest.fixture
async def doubtful(open_run, panel: SimulatedPanel, clock, bought):
    """A state with three orders, one of them in doubt, and its balance seen once more after the settle time."""
    panel.script = lambda attempt, _n: lost(panel, attempt, bought=bought) if attempt.order_id == "o1" else None
    async with open_run() as session:
        await run(session)
    async with open_run() as session:  # the doubt stopped the panel: the rest is bought by the next run
        result = await run(session)
        assert (result.exit_code, result.in_doubt) == (ExitCode.IN_DOUBT, 1)
    panel.script = lambda _attempt, _n: None
    return open_run


def id_of(panel: SimulatedPanel, order_id: str = "o1") -> str:
    return next(panel_id for panel_id, attempt in panel.ids.items() if attempt.order_id == order_id)


async def test_an_adopted_order_is_polled_and_never_bought_again(doubtful, panel):
    async with doubtful() as session:
        recorded = await session.journal.recorded()
        seen, misfits = await check_adoption(
            find(recorded, LOST), id_of(panel), panel, recorded, session.clock.now(), force=False
        )
        assert misfits == []
        assert await decide(session, DecisionKind.ADOPT, id_of(panel), seen)
        adopted = (await case_of(session)).attempt
        assert (adopted.state, adopted.status) == (AttemptState.PLACED, LiveStatus.PENDING)
        assert adopted.charge == adopted.expected_charge
    panel.status_calls.clear()
    async with doubtful() as session:
        result = await run(session)
    assert (result.exit_code, result.placed, result.plan.ok) == (ExitCode.OK, 0, 3)
    assert panel.status_calls == [3]
    assert result.report.unexplained == 0
    assert len(panel.links) == len(set(panel.links)) == 3


@pytest.mark.parametrize("bought", [False])
async def test_after_not_placed_the_next_apply_buys_it_exactly_once(doubtful, panel):
    async with doubtful() as session:
        assert await decide(session, DecisionKind.NOT_PLACED)
    placed = []
    for _ in range(3):
        async with doubtful() as session:
            result = await run(session)
            placed.append((result.exit_code, result.placed, result.warnings))
    assert placed == [(ExitCode.OK, 1, ()), (ExitCode.OK, 0, ()), (ExitCode.OK, 0, ())]
    assert sorted(panel.links) == sorted({attempt.link for attempt in panel.sold})


async def test_an_order_declared_not_placed_that_was_executed_after_all_is_warned_of_in_every_later_apply(
    doubtful, panel
):
    async with doubtful() as session:
        await decide(session, DecisionKind.NOT_PLACED)
    for _ in range(2):
        async with doubtful() as session:
            result = await run(session)
        (warning,) = result.warnings
        assert warning.startswith("spring/o1, declared not placed on 2026-01-01")


async def test_an_abandoned_order_counts_as_spent_and_is_never_bought_again(doubtful, panel):
    async with doubtful() as session:
        assert await decide(session, DecisionKind.ABANDON)
    adds = panel.adds
    for _ in range(2):
        async with doubtful() as session:
            result = await run(session)
    assert (result.exit_code, result.placed, panel.adds) == (ExitCode.OK, 0, adds)
    assert (result.report.spent, result.report.in_doubt) == (Decimal("0.27"), 0)


async def test_the_same_decision_again_changes_nothing_and_another_one_is_refused_with_the_history(doubtful):
    async with doubtful() as session:
        assert await decide(session, DecisionKind.ABANDON)
    async with doubtful() as session:
        before = await session.journal.recorded()
        assert await decide(session, DecisionKind.ABANDON) is False
        with pytest.raises(StateRefused, match="abandoned by anna on build-1"):
            await decide(session, DecisionKind.NOT_PLACED)
        after = await session.journal.recorded()
        assert (after.attempts, after.decisions) == (before.attempts, before.decisions)
        case = find(after, LOST)
    assert is_decided(case, DecisionKind.ABANDON)
    for kind, order_id in ((DecisionKind.NOT_PLACED, None), (DecisionKind.ADOPT, "1")):
        with pytest.raises(InvalidInput, match=r"no longer in doubt: abandoned by anna on build-1 at .*: looked"):
            is_decided(case, kind, order_id)


async def test_a_left_over_of_a_killed_run_can_be_settled_without_another_apply(open_run, panel):
    class Killed(BaseException):
        """The plug is pulled."""

    async def die(_attempt, _owned, **_deadline):
        raise Killed

    sell, panel.add = panel.add, die
    async with open_run() as session:
        with pytest.raises(Killed):
            await run(session, campaign(1))
    panel.add = sell
    async with open_run() as session:
        await session.journal.record(DoubtLeftOvers(session.clock.now()))
        case = await case_of(session, "spring/o0")
        assert case.attempt.phase is None
        assert await decide(session, DecisionKind.NOT_PLACED, address="spring/o0")
    async with open_run() as session:
        assert (await run(session, campaign(1))).placed == 1


async def test_addresses_that_are_unknown_or_were_never_in_doubt_are_refused(doubtful):
    async with doubtful() as session:
        recorded = await session.journal.recorded()
    for address, why in (("spring/o9", "knows no order"), ("o1", "knows no order"), ("spring/o0", "it is order 2350")):
        with pytest.raises(InvalidInput, match=why):
            find(recorded, address)


async def test_an_order_that_is_in_doubt_again_is_settled_anew(doubtful, panel):
    async with doubtful() as session:
        await decide(session, DecisionKind.NOT_PLACED)
    panel.script = lambda attempt, _n: lost(panel, attempt, bought=True)
    async with doubtful() as session:
        assert (await run(session)).in_doubt == 1
        case = await case_of(session)
        assert case.decided is None
        assert [one.kind for one in case.history] == [DecisionKind.NOT_PLACED]
        assert await decide(session, DecisionKind.ADOPT, "77")


# What the panel says about an id


def a_doubt(case, **changes) -> Attempt:
    return replace(case, attempt=case.attempt._replace(**changes))


async def asked(session: Session, panel: SimulatedPanel, order_id: str, *, force: bool = False, **answer):
    """What comes of adopting `order_id` when the panel answers so."""
    recorded = await session.journal.recorded()
    facts = {"status": LiveStatus.PENDING, "status_text": "", "charge": None, "start_count": None, "remains": None}

    async def statuses(wanted, at):
        if answer.get("absent"):
            return []
        said = {**facts, **answer, "currency": None, "checked_at": at}
        return [StatusSeen(attempt_id=attempt_id, **said) for attempt_id in wanted.values()]

    panel.statuses = statuses
    return await check_adoption(find(recorded, LOST), order_id, panel, recorded, session.clock.now(), force=force)


FITTING = [
    {},
    {"charge": Decimal("0.09"), "remains": 100},
    {"charge": Decimal("0.0900"), "remains": 0},
    {"charge": Decimal("0.1"), "remains": -3},
    {"charge": Decimal(0), "remains": 100},
    {"status": LiveStatus.CANCELED, "charge": Decimal(0)},
    {"status": LiveStatus.PARTIAL, "charge": Decimal("0.0360"), "remains": 60},
]
NOT_FITTING = [
    ({"charge": Decimal("0.90")}, "it cost 0.90, expected was 0.09"),
    ({"charge": Decimal("0.0360"), "remains": 60}, "it cost 0.036"),
    ({"remains": 101}, "101 units remain of 100 ordered"),
    ({"charge": Decimal(7), "remains": 500}, "it cost 7.00, expected was 0.09; 500 units remain"),
    ({"error": "Incorrect order ID", "status": LiveStatus.UNKNOWN}, "Incorrect order ID"),
    ({"absent": True}, "says nothing about an order 900"),
]


@pytest.mark.parametrize("answer", FITTING, ids=str)
async def test_an_order_that_fits_or_does_not_say_is_adopted(doubtful, panel, answer):
    async with doubtful() as session:
        _, misfits = await asked(session, panel, "900", **answer)
    assert misfits == []


@pytest.mark.parametrize(("answer", "why"), NOT_FITTING, ids=str)
async def test_an_order_that_does_not_fit_is_refused_with_what_did_not_and_may_be_forced(doubtful, panel, answer, why):
    async with doubtful() as session:
        with pytest.raises(GuardRefused) as refusal:
            await asked(session, panel, "900", **answer)
        assert why in refusal.value.message
        seen, misfits = await asked(session, panel, "900", force=True, **answer)
    assert misfits
    assert (seen is None) == ("error" in answer or "absent" in answer)


@pytest.mark.parametrize("force", [False, True])
async def test_an_id_that_is_ours_already_is_never_adopted_not_even_by_force(doubtful, panel, force):
    async with doubtful() as session:
        with pytest.raises(GuardRefused, match="is spring/o0 already"):
            await asked(session, panel, id_of(panel, "o0"), force=force)


async def test_a_panel_that_does_not_answer_leaves_the_doubt_as_it_is(doubtful, panel):
    async def silent(_wanted, _at):
        raise PanelUnreachable("no answer")

    panel.statuses = silent
    async with doubtful() as session:
        recorded = await session.journal.recorded()
        with pytest.raises(PanelUnreachable):
            await check_adoption(find(recorded, LOST), "900", panel, recorded, session.clock.now(), force=True)
        assert (await case_of(session)).attempt.state is AttemptState.IN_DOUBT


NOTHING_MISSING = Weighing(Verdict.NOT_PLACED, ("nothing is missing",))


async def test_not_placed_is_refused_before_the_settle_time_unless_somebody_looked(doubtful):
    async with doubtful() as session:
        case = await case_of(session)
    early = case.attempt.settled_at + 9 * MINUTE
    with pytest.raises(GuardRefused, match=r"may still appear on sim until 2026-01-01 00:10 UTC") as refusal:
        check_looked(case, NOTHING_MISSING, 10 * MINUTE, early, checked=False)
    assert "--i-checked" in refusal.value.hint
    assert check_looked(case, NOTHING_MISSING, 10 * MINUTE, early, checked=True) is True


@pytest.mark.parametrize("verdict", [Verdict.NOT_PLACED, Verdict.INCONCLUSIVE])
async def test_after_it_money_spares_nobody_the_look(doubtful, verdict):
    async with doubtful() as session:
        case = await case_of(session)
    late, weighing = case.attempt.settled_at + 60 * MINUTE, NOTHING_MISSING._replace(verdict=verdict)
    with pytest.raises(GuardRefused, match="only the panel's own order list can tell") as refusal:
        check_looked(case, weighing, 10 * MINUTE, late, checked=False)
    assert "--i-checked" in refusal.value.hint
    assert check_looked(case, weighing, 10 * MINUTE, late, checked=True) is False


async def test_a_left_over_that_no_run_has_declared_has_its_settle_time_before_it(doubtful, clock):
    async with doubtful() as session:
        case = a_doubt(await case_of(session), settled_at=None)
    clock.advance(3600)
    with pytest.raises(GuardRefused, match="may still appear"):
        check_looked(case, NOTHING_MISSING, 10 * MINUTE, clock.now(), checked=False)


async def test_not_placed_is_refused_against_evidence_that_it_was_placed_unless_somebody_looked(doubtful):
    async with doubtful() as session:
        case = await case_of(session)
    late, placed = case.attempt.settled_at + 60 * MINUTE, Weighing(Verdict.PLACED, ("0.09 is missing",))
    with pytest.raises(GuardRefused, match=r"was probably placed: 0\.09 is missing"):
        check_looked(case, placed, 10 * MINUTE, late, checked=False)
    assert check_looked(case, placed, 10 * MINUTE, late, checked=True) is True
