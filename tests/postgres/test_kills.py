"""Runs on a shared state that are killed, cut off, stopped and raced: nothing twice, nothing unlinked, one sender."""

import random
import signal
import time
from itertools import count

import pytest

from tests.acceptance.project import post
from tests.acceptance.test_kill_minus_nine import LATENCY, PARALLEL, Bench, torture
from tests.postgres.opened import end_backends
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
    return doubts


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


@pytest.mark.parametrize("turn", range(3))
def test_a_run_whose_connections_are_cut_marks_nothing_more_and_loses_no_answer(begun, served, turn):
    begun.campaign(orders(turn, 40))
    running = begun.start("apply", "--yes", "--format", "jsonl", "-q")
    while '"marked"' not in running.stdout.readline():
        assert running.poll() is None
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
    running = begun.start("apply", "--yes", "--format", "jsonl", "-q")
    while '"marked"' not in running.stdout.readline():
        assert running.poll() is None
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


def test_a_run_that_is_stopped_between_mark_and_send_sends_nothing_once_another_took_over(begun, machine, served):
    """SIGSTOP, a dead connection, a taker that waits out the deadline, SIGCONT: the panel sees one sender at a time."""
    begun.campaign(orders("stop", 40))
    running = begun.start("apply", "--yes", "--format", "jsonl", "-q")
    while '"marked"' not in running.stdout.readline():
        assert running.poll() is None
    running.send_signal(signal.SIGSTOP)
    end_backends(begun.url, "bulk-order-runner apply")
    taker = machine()
    taker.panels(served.url, parallel={"add": PARALLEL, "read": 4})
    taker.campaign(orders("stop", 40))
    took = taker.run("apply", "--yes", "--lock-timeout", "30s")
    doubts = books_agree(taker, served)
    assert took.code == (15 if doubts else 0), took.err
    before = len(served.orders())
    running.send_signal(signal.SIGCONT)
    _, err = running.communicate(timeout=60)
    assert running.returncode in {12, 14, 15}, err
    assert len(served.orders()) == before, "the stopped run has sent after the takeover"
    books_agree(taker, served)


def test_two_rivals_for_one_account_buy_everything_once(begun, machine, served):
    rival = machine()
    for one in (begun, rival):
        one.panels(served.url, parallel={"add": PARALLEL, "read": 4})
        one.campaign(orders("rival", 30))
    running = [one.start("apply", "--yes", "-q", "--lock-timeout", "60s") for one in (begun, rival)]
    ended = [one.communicate(timeout=120) for one in running]
    assert [one.returncode for one in running] == [0, 0], ended
    assert books_agree(begun, served) == set()
    assert len(served.orders()) == 31


def test_a_fresh_machine_goes_on_where_another_was_killed_and_settles_its_doubt_from_a_third(begun, machine, served):
    begun.campaign(orders("job", 30))
    running = begun.start("apply", "--yes", "--format", "jsonl", "-q")
    while '"marked"' not in running.stdout.readline():
        assert running.poll() is None
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
            third.run("doubt", "adopt", address, order_id, "--reason", "it is in the panel's list")
            if order_id
            else third.run("doubt", "not-placed", address, "--reason", "not in the panel's list", "--i-checked")
        )
        assert decided.code == 0, decided.err
    assert books_agree(third, served) == set()
