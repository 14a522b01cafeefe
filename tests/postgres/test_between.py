"""What stands between a run and its state: poolers, roles with few rights, defaults of servers, and processes that hide."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from runner.core.errors import JournalBroken, StateRefused
from runner.core.values.accounts import account_of
from runner.store.postgres import process, reader
from runner.store.postgres.address import parse
from runner.store.postgres.leases import Leases
from runner.store.postgres.schema import ensure
from runner.store.postgres.server import connect
from tests.acceptance.project import Project, environment, post
from tests.postgres.cluster import _free_port
from tests.postgres.opened import ACCOUNT, rows, writing
from tests.postgres.shared_project import SharedProject
from tests.store.making import a_mark, a_settle, placed


@contextmanager
def pooler(cluster, folder: Path, mode: str) -> Iterator[int]:
    """PgBouncer's port."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        if os.environ.get("RUNNER_GATE"):
            pytest.fail("no PgBouncer is installed (Debian: apt install pgbouncer)")
        pytest.skip("no PgBouncer is installed (Debian: apt install pgbouncer)")
    port, settings = _free_port(), folder / f"pgbouncer-{mode}.ini"
    settings.write_text(
        f"[databases]\n* = host=127.0.0.1 port={cluster.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
        f"listen_port = {port}\nauth_type = any\npool_mode = {mode}\nunix_socket_dir =\n"
        f"[users]\n".replace("* =", "postgres = user=runner")
    )
    settings.chmod(0o644)
    as_user = ["-u", "nobody"] if os.geteuid() == 0 else []
    readable = shutil.copy(settings, cluster.folder / settings.name)
    with subprocess.Popen([program, "-q", *as_user, readable], stderr=subprocess.DEVNULL) as running:
        try:
            for _ in range(100):
                time.sleep(0.05)
                try:
                    psycopg.connect(f"postgresql://runner@127.0.0.1:{port}/postgres").close()
                    break
                except psycopg.OperationalError:
                    assert running.poll() is None
            yield port
        finally:
            running.terminate()


def shop(folder: Path, url: str, panel: str) -> SharedProject:
    one = SharedProject(folder, url)
    one.panels(panel)
    one.campaign([post("a"), post("b")])
    return one


def test_a_pooler_in_session_mode_is_as_good_as_the_server(cluster, project, tmp_path, serve):
    with pooler(cluster, tmp_path, "session") as port:
        one = shop(tmp_path / "shop", cluster.url(project).replace(str(cluster.port), str(port)), serve().url)
        ran = one.run("apply", "--yes", "--new-state")
        assert ran.code == 0, ran.err
        assert one.run("apply", "--yes").code == 0
        status = one.run("status", "--format", "json").json
    assert {order["sync"] for order in status["orders"]} == {"placed"}
    assert rows(cluster.url(project), "SELECT count(*) FROM attempts") == [(2,)]


def test_a_pooler_in_transaction_mode_is_refused_before_anything_is_bought(cluster, project, tmp_path, serve):
    panel = serve()
    with pooler(cluster, tmp_path, "transaction") as port:
        one = shop(tmp_path / "shop", cluster.url(project).replace(str(cluster.port), str(port)), panel.url)
        ran = one.run("apply", "--yes", "--new-state")
    assert ran.code == 12
    assert "a pooler in transaction mode is in between" in ran.err
    assert panel.orders() == []


async def test_a_reader_behind_a_shared_session_reads_its_own_project(cluster, project, clock, spill, monkeypatch):
    """A pooler in transaction mode gives it a session in which another project was looked at last."""
    url, other = cluster.url(project), f"{project}_too"
    async with writing(url, clock, spill) as one, writing(cluster.url(other), clock, spill, accounts=["b#1"]) as two:
        one.commit([a_mark(1)])
        two.commit([a_mark(2)])
    monkeypatch.setattr(reader, "connect", lambda _, purpose: connect(parse(cluster.url(other)), purpose))
    with reader.looking_at(parse(url)) as there:
        assert there.execute("SELECT order_id FROM attempts").fetchall() == [("order-1",)]


@pytest.fixture
def roles(cluster):
    with psycopg.connect(parse(cluster.url()).conninfo, autocommit=True) as admin:
        yield admin


def test_a_plain_role_needs_no_more_than_to_make_its_schemas(cluster, project, roles, tmp_path, serve):
    database, user = f"db_{project}", f"u_{project}"
    roles.execute(f"CREATE ROLE {user} LOGIN")
    roles.execute(f"CREATE DATABASE {database}")
    roles.execute(f"GRANT CREATE ON DATABASE {database} TO {user}")
    url = cluster.url(project, database).replace("runner@", f"{user}@")
    one = shop(tmp_path / "shop", url, serve().url)
    assert one.run("apply", "--yes", "--new-state").code == 0
    # Later it needs not even that; and one that may only read sees everything.
    roles.execute(f"REVOKE CREATE ON DATABASE {database} FROM {user}")
    one.campaign([post("a"), post("b"), post("c")])
    assert one.run("apply", "--yes").code == 0
    roles.execute(f"CREATE ROLE {user}_reads LOGIN")
    with psycopg.connect(parse(url).conninfo, autocommit=True) as owner:
        for schema in (project, "bulk_order_runner"):
            owner.execute(f"GRANT USAGE ON SCHEMA {schema} TO {user}_reads")
            owner.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {user}_reads")
            owner.execute(f"GRANT SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {user}_reads")
    one.url = url.replace(f"{user}@", f"{user}_reads@")
    for command in (["status"], ["report"], ["plan", "--no-refresh"], ["doubt", "list"]):
        ran = one.run(*command)
        assert ran.code == 0, (command, ran.err)
    refused = one.run("apply", "--yes")
    assert refused.code == 12
    assert "permission denied" in refused.err
    assert "Traceback" not in refused.err


def test_schemas_that_an_administrator_made_are_used(cluster, project, roles, tmp_path, serve):
    database, user = f"db_{project}", f"u_{project}"
    roles.execute(f"CREATE ROLE {user} LOGIN")
    roles.execute(f"CREATE DATABASE {database}")
    with psycopg.connect(parse(cluster.url(project, database)).conninfo, autocommit=True) as admin:
        admin.execute(f"CREATE SCHEMA {project} AUTHORIZATION {user}")
        admin.execute(f"CREATE SCHEMA bulk_order_runner AUTHORIZATION {user}")
    url = cluster.url(project, database).replace("runner@", f"{user}@")
    ran = shop(tmp_path / "shop", url, serve().url).run("apply", "--yes", "--new-state")
    assert ran.code == 0, ran.err


async def test_a_servers_own_limits_do_not_end_a_run(cluster, project, roles, clock, spill):
    user = f"u_{project}"
    roles.execute(f"CREATE ROLE {user} LOGIN SUPERUSER")
    for setting in ("idle_session_timeout = '50ms'", "statement_timeout = '20s'", "lock_timeout = '1ms'"):
        roles.execute(f"ALTER ROLE {user} SET {setting}")
    roles.execute(f"ALTER ROLE {user} SET default_transaction_isolation = 'serializable'")
    async with writing(cluster.url(project).replace("runner@", f"{user}@"), clock, spill) as writer:
        time.sleep(0.3)  # noqa: ASYNC251  # the server's time
        assert isinstance(writer.commit([a_mark(1)])[0], int)


def test_the_server_notices_a_machine_that_is_gone(cluster, project):
    with connect(parse(cluster.url(project)), "test") as connection:
        found = connection.execute(
            "SELECT current_setting('tcp_keepalives_idle'), current_setting('tcp_keepalives_interval'), "
            "current_setting('tcp_keepalives_count')"
        ).fetchone()
    assert found == ("10", "5", "3")


async def test_a_session_that_a_pooler_gave_to_others_marks_nothing(cluster, project, clock, spill, monkeypatch):
    async with writing(cluster.url(project), clock, spill) as writer:
        writer._leases._backend += 1  # what a commit finds whose connection leads to another session
        (result,) = writer.commit([a_mark(1)])
    assert isinstance(result, JournalBroken)
    assert "a pooler gave the session of this run to others" in result.message


async def test_the_same_epoch_of_somebody_else_proves_nothing(cluster, project, clock, spill):
    """A copy of the database was put back, and another run took the account there."""
    async with writing(cluster.url(project), clock, spill) as writer:
        rows(
            cluster.url(project),
            f"UPDATE bulk_order_runner.accounts SET holder = 'x' WHERE account = '{ACCOUNT}' RETURNING 1",
        )
        (result,) = writer.commit([a_mark(1)])
    assert isinstance(result, JournalBroken)
    assert "another run has taken over the account at https://panel.example" in result.message


async def test_accounts_that_were_taken_are_given_back_if_one_can_t_be_had(cluster, project, clock, spill):
    address = parse(cluster.url(project))
    free, taken = f"https://a.example/{project}#1", f"https://b.example/{project}#1"
    async with writing(cluster.url(project), clock, spill, accounts=[taken]):
        with connect(address, "test") as other:
            leases = Leases(other, address, "run-2")
            with pytest.raises(StateRefused, match="is taken by run-1"):
                await leases.take([free, taken], clock)
            assert not leases.held
        before = clock.monotonic()
        async with writing(cluster.url(project), clock, spill, run_id="run-3", accounts=[free]):
            assert clock.monotonic() == before, "nobody has to wait for a run that never began"


def test_one_account_has_one_name_however_its_url_is_written():
    names = {
        account_of(url, "key")
        for url in (
            "https://panel.example/api/v2",
            "https://PANEL.example:443/api/v2/",
            "https://panel.example/x/../api/v2",
        )
    }
    assert len(names) == 1
    assert "secret" not in account_of("https://panel.example/api?token=secret", "key")


def test_another_key_for_the_same_panel_of_a_project_waits_for_its_turn(cluster, project, tmp_path, serve):
    """Left-overs are known by the panel's name: two runs would make doubts of each other's marks."""
    panel = serve("--latency", "0.05")
    one, two = (shop(tmp_path / name, cluster.url(project), panel.url) for name in "ab")
    assert one.run("apply", "--yes", "--new-state").code == 0
    one.campaign([post("a"), post("b"), *(post(f"c{n}") for n in range(30))])
    two.campaign([post("a")])
    running = one.start("apply", "--yes", "--format", "jsonl", "-q")
    while '"marked"' not in running.stdout.readline():
        assert running.poll() is None
    refused = two.run("apply", "--yes", ACCEPTANCE_PANEL_KEY="a-new-key")
    assert refused.code == 12
    assert f"panel served of project {project} is taken by" in refused.err
    out, err = running.communicate(timeout=60)
    assert running.returncode == 0, out + err


async def test_left_overs_that_were_never_sent_are_taken_back_as_soon_as_the_server_is_there_again(
    cluster, project, clock, spill
):
    async with writing(cluster.url(project), clock, spill) as writer:
        (one,) = writer.commit([a_mark(1)])
        reconnect = writer._reconnect

        def gone():
            raise psycopg.OperationalError("the server is starting up")

        writer._reconnect = gone
        together = writer._together

        def lost(batch):
            together(batch)
            writer._driver.close()
            raise psycopg.OperationalError("server closed the connection unexpectedly")

        writer._together = lost
        assert isinstance(writer.commit([a_mark(2)])[0], JournalBroken)
        writer._reconnect = reconnect
        assert writer.commit([a_settle(one, placed("p1"))]) == [None]
    assert dict(rows(cluster.url(project), "SELECT order_id, state FROM attempts")) == {
        "order-1": "placed",
        "order-2": "not_sent",
    }


def test_a_process_that_is_hidden_from_us_has_not_ended(monkeypatch, tmp_path):
    this = process.this_process()
    name_of = process._name_of
    monkeypatch.setattr(process, "_name_of", lambda pid: "" if pid == os.getpid() else name_of(pid))
    assert not process.has_ended(this)


def test_first_runs_at_once_make_one_state(cluster, project):
    database = f"db_{project}"
    with psycopg.connect(parse(cluster.url()).conninfo, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {database}")
    address = parse(cluster.url(project, database))

    def begin(number: int) -> bool:
        with connect(address, "test") as connection:
            Leases(connection, address, f"run-{number}")
            return ensure(connection, address)

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(begin, range(4))) == [False, False, False, True]


def test_a_state_in_a_file_loads_nothing_of_this(tmp_path, serve):
    one = Project(tmp_path / "shop")
    one.panels(serve().url)
    one.campaign([post("a")])
    code = "import sys\nfrom runner.cli.main import run\nprint(run(sys.argv[1:]), 'psycopg' in sys.modules)"
    line = [sys.executable, "-c", code, "apply", "--yes", "-q"]
    ended = subprocess.run(line, cwd=one.root, env=environment(), capture_output=True, text=True, check=False)
    assert ended.stdout.splitlines()[-1] == "0 False", ended.stderr
