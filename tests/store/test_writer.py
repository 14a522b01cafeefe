"""Batches of operations: what is committed together, and what happens when one of them can't be."""

import asyncio
import shutil
import tempfile
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.core.attempts import AttemptKind, AttemptState, OutcomeKind
from runner.core.errors import JournalBroken, StateRefused
from runner.core.operations import (
    BeginRun,
    DoubtLeftOvers,
    EndRun,
    Mark,
    MarkRefused,
    Rename,
    RenameRefused,
    SettleRefused,
)
from runner.core.values.clock import ManualClock
from runner.store.disk.lock import acquire
from runner.store.disk.paths import StatePaths
from runner.store.operations.attempt_rows import LEFT_OVER
from runner.store.read.snapshot import read_state
from runner.store.startup.opening import open_writer
from tests.store.making import IN_DOUBT, NOW, a_mark, a_settle, attempts_of, new_attempt, placed, raw, refused


def test_a_batch_is_one_transaction_and_grows_the_serial_once(writer, paths):
    before = writer.lineage.serial
    assert writer.commit([a_mark(n) for n in range(50)]) == list(range(1, 51))
    assert writer.lineage.serial == before + 1
    assert read_state(paths).serial == writer.lineage.serial
    assert writer.commit([a_settle(n, placed(f"p{n}")) for n in range(1, 51)]) == [None] * 50
    assert writer.lineage.serial == before + 2


def test_a_mark_and_its_outcome_are_read_back_as_they_were_told(writer, paths):
    new = new_attempt("teaser", runs=5, interval=60, kind=AttemptKind.TOP_UP, slot=2)
    (attempt_id,) = writer.commit([Mark(new, "run-1", NOW)])
    marked = attempts_of(paths)[attempt_id]
    assert marked.state is AttemptState.SENDING
    assert marked[1 : 1 + len(new)] == tuple(new)
    assert (marked.run_id, marked.marked_at, marked.settled_at) == ("run-1", NOW, None)
    writer.commit([a_settle(attempt_id, IN_DOUBT)])
    settled = attempts_of(paths)[attempt_id]
    assert (settled.state, settled.settled_at, settled.message) == (AttemptState.IN_DOUBT, NOW, IN_DOUBT.message)
    assert settled.phase is IN_DOUBT.phase


def test_a_settle_frees_the_slot_for_a_mark_of_the_same_batch(writer):
    (first,) = writer.commit([a_mark()])
    assert writer.commit([a_mark(), a_settle(first, refused())]) == [first + 1, None]


def test_a_refused_neighbour_loses_nobody_elses_outcome(writer, paths):
    one, two, three = writer.commit([a_mark(1), a_mark(2), a_mark(3)])
    results = writer.commit(
        [
            a_settle(one, placed("p1")),
            a_settle(two, placed("p1")),  # an id that is owned already
            a_mark(3),  # an order that is being sent
            a_settle(three, placed("p3")),
            a_mark(4),
        ]
    )
    assert results[0] is None
    assert isinstance(results[1], SettleRefused)
    assert "as order p1" in results[1].message
    assert isinstance(results[2], MarkRefused)
    assert "spring/order-3" in results[2].message
    assert results[3] is None
    assert isinstance(results[4], int)
    states = {attempt_id: attempt.state for attempt_id, attempt in attempts_of(paths).items()}
    assert states == {
        one: AttemptState.PLACED,
        two: AttemptState.SENDING,
        three: AttemptState.PLACED,
        results[4]: AttemptState.SENDING,
    }


@pytest.mark.parametrize(
    ("twin", "reason"),
    [
        (new_attempt(1, link="https://example.com/our-brand/other"), "already has an attempt"),
        (new_attempt(2, link=new_attempt(1).link), "same service and link"),
        (new_attempt(2, link="https://EXAMPLE.com/our-brand/p/1"), "same service and link"),
        (new_attempt(2, link=f"{new_attempt(1).link}#top"), "same service and link"),
    ],
)
def test_a_second_open_attempt_is_refused_by_name(writer, twin, reason):
    writer.commit([a_mark(1)])
    (refusal,) = writer.commit([Mark(twin, "run-1", NOW)])
    assert isinstance(refusal, MarkRefused)
    assert f"{twin.campaign}/{twin.order_id}" in refusal.message
    assert reason in refusal.message


OTHER = "https://EXAMPLE.com:443/our-brand/p/%31?"  # of the page of order 1


def test_of_one_group_only_the_second_spelling_of_a_page_is_refused(writer, paths):
    first, second, third = writer.commit([a_mark(1), a_mark(2, link=OTHER), a_mark(3)])
    assert isinstance(second, MarkRefused)
    assert {one.order_id for one in attempts_of(paths).values()} == {"order-1", "order-3"}
    assert attempts_of(paths)[first].link == new_attempt(1).link
    assert isinstance(third, int)


@pytest.mark.parametrize("links", [(OTHER, new_attempt(1).link), (new_attempt(1).link, OTHER)])
def test_a_doubt_holds_its_page_in_every_spelling_also_for_the_next_run(writer, open_one, links):
    (first,) = writer.commit([a_mark(1, link=links[0])])
    writer.commit([a_settle(first, IN_DOUBT)])
    writer.close()
    again = open_one()
    assert again.commit([BeginRun("run-2", "apply", NOW)]) == [None]
    refusal, other = again.commit([a_mark(2, link=links[1]), a_mark(3)])
    assert isinstance(refusal, MarkRefused)
    assert isinstance(other, int)
    elsewhere = [a_mark(4, link=links[1], service="2"), a_mark(5, link=links[1], panel="other")]
    assert all(isinstance(one, int) for one in again.commit(elsewhere))


def test_a_finished_order_lets_another_spelling_have_its_page(writer):
    (first,) = writer.commit([a_mark(1, link=OTHER)])
    writer.commit([a_settle(first, placed("p1"))])
    assert writer.commit([a_mark(2, link=new_attempt(1).link)]) == [first + 1]


@pytest.mark.parametrize("outcome", [placed("p1"), IN_DOUBT])
def test_an_order_that_may_be_bought_is_never_marked_again(writer, outcome):
    (first,) = writer.commit([a_mark()])
    writer.commit([a_settle(first, outcome)])
    assert isinstance(writer.commit([a_mark()])[0], MarkRefused)


@pytest.mark.parametrize("kind", [OutcomeKind.REFUSED, OutcomeKind.NOT_SENT])
def test_an_order_that_was_surely_not_bought_may_be_marked_again(writer, kind):
    (first,) = writer.commit([a_mark()])
    writer.commit([a_settle(first, refused()._replace(kind=kind))])
    assert writer.commit([a_mark()]) == [first + 1]


def test_a_finished_order_lets_another_order_have_its_link(writer):
    (first,) = writer.commit([a_mark(1)])
    writer.commit([a_settle(first, placed("p1"))])
    assert writer.commit([a_mark(2, link=new_attempt(1).link)]) == [first + 1]


def test_an_outcome_is_recorded_once(writer, paths):
    (first,) = writer.commit([a_mark()])
    results = writer.commit([a_settle(first, placed("p1")), a_settle(first, refused())])
    assert results[0] is None
    assert isinstance(results[1], SettleRefused)
    assert isinstance(writer.commit([a_settle(first, IN_DOUBT)])[0], SettleRefused)
    assert isinstance(writer.commit([a_settle(999, IN_DOUBT)])[0], SettleRefused)
    assert attempts_of(paths)[first].panel_order_id == "p1"


@pytest.mark.parametrize("outcome", [placed(""), refused()._replace(panel_order_id="p1")])
def test_an_outcome_that_contradicts_itself_is_refused(writer, paths, outcome):
    if not outcome.panel_order_id:
        outcome = outcome._replace(panel_order_id=None)
    (first,) = writer.commit([a_mark()])
    assert isinstance(writer.commit([a_settle(first, outcome)])[0], SettleRefused)
    assert attempts_of(paths)[first].state is AttemptState.SENDING


def test_a_value_that_no_database_can_hold_refuses_its_own_operation_only(writer):
    results = writer.commit([a_mark(1, quantity=2**70), a_mark("\ud800"), a_mark(2)])
    assert isinstance(results[0], MarkRefused)
    assert isinstance(results[1], MarkRefused)
    assert isinstance(results[2], int)


def test_a_mark_of_a_run_that_never_began_is_refused(writer):
    (refusal,) = writer.commit([a_mark()._replace(run_id="nobody")])
    assert isinstance(refusal, MarkRefused)


def test_left_overs_become_doubts_and_nothing_else_changes(writer, paths):
    one, two, three = writer.commit([a_mark(1), a_mark(2), a_mark(3)])
    writer.commit([a_settle(two, placed("p2")), a_settle(three, IN_DOUBT)])
    before = attempts_of(paths)
    (turned,) = writer.commit([DoubtLeftOvers(NOW)])
    assert turned == [attempts_of(paths)[one]]
    assert turned[0].state is AttemptState.IN_DOUBT
    assert (turned[0].message, turned[0].settled_at) == (LEFT_OVER, NOW)
    assert {**attempts_of(paths), one: before[one]} == before
    assert writer.commit([DoubtLeftOvers(NOW)]) == [[]]


def test_operations_keep_their_turn_around_marks(writer):
    """Fresh marks behind the recovery of left-overs are not left-overs."""
    results = writer.commit([a_mark(1), DoubtLeftOvers(NOW), a_mark(2)])
    assert [attempt.order_id for attempt in results[1]] == ["order-1"]


def test_a_rename_carries_all_attempts_and_never_merges_two_orders(writer, paths):
    (first,) = writer.commit([a_mark("old")])
    writer.commit([a_settle(first, refused())])
    writer.commit([a_mark("old")])
    assert writer.commit([Rename([("spring", "order-old", "order-new"), ("spring", "order-none", "order-x")])]) == [2]
    assert list(read_state(paths).attempts) == [("spring", "order-new")]
    writer.commit([a_mark("other")])
    (refusal,) = writer.commit(
        [Rename([("spring", "order-new", "order-newer"), ("spring", "order-other", "order-newer")])]
    )
    assert isinstance(refusal, RenameRefused)
    assert ("spring", "order-new") in read_state(paths).attempts  # the whole rename was taken back
    assert writer.commit([Rename([("autumn", "order-new", "order-newer")])]) == [0]


def test_runs_are_recorded_with_their_end(writer, paths):
    writer.commit([EndRun("run-1", 15, NOW)])
    assert raw(paths, "SELECT id, command, ended_at, exit_code FROM runs") == [
        ("run-1", "apply", "2026-01-01T00:00:00.000Z", 15)
    ]


def test_a_full_disk_ends_the_marking_for_good_and_outcomes_are_still_recorded(writer, paths):
    (first,) = writer.commit([a_mark(1)])
    connection = writer._connection
    pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    connection.rollback()
    results = writer.commit([a_settle(first, placed("p1")), *(a_mark(f"{n}-{'x' * 500}") for n in range(100))])
    assert results[0] is None
    assert {type(result) for result in results[1:]} == {JournalBroken}
    assert "full" in results[1].message
    connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    connection.rollback()
    assert isinstance(writer.commit([a_mark(2)])[0], JournalBroken)
    assert list(attempts_of(paths)) == [first]
    assert attempts_of(paths)[first].panel_order_id == "p1"


def test_after_a_break_the_next_opening_finds_the_attempts_in_flight(writer, paths, open_one):
    writer.commit([a_mark(1)])
    writer._break(OSError("the disk is gone"))
    assert isinstance(writer.commit([a_mark(2)])[0], JournalBroken)
    writer.close()
    (turned,) = open_one().commit([DoubtLeftOvers(NOW)])
    assert [attempt.order_id for attempt in turned] == ["order-1"]


def test_a_database_that_was_moved_away_is_not_written_any_more(writer, paths):
    paths.db.rename(paths.db.with_name("elsewhere.db"))
    (result,) = writer.commit([a_mark()])
    assert isinstance(result, JournalBroken)
    assert "removed or replaced" in result.message


def test_nothing_is_marked_without_the_lock(writer, lock):
    lock.release()
    assert isinstance(writer.commit([a_mark()])[0], JournalBroken)


def test_another_writer_behind_our_back_breaks_the_journal(writer, paths):
    raw(paths, "UPDATE meta SET value = value + 7 WHERE key = 'serial'")
    (result,) = writer.commit([a_mark()])
    assert isinstance(result, JournalBroken)
    assert "another program" in result.message


def test_opening_needs_a_lock_that_is_held(paths, lock, clock):
    lock.release()
    with pytest.raises(StateRefused, match="not held"):
        open_writer(paths, lock, clock)
    assert not paths.db.exists()


def _states_after(begun, batches, *, together):
    """What a state holds after the batches, and every result, with errors as their kind."""
    with tempfile.TemporaryDirectory() as folder:
        # Each history is one of its own, on a machine that knows nothing of the others.
        paths, clock = replace(StatePaths.at(shutil.copy(begun.db, folder)), marks=None), ManualClock(NOW)
        with asyncio.run(acquire(paths, "test", clock)) as lock:
            writer = open_writer(paths, lock, clock).writer
            results = []
            for batch in batches:
                done = writer.commit(batch) if together else [writer.commit([one])[0] for one in batch]
                results.append([type(one) if isinstance(one, StateRefused) else one for one in done])
            rows = {key: (one.address, one.state, one.panel_order_id) for key, one in attempts_of(paths).items()}
            writer.close()
    return results, rows


_OUTCOMES = [placed("p1"), placed("p2"), placed("p3"), refused(), IN_DOUBT]
_SETTLES = st.builds(a_settle, st.integers(1, 6), st.sampled_from(_OUTCOMES))
_MARKS = st.builds(
    lambda order, link: a_mark(order, link=f"https://example.com/{link}"), st.integers(1, 4), st.integers(1, 3)
)
_BATCHES = st.tuples(st.lists(_SETTLES, max_size=3), st.lists(_MARKS, max_size=4)).map(lambda two: [*two[0], *two[1]])


@settings(max_examples=25, deadline=None)
@given(st.lists(_BATCHES.filter(bool), min_size=1, max_size=4))
def test_a_group_commit_does_what_single_commits_would_do(begun, batches):
    assert _states_after(begun, batches, together=True) == _states_after(begun, batches, together=False)
