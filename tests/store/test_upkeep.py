"""Refills and cancellations in the state: marked before they are asked for, one open at a time, settled once."""

import sqlite3

import pytest

from runner.core.errors import StateRefused
from runner.core.operations import AskRefills, DoubtLeftOvers, SeeCancels, SeeRefills, SettleRefills
from runner.core.refills import (
    CancelRequest,
    CancelState,
    Finality,
    RefillSeen,
    RefillSettled,
    RefillState,
)
from runner.store.read.snapshot import read_state
from tests.store.making import NOW, a_mark, a_settle, placed, raw

REQUESTED = RefillState.REQUESTED


@pytest.fixture
def attempts(writer):
    """Three placed attempts."""
    ids = writer.commit([a_mark(order) for order in range(3)])
    writer.commit([a_settle(each, placed(f"p{each}")) for each in ids])
    return ids


def ask(writer, *attempt_ids):
    (ids,) = writer.commit([AskRefills(attempt_ids, NOW)])
    return ids


def states(paths, **flags):
    return {each: [one.state for one in several] for each, several in read_state(paths, **flags).refills.items()}


def test_a_state_without_refills_and_cancels_has_none(writer, paths):
    recorded = read_state(paths)
    assert (recorded.refills, recorded.cancels) == ({}, {})


def test_requests_are_marked_settled_and_followed_to_their_end(writer, paths, attempts):
    first, second, third = ask(writer, *attempts)
    assert states(paths) == {each: [RefillState.ASKING] for each in attempts}
    settled = [
        RefillSettled(first, REQUESTED, "77"),
        RefillSettled(second, RefillState.REFUSED, None, Finality.FINAL, "days are over"),
        RefillSettled(third, RefillState.UNKNOWN, message="reset"),
    ]
    assert writer.commit([SettleRefills(settled, NOW)]) == [None]
    refills = read_state(paths).refills
    (refill,) = refills[attempts[0]]
    assert (refill.state, refill.refill_id, refill.is_open) == (REQUESTED, "77", True)
    assert (refill.asked_at, refill.answered_at, refill.checked_at) == (NOW, NOW, None)
    assert (refills[attempts[1]][0].finality, refills[attempts[1]][0].message) == (Finality.FINAL, "days are over")
    writer.commit([SeeRefills([RefillSeen(first, REQUESTED, "Pending", NOW)])])
    writer.commit([SeeRefills([RefillSeen(first, RefillState.COMPLETED, "Completed", NOW)])])
    (refill,) = read_state(paths).refills[attempts[0]]
    assert (refill.state, refill.message, refill.checked_at) == (RefillState.COMPLETED, "Completed", NOW)
    assert ask(writer, *attempts) == [4, 5, 6]


@pytest.mark.parametrize("open_state", [RefillState.ASKING, REQUESTED])
def test_an_attempt_has_one_open_refill_and_a_refused_batch_marks_nothing(writer, paths, attempts, open_state):
    (refill,) = ask(writer, attempts[0])
    if open_state is REQUESTED:
        writer.commit([SettleRefills([RefillSettled(refill, REQUESTED, "77")], NOW)])
    (refused,) = writer.commit([AskRefills(attempts, NOW)])
    assert isinstance(refused, StateRefused)
    assert "a refill of it is asked for already" in refused.message
    assert states(paths) == {attempts[0]: [open_state]}
    with pytest.raises(sqlite3.IntegrityError, match=r"refills\.attempt_id"):
        raw(
            paths,
            "INSERT INTO refills (attempt_id, state, message, asked_at) VALUES (?, 'asking', '', '')",
            attempts[0],
        )


def test_a_request_is_settled_once(writer, attempts):
    (refill,) = ask(writer, attempts[0])
    settle = SettleRefills([RefillSettled(refill, RefillState.UNKNOWN)], NOW)
    assert writer.commit([settle]) == [None]
    (again,) = writer.commit([settle])
    assert isinstance(again, StateRefused)


def test_what_was_left_in_asking_has_an_unknown_answer_from_the_next_run_on(writer, paths, attempts):
    ask(writer, *attempts[:2])
    assert states(paths, lock_is_free=True) == {each: [RefillState.UNKNOWN] for each in attempts[:2]}
    assert writer.commit([DoubtLeftOvers(NOW)]) == [[]]
    refills = read_state(paths).refills
    assert [refills[each][0].state for each in attempts[:2]] == [RefillState.UNKNOWN] * 2
    assert "stopped before the answer was recorded" in refills[attempts[0]][0].message
    writer.commit([DoubtLeftOvers(NOW)])
    assert read_state(paths).refills == refills


ENDS = {
    RefillState.ASKING: {"requested", "refused", "unknown", "not_sent"},
    REQUESTED: {"completed", "rejected", "unknown"},
}


@pytest.mark.parametrize("state", RefillState)
def test_a_refill_changes_its_state_only_forwards(writer, paths, attempts, state):
    for target in RefillState:
        if target is state:
            continue
        raw(paths, "DELETE FROM refills")
        raw(
            paths,
            "INSERT INTO refills (attempt_id, state, refill_id, message, asked_at) VALUES (?, ?, '7', '', '')",
            attempts[0],
            state.value,
        )
        if target.value in ENDS.get(state, set()):
            raw(paths, "UPDATE refills SET state = ?", target.value)
        else:
            with pytest.raises(sqlite3.IntegrityError, match="this way"):
                raw(paths, "UPDATE refills SET state = ?", target.value)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ("(99, 'asking', NULL, NULL)", "FOREIGN KEY"),
        ("(1, 'asked', NULL, NULL)", "state_is_known"),
        ("(1, 'requested', NULL, NULL)", "requested_has_a_refill_id"),
        ("(1, 'refused', NULL, 'perhaps')", "finality_is_known"),
    ],
)
def test_a_refill_that_breaks_a_guard_is_refused_by_the_database(writer, paths, attempts, values, why):
    insert = f"INSERT INTO refills (attempt_id, state, refill_id, finality, message, asked_at) SELECT *, '', '' FROM (VALUES {values})"
    with pytest.raises(sqlite3.IntegrityError, match=why):
        raw(paths, insert)


def test_cancels_are_kept_each_with_its_answer_and_may_be_repeated(writer, paths, attempts):
    asked = [
        CancelRequest(attempts[0], NOW, CancelState.UNKNOWN, "reset"),
        CancelRequest(attempts[1], NOW, CancelState.REFUSED, "too late"),
    ]
    again = CancelRequest(attempts[0], NOW, CancelState.RECORDED, "")
    assert writer.commit([SeeCancels(asked), SeeCancels([again])]) == [None, None]
    assert read_state(paths).cancels == {attempts[0]: [asked[0], again], attempts[1]: [asked[1]]}
    with pytest.raises(sqlite3.IntegrityError, match="state_is_known"):
        raw(paths, "UPDATE cancels SET state = 'perhaps'")


def test_nothing_to_record_records_nothing(writer, paths):
    assert writer.commit([AskRefills([], NOW), SettleRefills([], NOW), SeeRefills([]), SeeCancels([])]) == [
        [],
        None,
        None,
        None,
    ]
    assert read_state(paths).refills == {}
