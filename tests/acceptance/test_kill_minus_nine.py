"""kill -9 at any moment of an apply, again and again over one state: nothing is bought twice, nothing is lost unseen."""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest

from tests.acceptance.conftest import Serve
from tests.acceptance.project import Project, post
from tests.acceptance.served import Served

BATCH = 48  # new orders for each kill
PARALLEL = 4  # adds in flight: the most doubts that one kill may leave
LATENCY = 0.03  # seconds of each answer: a batch takes about 0.4 s to submit
START_UP = 0.9  # seconds, in which kills before the first order land


@dataclass
class Bench:
    """One state that is killed over and over."""

    project: Project
    served: Served
    rng: random.Random
    orders: list[Mapping[str, object]] = field(default_factory=list)
    killed_while_submitting: int = 0

    def add_batch(self) -> None:
        first = len(self.orders)
        self.orders += [post(number) for number in range(first, first + BATCH)]
        self.project.campaign(self.orders)

    def kill_one(self, *, while_submitting: bool) -> None:
        """Start an apply and kill it: at a random moment of its start-up, or a random moment from its first mark on."""
        placed_before = self.served.requests()["add"]
        running = self.project.start("apply", "--yes", "--format", "jsonl", "-q")
        assert running.stdout is not None
        if while_submitting:
            while '"marked"' not in (line := running.stdout.readline()):
                assert line, "the run ended without an order"
            time.sleep(self.rng.uniform(0, BATCH / PARALLEL * LATENCY * 1.3))
        else:
            time.sleep(self.rng.uniform(0, START_UP))
        running.kill()
        running.communicate()
        sent = self.served.requests()["add"] - placed_before
        self.killed_while_submitting += 0 < sent < BATCH

    def status(self) -> dict[str, list[dict]]:
        """The orders of `status` by what it says of them."""
        ran = self.project.run("status", "--format", "json")
        by_sync: dict[str, list[dict]] = {}
        for order in ran.json["orders"]:
            by_sync.setdefault(order["sync"], []).append(order)
        assert ran.code == (15 if "in_doubt" in by_sync else 0)
        return by_sync

    def check(self) -> set[str]:
        """Every invariant that holds at any moment between two runs; the addresses in doubt."""
        by_sync = self.status()
        doubts = {order["order"] for order in by_sync.get("in_doubt", [])}
        linked = {order["panel_order_id"] for order in by_sync.get("placed", [])}
        address_of = {order["link"]: f"spring/{order['id']}" for order in self.orders}
        held = self.served.orders()
        assert set(self.served.links().values()) <= {1}, "a link was bought twice"
        assert linked <= {str(order["order"]) for order in held}
        for order in held:
            known = str(order["order"]) in linked or address_of[order["link"]] in doubts
            assert known, f"order {order['order']} is on the panel and not in the state"
        return doubts


def torture(bench: Bench, kills: int) -> None:
    doubts: set[str] = set()
    for turn in range(kills):
        bench.add_batch()
        bench.kill_one(while_submitting=turn % 4 != 3)
        after_kill = bench.check()
        assert doubts <= after_kill
        assert len(after_kill - doubts) <= PARALLEL, "more doubts than orders in flight"
        rerun = bench.project.run("apply", "--yes", "--format", "json")
        doubts = bench.check()
        assert rerun.code == (15 if doubts else 0), rerun.err
        assert doubts == after_kill, "the rerun itself left no new doubt and settled none"
        assert "missing" not in bench.status(), "the rerun bought everything else"

    assert bench.killed_while_submitting >= kills // 3, "the kills did not land while orders were on their way"
    assert doubts, "no kill hit an order in flight"
    plan = bench.project.run("plan", "--format", "json")
    applied = bench.project.run("apply", "--yes", "--format", "json")
    report = bench.project.run("report", "--format", "json")
    assert (plan.code, applied.code, report.code) == (15, 15, 15)
    assert {one["order"] for one in plan.json["actions"] if one["action"] == "in_doubt"} == doubts
    assert {one["order"] for one in applied.json["orders"] if one["outcome"] == "in_doubt"} == doubts
    assert applied.json["in_doubt"] == len(doubts)
    assert report.json["in_doubt"] == f"{len(doubts) * 0.09:.2f}"


@pytest.fixture
def bench(project: Project, serve: Serve) -> Callable[[int], Bench]:
    served = serve("--latency", str(LATENCY))
    project.panels(served.url, parallel={"add": PARALLEL, "read": 4})
    return lambda seed: Bench(project, served, random.Random(seed))


def test_twenty_kills_over_one_state_buy_nothing_twice_and_lose_nothing_unseen(bench):
    torture(bench(20), kills=20)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_many_kills_over_one_state_buy_nothing_twice_and_lose_nothing_unseen(bench, seed):
    torture(bench(seed), kills=60)
