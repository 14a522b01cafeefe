"""A state moves to a server and back, whole, and only one of the two ever buys."""

import asyncio
import shutil
import time

import pytest
from psycopg.errors import LockNotAvailable

from runner.core.errors import JournalBroken
from runner.store.disk.paths import StatePaths
from runner.store.postgres.address import parse
from runner.store.postgres.leases import Leases
from runner.store.postgres.server import connect
from runner.store.read.runs import read_runs
from runner.store.read.snapshot import read_state
from runner.store.recovery import copy_state
from runner.store.state import SharedState
from tests.acceptance.conftest import Serve, bare_project, serve  # noqa: F401  # fixtures
from tests.acceptance.project import Project, post
from tests.postgres.opened import rows, writing
from tests.postgres.shared_project import SharedProject
from tests.store.making import a_mark


@pytest.fixture
def served(serve):  # noqa: F811
    return serve()


@pytest.fixture
def bought(tmp_path, served):
    """A project that has bought three orders, labelled a balance and settled nothing, with its state in a file."""
    one = Project(tmp_path / "here")
    one.panels(served.url)
    one.campaign([post(n) for n in range(3)])
    ran = one.run("apply", "--yes")
    assert ran.code == 0, ran.err
    assert one.run("apply", "--yes").code == 0
    return one


@pytest.fixture
def url(cluster, project):
    return cluster.url(project)


def shared(one, url):
    return SharedProject(one.root, url)


def both(one, url):
    """What is read of the file and of the server, without what differs by design."""
    file = StatePaths.at(one.state)
    server = SharedState(parse(url), file)
    return [(read_state(state), read_runs(state)) for state in (file, server)]


def test_a_state_goes_to_a_server_whole_and_goes_on_there(bought, url, served):
    ran = bought.run("state", "copy", "--to", url)
    assert ran.code == 0, ran.err
    (here, runs_here), (there, runs_there) = both(bought, url)
    assert here == there, "every fact, the lineage and the serial"
    assert runs_here == runs_there
    bought.campaign([post(n) for n in range(5)])
    on = shared(bought, url).run("apply", "--yes", "--format", "json")
    assert on.code == 0, on.err
    assert len(on.json["orders"]) == 2
    assert sorted(served.links().values()) == [1] * 5
    ids = [one for (one,) in rows(url, "SELECT id FROM attempts ORDER BY id")]
    assert ids == [1, 2, 3, 4, 5], "numbered on behind the highest"


def test_the_former_file_is_read_with_a_note_and_buys_nothing(bought, url, served):
    assert bought.run("state", "copy", "--to", url).code == 0
    bought.campaign([post(n) for n in range(5)])
    refused = bought.run("apply", "--yes")
    assert refused.code == 12
    assert f"was copied to {url}" in refused.err
    assert f"--state '{url}'" in refused.err
    assert len(served.orders()) == 3
    for command in (
        ["state", "mv", "spring/post-1", "spring/x"],
        ["doubt", "not-placed", "spring/post-1", "--reason", "x"],
    ):
        assert bought.run(*command).code in {10, 12}
    assert shared(bought, url).run("apply", "--yes").code == 0
    status = bought.run("status")
    assert status.code == 0, status.err
    assert "was copied to" in status.err
    assert "what happened since then is not here" in status.err
    assert bought.run("state", "verify").code == 0


def test_a_backup_put_in_the_place_of_the_closed_file_is_refused(bought, url):
    assert bought.run("state", "copy", "--to", url).code == 0
    backup = max((bought.root / "state/backups").glob("runner-*.db"))
    restored = bought.run("state", "restore", str(backup))
    assert restored.code == 12
    assert "may be older than reality" in restored.err
    shutil.copy(backup, bought.state)
    ran = bought.run("apply", "--yes")
    assert ran.code == 12
    assert "old copy" in ran.err or "behind" in ran.err


def test_a_state_comes_back_from_a_server_into_a_file(bought, url, served, tmp_path):
    assert bought.run("state", "copy", "--to", url).code == 0
    bought.campaign([post(n) for n in range(5)])
    assert shared(bought, url).run("apply", "--yes").code == 0
    inside = shared(bought, url).run("state", "copy", "--to", "state/runner.db")
    assert inside.code == 12
    assert "in use" in inside.err
    former = tmp_path / "former.db"
    bought.state.rename(former)
    back = shared(bought, url).run("state", "copy", "--to", "state/runner.db")
    assert back.code == 0, back.err
    (here, runs_here), (there, runs_there) = both(bought, url)
    assert here == there
    assert runs_here == runs_there
    refused = shared(bought, url).run("apply", "--yes")
    assert refused.code == 12
    assert f"was copied to {bought.state.resolve()}" in refused.err
    looked = shared(bought, url).run("status")
    assert looked.code == 0
    assert "what happened since then is not here" in looked.err
    bought.campaign([post(n) for n in range(6)])
    on = bought.run("apply", "--yes")
    assert on.code == 0, on.err
    assert sorted(served.links().values()) == [1] * 6
    assert bought.run("state", "verify").code == 0
    late = shared(bought, url).run("apply", "--yes")
    assert late.code == 12
    assert "was copied to" in late.err, "not called behind: its history goes on elsewhere"
    shutil.copy(former, bought.state)
    assert bought.run("apply", "--yes").code == 12


def test_nothing_is_copied_onto_a_state_that_was_used(bought, url, served, tmp_path):
    other = SharedProject(tmp_path / "other", url)
    other.panels(served.url)
    other.campaign([post(9)], name="autumn")
    assert other.run("apply", "--yes", "--new-state").code == 0
    before = rows(url, "SELECT * FROM attempts")
    ran = bought.run("state", "copy", "--to", url)
    assert ran.code == 12
    assert "is in use" in ran.err
    assert rows(url, "SELECT * FROM attempts") == before
    assert bought.run("apply", "--yes").code == 0, "the state goes on where it is"


def test_a_dry_run_changes_neither(bought, url):
    before = bought.state.read_bytes()
    ran = bought.run("state", "copy", "--to", url, "--dry-run")
    assert ran.code == 0, ran.err
    assert "Would copy 3 attempts" in ran.out
    assert bought.state.read_bytes() == before
    assert bought.run("apply", "--yes").code == 0
    assert rows(url, "SELECT to_regnamespace(current_schema())::text") in ([(None,)], [])


class Killed(BaseException):
    pass


def killed_in(monkeypatch, name, source, to):
    """A copy that ends at its call of `copy_state.NAME`: what was not committed is gone."""

    def dies(*_told, **_more):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(copy_state, name, dies)
        with pytest.raises(Killed):
            source.run("state", "copy", "--to", to)


@pytest.mark.parametrize("way", ["to a server", "to a file"])
def test_a_copy_killed_before_the_closing_leaves_the_state_in_use_and_the_copy_refused(
    bought, url, monkeypatch, way, tmp_path
):
    if way == "to a server":
        source, target, to = bought, shared(bought, url), url
    else:
        assert bought.run("state", "copy", "--to", url).code == 0
        bought.state.rename(tmp_path / "former.db")
        source, target, to = shared(bought, url), bought, "state/runner.db"
    killed_in(monkeypatch, "refuse_unless_equal", source, to)
    refused = target.run("apply", "--yes")
    assert refused.code == 12
    assert "that was not finished" in refused.err
    bought.campaign([post(n) for n in range(4)])
    assert source.run("apply", "--yes").code == 0, "it goes on where it was"
    again = source.run("state", "copy", "--to", to)
    assert again.code == 0, again.err
    (here, _), (there, _) = both(bought, url)
    assert here == there
    assert target.run("apply", "--yes").code == 0


@pytest.mark.parametrize("way", ["to a server", "to a file"])
def test_a_copy_killed_after_the_closing_is_finished_by_the_same_command(bought, url, monkeypatch, way, tmp_path):
    if way == "to a server":
        source, target, to, last = bought, shared(bought, url), url, "_finish_server"
    else:
        assert bought.run("state", "copy", "--to", url).code == 0
        bought.state.rename(tmp_path / "former.db")
        source, target, to, last = shared(bought, url), bought, "state/runner.db", "_finish_file"
    killed_in(monkeypatch, last, source, to)
    assert source.run("apply", "--yes").code == 12
    assert target.run("apply", "--yes").code == 12, "for a moment nobody buys, never both"
    again = source.run("state", "copy", "--to", to)
    assert again.code == 0, again.err
    assert target.run("apply", "--yes").code == 0
    assert source.run("apply", "--yes").code == 12
    once_more = source.run("state", "copy", "--to", to)
    assert once_more.code == 12


def test_a_copy_that_differs_is_no_copy(bought, url, monkeypatch):
    fill = copy_state.fill_postgres

    def spoilt(source, target):
        fill(source, target)
        target.execute("UPDATE attempts SET link = link || '#' WHERE id = 2")

    with monkeypatch.context() as patch:
        patch.setattr(copy_state, "fill_postgres", spoilt)
        ran = bought.run("state", "copy", "--to", url)
    assert ran.code == 12
    assert "attempts differ" in ran.err
    assert shared(bought, url).run("apply", "--yes").code == 12
    assert bought.run("apply", "--yes").code == 0


async def test_a_run_whose_account_the_copy_did_not_know_commits_nothing_once_it_was_made(
    bought, url, tmp_path, clock, spill, monkeypatch
):
    """The fence, not the queue: it took its lease after the copy had looked who was there."""
    assert bought.run_apart("state", "copy", "--to", url).code == 0
    bought.state.rename(tmp_path / "former.db")
    monkeypatch.setattr(Leases, "known", lambda _: [])
    async with writing(url, clock, spill) as late:
        (number,) = late.commit([a_mark("before")])
        assert isinstance(number, int)
        ran = await asyncio.to_thread(shared(bought, url).run, "state", "copy", "--to", "state/runner.db")
        assert ran.code == 0, ran.err
        (refused,) = late.commit([a_mark("behind")])
    assert isinstance(refused, JournalBroken)
    (here, _), (there, _) = both(bought, url)
    assert here == there, "what it marked before went along"
    assert ("spring", "order-before") in here.attempts


def test_no_run_of_the_project_begins_while_it_is_being_copied(bought, url, tmp_path, monkeypatch):
    assert bought.run("state", "copy", "--to", url).code == 0
    bought.state.rename(tmp_path / "former.db")
    compare = copy_state.refuse_unless_equal

    def meanwhile(*told):
        with connect(parse(url), "test") as begins:
            begins.execute("SET lock_timeout = '200ms'")
            with pytest.raises(LockNotAvailable):
                begins.execute("INSERT INTO meta (key, value) VALUES ('lineage', 'x') ON CONFLICT DO NOTHING")
        return compare(*told)

    monkeypatch.setattr(copy_state, "refuse_unless_equal", meanwhile)
    assert shared(bought, url).run("state", "copy", "--to", "state/runner.db").code == 0


def test_a_copy_waits_for_nobody_and_names_who_holds_the_account(bought, url, tmp_path, served):
    assert bought.run("state", "copy", "--to", url).code == 0
    assert shared(bought, url).run("apply", "--yes").code == 0
    key = rows(url, "SELECT min(lock_key) FROM bulk_order_runner.accounts WHERE project = current_schema()")[0][0]
    with connect(parse(url), "test") as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", (key,))
        ran = shared(bought, url).run("state", "copy", "--to", str(tmp_path / "elsewhere/runner.db"))
    assert ran.code == 12
    assert "is taken by another run" in ran.err
    assert not (tmp_path / "elsewhere").exists() or not (tmp_path / "elsewhere/runner.db").exists()


def test_a_file_is_not_copied_to_a_file(bought, tmp_path):
    ran = bought.run("state", "copy", "--to", str(tmp_path / "two/runner.db"))
    assert ran.code == 64
    assert "state backup" in ran.err


@pytest.mark.parametrize("turn", range(4))
def test_a_copy_that_is_killed_anywhere_leaves_at_most_one_state_that_buys(bought, url, served, turn):
    """`kill -9` of the command itself, later each time; the same command again always ends it."""
    begun = time.monotonic()
    assert bought.run_apart("state", "copy", "--to", url, "--dry-run").code == 0
    loading = time.monotonic() - begun
    running = bought.start("state", "copy", "--to", url)
    time.sleep(loading * (0.9 + turn * 0.15))
    running.kill()
    running.communicate()
    bought.campaign([post(n) for n in range(4)])
    codes = [one.run("apply", "--yes").code for one in (bought, shared(bought, url))]
    assert codes.count(0) <= 1, "both have bought"
    assert set(codes) <= {0, 12}
    if codes[1] != 0:
        again = bought.run("state", "copy", "--to", url)
        assert again.code == 0, again.err
    assert shared(bought, url).run("apply", "--yes").code == 0
    assert bought.run("apply", "--yes").code == 12
    assert sorted(served.links().values()) == [1] * 4
