"""`state verify`, `mv` and `rm` for a state on a server, and what a machine knows of one that was put back."""

import subprocess

import psycopg
import pytest

from runner.store.postgres.address import parse
from tests.acceptance.conftest import Serve, bare_project, serve  # noqa: F401  # fixtures
from tests.acceptance.project import post
from tests.postgres.opened import rows
from tests.postgres.shared_project import SharedProject


@pytest.fixture
def served(serve):  # noqa: F811
    return serve()


@pytest.fixture
def bought(tmp_path, cluster, project, served):
    """A project that has bought two orders on a server."""
    one = SharedProject(tmp_path / "here", cluster.url(project))
    one.panels(served.url)
    one.campaign([post(n) for n in range(2)])
    ran = one.run("apply", "--yes", "--new-state")
    assert ran.code == 0, ran.err
    return one


def change(url, *statements):
    address = parse(url)
    with psycopg.connect(address.conninfo, autocommit=True) as connection:
        connection.execute(f'SET search_path = "{address.schema}"')
        for statement in statements:
            connection.execute(statement)


def put_back(bought, cluster, dump=None):
    """Dump the project's schema, or put a dump in its place, as somebody does who restores a backup in the same database."""
    address = parse(bought.url)
    if dump is None:
        command = (str(cluster._programs / "pg_dump"), "-n", address.schema, address.conninfo)
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    change(bought.url, f'DROP SCHEMA "{address.schema}" CASCADE')
    command = (str(cluster._programs / "psql"), "-q", "-v", "ON_ERROR_STOP=1", address.conninfo)
    return subprocess.run(command, input=dump, capture_output=True, text=True, check=True).stdout


def test_a_whole_state_is_called_whole(bought):
    ran = bought.run("state", "verify")
    assert ran.code == 0, ran.out
    assert "2 attempts" in ran.out
    assert "history of the server" in ran.out


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("ALTER TABLE attempts DISABLE TRIGGER attempts_that_may_have_bought_stay", "is missing, or switched off"),
        ("DROP INDEX one_open_attempt", "the index one_open_attempt is missing"),
        ("UPDATE attempts SET quantity = 0 WHERE id = 1", "attempt 1: an attempt ordered nothing"),
        ("UPDATE attempts SET settled_at = NULL WHERE id = 2", "attempt 2: a settled attempt has no time"),
        ("UPDATE attempts SET expected_charge = 'much'", "can't be read"),
        ("UPDATE meta SET value = '7' WHERE key = 'timeline'", "timeline changed"),
        ("UPDATE alembic_version SET version_num = '9999'", "newer version of the runner"),
    ],
)
def test_what_a_hand_with_a_database_shell_did_is_found(bought, statement, told):
    change(bought.url, statement)
    ran = bought.run("state", "verify")
    assert ran.code == 12, ran.out
    assert told in ran.out


def test_two_unsettled_sends_to_one_page_are_found_in_any_spelling(bought):
    change(
        bought.url,
        "DROP TRIGGER attempts_change_state_only_forwards ON attempts",
        "UPDATE attempts SET state = 'in_doubt', link = replace(link, 'example.com', 'EXAMPLE.com') WHERE id = 1",
        "UPDATE attempts SET state = 'in_doubt', link = (SELECT lower(link) FROM attempts WHERE id = 1) WHERE id = 2",
    )
    assert "are unsettled" in bought.run("state", "verify").out


def test_a_state_that_was_put_back_in_the_same_database_is_refused_until_it_is_accepted(
    bought, cluster, served, tmp_path
):
    dump = put_back(bought, cluster)
    bought.campaign([post(n) for n in range(4)])
    assert bought.run("apply", "--yes").code == 0
    put_back(bought, cluster, dump)
    refused = bought.run("apply", "--yes")
    assert refused.code == 12
    assert "is behind what this machine knows of it" in refused.err
    assert "2 order(s) that may have been sent are missing" in refused.err
    assert len(served.orders()) == 4
    assert bought.run("state", "verify").code == 12
    assert bought.run("state", "verify", "--accept").code == 64, "a reason is needed"
    accepted = bought.run("state", "verify", "--accept", "--reason", "both were imported")
    assert accepted.code == 0, accepted.err + accepted.out
    assert ".e2" in accepted.out
    assert "state verify --accept: both were imported" in str(rows(bought.url, "SELECT command FROM runs"))
    bought.campaign([post(n) for n in range(2)])
    assert bought.run("apply", "--yes").code == 0
    again = bought.run("state", "verify", "--accept", "--reason", "once more")
    assert again.code == 0
    assert "nothing to accept" in again.err


def test_a_state_that_was_dropped_does_not_begin_anew_where_its_orders_are_known(bought):
    change(bought.url, f'DROP SCHEMA "{parse(bought.url).schema}" CASCADE')
    ran = bought.run("apply", "--yes", "--new-state")
    assert ran.code == 12
    assert "is missing, and" in ran.err
    other = bought.run("apply", "--yes", "--new-state", BULK_RUNNER_STATE=f"{bought.url}_two")
    assert other.code == 0, "another project may begin in this folder"


def test_a_file_is_not_accepted_and_a_missing_state_neither(bought, tmp_path):
    assert bought.run("state", "verify", "--accept", "--reason", "x", BULK_RUNNER_STATE="state/runner.db").code == 64
    elsewhere = bought.url.replace("project=", "project=no_")
    ran = bought.run("state", "verify", "--accept", "--reason", "x", BULK_RUNNER_STATE=elsewhere)
    assert ran.code == 12
    assert "there is no state" in ran.err


def test_an_order_gets_another_address_and_is_not_bought_again(bought, served):
    moved = bought.run("state", "mv", "spring/post-1", "spring/second")
    assert moved.code == 0, moved.err
    bought.campaign([post(0), post(1) | {"id": "second"}])
    assert bought.run("apply", "--yes").code == 0
    assert len(served.orders()) == 2


def test_an_order_is_forgotten_with_a_reason_and_keeps_its_money(bought, served):
    assert bought.run("state", "rm", "spring/post-1").code == 12
    ran = bought.run("state", "rm", "spring/post-1", "--i-know-it-may-be-bought-again", "--reason", "wanted twice")
    assert ran.code == 0, ran.err
    assert "spring/post-1~removed1" in bought.run("state", "list").out
    assert bought.run("state", "mv", "spring/post-0", "spring/x", "--dry-run").code == 0
    assert "spring/post-0" in bought.run("state", "list").out


def test_a_folder_that_is_made_for_a_server_allows_no_file_to_begin(tmp_path, cluster, project, served):
    one = SharedProject(tmp_path / "new", cluster.url(project))
    ran = one.run("init")
    assert ran.code == 0, ran.err
    assert "begins it with --new-state, once" in ran.out
    one.panels(served.url)
    one.campaign([post(1)])
    assert one.run("apply", "--yes", BULK_RUNNER_STATE="state/runner.db").code == 12
    assert one.run("apply", "--yes").code == 12
    begun = one.run("apply", "--yes", "--new-state")
    assert begun.code == 0, begun.err
    again = one.run("apply", "--yes", "--new-state")
    assert again.code == 12
    assert "exists, and --new-state begins a new one" in again.err
