"""Histories of two runs that share an account: one is cut off, stopped or fenced, the other takes over. Then the promises.

The writers, leases and server are the real ones. Time is not: whoever sleeps moves it, for both runs and for the leases.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

from runner.core.errors import JournalBroken, StateRefused
from runner.core.operations import DoubtLeftOvers, Mark
from runner.core.snapshot import Recorded
from runner.core.values.clock import ManualClock
from runner.panel.transport import connections
from runner.store import journal as journals
from runner.store.disk.paths import StatePaths, make_directory
from runner.store.journal import Journal
from runner.store.postgres.leases import SEND_DEADLINE, Leases
from runner.store.write.postgres_writer import PostgresWriter
from runner.store.write.spill_file import SpillFile
from tests.postgres.cluster import Cluster
from tests.postgres.crash.relay import Cut, Relay, When
from tests.postgres.opened import end_backends, writing
from tests.store.making import NOW, a_mark, a_settle, placed

_ORDERS = 5  # of one history


class BrokenPromise(AssertionError):
    """What a history led to, and must not."""


class Sent(NamedTuple):
    """One order in the panel's book."""

    order: str
    run: str
    at: float  # seconds of the shared time


class SharedTime(ManualClock):
    """The time of everybody: a taker that waits lets pass what others do meanwhile, and leases age."""

    def __init__(self, age: Callable[[float], None]) -> None:
        super().__init__()
        self._age = age
        self._then: list[tuple[float, Callable[[], Awaitable[None]]]] = []

    def at(self, moment: float, act: Callable[[], Awaitable[None]]) -> None:
        self._then.append((moment, act))

    async def sleep(self, seconds: float) -> None:
        until = self.monotonic() + seconds
        for moment, act in sorted(self._then, key=lambda one: one[0]):
            if moment <= until:
                self._then.remove((moment, act))
                self._pass(moment - self.monotonic())
                await act()
        self._pass(until - self.monotonic())

    def _pass(self, seconds: float) -> None:
        if seconds > 0:
            self.advance(seconds)
            self._age(seconds)


class Histories:
    """One project on a server, in which each history has orders of its own."""

    def __init__(self, cluster: Cluster, project: str, folder: Path, relay: Relay) -> None:
        self._direct = cluster.url(project)
        self._relayed = self._direct.replace(f":{cluster.port}/", f":{relay.port}/")
        self._relay, self._folder = relay, folder
        self._admin = psycopg.connect(self._direct.partition("?")[0], autocommit=True)
        self._schema = project
        self._first = 0
        self.tally: Counter[str] = Counter()

    def close(self) -> None:
        self._admin.close()

    def every_cut(self) -> None:
        """Each exchange of a commit's transaction, before and after it."""
        for when in When:
            exchange = 0
            while self.cut_off([Cut(exchange, when)]):
                exchange += 1
            if exchange < 6:
                raise BrokenPromise(f"a commit has only {exchange} exchanges")

    def pairs_of_cuts(self, step: int) -> None:
        """One in a commit, one in what is done about it."""
        for when in When:
            for first in range(8):
                for second in range(0, 30, step):
                    if not self.cut_off([Cut(first, when), Cut(second, When.AFTER if second % 2 else When.BEFORE)]):
                        break

    def every_takeover(self) -> None:
        """A run that wakes at each of these seconds after its mark, while, or after, another takes over."""
        for wakes in (5.0, 11.0, 60.0):
            for queue in (True, False):
                asyncio.run(self._taken_over(wakes, queue=queue))

    def short(self) -> None:
        self.every_takeover()
        self.every_cut()

    def cut_off(self, cuts: Sequence[Cut]) -> bool:
        """True if all of these cuts came to pass."""
        return asyncio.run(self._cut_off(cuts))

    async def _cut_off(self, cuts: Sequence[Cut]) -> bool:
        orders, time, spill = self._next(), self._time(), self._spill()
        account = [f"https://panel.example/{self._first}#0"]
        book: list[Sent] = []
        async with writing(self._relayed, time, spill, accounts=account) as writer:
            one, two = writer.commit([a_mark(orders[0], panel="main"), a_mark(orders[1], panel="main")])
            book += [Sent(order, "run-1", time.monotonic()) for order in orders[:2]]
            self._relay.cut(cuts)
            told = writer.commit(
                [
                    a_settle(one, placed(f"p{orders[0]}")),
                    a_mark(orders[2], panel="main"),
                    a_mark(orders[3], panel="main"),
                ]
            )
            sent = [
                (order, id_) for order, id_ in zip(orders[2:4], told[1:], strict=True) if not isinstance(id_, Exception)
            ]
            book += [Sent(order, "run-1", time.monotonic()) for order, _ in sent]
            later = [(orders[1], two), *sent]
            told += [writer.commit([a_settle(id_, placed(f"p{order}"))])[0] for order, id_ in later]
            (again,) = writer.commit([a_mark(orders[4], panel="main")])
            book += [] if isinstance(again, Exception) else [Sent(orders[4], "run-1", time.monotonic())]
            left = self._relay.left()
        answered = [orders[0], *(order for order, _ in later)]
        async with self._taker(time, account) as taker:
            self._check_books(orders, book, spill)
            if len(cuts) == 1:
                self._check_known(orders, answered, book)
            self._buy_the_rest(taker, orders, book)
        self.tally["cut off"] += not left
        return not left

    async def _taken_over(self, wakes: float, *, queue: bool) -> None:
        """A run marks, and stands still before it sends. Without a `queue` its place in it counts for nothing."""
        orders, time, spill = self._next(), self._time(), self._spill()
        account = [f"https://panel.example/{self._first}#0"]
        book: list[Sent] = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(journals, "awake_or_asleep", time.monotonic)
            patch.setattr(connections, "awake_or_asleep", time.monotonic)
            async with writing(self._direct, time, spill, accounts=account) as stopped:
                journal = Journal(stopped, Recorded, None, SEND_DEADLINE)
                send_before = journal.send_before()
                (one,) = stopped.commit([a_mark(orders[0], panel="main")])

                async def wake() -> None:
                    if _may_be_sent(send_before):
                        book.append(Sent(orders[0], "run-1", time.monotonic()))
                        stopped.commit([a_settle(one, placed(f"p{orders[0]}"))])
                    (more,) = stopped.commit([a_mark(orders[1], panel="main")])
                    if not isinstance(more, Exception):
                        book.append(Sent(orders[1], "run-1", time.monotonic()))

                time.at(wakes, wake)
                if queue:
                    end_backends(self._direct)
                else:
                    patch.setattr(Leases, "_try_lock", lambda *_: True)
                async with self._taker(time, account) as taker:
                    taken = time.monotonic()
                    await time.sleep(max(wakes - time.monotonic(), 0.0))
                    self._check_books(orders, book, spill)
                    self._buy_the_rest(taker, orders, book)
                    late = [sent for sent in book if sent.run == "run-1" and sent.at >= taken]
                    if late:
                        raise BrokenPromise(f"two senders at once: {late} after the takeover at {taken}")
        self.tally["taken over"] += 1

    @asynccontextmanager
    async def _taker(self, time: SharedTime, account: Sequence[str]) -> AsyncIterator[PostgresWriter]:
        async with writing(self._direct, time, self._spill(), run_id="run-2", accounts=account, wait=60) as taker:
            taker.commit([DoubtLeftOvers(NOW)])
            yield taker

    def _states(self, orders: Sequence[str]) -> dict[str, set[str]]:
        """By order, the states of its attempts."""
        found: dict[str, set[str]] = {order: set() for order in orders}
        for order, state in self._admin.execute(f"SELECT substr(order_id, 7), state FROM {self._schema}.attempts"):
            if order in found:
                found[str(order)].add(str(state))
        return found

    def _check_books(self, orders: Sequence[str], book: Sequence[Sent], spill: SpillFile) -> None:
        states = self._states(orders)
        noted = {str(each.told.outcome.panel_order_id) for each in spill.kept() if hasattr(each.told, "outcome")}
        for sent in book:
            if not states[sent.order] & {"placed", "in_doubt"} and f"p{sent.order}" not in noted:
                raise BrokenPromise(
                    f"order {sent.order} is on the panel, and nothing tells of it: {states[sent.order]}"
                )

    def _check_known(self, orders: Sequence[str], answered: Sequence[str], book: Sequence[Sent]) -> None:
        """After one cut, a new connection takes all that the run knows."""
        states = self._states(orders)
        for order in answered:
            if states[order] != {"placed"}:
                raise BrokenPromise(f"order {order} was answered, and is {states[order]}")
        for order in set(orders) - {sent.order for sent in book}:
            if states[order] - {"not_sent"}:
                raise BrokenPromise(f"order {order} was never sent, and is {states[order]}")

    def _buy_the_rest(self, taker: PostgresWriter, orders: Sequence[str], book: list[Sent]) -> None:
        """What the database lets the other run mark goes out: that is the plan of a run that has forgotten everything."""
        for order in orders:
            (told,) = taker.commit([Mark(a_mark(order, panel="main").attempt, "run-2", NOW)])
            if isinstance(told, JournalBroken):
                raise BrokenPromise(f"the taker can't go on: {told.message}")
            if not isinstance(told, StateRefused):
                book.append(Sent(order, "run-2", float("inf")))
        twice = [order for order, times in Counter(sent.order for sent in book).items() if times > 1]
        if twice:
            raise BrokenPromise(f"bought twice: {twice}")

    def _next(self) -> list[str]:
        self._first += _ORDERS
        return [str(self._first + number) for number in range(_ORDERS)]

    def _time(self) -> SharedTime:
        return SharedTime(
            lambda seconds: (
                self._admin.execute(
                    "UPDATE bulk_order_runner.accounts SET renewed_at = renewed_at - make_interval(secs => %s)",
                    (seconds,),
                )
                and None
            )
        )

    def _spill(self) -> SpillFile:
        self.tally["files"] += 1
        beside = StatePaths.at(self._folder / str(self.tally["files"]) / "runner.db")
        make_directory(beside.db.parent)
        return SpillFile(beside)


def _may_be_sent(send_before: float) -> bool:
    """What the connector decides when the connection is there."""
    return connections.awake_or_asleep() <= send_before
