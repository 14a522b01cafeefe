"""Runs on a shared state that are killed, cut off, stopped and raced: nothing twice, nothing unlinked, one sender."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from itertools import count, pairwise

import pytest

from tests.acceptance.project import KEY_NAME, environment, post
from tests.acceptance.test_kill_minus_nine import LATENCY, PARALLEL, Bench, torture
from tests.postgres.opened import end_backends, rows
from tests.postgres.shared_project import SharedProject

NUMBERS = count()


@pytest.fixture
def machine(cluster, project, tmp_path):
    """One more throw-away folder on the same state."""
    return lambda: SharedProject(tmp_path / f"machine-{next(NUMBERS)}", cluster.url(project))


@pytest.fixture
def served(serve):
    return serve("--latency", str(LATENCY))


@pytest.fixture
def begun(machine, served):
    """A machine whose project has bought one order."""
    one = machine()
    one.panels(served.url, parallel={"add": PARALLEL, "read": 4})
    one.campaign([post("first")])
    ran = one.run("apply", "--yes", "--new-state")
    assert ran.code == 0, ran.err
    return one


def started(project):
    """An apply that has marked its first orders."""
    running = project.start("apply", "--yes", "--format", "jsonl", "-q")
    while '"marked"' not in running.stdout.readline():
        assert running.poll() is None, running.communicate()
    return running


def orders(first, number):
    return [post("first"), *(post(f"{first}-{n}") for n in range(number))]


def books_agree(project, served):
    """Every order of the panel is linked or in doubt, and no page was bought twice; the orders in doubt."""
    status = project.run("status", "--format", "json").json["orders"]
    linked = {one["panel_order_id"] for one in status if one["sync"] == "placed"}
    doubts = {one["order"] for one in status if one["sync"] == "in_doubt"}
    assert set(served.links().values()) <= {1}, "a link was bought twice"
    by_link = {one["link"]: one for one in served.orders()}
    for link, held in by_link.items():
        address = f"spring/post-{link.rpartition('/')[2]}"
        assert str(held["order"]) in linked or address in doubts, f"{address} is on the panel and not in the state"
    one_sender_at_a_time(project, served)
    return doubts


def one_sender_at_a_time(project, served):
    """By the panel's own clock: what one run bought arrived before, or after, all that another has."""
    bought = "SELECT order_id, run_id FROM attempts WHERE state IN ('placed', 'in_doubt', 'sending')"
    run_of = dict(rows(project.url, bought))
    times = defaultdict(list)
    for held in served.orders():
        times[run_of[f"post-{held['link'].rpartition('/')[2]}"]].append(held["received"])
    runs = sorted((min(each), max(each)) for each in times.values())
    assert all(one[1] < two[0] for one, two in pairwise(runs)), "two runs sent at once"


def test_kills_over_one_shared_state_buy_nothing_twice_and_lose_nothing_unseen(begun, served):
    bench = Bench(begun, served, random.Random(7))
    bench.orders.append(post("first"))
    torture(bench, kills=8)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_many_kills_over_one_shared_state(begun, served, seed):
    bench = Bench(begun, served, random.Random(seed))
    bench.orders.append(post("first"))
    torture(bench, kills=50)
    one_sender_at_a_time(begun, served)


@pytest.mark.slow
@pytest.mark.parametrize("blow", ["cut", "immediate", "fast"])
def test_many_blows_from_the_servers_side_over_one_state(begun, served, cluster, blow):
    """Connections are cut 30 times while orders are on their way; the server crashes, or restarts, 10 times."""
    rng, listed = random.Random(blow), [post("first")]
    for turn in range(30 if blow == "cut" else 10):
        listed += orders(turn, 40)[1:]
        begun.campaign(listed)
        running = started(begun)
        time.sleep(rng.uniform(0, 0.35))
        if blow == "cut":
            assert end_backends(begun.url, "bulk-order-runner apply"), "the run had ended before"
        else:
            cluster.stop(blow)
            time.sleep(rng.uniform(0, 1))
            cluster.start()
        _, err = running.communicate(timeout=60)
        assert running.returncode in {0, 12, 14, 15}, err
        books_agree(begun, served)
        again = begun.run("apply", "--yes")
        assert (again.code, books_agree(begun, served)) == (0, set()), again.err
    assert len(served.orders()) == len(listed)


@pytest.mark.parametrize("turn", range(3))
def test_a_run_whose_connections_are_cut_marks_nothing_more_and_loses_no_answer(begun, served, turn):
    begun.campaign(orders(turn, 40))
    running = started(begun)
    time.sleep(0.05 * turn)
    assert end_backends(begun.url, "bulk-order-runner apply")
    out, err = running.communicate(timeout=60)
    assert running.returncode in {12, 14}, err
    assert "connection to the state was lost" in out + err
    assert books_agree(begun, served) == set(), "what was answered was recorded over a new connection"
    again = begun.run("apply", "--yes")
    assert again.code == 0, again.err
    assert len(served.orders()) == 41


@pytest.mark.parametrize("mode", ["immediate", "fast"])
def test_a_server_that_restarts_under_a_run_loses_nothing(begun, served, cluster, mode):
    begun.campaign(orders(mode, 60))
    running = started(begun)
    cluster.stop(mode)
    time.sleep(0.3)
    cluster.start()
    _, err = running.communicate(timeout=60)
    assert running.returncode in {12, 14, 15}, err
    books_agree(begun, served)
    again = begun.run("apply", "--yes")
    doubts = books_agree(begun, served)
    assert again.code == (15 if doubts else 0), again.err
    assert doubts == set(), "what was answered while it was gone was noted, and settled at the next start"


@pytest.mark.parametrize("order", [3, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2, 4, 5, 9, 17, 26, 33))])
def test_a_run_that_is_stopped_between_mark_and_send_sends_nothing_once_another_took_over(
    begun, machine, served, order
):
    """SIGSTOP, a dead connection, a taker that waits out the deadline, SIGCONT: the panel sees one sender at a time."""
    begun.campaign(orders("stop", 40))
    line = [sys.executable, "-m", "tests.postgres.stopping", str(order), "apply", "--yes", "-q"]
    env = environment(BULK_RUNNER_STATE=begun.url)
    pipe = subprocess.PIPE
    with subprocess.Popen(line, cwd=begun.root, env=env, stdout=pipe, stderr=pipe, text=True) as running:
        os.waitid(os.P_PID, running.pid, os.WSTOPPED)
        end_backends(begun.url, "bulk-order-runner apply")
        taker = machine()
        taker.panels(served.url, parallel={"add": PARALLEL, "read": 4})
        taker.campaign(orders("stop", 40))
        took = taker.run("apply", "--yes", "--lock-timeout", "30s")
        doubts = books_agree(taker, served)
        assert took.code == 15, took.err
        assert doubts, "what was marked and not sent is a doubt of the taker"
        before = len(served.orders())
        running.send_signal(signal.SIGCONT)
        _, err = running.communicate(timeout=60)
    assert running.returncode in {12, 14, 15}, err
    assert len(served.orders()) == before, "the stopped run has sent after the takeover"
    books_agree(taker, served)
    begun.run("apply", "--yes")
    assert books_agree(begun, served) == set(), "its own machine knows what was not sent"


def test_two_rivals_for_one_account_buy_everything_once(begun, machine, served):
    rivals_buy_once([begun, machine()], served, orders("rival", 30))


@pytest.mark.slow
def test_rivals_of_whom_one_is_killed_each_time(begun, machine, served):
    rivals = [begun, machine(), machine()]
    listed = [post("first")]
    for turn in range(10):
        listed += orders(turn, 30)[1:]
        rivals_buy_once(rivals, served, listed, random.Random(turn).uniform(1, 2))


def rivals_buy_once(rivals, served, listed, killed_after=None):
    for one in rivals:
        one.panels(served.url, parallel={"add": PARALLEL, "read": 4})
        one.campaign(listed)
    running = [one.start("apply", "--yes", "-q", "--lock-timeout", "60s") for one in rivals]
    if killed_after is not None:
        time.sleep(killed_after)
        killed = running.pop(0)
        killed.kill()
        killed.communicate()
    ended = [one.communicate(timeout=120) for one in running]
    doubts = books_agree(rivals[0], served)
    assert {one.returncode for one in running} <= ({0} if killed_after is None else {0, 15}), ended
    assert len(served.orders()) >= len(listed) - len(doubts)


def test_jobs_for_different_accounts_of_one_project_buy_side_by_side(begun, machine, served, serve):
    other = serve("--latency", str(LATENCY))
    jobs = [begun, machine()]
    for job in jobs:
        panels = {
            name: {"url": one.url, "key": {"env": KEY_NAME}} for name, one in (("served", served), ("too", other))
        }
        job.write("panels.yaml", json.dumps({"version": 1, "panels": panels}))
        job.campaign(orders("here", 60))
        job.campaign([post(f"there-{n}") for n in range(60)], name="autumn", panel="too")
    running = [
        job.start("apply", "--yes", "-q", f"campaigns/{name}.yaml")
        for job, name in zip(jobs, ("spring", "autumn"), strict=True)
    ]
    ended = [one.communicate(timeout=120) for one in running]
    assert [one.returncode for one in running] == [0, 0], ended
    here, there = ([held["received"] for held in one.orders()][1 - n :] for n, one in enumerate((served, other)))
    assert (len(here), len(there)) == (60, 60)
    assert max(min(here), min(there)) < min(max(here), max(there)), "one waited for the other"


def test_a_fresh_machine_goes_on_where_another_was_killed_and_settles_its_doubt_from_a_third(begun, machine, served):
    begun.campaign(orders("job", 30))
    running = started(begun)
    running.kill()
    running.communicate()
    second = machine()
    second.panels(served.url, parallel={"add": PARALLEL, "read": 4})
    second.campaign(orders("job", 30))
    ran = second.run("apply", "--yes", "--lock-timeout", "30s")
    doubts = books_agree(second, served)
    assert ran.code == (15 if doubts else 0), ran.err
    third = machine()
    third.panels(served.url)
    third.campaign(orders("job", 30))
    held = {one["link"]: str(one["order"]) for one in served.orders()}
    for address in sorted(doubts):
        order_id = held.get(f"https://example.com/our-brand/p/{address.rpartition('post-')[2]}")
        decided = (
            third.run("doubt", "adopt", address, "--order", order_id, "--reason", "it is in the panel's list")
            if order_id
            else third.run("doubt", "not-placed", address, "--reason", "not in the panel's list", "--i-checked")
        )
        assert decided.code == 0, decided.err
    assert books_agree(third, served) == set()


def test_a_left_over_is_decided_on_a_machine_that_has_neither_the_key_nor_the_panel(begun, machine, served):
    begun.campaign(orders("left", 30))
    running = begun.start("apply", "--yes", "--format", "jsonl", "-q")
    while '"marked"' not in running.stdout.readline():
        assert running.poll() is None
    running.kill()
    running.communicate()
    other = machine()
    other.campaign(orders("left", 30))
    doubts = {one["order"] for one in other.run("doubt", "list", "--format", "json").json["doubts"]}
    assert doubts, "no order was in flight"
    for address in sorted(doubts):
        decided = other.run("doubt", "abandon", address, "--reason", "the key is gone")
        assert decided.code == 0, decided.err
    assert other.run("doubt", "list", "--format", "json").json["doubts"] == []
