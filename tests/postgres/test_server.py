"""Servers on which a mark could be lost are refused, each with its reason."""

import pytest

from runner.core.errors import StateRefused
from runner.store.postgres.address import parse
from runner.store.postgres.server import connect, identity_of, refuse_unsafe
from tests.postgres.cluster import Cluster


def looked_at(url: str) -> None:
    address = parse(url)
    with connect(address, "test") as connection:
        refuse_unsafe(connection, address, lambda: connect(address, "test"))


def test_a_server_as_debian_sets_it_up_is_fine(cluster, project):
    looked_at(cluster.url(project))


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ("fsync=off", "fsync is off"),
        ("synchronous_commit=off", "synchronous_commit is off"),
        ("synchronous_commit=local", "synchronous_commit is local"),
        ("synchronous_commit=remote_write", "synchronous_commit is remote_write"),
    ],
)
def test_a_server_that_may_lose_a_commit_is_refused(cluster, project, setting, why):
    cluster.stop()
    cluster.start(setting)
    try:
        with pytest.raises(StateRefused, match=why):
            looked_at(cluster.url(project))
    finally:
        cluster.stop()
        cluster.start()


def test_a_hot_standby_is_refused(tmp_path_factory, cluster, project):
    copy = Cluster(cluster.folder / project, cluster._programs)
    copy._run("pg_basebackup", "-h", "127.0.0.1", "-p", str(cluster.port), "-U", "runner", "-R", "-D", str(copy.data))
    copy.start()
    try:
        with pytest.raises(StateRefused, match="hot standby"):
            looked_at(copy.url(project))
        with connect(parse(cluster.url(project)), "test") as connection:
            before = identity_of(connection)
        copy._run("pg_ctl", "-D", str(copy.data), "-w", "promote")
        with connect(parse(copy.url(project)), "test") as connection:
            after = identity_of(connection)
        assert after.system == before.system
        assert after.timeline != before.timeline
    finally:
        copy.stop("immediate")


def test_a_server_that_is_not_there_is_told_in_one_line(project):
    with pytest.raises(StateRefused, match="can't be reached") as refusal:
        connect(parse(f"postgresql://runner@127.0.0.1:9/postgres?project={project}"), "test")
    assert "\n" not in refusal.value.message
