"""Evidence and decisions: what is kept, what stands, what the database itself refuses."""

import sqlite3
from datetime import timedelta
from decimal import Decimal

import pytest

from runner.core.attempts import AttemptState, Outcome, OutcomeKind, Phase, RefusalReason
from runner.core.catalogue import Balance, BalanceSeen
from runner.core.doubts import AnswerKept, Decision, DecisionKind
from runner.core.errors import StateRefused
from runner.core.operations import Abandon, Adopt, DecisionRefused, DoubtLeftOvers, NotPlaced, SeeBalance
from runner.store.read.doubts import read_kept
from runner.store.read.snapshot import read_state
from tests.store.making import IN_DOUBT, NOW, a_mark, a_settle, attempts_of, placed, raw, refused

BY = Decision("not on the order page", "anna", "build-1", NOW)
DOUBT = IN_DOUBT._replace(answer="<html>Bad gateway</html>", size=24, http_status=502, phase=Phase.ANSWERED)
DUPLICATE = Outcome(OutcomeKind.REFUSED, message="active order", reason=RefusalReason.DUPLICATE, answer="{}", size=2)


def doubt(writer, order=1, outcome=DOUBT) -> int:
    (attempt_id,) = writer.commit([a_mark(order)])
    assert writer.commit([a_settle(attempt_id, outcome)]) == [None]
    return attempt_id


def test_the_evidence_of_a_doubt_and_of_a_refusal_is_kept_and_nothing_of_a_purchase(writer, paths):
    lost, no = doubt(writer, 1), doubt(writer, 2, refused()._replace(answer="no", size=2))
    bought = doubt(writer, 3, placed("p1"))
    kept = read_kept(paths, [lost, no, bought])
    assert kept[lost].answer == AnswerKept(502, 24, "<html>Bad gateway</html>")
    assert kept[no].answer == AnswerKept(None, 2, "no")
    assert kept[bought].answer is None
    assert attempts_of(paths)[lost].phase is Phase.ANSWERED


def test_an_answer_is_kept_up_to_two_thousand_characters(writer, paths):
    attempt_id = doubt(writer, outcome=DOUBT._replace(answer="x" * 5000, size=5000))
    assert read_kept(paths, [attempt_id])[attempt_id].answer == AnswerKept(502, 5000, "x" * 2000)


def test_a_left_over_of_a_killed_run_has_no_answer_and_its_window_ends_when_it_was_declared(writer, paths):
    (attempt_id,) = writer.commit([a_mark()])
    later = NOW + timedelta(hours=3)
    writer.commit([DoubtLeftOvers(later)])
    attempt = attempts_of(paths)[attempt_id]
    assert (attempt.state, attempt.phase, attempt.settled_at) == (AttemptState.IN_DOUBT, None, later)
    assert read_kept(paths, [attempt_id])[attempt_id].answer is None


@pytest.mark.parametrize(
    ("wish", "state", "kind"),
    [
        (lambda one: Adopt(one, "p9", BY), AttemptState.PLACED, DecisionKind.ADOPT),
        (lambda one: NotPlaced(one, BY), AttemptState.NOT_SENT, DecisionKind.NOT_PLACED),
        (lambda one: Abandon(one, BY), AttemptState.ABANDONED, DecisionKind.ABANDON),
    ],
)
def test_a_decision_is_recorded_once_and_repeating_it_changes_nothing(writer, paths, wish, state, kind):
    attempt_id = doubt(writer)
    assert writer.commit([wish(attempt_id)]) == [1]
    before = attempts_of(paths)
    again = wish(attempt_id)._replace(decision=BY._replace(reason="something else", user="bert"))
    assert writer.commit([again]) == [0]
    assert attempts_of(paths) == before
    assert before[attempt_id].state is state
    assert before[attempt_id].panel_order_id == ("p9" if kind is DecisionKind.ADOPT else None)
    (decided,) = read_state(paths).decisions
    assert (decided.attempt_id, decided.kind, decided.decision) == (attempt_id, kind, BY)


WISHES = [
    lambda one: Adopt(one, "p9", BY),
    lambda one: Adopt(one, "p10", BY),
    lambda one: NotPlaced(one, BY),
    lambda one: Abandon(one, BY),
]


@pytest.mark.parametrize("first", range(4))
@pytest.mark.parametrize("second", range(4))
def test_a_contradicting_decision_is_refused_with_the_history(writer, paths, first, second):
    if first == second:
        return
    attempt_id = doubt(writer)
    writer.commit([WISHES[first](attempt_id)])
    before = attempts_of(paths)
    (refusal,) = writer.commit([WISHES[second](attempt_id)])
    assert isinstance(refusal, DecisionRefused)
    assert "by anna on build-1 at 2026-01-01 00:00 UTC: not on the order page" in refusal.message
    assert attempts_of(paths) == before


@pytest.mark.parametrize("outcome", [None, placed("p1"), refused()])
def test_only_what_is_in_doubt_can_be_decided(writer, paths, outcome):
    (attempt_id,) = writer.commit([a_mark()])
    if outcome is not None:
        writer.commit([a_settle(attempt_id, outcome)])
    before = attempts_of(paths)
    for wish in WISHES:
        (refusal,) = writer.commit([wish(attempt_id)])
        assert isinstance(refusal, DecisionRefused)
    assert attempts_of(paths) == before
    assert read_state(paths).decisions == ()


def test_an_id_that_is_ours_already_is_never_adopted(writer, paths):
    doubt(writer, 1, placed("p1"))
    attempt_id = doubt(writer, 2)
    (refusal,) = writer.commit([Adopt(attempt_id, "p1", BY)])
    assert isinstance(refusal, StateRefused)
    assert "belongs to another attempt" in refusal.message
    assert attempts_of(paths)[attempt_id].state is AttemptState.IN_DOUBT
    assert read_state(paths).decisions == ()


def test_a_decision_can_not_be_changed_or_deleted_even_by_hand(writer, paths):
    writer.commit([NotPlaced(doubt(writer), BY)])
    for sql in ("UPDATE decisions SET reason = 'x'", "DELETE FROM decisions"):
        with pytest.raises(sqlite3.IntegrityError, match="stays as it was made"):
            raw(paths, sql)


def test_after_not_placed_the_order_may_be_marked_again_and_after_the_others_never(writer):
    writer.commit([NotPlaced(doubt(writer, 1), BY), Adopt(doubt(writer, 2), "p2", BY), Abandon(doubt(writer, 3), BY)])
    again, adopted, abandoned = (writer.commit([a_mark(order)])[0] for order in (1, 2, 3))
    assert isinstance(again, int)
    assert isinstance(adopted, StateRefused)
    assert isinstance(abandoned, StateRefused)


def test_a_later_refusal_as_a_duplicate_is_found_for_the_doubt_it_speaks_of(writer, paths):
    first, other = doubt(writer, 1), doubt(writer, 2)
    writer.commit([NotPlaced(first, BY), NotPlaced(other, BY)])
    doubt(writer, 1, DUPLICATE)
    doubt(writer, 2, refused())
    kept = read_kept(paths, [first, other])
    (duplicate,) = kept[first].duplicates
    assert (duplicate.address, duplicate.service, duplicate.message) == ("spring/order-1", "1", "active order")
    assert kept[other].duplicates == ()
    assert [one.refused_as_duplicate_at for one in read_state(paths).decisions] == [NOW, None]


@pytest.mark.parametrize("service", ["1", "2"])
def test_it_is_found_however_the_later_order_writes_the_page(writer, paths, service):
    first = doubt(writer, 1)
    writer.commit([NotPlaced(first, BY)])
    link = "HTTPS://EXAMPLE.com:443/our-brand/p/%31?#top"
    (later,) = writer.commit([a_mark(7, link=link, service=service)])
    writer.commit([a_settle(later, DUPLICATE)])
    assert [one.address for one in read_kept(paths, [first])[first].duplicates] == ["spring/order-7"]
    assert [one.refused_as_duplicate_at for one in read_state(paths).decisions] == [NOW if service == "1" else None]
    assert attempts_of(paths)[later].link == link


def test_the_balance_before_is_the_last_one_up_to_the_mark(writer, paths):
    def look(amount, hours):
        seen = BalanceSeen(
            panel="sandbox",
            balance=Balance(amount=Decimal(amount), currency="USD"),
            seen_at=NOW + timedelta(hours=hours),
        )
        writer.commit([SeeBalance(seen)])

    look("100", -2)
    look("99", -1)
    attempt_id = doubt(writer)
    look("98", 1)
    before = read_kept(paths, [attempt_id])[attempt_id].balance_before
    assert before is not None
    assert before.balance.amount == Decimal(99)


def test_a_state_of_the_first_schema_is_read_without_evidence(writer, paths):
    attempt_id = doubt(writer)
    writer.close()
    for sql in ("DROP TABLE evidence", "DROP TABLE decisions", "UPDATE alembic_version SET version_num = '0001'"):
        raw(paths, sql)
    assert read_state(paths).decisions == ()
    assert read_kept(paths, [attempt_id])[attempt_id].answer is None
