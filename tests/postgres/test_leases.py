"""Leases: one sender for each account, whoever and wherever he is."""

import asyncio
import time

import pytest

from runner.core.errors import StateLocked
from runner.core.values.accounts import account_of
from runner.store.postgres.address import parse
from runner.store.postgres.leases import SEND_DEADLINE, Leases
from runner.store.postgres.server import connect
from tests.postgres.opened import end_backends, rows, writing
from tests.store.making import a_mark


def unique(project: str, number: str = "fingerprint") -> str:
    return f"https://{project}.example/api/v2#{number}"


async def test_a_second_run_for_one_account_waits_or_is_refused_with_its_holders_name(cluster, project, clock, spill):
    url, account = cluster.url(project), unique(project)
    async with writing(url, clock, spill, run_id="run-of-anna", accounts=[account]):
        with pytest.raises(StateLocked, match="taken by run-of-anna, since") as refusal:
            async with writing(url, clock, spill, run_id="run-2", accounts=[account]):
                pass
        assert account.partition("#")[2] not in str(refusal.value)
    async with writing(url, clock, spill, run_id="run-2", accounts=[account]) as free_now:
        assert isinstance(free_now.commit([a_mark(1)._replace(run_id="run-2")])[0], int)


async def test_runs_for_different_accounts_of_one_project_go_side_by_side(cluster, project, clock, spill):
    url = cluster.url(project)
    async with (
        writing(url, clock, spill, run_id="run-a", accounts=[unique(project, "one")]) as one,
        writing(url, clock, spill, run_id="run-b", accounts=[unique(project, "two")]) as two,
    ):
        for number in range(5):
            (first,) = one.commit([a_mark(f"a{number}")._replace(run_id="run-a")])
            (second,) = two.commit([a_mark(f"b{number}")._replace(run_id="run-b")])
            assert first != second
    assert rows(url, "SELECT count(*) FROM attempts") == [(10,)]


async def test_two_projects_that_spend_from_one_account_know_of_each_other(cluster, project, clock, spill):
    account, other = unique(project), f"{project}_too"
    async with writing(cluster.url(project), clock, spill, accounts=[account]):
        with pytest.raises(StateLocked, match=f"of project {project}"):
            async with writing(cluster.url(other), clock, spill, accounts=[account]):
                pass
    address = parse(cluster.url(other))
    with connect(address, "test") as connection:
        leases = Leases(connection, address, "run-2")
        await leases.take([account], clock)
        assert leases.held[account].former_project == project
        leases.release()


async def test_after_a_clean_end_nobody_waits(cluster, project, clock, spill):
    account = unique(project)
    async with writing(cluster.url(project), clock, spill, accounts=[account]):
        pass
    before = clock.monotonic()
    async with writing(cluster.url(project), clock, spill, accounts=[account]):
        assert clock.monotonic() == before


async def test_an_account_whose_holder_vanished_is_taken_when_nothing_of_his_can_be_sent(
    cluster, project, real_clock, spill
):
    url, account = cluster.url(project), unique(project)
    address = parse(url)
    async with writing(url, real_clock, spill, run_id="run-1", accounts=[account]) as writer:
        writer.commit([a_mark(1)])
        marked = time.monotonic()
        end_backends(url)
        with connect(address, "taker") as connection:
            leases = Leases(connection, address, "run-2")
            await asyncio.wait_for(leases.take([account], real_clock), SEND_DEADLINE + 10)
            assert time.monotonic() - marked > SEND_DEADLINE
            assert leases.held[account].epoch == 2
            leases.release()


def test_an_accounts_name_tells_one_key_from_another_and_gives_none_away():
    one = account_of("https://panel.example/api", "key-1")
    assert one == account_of("https://panel.example/api", "key-1")
    assert one != account_of("https://panel.example/api", "key-2")
    assert "key-1" not in one
