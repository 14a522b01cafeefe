"""The journal as coroutines see it."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import timedelta
from decimal import Decimal

import pytest

from runner.core.attempts import FINAL_STATUSES, AttemptState, LiveStatus, StatusSeen
from runner.core.catalogue import Balance, BalanceSeen, Catalogue, Service
from runner.core.errors import JournalBroken, StateRefused
from runner.core.operations import (
    BeginRun,
    DoubtLeftOvers,
    EndRun,
    Mark,
    MarkRefused,
    Rename,
    SeeBalance,
    SeeCatalogue,
    SeeStatuses,
    Settle,
)
from runner.store.disk.lock import acquire
from runner.store.integrity.lineage import noted
from runner.store.journal import open_journal
from runner.store.read.snapshot import read_state
from runner.store.write.group_size import LARGEST
from tests.store.making import IN_DOUBT, NOW, attempts_of, new_attempt, placed


async def buy(journal, order):
    attempt_id = await journal.record(Mark(new_attempt(order), "run-1", NOW))
    await journal.record(Settle(attempt_id, placed(f"p{order}"), NOW))


async def test_fifty_coroutines_share_their_commits_and_lose_nothing(journal, paths):
    before = (await journal.recorded()).serial
    await asyncio.gather(*(buy(journal, order) for order in range(50)))
    recorded = await journal.recorded()
    assert 2 <= recorded.serial - before <= 20  # of 100 operations
    assert {key[1]: one.panel_order_id for key, (one,) in recorded.attempts.items()} == {
        f"order-{n}": f"p{n}" for n in range(50)
    }


async def test_what_a_busy_loop_tells_a_turn_apart_is_committed_together(journal, monkeypatch):
    monkeypatch.setattr(journal._size, "limit", LARGEST)  # as while the thread computes all the time
    before = (await journal.recorded()).serial
    first = asyncio.ensure_future(journal.record(Mark(new_attempt(1), "run-1", NOW)))
    for _ in range(3):  # one turn to tell it, and two that tell nothing
        await asyncio.sleep(0)
    second = asyncio.ensure_future(journal.record(Mark(new_attempt(2), "run-1", NOW)))
    await asyncio.gather(first, second)
    assert (await journal.recorded()).serial == before + 1


async def test_the_first_of_a_burst_go_on_before_the_rest_of_it_is_committed(journal, paths):
    on_disk = []

    async def mark(order):
        await journal.record(Mark(new_attempt(order), "run-1", NOW))
        with closing(sqlite3.connect(paths.db)) as other:
            on_disk.extend(other.execute("SELECT count(*) FROM attempts").fetchone())

    await asyncio.sleep(0.5)  # so that there was time to spare
    await asyncio.gather(*(mark(order) for order in range(30)))
    assert on_disk[0] < 10
    assert on_disk == sorted(on_disk)
    assert on_disk[-1] == 30


async def test_a_mark_is_on_disk_when_it_returns(journal, paths):
    attempt_id = await journal.record(Mark(new_attempt(), "run-1", NOW))
    with closing(sqlite3.connect(paths.db)) as other:
        assert other.execute("SELECT state FROM attempts WHERE id = ?", (attempt_id,)).fetchone() == ("sending",)


async def test_a_refused_mark_raises_for_its_caller_only(journal):
    await journal.record(Mark(new_attempt(0), "run-1", NOW))
    marks = (journal.record(Mark(new_attempt(n % 5), "run-1", NOW)) for n in range(5))
    results = await asyncio.gather(*marks, return_exceptions=True)
    assert [isinstance(result, MarkRefused) for result in results] == [True, False, False, False, False]


async def test_a_cancelled_caller_does_not_take_its_record_back(journal, paths):
    task = asyncio.ensure_future(journal.record(Mark(new_attempt(), "run-1", NOW)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await journal.record(Mark(new_attempt(2), "run-1", NOW))
    assert [one.order_id for one in attempts_of(paths).values()] == ["order-1", "order-2"]


async def test_closing_commits_what_was_told_before(paths, lock, clock):
    async with open_journal(paths, lock, clock) as journal:
        await journal.record(BeginRun("run-1", "apply", NOW))
        tasks = [asyncio.ensure_future(journal.record(Mark(new_attempt(n), "run-1", NOW))) for n in range(20)]
        await asyncio.sleep(0)
    assert sorted(await asyncio.gather(*tasks)) == sorted(attempts_of(paths))
    await journal.close()
    with pytest.raises(JournalBroken, match="closed"):
        await journal.record(Mark(new_attempt(99), "run-1", NOW))


async def test_nothing_is_written_behind_a_journal_that_was_closed_in_the_turn_of_a_wish(paths, lock, clock):
    failures = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: failures.append(context))
    async with open_journal(paths, lock, clock) as journal:
        await journal.record(BeginRun("run-1", "apply", NOW))
        marking = asyncio.ensure_future(journal.record(Mark(new_attempt(), "run-1", NOW)))
        await asyncio.sleep(0)  # told, and its commit is a turn of the loop away
    closed_at = read_state(paths).serial
    await marking
    await asyncio.sleep(0)
    assert not failures
    assert read_state(paths).serial == closed_at


async def test_after_a_failed_commit_everybody_waiting_and_everybody_later_is_told(journal, paths):
    await buy(journal, 1)
    raw = journal._writer._connection.connection.driver_connection
    raw.execute(f"PRAGMA max_page_count = {raw.execute('PRAGMA page_count').fetchone()[0]}")
    marks = (journal.record(Mark(new_attempt(f"{n}-{'x' * 500}"), "run-1", NOW)) for n in range(2, 60))
    results = await asyncio.gather(*marks, return_exceptions=True)
    assert {type(result) for result in results} == {JournalBroken}
    raw.execute("PRAGMA max_page_count = 1000000")
    with pytest.raises(JournalBroken, match="full"):
        await journal.record(SeeStatuses([]))
    assert len(attempts_of(paths)) == 1


async def test_the_lineage_file_follows_each_run(paths, lock, clock):
    async with open_journal(paths, lock, clock) as journal:
        assert journal.note is None
        await journal.record(BeginRun("run-1", "apply", NOW))
        begun = noted(paths)
        await buy(journal, 1)
        assert noted(paths) == begun
        await journal.record(EndRun("run-1", 0, NOW))
    recorded = read_state(paths)
    assert (recorded.lineage, recorded.serial) == noted(paths)
    assert recorded.serial > begun.serial > 0


async def test_a_state_survives_its_journal(paths, lock, clock):
    for run in range(3):
        async with open_journal(paths, lock, clock) as journal:
            await journal.record(BeginRun(f"run-{run}", "apply", NOW))
            await journal.record(Settle(await journal.record(Mark(new_attempt(run), f"run-{run}", NOW)), IN_DOUBT, NOW))
    assert [one.state for one in attempts_of(paths).values()] == [AttemptState.IN_DOUBT] * 3
    assert sorted(attempts_of(paths)) == [1, 2, 3]


async def test_a_journal_opens_only_under_a_held_lock(paths, clock):
    with await acquire(paths, "apply", clock) as lock:
        pass
    with pytest.raises(StateRefused, match="not held"):
        async with open_journal(paths, lock, clock):
            pass


async def test_left_overs_and_renames_answer_with_what_they_did(journal):
    await journal.record(Mark(new_attempt(1), "run-1", NOW))
    turned = await journal.record(DoubtLeftOvers(NOW))
    assert [(one.order_id, one.state) for one in turned] == [("order-1", AttemptState.IN_DOUBT)]
    assert await journal.record(Rename([("spring", "order-1", "order-a")])) == 1


def seen(**changes):
    facts = {
        "attempt_id": 1,
        "status": LiveStatus.IN_PROGRESS,
        "status_text": "In progress",
        "charge": Decimal("0.90"),
        "start_count": 10,
        "remains": 157,
        "currency": "USD",
        "checked_at": NOW,
    }
    return StatusSeen(**(facts | changes))


async def test_a_status_that_says_less_keeps_what_was_known(journal, paths):
    await buy(journal, 1)
    await journal.record(SeeStatuses([seen()]))
    later = NOW + timedelta(hours=1)
    silent = {"charge": None, "start_count": None, "remains": None, "checked_at": later}
    await journal.record(SeeStatuses([seen(status=LiveStatus.UNKNOWN, status_text="Brewing", **silent)]))
    known = attempts_of(paths)[1]
    assert (known.status, known.status_text, known.checked_at) == (LiveStatus.IN_PROGRESS, "Brewing", later)
    assert (known.charge, known.start_count, known.remains) == (Decimal("0.90"), 10, 157)


SILENT = {"charge": None, "start_count": None, "remains": None}


@pytest.mark.parametrize("status", sorted(FINAL_STATUSES))
async def test_a_final_status_leaves_unknown_what_it_does_not_say(journal, paths, status):
    await buy(journal, 1)
    await journal.record(SeeStatuses([seen(), seen(status=status, **SILENT)]))
    known = attempts_of(paths)[1]
    assert (known.status, known.start_count, known.remains) == (status, None, None)
    assert (known.first_charge, known.charge) == (Decimal("0.90"), Decimal("0.90"))


@pytest.mark.parametrize(
    ("former", "charge"),
    [(["0.90", "0"], "0.90"), (["0.90", "0.30"], "0.90"), (["0.90", "10.00"], "10.00"), (["0"], None), ([], None)],
)
async def test_an_end_without_a_charge_tells_no_refund(journal, paths, former, charge):
    await buy(journal, 1)
    await journal.record(SeeStatuses([seen(charge=Decimal(one)) for one in former]))
    await journal.record(SeeStatuses([seen(status=LiveStatus.CANCELED, **SILENT)]))
    assert attempts_of(paths)[1].charge == (None if charge is None else Decimal(charge))


async def test_the_same_end_told_again_with_less_keeps_its_charge_and_not_its_units(journal, paths):
    await buy(journal, 1)
    told = seen(status=LiveStatus.PARTIAL, charge=Decimal("0.63"), remains=300)
    await journal.record(SeeStatuses([seen(), told, seen(status=LiveStatus.PARTIAL, **SILENT)]))
    known = attempts_of(paths)[1]
    assert (known.first_charge, known.charge, known.remains) == (Decimal("0.90"), Decimal("0.63"), None)


@pytest.mark.parametrize(("said", "charge"), [("0", "0.90"), ("9.00", "9.00"), (None, "0.90")])
async def test_a_word_that_is_not_understood_changes_nothing_of_an_end_but_a_higher_charge(
    journal, paths, said, charge
):
    await buy(journal, 1)
    odd = {"status": LiveStatus.UNKNOWN, "status_text": "Brewing", "remains": 700, "start_count": 11}
    await journal.record(SeeStatuses([seen(status=LiveStatus.PARTIAL, remains=300)]))
    await journal.record(SeeStatuses([seen(**odd, charge=None if said is None else Decimal(said))]))
    known = attempts_of(paths)[1]
    assert (known.status, known.remains, known.start_count) == (LiveStatus.PARTIAL, 300, 10)
    assert known.charge == Decimal(charge)


async def test_an_order_that_goes_on_after_its_end_shows_what_was_known_last(journal, paths):
    await buy(journal, 1)
    await journal.record(SeeStatuses([seen(status=LiveStatus.PARTIAL, remains=300), seen(**SILENT)]))
    known = attempts_of(paths)[1]
    assert (known.status, known.remains, known.final_at) == (LiveStatus.IN_PROGRESS, 300, None)


async def test_the_first_nonzero_charge_is_kept_beside_the_latest(journal, paths):
    await buy(journal, 1)
    for charge in ("0", "0.00", "0.90", "0.27819"):
        await journal.record(SeeStatuses([seen(charge=Decimal(charge))]))
    known = attempts_of(paths)[1]
    assert (known.first_charge, known.charge) == (Decimal("0.90"), Decimal("0.27819"))


def missing(minutes):
    at = NOW + timedelta(minutes=minutes)
    return seen(status=LiveStatus.UNKNOWN, status_text="", charge=None, error="Incorrect order ID", checked_at=at)


async def test_answers_that_do_not_know_the_order_are_counted_in_a_row(journal, paths):
    await buy(journal, 1)
    await journal.record(SeeStatuses([seen()]))
    await journal.record(SeeStatuses([missing(1), missing(2), missing(31)]))
    known = attempts_of(paths)[1]
    assert (known.missing_in_a_row, known.status, known.status_text) == (
        2,
        LiveStatus.IN_PROGRESS,
        "Incorrect order ID",
    )
    await journal.record(SeeStatuses([seen()]))
    assert attempts_of(paths)[1].missing_in_a_row == 0


async def test_answers_of_one_half_hour_count_once_so_that_three_in_a_row_are_an_hour_apart(journal, paths):
    await buy(journal, 1)
    counted = []
    for minutes in range(0, 70, 10):
        await journal.record(SeeStatuses([missing(minutes)]))
        known = attempts_of(paths)[1]
        counted.append((known.missing_in_a_row, (known.checked_at - NOW).seconds // 60))
    assert counted == [(1, 0), (1, 0), (1, 0), (2, 30), (2, 30), (2, 30), (3, 60)]


async def test_numbers_beyond_any_database_are_unknown_not_fatal(journal, paths):
    await buy(journal, 1)
    await journal.record(SeeStatuses([seen(), seen(start_count=10**30, remains=-(10**30))]))
    assert (attempts_of(paths)[1].start_count, attempts_of(paths)[1].remains) == (10, 157)


def service(id_="1", **changes):
    facts = {
        "id": id_,
        "name": "Followers",
        "type": "default",
        "category": "First",
        "rate": Decimal("0.90"),
        "min": 50,
        "max": 10000,
        "refill": True,
        "cancel": None,
        "dripfeed": False,
    }
    return Service(**(facts | changes))


async def test_a_catalogue_is_replaced_as_a_whole_and_only_if_it_changed(journal, paths):
    def catalogue(hours, *services):
        lines = {one.id: one for one in services}
        return Catalogue(panel="sandbox", services=lines, fetched_at=NOW + timedelta(hours=hours))

    other = Catalogue(panel="other", services={"9": service("9")}, fetched_at=NOW)
    await journal.record(SeeCatalogue(other))
    first = catalogue(0, service("2"), service("10"))
    await journal.record(SeeCatalogue(first))
    assert (await journal.recorded()).catalogues == {"sandbox": first, "other": other}
    assert list((await journal.recorded()).catalogues["sandbox"].services) == ["2", "10"]
    await journal.record(SeeCatalogue(catalogue(1, service("2"), service("10"))))
    with closing(sqlite3.connect(paths.db)) as reader:
        lines = reader.execute("SELECT DISTINCT fetched_at FROM services WHERE panel = 'sandbox'").fetchall()
    assert lines == [("2026-01-01T00:00:00.000Z",)]  # not written again
    assert (await journal.recorded()).catalogues["sandbox"].fetched_at == NOW + timedelta(hours=1)
    changed = catalogue(2, service("2", rate=Decimal("0.91"), max=10**30))
    await journal.record(SeeCatalogue(changed))
    assert (await journal.recorded()).catalogues["sandbox"].services == {
        "2": service("2", rate=Decimal("0.91"), max=2**63 - 1)
    }
    await journal.record(SeeCatalogue(catalogue(3)))
    assert (await journal.recorded()).catalogues["sandbox"].services == {}


async def test_the_first_and_the_last_balance_are_remembered(journal):
    def balance(panel, amount):
        return BalanceSeen(panel=panel, balance=Balance(amount=Decimal(amount), currency="USD"), seen_at=NOW)

    for amount in ("100.84292", "90", "-0.5"):
        await journal.record(SeeBalance(balance("sandbox", amount)))
    await journal.record(SeeBalance(balance("other", "7")))
    recorded = await journal.recorded()
    assert recorded.first_balances == {"sandbox": balance("sandbox", "100.84292"), "other": balance("other", "7")}
    assert recorded.last_balances == {"sandbox": balance("sandbox", "-0.5"), "other": balance("other", "7")}
