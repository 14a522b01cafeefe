"""What the book remembers over restarts, that its money adds up, and that the same story always ends the same."""

import sqlite3
import stat
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.core.errors import StateRefused
from runner.core.values.clock import ManualClock
from runner.sandbox.book import Book
from runner.sandbox.calls import Calls
from runner.sandbox.settings import SandboxSettings
from runner.sandbox.world import progress

KEY = {"key": "sandbox-key"}
STEADY = SandboxSettings()


def buy(calls: Calls, number: int, service: int = 1, quantity: int = 1000, **more: str):
    form = KEY | {"action": "add", "service": str(service), "link": f"https://example.com/{number}"}
    return calls.answer(form | {"quantity": str(quantity)} | more)


def net_charges(book: Book) -> Decimal:
    now = book.catch_up()
    return sum((progress(entry.order, now).charge for entry in book.entries()), Decimal(0))


def test_the_book_is_private(tmp_path):
    path = tmp_path / "deep" / "sandbox.db"
    Book(path, settings=STEADY, clock=ManualClock()).close()
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_book_has_one_holder(tmp_path):
    book = Book(tmp_path / "b.db", settings=STEADY, clock=ManualClock())
    with pytest.raises(StateRefused, match="locked"):
        Book(tmp_path / "b.db", settings=STEADY, clock=ManualClock())
    book.close()
    Book(tmp_path / "b.db", settings=STEADY, clock=ManualClock()).close()


def test_a_file_that_is_no_book_is_refused(tmp_path):
    (tmp_path / "b.db").write_text("not a database, but long enough to have been one" * 30)
    with pytest.raises(StateRefused):
        Book(tmp_path / "b.db", settings=STEADY, clock=ManualClock())


async def test_everything_is_still_there_after_a_restart_and_time_went_on_meanwhile(opener):
    clock = ManualClock()
    async with opener(clock) as panel:
        orders = [(await panel.add(link=f"https://example.com/{n}"))["order"] for n in range(30)]
        await panel.call("cancel", orders=orders[0])
        await panel.force(orders[1], status="Completed", show={"start_count": None})
        await panel.call("refill", order=orders[1])
        await panel.control("account", {"deposit": "5.50"})
        await panel.control("services", {"service": 1, "rate": "1.10"})
        await panel.control("services", {"service": 6, "remove": True})
        await panel.control("clock", {"advance_minutes": 1})
        before = await panel.call("status", orders=",".join(map(str, orders)))
        requests = await panel.control("requests")
    async with opener(clock) as panel:
        assert await panel.call("status", orders=",".join(map(str, orders))) == before
        assert before[str(orders[1])]["start_count"] is None
        services = await panel.call("services")
        assert (services[0]["rate"], [s["service"] for s in services]) == ("1.10", [1, 2, 3, 4, 5])
        assert (await panel.control("requests"))["add"] == requests["add"] == 30
        assert (await panel.control("account"))["deposits"] == "1005.50"
        assert (await panel.call("refill_status", refill=1))["status"] == "Pending"
    clock.advance(24 * 3600)  # nobody serves
    async with opener(clock) as panel:
        after = await panel.call("status", orders=",".join(map(str, orders)))
        assert {status["status"] for status in after.values()} <= {"Completed", "Partial", "Canceled"}
        assert (await panel.call("refill_status", refill=1))["status"] in ("Completed", "Rejected")
        charged = sum(Decimal(order["charge"]) for order in await panel.placed())
        assert Decimal(await panel.balance()) + charged == Decimal("1005.50")
        assert (await panel.add(link="https://example.com/new"))["order"] == orders[-1] + 1


async def test_another_speed_goes_on_from_the_present_panel_time(opener):
    clock = ManualClock()
    async with opener(clock, speed=2.0) as panel:
        clock.advance(100)
        assert (await panel.control("clock"))["minutes"] == pytest.approx(200)
    async with opener(clock, speed=10.0) as panel:
        assert (await panel.control("clock"))["minutes"] == pytest.approx(200)
        clock.advance(1)
        assert (await panel.control("clock"))["minutes"] == pytest.approx(210)
    async with opener(clock, speed=0.0) as panel:
        clock.advance(1000)
        assert (await panel.control("clock", {"advance_minutes": 5}))["minutes"] == pytest.approx(215)


async def test_orders_keep_their_fate_when_the_panel_reopens_with_another_seed(opener):
    clock = ManualClock()
    async with opener(clock, seed=1) as panel:
        order = (await panel.add())["order"]
        clock.advance(10)
        before = await panel.call("status", order=order)
    async with opener(clock, seed=2) as panel:
        assert await panel.call("status", order=order) == before


def test_an_answered_order_survives_a_killed_process(tmp_path):
    book = Book(tmp_path / "b.db", settings=STEADY, clock=ManualClock())
    calls = Calls(book, STEADY)
    answers = [buy(calls, number) for number in range(5)]
    book._sql.close()  # no goodbye: nothing is saved that was not saved before
    again = Book(tmp_path / "b.db", settings=STEADY, clock=ManualClock())
    assert [{"order": entry.order.id} for entry in again.entries()] == answers
    assert again.balance == Decimal("995.5")
    again.close()


step = st.one_of(
    st.tuples(st.just("add"), st.sampled_from([1, 3, 4, 5]), st.integers(100, 3000)),
    st.tuples(st.just("wait"), st.integers(1, 90)),
    st.tuples(st.just("cancel"), st.integers(0, 8)),
    st.tuples(
        st.just("force"), st.integers(0, 8), st.sampled_from(["Partial", "Canceled", "Completed", "In progress", None])
    ),
    st.tuples(st.just("reopen")),
)


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(step, min_size=5, max_size=40))
def test_balance_and_net_charges_are_the_deposits_at_any_time(steps):
    clock = ManualClock()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "b.db"
        book = Book(path, settings=STEADY, clock=clock)
        calls = Calls(book, STEADY)
        ids: list[int] = []
        for number, (what, *facts) in enumerate(steps):
            if what == "add":
                ids.append(buy(calls, number, *facts)["order"])
            elif what == "wait":
                clock.advance(facts[0])
            elif what == "cancel" and facts[0] < len(ids):
                calls.answer(KEY | {"action": "cancel", "orders": str(ids[facts[0]])})
            elif what == "force" and facts[0] < len(ids):
                now = book.catch_up()
                order = book.orders([ids[facts[0]]])[ids[facts[0]]]
                book.change(order._replace(forced_at=now if facts[1] else None, forced_status=facts[1]), now)
            elif what == "reopen":
                book.close()
                book = Book(path, settings=STEADY, clock=clock)
                calls = Calls(book, STEADY)
            charges = net_charges(book)
            assert book.balance + charges == book.deposits == Decimal(1000)
        book.close()


def test_the_same_requests_at_the_same_times_get_the_same_answers(tmp_path):
    def story(name: str, seed: int) -> list[object]:
        clock = ManualClock()
        chosen = SandboxSettings(seed=seed)
        book = Book(tmp_path / name, settings=chosen, clock=clock)
        calls = Calls(book, chosen)
        said: list[object] = []
        for number in range(40):
            said.append(buy(calls, number, quantity=100 + number))
            clock.advance(7)
            said.append(calls.answer(KEY | {"action": "status", "orders": ",".join(map(str, range(23501, 23541)))}))
            said.append(calls.answer(KEY | {"action": "balance"}))
            said.append(calls.answer(KEY | {"action": "cancel", "orders": str(23501 + number // 2)}))
            said.append(calls.answer(KEY | {"action": "refill", "order": str(23501 + number // 4)}))
            said.append(calls.answer(KEY | {"action": "refill_status", "refill": "1"}))
        book.close()
        return said

    assert story("a.db", 1) == story("b.db", 1)
    assert story("c.db", 2) != story("b.db", 1)


def test_a_book_of_an_earlier_version_gets_the_table_it_lacks(tmp_path):
    path = tmp_path / "sandbox.db"
    Book(path, settings=STEADY, clock=ManualClock()).close()
    with closing(sqlite3.connect(path)) as sql, sql:
        sql.execute("DROP TABLE wishes")
    book = Book(path, settings=STEADY, clock=ManualClock())
    assert book.wishes() == []
    book.close()
