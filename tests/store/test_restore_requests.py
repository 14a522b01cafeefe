"""What was decided, asked for and seen after a copy was made outlives its restoration: added, never taken back."""

from datetime import timedelta
from decimal import Decimal

import pytest

from runner.core.attempts import AttemptState, Outcome, OutcomeKind, Phase, RefusalReason
from runner.core.catalogue import Balance, BalanceSeen
from runner.core.doubts import AnswerKept, Decision, DecisionKind
from runner.core.operations import (
    Abandon,
    Adopt,
    AskRefills,
    BeginRun,
    DoubtLeftOvers,
    EndRun,
    NotPlaced,
    SeeBalance,
    SeeCancels,
    SeeRefills,
    SettleRefills,
)
from runner.core.refills import CancelRequest, CancelState, Finality, RefillSeen, RefillSettled, RefillState
from runner.planning.refills.due_refills import asked
from runner.store.read.doubts import read_kept
from runner.store.read.snapshot import read_state
from runner.store.recovery.merge_copies import MergeVerdict
from runner.store.recovery.restore import plan_restore, restore
from runner.store.recovery.verify import verify
from runner.store.startup.backup import backup
from runner.store.startup.opening import open_writer
from tests.store.making import NOW, a_mark, a_settle, attempts_of, placed, raw, refused, told

LATER = NOW + timedelta(hours=5)
BY = Decision("on the order page", "anna", "build-1", LATER)
LOST = Outcome(OutcomeKind.IN_DOUBT, message="reset", phase=Phase.ANSWERING, answer="<html>", size=6, http_status=502)
DUPLICATE = refused()._replace(reason=RefusalReason.DUPLICATE, answer="active order", size=12)
COMPLETED, REQUESTED, UNKNOWN = RefillState.COMPLETED, RefillState.REQUESTED, RefillState.UNKNOWN


@pytest.fixture
def bring_back(writer, paths, clock):
    """Closes the present state, restores a copy and answers with what was planned."""

    def close_and_restore(copy):
        writer.commit([EndRun("run-2", 0, LATER)])
        writer.close()
        plan = plan_restore(paths, copy)
        restore(paths, plan, "x", clock)
        assert [one for one in verify(paths).findings if "emergency" not in one.what] == []
        return plan

    return close_and_restore


def lost(writer, *orders):
    ids = writer.commit([a_mark(order) for order in orders])
    writer.commit([a_settle(one, LOST) for one in ids])
    return ids


def bought(writer, *orders):
    ids = writer.commit([a_mark(order) for order in orders])
    writer.commit([a_settle(one, placed(f"p{order}")) for one, order in zip(ids, orders, strict=True)])
    return ids


def decide_all(writer, ids):
    adopted, declared, abandoned = ids
    operations = [Adopt(adopted, "p77", BY), NotPlaced(declared, BY), Abandon(abandoned, BY)]
    assert writer.commit(operations) == [1, 1, 1]


DECIDED = [
    (AttemptState.PLACED, "p77", DecisionKind.ADOPT),
    (AttemptState.NOT_SENT, None, DecisionKind.NOT_PLACED),
    (AttemptState.ABANDONED, None, DecisionKind.ABANDON),
]


@pytest.mark.parametrize("when", ["the copy knows the doubts", "the copy knows marks only", "all came later"])
def test_decisions_made_after_the_copy_stand_with_their_evidence(writer, paths, clock, bring_back, when):
    bought(writer, 9)  # a state in which nothing was ever bought is not copied
    copy = backup(paths, clock)
    if when == "the copy knows marks only":
        ids = writer.commit([a_mark(order) for order in (1, 2, 3)])
        copy = backup(paths, clock)
        writer.commit([a_settle(one, LOST) for one in ids])
    else:
        ids = lost(writer, 1, 2, 3)
    if when == "the copy knows the doubts":
        copy = backup(paths, clock)
    clock.advance(60)
    decide_all(writer, ids)
    plan = bring_back(copy)
    assert told(plan) == dict.fromkeys(["spring/order-1", "spring/order-2", "spring/order-3"], MergeVerdict.DECIDED)
    assert "declared not placed by anna" in plan.merged.carried[1].message
    known = attempts_of(paths)
    recorded = read_state(paths)
    assert [(known[one].state, known[one].panel_order_id) for one in ids] == [row[:2] for row in DECIDED]
    assert [(one.attempt_id, one.kind, one.decision) for one in recorded.decisions] == [
        (one, row[2], BY) for one, row in zip(ids, DECIDED, strict=True)
    ]
    assert {kept.answer for kept in read_kept(paths, ids).values()} == {AnswerKept(502, 6, "<html>")}


def test_an_adopted_order_is_not_bought_again_and_a_declared_one_only_once(writer, paths, clock, lock, bring_back):
    ids = lost(writer, 1, 2)
    copy = backup(paths, clock)
    writer.commit([Adopt(ids[0], "p77", BY), NotPlaced(ids[1], BY)])
    bought(writer, 2)  # as the decision allowed, after the copy
    plan = bring_back(copy)
    assert [one.how for one in plan.merged.carried] == [
        MergeVerdict.DECIDED,
        MergeVerdict.DECIDED,
        MergeVerdict.IN_DOUBT,
    ]
    again = open_writer(paths, lock, clock).writer
    again.commit([BeginRun("run-3", "apply", LATER)])
    results = again.commit([a_mark(1)._replace(run_id="run-3"), a_mark(2)._replace(run_id="run-3")])
    again.close()
    assert not any(isinstance(result, int) for result in results)


def test_what_the_copy_has_decided_otherwise_stands_and_the_other_decision_is_told(writer, paths, clock, bring_back):
    (doubt,) = lost(writer, 1)
    copy = backup(paths, clock)
    writer.commit([NotPlaced(doubt, BY)])
    raw(copy_paths := type(paths).at(copy), "UPDATE attempts SET state = 'placed', panel_order_id = 'p5'")
    raw(
        copy_paths, "INSERT INTO decisions VALUES (?, 'adopt', 'p5', 'seen', 'bert', 'build-2', '2026-01-02', 0)", doubt
    )
    plan = bring_back(copy)
    assert told(plan) == {"spring/order-1": MergeVerdict.DECIDED_OTHERWISE}
    assert "declared not placed by anna" in plan.merged.carried[0].message
    assert "in the copy it is placed, and that stands" in plan.merged.carried[0].message
    assert attempts_of(paths)[doubt].panel_order_id == "p5"
    assert [one.kind for one in read_state(paths).decisions] == [DecisionKind.ADOPT]


def test_an_adopted_id_that_the_copy_gave_to_another_order_leaves_a_doubt(writer, paths, clock, bring_back):
    (doubt, other) = lost(writer, 1, 2)
    copy = backup(paths, clock)
    writer.commit([Adopt(doubt, "p5", BY)])
    raw(type(paths).at(copy), "UPDATE attempts SET state = 'placed', panel_order_id = 'p5' WHERE id = ?", other)
    bring_back(copy)
    known = attempts_of(paths)
    assert (known[doubt].state, known[doubt].panel_order_id) == (AttemptState.IN_DOUBT, None)
    assert "adopted as order p5 by anna" in known[doubt].message
    assert known[other].panel_order_id == "p5"


def test_a_later_refusal_as_a_duplicate_still_speaks_about_the_doubt(writer, paths, clock, bring_back):
    (doubt,) = lost(writer, 1)
    copy = backup(paths, clock)
    writer.commit([NotPlaced(doubt, BY)])
    (again,) = writer.commit([a_mark(1)])
    writer.commit([a_settle(again, DUPLICATE)])
    bring_back(copy)
    assert [one.refused_as_duplicate_at for one in read_state(paths).decisions] == [NOW]
    assert [one.address for one in read_kept(paths, [doubt])[doubt].duplicates] == ["spring/order-1"]


def test_the_balance_before_a_doubt_comes_along_and_is_the_last_one(writer, paths, clock, bring_back):
    def look(amount, hours):
        balance = Balance(amount=Decimal(amount), currency="USD")
        writer.commit([SeeBalance(BalanceSeen(panel="sandbox", balance=balance, seen_at=NOW + timedelta(hours=hours)))])

    bought(writer, 9)
    look("100", -3)
    copy = backup(paths, clock)
    look("99", -2)
    look("98", -1)
    (doubt,) = lost(writer, 1)
    bring_back(copy)
    before = read_kept(paths, [doubt])[doubt].balance_before
    assert before is not None
    assert before.balance.amount == Decimal(98)
    recorded = read_state(paths)
    assert recorded.first_balances["sandbox"].balance.amount == Decimal(100)
    assert recorded.last_balances["sandbox"].balance.amount == Decimal(98)
    assert raw(paths, "SELECT count(*) FROM balances") == [(3,)]


def ask(writer, attempt_id, hours):
    ((refill,),) = writer.commit([AskRefills([attempt_id], NOW + timedelta(hours=hours))])
    return refill


def settle(writer, refill, state, refill_id=None, finality=None):
    settled = RefillSettled(refill, state, refill_id, finality, "said")
    assert writer.commit([SettleRefills([settled], LATER)]) == [None]


def see(writer, refill, state):
    writer.commit([SeeRefills([RefillSeen(refill, state, "seen", LATER)])])


def test_refills_asked_for_later_count_against_spacing_and_number(writer, paths, clock, bring_back):
    (order,) = bought(writer, 1)
    first = ask(writer, order, 0)
    settle(writer, first, REQUESTED, "71")
    see(writer, first, COMPLETED)
    copy = backup(paths, clock)
    second = ask(writer, order, 24)
    settle(writer, second, REQUESTED, "72")
    see(writer, second, COMPLETED)
    settle(writer, ask(writer, order, 48), RefillState.REFUSED, finality=Finality.FINAL)
    settle(writer, ask(writer, order, 72), UNKNOWN)
    before = read_state(paths).refills
    plan = bring_back(copy)
    assert [one.refill_id for one in read_state(paths).refills[order]] == ["71", "72", None, None]
    assert read_state(paths).refills == before
    assert len(asked(before[order])) == 4
    assert plan.merged.refills == 3


@pytest.mark.parametrize(
    ("in_copy", "since", "after"),
    [
        (None, REQUESTED, REQUESTED),
        (None, COMPLETED, COMPLETED),
        (None, UNKNOWN, UNKNOWN),
        (None, RefillState.REFUSED, RefillState.REFUSED),
        (None, RefillState.NOT_SENT, RefillState.NOT_SENT),
        (None, None, RefillState.ASKING),
        (REQUESTED, COMPLETED, COMPLETED),
        (REQUESTED, RefillState.REJECTED, RefillState.REJECTED),
        (REQUESTED, None, REQUESTED),
        (UNKNOWN, None, UNKNOWN),
    ],
)
def test_an_open_refill_of_the_copy_ends_as_it_has_ended_since(writer, paths, clock, bring_back, in_copy, since, after):
    (order,) = bought(writer, 1)
    refill = ask(writer, order, 0)
    if in_copy is not None:
        settle(writer, refill, in_copy, "71" if in_copy is REQUESTED else None)
    copy = backup(paths, clock)
    if since is not None:
        if in_copy is None:
            settle(
                writer,
                refill,
                REQUESTED if since is COMPLETED else since,
                "71" if since in (COMPLETED, REQUESTED) else None,
            )
        if since in (COMPLETED, RefillState.REJECTED):
            see(writer, refill, since)
    before = read_state(paths).refills
    bring_back(copy)
    assert read_state(paths).refills == before
    assert before[order][0].state is after


@pytest.mark.parametrize("answer", [None, "72"])
def test_a_refill_whose_answer_was_not_recorded_is_followed_if_the_spill_file_has_it(
    writer, paths, clock, lock, bring_back, answer
):
    (order,) = bought(writer, 1)
    copy = backup(paths, clock)
    refill = ask(writer, order, 0)
    if answer:
        writer._break(OSError("the disk is gone"))
        writer.commit([SettleRefills([RefillSettled(refill, REQUESTED, answer)], LATER)])
    bring_back(copy)
    assert [one.state for one in read_state(paths, lock_is_free=True).refills[order]] == [UNKNOWN]
    again = open_writer(paths, lock, clock).writer
    again.commit([DoubtLeftOvers(LATER)])
    again.close()
    (refilled,) = read_state(paths).refills[order]
    assert (refilled.state, refilled.refill_id) == ((REQUESTED, "72") if answer else (UNKNOWN, None))


def test_a_second_open_refill_becomes_one_with_an_unknown_answer(writer, paths, clock, bring_back):
    """A copy that has gone on by itself: both requests were made, and both count."""
    (order,) = bought(writer, 1)
    copy = backup(paths, clock)
    settle(writer, ask(writer, order, 24), REQUESTED, "72")
    raw(
        type(paths).at(copy),
        "INSERT INTO refills (id, attempt_id, state, refill_id, message, asked_at) VALUES (1, ?, 'requested', '99', '', ?)",
        order,
        "2026-01-01T07:00:00.000Z",
    )
    bring_back(copy)
    refills = read_state(paths).refills[order]
    assert [(one.state, one.refill_id) for one in refills] == [(REQUESTED, "99"), (UNKNOWN, "72")]
    assert "another refill of it is open" in refills[1].message


def test_refills_and_cancels_of_an_order_that_the_copy_does_not_know_follow_it(writer, paths, clock, bring_back):
    bought(writer, 9)
    copy = backup(paths, clock)
    (order,) = bought(writer, 1)
    settle(writer, ask(writer, order, 0), REQUESTED, "71")
    writer.commit([SeeCancels([CancelRequest(order, NOW, CancelState.RECORDED, "")])])
    # Meanwhile the copy was used by itself: the id is somebody else's there.
    raw(type(paths).at(copy), "INSERT INTO runs (id, command, started_at) VALUES ('run-x', 'apply', '2026-01-01')")
    raw(
        type(paths).at(copy),
        "INSERT INTO attempts (id, campaign, order_id, kind, slot, panel, service, link, quantity, rate, expected_charge, "
        "state, run_id, marked_at, settled_at, panel_order_id, message, status, status_text, missing_in_a_row) VALUES "
        "(?, 'spring', 'x', 'initial', 0, 'sandbox', '1', 'https://example.com/x', 1, '1', '1', 'placed', 'run-x', "
        "'2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z', 'px', '', 'pending', '', 0)",
        order,
    )
    bring_back(copy)
    (moved,) = (one.id for one in attempts_of(paths).values() if one.order_id == "order-1")
    assert moved != order
    recorded = read_state(paths)
    assert {owner: [one.refill_id for one in several] for owner, several in recorded.refills.items()} == {moved: ["71"]}
    assert list(recorded.cancels) == [moved]


def test_cancels_asked_for_later_are_remembered_and_none_twice(writer, paths, clock, bring_back):
    (order,) = bought(writer, 1)
    early = CancelRequest(order, NOW, CancelState.UNKNOWN, "reset")
    writer.commit([SeeCancels([early])])
    copy = backup(paths, clock)
    writer.commit([SeeCancels([CancelRequest(order, LATER, CancelState.RECORDED, "")])])
    before = read_state(paths).cancels
    plan = bring_back(copy)
    assert read_state(paths).cancels == before
    assert plan.merged.cancels == 1


def test_restoring_twice_is_restoring_once(writer, paths, clock, bring_back):
    ids = lost(writer, 1, 2, 3)
    (order,) = bought(writer, 4)
    copy = backup(paths, clock)
    decide_all(writer, ids)
    settle(writer, ask(writer, order, 24), REQUESTED, "72")
    bring_back(copy)
    once = read_state(paths)
    restore(paths, plan_restore(paths, copy), "y", clock)
    twice = read_state(paths)
    assert (twice.attempts, twice.decisions, twice.refills) == (once.attempts, once.decisions, once.refills)


def test_what_was_carried_over_can_be_worked_with(writer, paths, clock, lock, bring_back):
    """The guards still hold: numbering, one open refill, a decision made once."""
    (doubt,) = lost(writer, 1)
    (order,) = bought(writer, 2)
    copy = backup(paths, clock)
    writer.commit([NotPlaced(doubt, BY)])
    refill = ask(writer, order, 24)
    settle(writer, refill, REQUESTED, "72")
    bring_back(copy)
    again = open_writer(paths, lock, clock).writer
    again.commit([BeginRun("run-3", "apply", LATER), DoubtLeftOvers(LATER)])
    (repeated,) = again.commit([NotPlaced(doubt, BY)])
    assert repeated == 0
    assert not isinstance(again.commit([AskRefills([order], LATER)])[0], list)
    see(again, refill, COMPLETED)
    assert again.commit([AskRefills([order], LATER)]) == [[refill + 1]]
    assert again.commit([a_mark(1)._replace(run_id="run-3")]) == [3]
    again.close()
