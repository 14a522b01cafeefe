"""The whole program on a disk that fills up, under a limit of file size, and with files that go away."""

import json
import resource
import shutil
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from tests.acceptance.project import PATIENCE, Project, Ran, environment, post

ORDERS = 120


def limited(project: Project, kilobytes: int, *arguments: str) -> Ran:
    """A command whose every file may grow to so much and no further; Python ignores SIGXFSZ, so writes fail instead."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (kilobytes * 1024, kilobytes * 1024))

    ended = subprocess.run(
        [sys.executable, "-m", "runner", *arguments],
        cwd=project.root,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        preexec_fn=limit,
    )
    return Ran(code=ended.returncode, out=ended.stdout, err=ended.stderr)


def linked(project: Project) -> dict[str, str]:
    """Panel order id -> link, as the state has it."""
    ran = project.run("state", "list", "--format", "json")
    return {one["panel_order_id"]: one["link"] for one in ran.json["attempts"] if one["panel_order_id"]}


def held(served) -> dict[str, str]:
    return {str(order["order"]): order["link"] for order in served.orders()}


def test_a_file_size_limit_in_the_middle_of_a_run_loses_no_order_and_buys_none_twice(project, served_sandbox):
    orders = [post(number) for number in range(ORDERS)]
    project.campaign(orders[:1])
    assert project.run("apply", "--yes").code == 0
    project.campaign(orders)
    ran = limited(project, 700, "apply", "--yes", "--format", "json")
    sent = held(served_sandbox)
    assert 1 < len(sent) < ORDERS, "the limit was not hit in the middle"
    assert ran.code == 15, ran.err
    told = {one["panel_order_id"] for one in ran.json["orders"] if one["panel_order_id"]}
    assert set(sent) - set(linked(project)) <= told, "an order was neither recorded nor told"
    after = project.run("apply", "--yes", "--format", "json")
    assert after.code == 0, after.err
    assert linked(project) == held(served_sandbox)
    assert set(served_sandbox.links().values()) == {1}
    assert len(served_sandbox.links()) == ORDERS
    assert project.run("state", "verify").code == 0


def test_a_disk_with_no_room_for_the_reserves_buys_nothing(project, served_sandbox):
    project.campaign([post(1)])
    ran = limited(project, 500, "apply", "--yes")
    assert ran.code == 12
    assert "no room is left to record what would be bought" in ran.err
    assert served_sandbox.requests()["add"] == 0


@pytest.fixture
def tight(project, tmp_path):
    """The project on a file system of 16 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", disk], check=False, capture_output=True)
    if made.returncode:
        pytest.skip("mounting is not permitted")
    yield project.copy(disk / "project")
    subprocess.run(["umount", "-l", disk], check=True)


def fill(project: Project) -> None:
    with (project.root / "filler").open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"\0" * 4096)


def test_a_disk_that_fills_up_while_orders_are_sent_loses_none(tight, serve):
    served = serve("--latency", "0.02")
    tight.panels(served.url)
    tight.campaign([post(number) for number in range(300)])
    running = tight.start("apply", "--yes", "--format", "jsonl", "-q")
    while "settled" not in running.stdout.readline():
        pass
    time.sleep(0.1)
    fill(tight)
    out, err = running.communicate(timeout=PATIENCE)
    assert running.returncode in (14, 15), err
    sent = held(served)
    assert 0 < len(sent) < 300, "the disk was not full in time"
    settled = [json.loads(line) for line in out.splitlines() if '"settled"' in line]
    assert settled
    (tight.root / "filler").unlink()
    after = tight.run("apply", "--yes", "--format", "json")
    assert after.code == 0, after.err
    assert linked(tight) == held(served)
    assert set(served.links().values()) == {1}
    assert len(served.links()) == 300


def test_a_full_disk_before_the_first_order_is_a_refusal(tight, serve):
    served = serve()
    tight.panels(served.url)
    tight.campaign([post(1)])
    assert tight.run("plan").code == 0
    fill(tight)
    ran = tight.run("apply", "--yes")
    assert ran.code == 12, ran.err
    assert "space" in ran.err
    assert served.requests()["add"] == 0


def test_the_wal_deleted_after_a_kill_is_a_refusal_and_not_a_second_purchase(project, serve):
    served = serve("--latency", "0.02")
    project.panels(served.url)
    project.campaign([post(number) for number in range(300)])
    running = project.start("apply", "--yes", "--format", "jsonl", "-q")
    while served.requests()["add"] < 40:
        time.sleep(0.02)
    running.kill()
    running.communicate()
    kept = project.copy(project.root.with_name("kept"))
    (project.root / "state" / "runner.db-wal").unlink()
    before = served.requests()["add"]
    ran = project.run("apply", "--yes")
    assert ran.code == 12, ran.err
    assert "state restore" in ran.err
    assert served.requests()["add"] == before
    shutil.rmtree(project.root / "state")
    shutil.copytree(kept.root / "state", project.root / "state")
    assert project.run("apply", "--yes").code in (0, 15)
    assert set(served.links().values()) == {1}
