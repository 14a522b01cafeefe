"""A plan that one machine saves and another applies, over one shared state."""

import json
import shutil
from itertools import count

import psycopg
import pytest

from runner.store.postgres.address import parse
from runner.store.postgres.server import connect
from tests.acceptance.conftest import serve, served_sandbox  # noqa: F401  # fixtures
from tests.acceptance.project import post
from tests.postgres.opened import rows
from tests.postgres.shared_project import SharedProject

NUMBERS = count()


@pytest.fixture
def machine(cluster, project, tmp_path, served_sandbox):  # noqa: F811
    """One more throw-away folder with the same files, on the same state."""

    def made():
        one = SharedProject(tmp_path / f"machine-{next(NUMBERS)}", cluster.url(project))
        one.panels(served_sandbox.url)
        one.campaign([post(1), post(2)])
        return one

    return made


@pytest.fixture
def saved(machine):
    """The plan that a first machine saved."""
    one = machine()
    ran = one.run("plan", "--new-state", "--out", "plan.json")
    assert ran.code == 0, ran.err
    return one.root / "plan.json"


def test_a_plan_is_applied_once_on_another_machine_whatever_polls_in_between(
    saved,
    machine,
    served_sandbox,  # noqa: F811
):
    assert machine().run("status", "--refresh").code == 0
    assert machine().run("plan").code == 0
    second, third = machine(), machine()
    for one in (second, third):
        shutil.copy(saved, one.root / "plan.json")
    assert third.run("show", "plan.json").code == 0
    ran = second.run("apply", "plan.json", "--format", "json")
    assert (ran.code, ran.json["placed"]) == (0, 2), ran.err
    again = third.run("apply", "plan.json")
    assert again.code == 12
    assert "which placed 2 order(s) and ended with 0" in again.err
    assert len(served_sandbox.orders()) == 2


def test_a_plan_that_was_tampered_with_or_used_is_refused_by_the_server_itself(
    saved,
    machine,
    cluster,
    project,
    served_sandbox,  # noqa: F811
):
    one = machine()
    document = json.loads(saved.read_text())
    document["binding"]["services"][0]["rate"] = "999.00"
    one.write("plan.json", json.dumps(document))
    ran = one.run("apply", "plan.json")
    assert ran.code == 12
    assert "altered" in ran.err
    assert served_sandbox.orders() == []
    shutil.copy(saved, one.root / "plan.json")
    assert one.run("apply", "plan.json").code == 0
    for statement in ("UPDATE saved_plans SET used_by = NULL", "DELETE FROM saved_plans"):
        with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
            rows(cluster.url(project), statement)


def test_of_two_machines_that_apply_one_plan_at_once_one_buys(
    saved,
    machine,
    served_sandbox,  # noqa: F811
):
    running = []
    for one in (machine(), machine()):
        shutil.copy(saved, one.root / "plan.json")
        running.append(one.start("apply", "plan.json", "-q", "--lock-timeout", "30s"))
    for each in running:
        each.communicate(timeout=60)
    assert sorted(each.returncode for each in running) == [0, 12]
    assert len(served_sandbox.orders()) == 2


def test_a_state_of_before_is_read_as_it_is_and_brought_up_to_date_by_the_plan(machine, cluster, project):
    one = machine()
    assert one.run("plan", "--new-state").code == 0
    with connect(parse(cluster.url(project)), "test") as connection:
        connection.execute("DROP TABLE saved_plans")
        connection.execute("DROP FUNCTION saved_plans_are_used_once")
        connection.execute("DROP FUNCTION saved_plans_stand")
        connection.execute("UPDATE alembic_version SET version_num = '0007'")
    assert one.run("status").code == 0
    assert one.run("plan", "--no-refresh", "--out", "plan.json").code == 0
    assert one.run("apply", "plan.json").code == 0
