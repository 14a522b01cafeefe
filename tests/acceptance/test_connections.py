"""Servers that promise to keep a connection and close it: no order is in doubt that they never read, and none is sent twice."""

import pytest

from tests.acceptance.project import Project, post

ORDERS = 60

CLOSERS = {
    "behind each answer": ("--connection-requests", "1"),
    "shortly after each answer": ("--connection-requests", "1", "--connection-delay", "0.003"),
    "behind every second answer": ("--connection-requests", "2"),
    "behind the seventh answer": ("--connection-requests", "7"),
    "shortly after the seventh answer": ("--connection-requests", "7", "--connection-delay", "0.01"),
    "behind the twentieth answer": ("--connection-requests", "20"),
    "after a short idle time": ("--connection-idle", "0.05"),
}


@pytest.mark.parametrize("closer", CLOSERS.values(), ids=CLOSERS)
def test_no_order_goes_into_a_connection_that_the_panel_closes(bare_project: Project, serve, closer):
    panel = serve(*closer)
    bare_project.panels(panel.url)
    bare_project.campaign([post(number) for number in range(ORDERS)])
    for expected in (ORDERS, 0):
        ran = bare_project.run("apply", "--yes", "--format", "json")
        assert (ran.code, ran.json["placed"], ran.json["in_doubt"]) == (0, expected, 0), ran.err
    assert sorted(panel.links().values()) == [1] * ORDERS
    assert panel.requests()["add"] == ORDERS


def test_a_server_that_closes_idle_connections_is_met_on_fresh_ones(bare_project: Project, serve):
    """Orders two seconds apart, on a server that closes after just so long: each would meet its connection's end."""
    panel = serve("--connection-idle", "2")
    bare_project.panels(panel.url, rate={"add": "30/min"}, parallel={"add": 1, "read": 1})
    bare_project.campaign([post(number) for number in range(4)])
    ran = bare_project.run("apply", "--yes", "--format", "json")
    assert (ran.code, ran.json["placed"], ran.json["in_doubt"]) == (0, 4, 0), ran.err


def test_a_broken_promise_is_told_once_and_remembered(bare_project: Project, serve):
    panel = serve("--connection-requests", "1")
    bare_project.panels(panel.url)
    bare_project.campaign([post(1)])
    first = bare_project.run("apply", "--yes")
    assert first.err.count("closes connections that it promised to keep") == 1
    bare_project.campaign([post(1), post(2)])
    second = bare_project.run("apply", "--yes")
    assert (second.code, second.err.count("closes connections")) == (0, 0)


def test_a_profile_says_that_connections_are_not_kept(bare_project: Project, serve):
    panel = serve("--connection-requests", "1")
    bare_project.panels(panel.url, keep_alive=False)
    bare_project.campaign([post(number) for number in range(8)])
    ran = bare_project.run("apply", "--yes")
    assert (ran.code, ran.err.count("closes connections")) == (0, 0), ran.err
