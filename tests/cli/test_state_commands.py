"""`runner state …` as it is typed: exit codes, dry runs, backups before every change."""

import json
import os
import re
import subprocess
import sys

import pytest

from runner.cli.main import run

CAMPAIGN = """
version: 1
campaign: {name}
panel: sandbox
links: [https://example.com/our-brand/]
orders:
"""


def orders(*numbers, name="spring", moved=""):
    lines = [f"  - {{id: o{n}, service: 1, link: https://example.com/our-brand/p/{n}, quantity: 100}}" for n in numbers]
    return CAMPAIGN.format(name=name) + "\n".join(lines) + "\n" + moved


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("BULK_RUNNER_"):
            monkeypatch.delenv(name)
    (tmp_path / "campaigns").mkdir()
    (tmp_path / "campaigns" / "a.yaml").write_text(orders(1, 2))
    return tmp_path


@pytest.fixture
def typed(capsys):
    def type_it(line, expect=0):
        capsys.readouterr()
        code = run(line.split())
        shown = capsys.readouterr()
        assert code == expect, shown.out + shown.err
        return shown.out if "--format json" in line else shown.out + shown.err

    return type_it


@pytest.fixture
def bought(typed):
    typed("apply -q")


def everything(project):
    """All files; readers leave an empty WAL and its index behind, and the lock file holds a name for a moment."""
    passing = ("runner.lock", "runner.db-wal", "runner.db-shm")
    return {path: path.read_bytes() for path in project.rglob("*") if path.is_file() and path.name not in passing}


def listed(typed):
    return {one["order"]: one["state"] for one in json.loads(typed("state list --format json"))["attempts"]}


def copies(project):
    return sorted((project / "state" / "backups").glob("*.db"))


def test_list_and_show_tell_everything_that_is_remembered(bought, typed):
    assert "spring/o1" in typed("state list")
    assert "spring/o1" not in typed("state list *o2")
    assert "panel order id    23501" in typed("state show spring/o1")
    (shown,) = json.loads(typed("state show spring/o1 --format json"))["attempts"]
    assert (shown["state"], shown["panel_order_id"], shown["expected_charge"]) == ("placed", "23501", "0.09")
    typed("state show spring/o9", expect=10)
    typed("state show nonsense", expect=10)


def test_a_moved_order_is_not_bought_again_under_its_new_address(bought, typed, project):
    (project / "campaigns" / "a.yaml").write_text(orders(2))
    (project / "campaigns" / "b.yaml").write_text(orders(1, name="summer"))
    before = everything(project)
    assert "Would move spring/o1 to summer/o1" in typed("state mv spring/o1 summer/o1 --dry-run")
    assert everything(project) == before
    typed("state mv spring/o1 summer/o1")
    assert len(copies(project)) == 1
    assert set(listed(typed)) == {"summer/o1", "spring/o2"}
    assert json.loads(typed("apply -q --format json"))["placed"] == 0


def test_a_whole_campaign_gets_another_name_or_nothing_of_it(bought, typed, project):
    before = everything(project)
    assert "Would move 2 orders of spring to summer" in typed("state mv spring summer --dry-run")
    assert everything(project) == before
    typed("state mv spring summer")
    assert set(listed(typed)) == {"summer/o1", "summer/o2"}
    typed("state mv summer/o1 autumn/o1")
    assert "two campaigns are never made one" in typed("state mv summer autumn", expect=12)
    typed("state mv winter spring", expect=10)
    typed("state mv summer summer", expect=10)
    typed("state mv summer ~x", expect=10)
    assert set(listed(typed)) == {"autumn/o1", "summer/o2"}


def test_two_orders_are_never_made_one(bought, typed):
    assert "has attempts already" in typed("state mv spring/o1 spring/o2", expect=12)
    typed("state mv spring/o9 spring/o3", expect=10)
    assert set(listed(typed)) == {"spring/o1", "spring/o2"}


@pytest.mark.parametrize("address", ["spring/o1", "../o1", "spring/a/b", "spring/o1~removed1", "spring/", "spring"])
def test_an_address_that_no_file_could_list_is_refused_with_the_next_step(bought, typed, project, address):
    before = everything(project)
    assert "next: " in typed(f"state mv spring/o1 {address}", expect=10)
    assert everything(project) == before


def test_a_repair_tells_where_the_former_state_is_kept(bought, typed, project):
    told = typed("state mv spring/o1 spring/o9")
    (copy,) = copies(project)
    assert f"The former state is kept in {copy.relative_to(project)}" in told
    assert "kept in" not in typed("state mv spring/o9 spring/o1 --dry-run")


@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        ("state list", 0, "Nothing was ever ordered with other/runner.db"),
        ("state show a/b", 10, "there is no state other/runner.db, so nothing is known of a/b"),
        ("state mv a/b a/c", 10, "there is no state other/runner.db"),
        ("state rm a/b", 10, "there is no state other/runner.db"),
        ("state rm a/b --dry-run", 10, "name the right one with --state"),
        ("state backup", 0, "nothing was ever ordered with other/runner.db"),
        ("state restore x.db", 12, "there is no file x.db"),
        ("state unlock", 0, "is not locked"),
        ("state verify", 0, "no state yet"),
        ("doubt list", 0, "there is no state other/runner.db yet"),
        ("doubt show a/b", 10, "there is no state other/runner.db"),
        ("doubt abandon a/b --reason x", 10, "there is no state other/runner.db"),
    ],
)
def test_a_state_that_is_not_there_is_told_and_nothing_is_made_for_it(bought, typed, project, line, code, told):
    assert told in typed(f"{line} --state other/runner.db", expect=code)
    assert not (project / "other").exists()


def test_only_a_copy_of_the_state_can_be_restored(bought, typed):
    assert "no file campaigns" in typed("state restore campaigns", expect=12)
    assert "it is no database" in typed("state restore campaigns/a.yaml", expect=12)
    assert "name a copy of this project's state" in typed("state restore state/sandbox.db", expect=12)


def test_an_order_that_may_exist_is_not_forgotten(bought, typed, project):
    before = everything(project)
    assert "placed as order 23501" in typed("state rm spring/o1", expect=12)
    typed("state rm spring/o1 --i-know-it-may-be-bought-again", expect=64)
    typed("state rm spring/o1 --i-know-it-may-be-bought-again --reason x --dry-run")
    assert everything(project) == before


def test_a_forgotten_order_keeps_its_money_and_its_panel_order_and_may_be_bought_again(bought, typed, project):
    spent = json.loads(typed("report --format json"))["spent"]
    typed("state rm spring/o1 --i-know-it-may-be-bought-again --reason rehearsal")
    assert json.loads(typed("report --format json"))["spent"] == spent
    assert listed(typed) == {"spring/o1~removed1": "placed", "spring/o2": "placed"}
    assert len(copies(project)) == 1
    status = {one["order"]: one["sync"] for one in json.loads(typed("status --format json"))["orders"]}
    assert status == {"spring/o1": "missing", "spring/o1~removed1": "removed", "spring/o2": "placed"}
    (action,) = json.loads(typed("plan --format json"))["actions"]
    assert (action["order"], action["action"]) == ("spring/o1", "wait")  # the former one is still at work on that link
    assert "the state knows no" in typed("state rm spring/o1", expect=10)


def test_a_forgotten_order_still_counts_against_its_campaigns_budget(typed, project):
    capped = orders(1).replace("orders:", 'budget: {total: "0.10"}\norders:')
    (project / "campaigns" / "a.yaml").write_text(capped)
    typed("apply -q")
    typed("state rm spring/o1 --i-know-it-may-be-bought-again --reason x")
    (project / "campaigns" / "a.yaml").write_text(capped.replace("p/1", "p/9"))
    typed("apply -q", expect=11)


def test_a_backup_is_made_on_request(bought, typed, project):
    typed("state backup --dry-run")
    assert copies(project) == []
    told = typed("state backup")
    assert [copy.name for copy in copies(project)] == [told.strip().rpartition("/")[2]]


def test_an_older_copy_comes_back_only_when_the_loss_is_accepted(bought, typed, project):
    typed("state backup")
    (copy,) = copies(project)
    (project / "campaigns" / "a.yaml").write_text(orders(1, 2, 3))
    typed("apply -q")
    before = everything(project)
    refused = typed(f"state restore {copy}", expect=12)
    assert "spring/o3  in doubt  before the state was restored: placed as order 23503" in refused
    typed(f"state restore {copy} --accept-loss", expect=64)
    typed(f"state restore {copy} --accept-loss --reason x --dry-run")
    assert everything(project) == before
    typed(f"state restore {copy} --accept-loss --reason x", expect=15)
    assert listed(typed)["spring/o3"] == "in_doubt"
    typed("state verify")
    assert json.loads(typed("apply -q --format json", expect=15))["placed"] == 0
    typed("doubt adopt spring/o3 --order 23503 --reason found")
    assert json.loads(typed("apply -q --format json"))["placed"] == 0


def test_a_lost_database_comes_back_from_a_backup(bought, typed, project):
    typed("state backup")
    (project / "state" / "runner.db").unlink()
    assert "state restore" in typed("apply -q", expect=12)
    typed(f"state restore {copies(project)[0]}")
    assert json.loads(typed("apply -q --format json"))["placed"] == 0


def test_verify_says_what_is_wrong_and_what_to_do(bought, typed, project):
    assert "The state is whole: 2 attempts" in typed("state verify")
    (project / "state" / "runner.db").chmod(0o644)
    found = typed("state verify", expect=12)
    assert "can be used by others (mode 0644)" in found
    assert "chmod 600" in found
    document = json.loads(typed("state verify --format json", expect=12))
    assert {finding["next_step"].split()[0] for finding in document["findings"]} == {"chmod"}


HOLD = """
import asyncio, sys
from runner.core.values.clock import SystemClock
from runner.store.disk.lock import acquire
from runner.store.disk.paths import StatePaths
lock = asyncio.run(acquire(StatePaths.at("state/runner.db"), "runner watch", SystemClock()))
print("held", flush=True)
sys.stdin.readline()
"""


def test_unlock_never_breaks_a_lock_and_takes_the_name_of_a_dead_holder_off(bought, typed, project):
    assert "is not locked" in typed("state unlock")
    holder = subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with holder:
        assert holder.stdout.readline() == "held\n"
        refused = typed("state unlock", expect=12)
        assert re.search(rf"`runner watch` \(pid {holder.pid} of .*which is running", refused)
        typed("state mv spring/o1 spring/o9", expect=12)
        typed("state restore x.db", expect=12)
        holder.kill()
        holder.wait()
    assert "would be taken off" in typed("state unlock --dry-run")
    assert f"pid {holder.pid}" in typed("state unlock")
    assert (project / "state" / "runner.lock").read_text() == ""
