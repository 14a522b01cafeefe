"""Several applies over one state at the same time, and the plug pulled on one of them."""

import random
import subprocess

from tests.acceptance.conftest import Serve
from tests.acceptance.project import Project, post

ORDERS = 40
RIVALS = 3
ROUNDS = 4


def test_rivals_started_together_buy_each_order_once_and_the_losers_say_why(project: Project, served_sandbox):
    project.campaign([post(number) for number in range(ORDERS)])
    running = [project.start("apply", "--yes", "-q") for _ in range(RIVALS)]
    ended = [(one.wait(60), one.communicate()[1]) for one in running]
    assert 0 in [code for code, _ in ended]
    for code, said in ended:
        assert code in (0, 12), said
        assert code == 0 or "locked by" in said
    assert sorted(served_sandbox.links().values()) == [1] * ORDERS


def test_a_kill_among_rivals_buys_nothing_twice_and_leaves_few_doubts(bare_project: Project, serve: Serve):
    served = serve("--latency", "0.02")
    bare_project.panels(served.url, parallel={"add": 4, "read": 4})
    chance = random.Random(4)
    orders: list[dict[str, object]] = []
    doubts = 0
    for _ in range(ROUNDS):
        orders += [post(number) for number in range(len(orders), len(orders) + ORDERS)]
        bare_project.campaign(orders)
        running = [bare_project.start("apply", "--yes", "--format", "jsonl", "-q") for _ in range(RIVALS)]
        victim = chance.choice(running)
        try:
            victim.wait(chance.uniform(0.8, 1.6))
        except subprocess.TimeoutExpired:
            victim.kill()
        for one in running:
            one.communicate(timeout=60)
        assert set(served.links().values()) <= {1}, "a link was bought twice"
        settled = bare_project.run("apply", "--yes", "--format", "json")
        assert settled.code in (0, 15)
        assert settled.json["in_doubt"] - doubts <= 4
        doubts = settled.json["in_doubt"]
    assert set(served.links().values()) <= {1}
    status = bare_project.run("status", "--format", "json").json["orders"]
    linked = {one["panel_order_id"] for one in status if one["sync"] == "placed"}
    in_doubt = sum(one["sync"] == "in_doubt" for one in status)
    assert len(linked) + in_doubt == len(orders)
    assert len(served.orders()) <= len(orders)
