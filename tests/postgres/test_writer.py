"""The writer of a shared state, on a real server: durable or refused, and never a mark that is not this run's to make."""

from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal

import psycopg
import pytest

from runner.core.attempts import AttemptState, LiveStatus, StatusSeen
from runner.core.catalogue import Balance, BalanceLabel, BalanceSeen, Catalogue, Service
from runner.core.doubts import Decision
from runner.core.errors import JournalBroken
from runner.core.operations import (
    Adopt,
    AskRefills,
    CountStatusCalls,
    DoubtLeftOvers,
    EndRun,
    Import,
    LabelBalance,
    MarkRefused,
    NoteLacking,
    Protect,
    Rename,
    SeeBalance,
    SeeCancels,
    SeeCatalogue,
    SeeRefills,
    SeeStatuses,
    SettleRefills,
    SettleRefused,
    Unprotect,
)
from runner.core.refills import CancelRequest, CancelState, RefillSeen, RefillSettled, RefillState
from tests.postgres.opened import end_backends, rows, writing
from tests.store.making import IN_DOUBT, NOW, a_mark, a_settle, new_attempt, placed, refused


@pytest.fixture
async def writer(cluster, project, clock, spill):
    async with writing(cluster.url(project), clock, spill) as one:
        yield one


@pytest.fixture
def states(cluster, project):
    return lambda: dict(rows(cluster.url(project), "SELECT order_id, state FROM attempts ORDER BY id"))


def lose_the_next_answer(writer):
    """The next commit happens, and the connection breaks before its answer is there."""
    driver = writer._driver

    @contextmanager
    def silent():
        with transaction():
            yield
        driver.close()
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    transaction, driver.transaction = driver.transaction, silent


def test_marks_and_outcomes_of_one_group_are_recorded_with_their_own_ids(writer, states):
    ids = writer.commit([a_mark(n) for n in range(50)])
    assert len(set(ids)) == 50
    results = writer.commit(
        [a_settle(ids[n], placed(f"p{n}")) for n in range(49)] + [a_settle(ids[49], IN_DOUBT), a_mark(99)]
    )
    assert results[:50] == [None] * 50
    assert states() == {f"order-{n}": "placed" for n in range(49)} | {"order-49": "in_doubt", "order-99": "sending"}


def test_one_refused_mark_takes_no_neighbour_with_it(writer, states):
    (first,) = writer.commit([a_mark(1)])
    results = writer.commit([a_mark(2), a_mark(1), a_settle(first, placed("p1")), a_mark(3)])
    assert isinstance(results[1], MarkRefused)
    assert "already has an attempt" in results[1].message
    assert results[2] is None
    assert states() == {"order-1": "placed", "order-2": "sending", "order-3": "sending"}


def test_a_second_send_for_an_unsettled_page_is_refused(writer):
    writer.commit([a_mark(1)])
    (result,) = writer.commit([a_mark(2, link=new_attempt(1).link)])
    assert isinstance(result, MarkRefused)
    assert "same service and link" in result.message


def test_an_outcome_is_recorded_once_and_never_taken_back(writer, states):
    (one,) = writer.commit([a_mark(1)])
    assert writer.commit([a_settle(one, placed("p1"))]) == [None]
    (again,) = writer.commit([a_settle(one, refused())])
    assert isinstance(again, SettleRefused)
    assert states() == {"order-1": "placed"}


def test_no_two_attempts_own_one_order_of_the_panel(writer):
    one, two = writer.commit([a_mark(1), a_mark(2)])
    (_, result) = writer.commit([a_settle(one, placed("p1")), a_settle(two, placed("p1"))])
    assert isinstance(result, SettleRefused)
    assert "belongs to another attempt" in result.message


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE attempts SET state = 'sending'",
        "UPDATE attempts SET state = 'refused', panel_order_id = NULL",
        "DELETE FROM attempts",
        "UPDATE decisions SET reason = 'x'",
        "DELETE FROM decisions",
        "DELETE FROM balance_labels",
    ],
)
def test_the_database_itself_refuses_to_undo_what_was_bought_or_decided(writer, cluster, project, statement):
    one, two = writer.commit([a_mark(1), a_mark(2)])
    writer.commit([a_settle(one, placed("p1")), a_settle(two, IN_DOUBT)])
    writer.commit([Adopt(two, "p2", Decision("seen there", "me", "here", NOW, False))])
    writer.commit(
        [SeeBalance(BalanceSeen(panel="sandbox", balance=Balance(amount=Decimal("9.5"), currency="USD"), seen_at=NOW))]
    )
    (number,) = rows(cluster.url(project), "SELECT id FROM balances")[0]
    label = BalanceLabel("sandbox", "top-up", Decimal(5), "USD", number, NOW, "me", "here", NOW)
    assert writer.commit([LabelBalance(label)]) == [None]
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
        rows(cluster.url(project), statement)


def test_every_other_operation_is_carried_out(writer, cluster, project):
    service = Service("1", "Likes", "Default", "any", Decimal("0.90"), 10, 10**30, True, None, False)
    one, two, three = writer.commit([a_mark(1), a_mark(2), a_mark(3)])
    writer.commit([a_settle(one, placed("p1")), a_settle(two, placed("p2")), a_settle(three, IN_DOUBT)])
    seen = StatusSeen(
        attempt_id=one,
        status=LiveStatus.IN_PROGRESS,
        status_text="In progress",
        charge=Decimal("0.9"),
        start_count=10,
        remains=990,
        currency=None,
        error="",
        checked_at=NOW,
    )
    for operation in (
        SeeCatalogue(Catalogue(panel="sandbox", services={"1": service}, fetched_at=NOW)),
        SeeCatalogue(Catalogue(panel="sandbox", services={"1": service._replace(rate=Decimal(1))}, fetched_at=NOW)),
        SeeStatuses([seen, seen._replace(attempt_id=two, status=LiveStatus.UNKNOWN, charge=None, start_count=None)]),
        SeeStatuses([seen._replace(status=LiveStatus.PARTIAL, charge=Decimal("0.4"), remains=None)]),
        SeeCancels([CancelRequest(one, NOW, CancelState.RECORDED, "")]),
        Protect([("spring", "order-1")], NOW),
        Unprotect([("spring", "order-2")]),
        NoteLacking("sandbox", ["refill"], NOW),
        CountStatusCalls("sandbox", NOW.date(), 2),
        CountStatusCalls("sandbox", NOW.date(), 3),
        EndRun("run-1", 0, NOW),
    ):
        assert writer.commit([operation]) == [None], operation
    (asked,) = writer.commit([AskRefills([two, one], NOW)])
    assert len(asked) == 2
    settled = [RefillSettled(asked[0], RefillState.REQUESTED, "r1", None, "")]
    assert writer.commit([SettleRefills(settled, NOW)]) == [None]
    assert writer.commit([SeeRefills([RefillSeen(asked[0], RefillState.COMPLETED, "", NOW)])]) == [None]
    assert writer.commit([Rename([("spring", "order-1", "order-one")])]) == [1]
    (imported,) = writer.commit([Import(new_attempt(9), "p9", "bought by hand", "run-1", NOW)])
    assert isinstance(imported, int)
    told = rows(
        cluster.url(project),
        "SELECT order_id, status, charge, first_charge, start_count, remains, final_at IS NOT NULL FROM attempts ORDER BY id",
    )
    assert told == [
        ("order-one", "partial", "0.4", "0.9", 10, None, True),
        ("order-2", "unknown", None, None, None, 990, False),
        ("order-3", "unknown", None, None, None, None, False),
        ("order-9", "unknown", None, None, None, None, False),
    ]
    assert rows(cluster.url(project), "SELECT calls FROM status_calls") == [(5,)]
    assert rows(cluster.url(project), "SELECT order_id FROM protections") == [("order-one",)]
    assert rows(cluster.url(project), "SELECT rate FROM services") == [("1",)]
    assert rows(cluster.url(project), "SELECT attempt_id, state FROM refills ORDER BY id") == [
        (two, "completed"),
        (one, "asking"),
    ]


async def test_left_overs_of_an_account_that_is_not_held_are_left_alone(cluster, project, clock, spill, states):
    async with writing(cluster.url(project), clock, spill) as first:
        first.commit([a_mark(1, panel="main"), a_mark(2, panel="other")])
    async with writing(cluster.url(project), clock, spill, run_id="run-2") as second:
        (turned,) = second.commit([DoubtLeftOvers(NOW + timedelta(hours=1))])
    assert [one.order_id for one in turned] == ["order-1"]
    assert states() == {"order-1": "in_doubt", "order-2": "sending"}


def test_a_lost_connection_marks_nothing_more_and_still_records_what_was_answered(writer, cluster, project, states):
    one, two = writer.commit([a_mark(1), a_mark(2)])
    assert end_backends(cluster.url(project))
    results = writer.commit([a_settle(one, placed("p1")), a_mark(3)])
    assert results[0] is None
    assert isinstance(results[1], JournalBroken)
    assert "connection to the state was lost" in results[1].message
    assert isinstance(writer.commit([a_mark(4)])[0], JournalBroken)
    assert writer.commit([a_settle(two, placed("p2"))]) == [None]
    assert states() == {"order-1": "placed", "order-2": "placed"}


def test_a_mark_whose_commit_got_no_answer_is_settled_as_not_sent(writer, cluster, project, states):
    writer.commit([a_mark(0)])

    lose_the_next_answer(writer)
    (result,) = writer.commit([a_mark(1)])
    assert isinstance(result, JournalBroken)
    assert states() == {"order-0": "sending", "order-1": "not_sent"}


def test_an_outcome_whose_commit_got_no_answer_stands_as_it_was(writer, states):
    (one,) = writer.commit([a_mark(1)])
    lose_the_next_answer(writer)
    assert writer.commit([a_settle(one, placed("p1"))]) == [None]
    assert states() == {"order-1": "placed"}


async def test_outcomes_go_to_the_spill_file_while_the_server_is_gone(tmp_path, cluster, project, clock, spill):
    async with writing(cluster.url(project), clock, spill) as writer:
        (one,) = writer.commit([a_mark(1)])
        cluster.stop("immediate")
        try:
            (result,) = writer.commit([a_settle(one, placed("p1"))])
        finally:
            cluster.start()
    assert isinstance(result, JournalBroken)
    assert "noted in" in result.message
    assert b'"p1"' in spill.path.read_bytes()


async def test_a_run_whose_account_was_taken_over_can_mark_and_settle_nothing(cluster, project, clock, spill, states):
    async with writing(cluster.url(project), clock, spill) as stopped:
        (one,) = stopped.commit([a_mark(1, panel="main")])
        end_backends(cluster.url(project))  # its connection, and with it its place in the queue
        async with writing(cluster.url(project), clock, spill, run_id="run-2", wait=60) as taker:
            (turned,) = taker.commit([DoubtLeftOvers(NOW)])
            results = stopped.commit([a_mark(2), a_settle(one, placed("p1"))])
            assert [type(result) for result in results] == [JournalBroken] * 2
            assert "noted in" in results[1].message
            (later,) = taker.commit([a_mark(3)])
            assert isinstance(later, int)
    assert [each.id for each in turned] == [one]
    assert states() == {"order-1": AttemptState.IN_DOUBT.value, "order-3": "sending"}


async def test_a_run_that_has_ended_keeps_no_file_open(cluster, project, clock, spill):
    async with writing(cluster.url(project), clock, spill):
        assert spill._handle is not None
    assert spill._handle is None, "a watch would run out of files"


def test_an_outcome_noted_here_whose_order_another_attempt_has_by_now_stays_a_doubt(writer, states):
    one, two = writer.commit([a_mark(1), a_mark(2)])
    writer.commit([a_settle(one, IN_DOUBT), a_settle(two, placed("p1"))])
    with pytest.raises(SettleRefused, match="belongs to another attempt"):
        writer.settle_doubt(a_settle(one, placed("p1")))
    assert states() == {"order-1": "in_doubt", "order-2": "placed"}
