"""`runner watch` as users run it: against a sandbox whose hours pass in seconds, killed, edited under, and off a terminal."""

import json
import signal
import subprocess
import time

import pytest

from tests.acceptance.project import KEY_NAME, PATIENCE, Project, post
from tests.acceptance.served import Served
from tests.acceptance.test_json_outputs import errors

QUICK = ("--min-pause", "1s", "--max-pause", "1s")  # each pass asks for all that is live
SPEED = "60"  # panel minutes in a second: an order of 100 is final within one


@pytest.fixture(autouse=True)
def nobody_left(monkeypatch):
    """Ends what a failed test leaves running."""
    started = []
    start = Project.start

    def noting(self, *arguments, **env):
        started.append(start(self, *arguments, **env))
        return started[-1]

    monkeypatch.setattr(Project, "start", noting)
    yield
    for one in started:
        if one.poll() is None:
            one.kill()
            one.communicate()


@pytest.fixture
def quick(bare_project: Project, serve) -> tuple[Project, Served]:
    """A project on a panel where an hour takes a second, and every order is completed."""
    served = serve("--speed", SPEED)
    bare_project.panels(served.url)
    return bare_project, served


@pytest.fixture
def still(bare_project: Project, serve) -> tuple[Project, Served]:
    """A project on a panel whose time stands still."""
    served = serve()
    bare_project.panels(served.url)
    return bare_project, served


def until_line(running: "subprocess.Popen[str]", words: str) -> str:
    """Read stderr up to a line with `words`; all that was read."""
    assert running.stderr is not None
    read = ""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        line = running.stderr.readline()
        read += line
        if words in line:
            return read
        assert line, f"ended without {words!r}: {read}"
    raise AssertionError(read)


def finish(running: "subprocess.Popen[str]") -> tuple[int, str, str]:
    out, err = running.communicate(timeout=PATIENCE)
    return running.returncode, out, err


def test_a_watch_buys_everything_once_and_ends_when_it_is_final(quick):
    project, served = quick
    project.campaign([*(post(number) for number in range(20)), post(3, id="again")])
    ran = project.run("watch", "--yes", *QUICK, "--timeout", "60s")
    assert ran.code == 0, ran.err
    assert served.links() == {post(n)["link"]: 2 if n == 3 else 1 for n in range(20)}
    lines = [line for line in ran.err.splitlines() if " pass " in line]
    assert len(lines) >= 2
    assert "20 of 21 orders bought" in lines[0]
    assert "next pass in 1 s, for" in lines[0]
    assert "21 of 21 orders bought" in lines[-1]
    assert "21 orders placed" in ran.out
    assert "unexplained    0.00" in ran.out
    again = project.run("watch", "--yes", *QUICK)
    assert (again.code, len(served.orders())) == (0, 21)
    assert "0 orders placed in 1 pass" in again.out


def test_off_a_terminal_without_yes_nothing_is_bought(still):
    project, served = still
    project.campaign([post(1)])
    ran = project.run("watch")
    assert ran.code == 11
    assert "--yes" in ran.err
    assert not served.orders()


def test_without_yes_it_follows_what_is_bought_and_leaves_what_is_new(still):
    project, served = still
    project.campaign([post(1)])
    assert project.run("apply", "--yes").code == 0
    running = project.start("watch", *QUICK)
    until_line(running, "pass 1:")
    project.campaign([post(1), post(2)])
    until_line(running, "nobody to ask")
    served.end_orders()
    code, out, _ = finish(running)
    assert code == 11
    assert "1 completed" in out
    assert "nobody to ask" in out
    assert len(served.orders()) == 1


def test_the_document_at_the_end_has_the_shape_of_an_apply(quick):
    project, served = quick
    project.campaign([*(post(number) for number in range(5)), post(3, id="again")])
    reports = ("--report", "html=watch.html", "--report", "junit=watch.xml", "--report", "jsonl=watch.jsonl")
    ran = project.run("watch", "--yes", *QUICK, "--format", "json", *reports)
    assert ran.code == 0, ran.err
    assert errors("apply", ran.json) == []
    assert (ran.json["placed"], ran.json["exit_code"]) == (6, 0)
    assert [order["outcome"] for order in ran.json["orders"]] == ["placed"] * 6
    assert "<html" in (project.root / "watch.html").read_text()
    assert (project.root / "watch.xml").stat().st_size
    kinds = [json.loads(line)["type"] for line in (project.root / "watch.jsonl").read_text().splitlines()]
    assert {"waiting", "settled", "standing"} <= set(kinds)
    assert len(served.orders()) == 6


def test_every_event_of_a_watch_fits_the_schema(quick):
    project, _ = quick
    project.campaign([post(number) for number in range(5)])
    ran = project.run("watch", "--yes", *QUICK, "--format", "jsonl", "-q")
    assert ran.code == 0
    assert ran.err == ""
    for event in ran.events:
        assert errors("event", event) == [], event
    waits = [event for event in ran.events if event["type"] == "waiting"]
    starts = [event for event in ran.events if event["type"] == "run_started"]
    assert len(starts) == len(waits) + 1 >= 2
    assert {event["command"] for event in starts} == {"watch"}


def test_killed_in_the_middle_of_buying_and_watched_again_nothing_is_bought_twice(bare_project, serve):
    served = serve("--speed", SPEED, "--latency", "0.03")
    bare_project.panels(served.url)
    bare_project.campaign([post(number) for number in range(60)])
    for _ in range(3):
        running = bare_project.start("watch", "--yes", *QUICK, "--format", "jsonl", "-q", "--timeout", "60s")
        assert running.stdout is not None
        while '"settled"' not in (line := running.stdout.readline()):
            assert line, "the watch ended without an order"
        time.sleep(0.1)
        running.kill()
        running.communicate()
    ran = bare_project.run("watch", "--yes", *QUICK, "--timeout", "5s", "-q")
    assert ran.code in (0, 15)
    assert set(served.links().values()) <= {1}
    listed = bare_project.run("status", "--format", "json").json["orders"]
    linked = {one["panel_order_id"] for one in listed if one["sync"] == "placed"}
    doubts = sum(one["sync"] == "in_doubt" for one in listed)
    assert ran.code == (15 if doubts else 0)
    unlinked = {str(one["order"]) for one in served.orders()} - linked
    assert len(unlinked) <= doubts <= 12


def test_edits_are_picked_up_and_while_files_are_not_valid_nothing_is_bought(still):
    project, served = still
    good = project.campaign([post(1)])
    running = project.start("watch", "--yes", *QUICK, "--timeout", "120s")
    until_line(running, "pass 1:")
    good.write_text(good.read_text().replace("quantity", "quantiy"))
    told = until_line(running, "nothing is bought until they are mended")
    assert "did you mean `quantity`" in told
    polls = served.requests()["status"]
    until_line(running, " pass ")
    until_line(running, " pass ")
    assert served.requests()["status"] > polls
    assert len(served.orders()) == 1
    project.campaign([post(1), post(2)])
    until_line(running, "2 of 2 orders bought")
    served.end_orders()
    code, _, err = finish(running)
    assert code == 0, err
    assert set(served.links().values()) == {1}


def test_a_doubt_is_settled_from_another_terminal_while_the_watch_goes_on(still):
    project, served = still
    served.fault({"kind": "reset_after", "times": 1})
    project.campaign([post(1), post(2)])
    running = project.start("watch", "--yes", *QUICK, "--timeout", "120s")
    until_line(running, "1 in doubt")
    (doubt,) = (one["order"] for one in project.run("doubt", "list", "--format", "json").json["doubts"])
    (order,) = (one["order"] for one in served.orders() if doubt.endswith(one["link"][-1]))
    settled = project.run("doubt", "adopt", doubt, "--order", str(order), "--reason", "seen", "--lock-timeout", "20")
    assert settled.code == 0, settled.err
    served.end_orders()
    code, out, err = finish(running)
    assert code == 0, (out, err)
    assert set(served.links().values()) == {1}


def test_an_order_in_doubt_ends_a_watch_with_15_and_is_never_sent_again(quick):
    project, served = quick
    served.fault({"kind": "reset_after", "times": 1})
    project.campaign([post(1)])
    ran = project.run("watch", "--yes", *QUICK, "--timeout", "60s")
    assert ran.code == 15
    assert "runner doubt list" in ran.out
    assert len(served.orders()) == 1


def test_an_outage_is_told_once_and_waited_out(still):
    project, served = still
    project.campaign([post(1)])
    running = project.start("watch", "--yes", *QUICK, "--timeout", "120s")
    until_line(running, "pass 1:")
    served.fault({"kind": "status_5xx", "action": "balance"})
    told = until_line(running, "not now:")
    assert told.count("not now:") == 1
    running.send_signal(signal.SIGINT)
    code, out, _ = finish(running)
    assert code == 130
    assert "Interrupted, nothing in doubt" in out


def test_while_one_panel_is_out_the_others_go_on(bare_project, serve):
    one, other = serve(), serve()
    key = {"env": KEY_NAME}
    panels = {"one": {"url": one.url, "key": key}, "other": {"url": other.url, "key": key}}
    bare_project.write("panels.yaml", json.dumps({"version": 1, "panels": panels}))
    bare_project.campaign([post(1)], name="first", panel="one")
    bare_project.campaign([post(2)], name="second", panel="other")
    running = bare_project.start("watch", "--yes", *QUICK, "--timeout", "120s")
    until_line(running, "pass 1:")
    other.fault({"kind": "status_5xx", "action": "balance"})
    bare_project.campaign([post(1), post(3)], name="first", panel="one")
    told = until_line(running, "3 of 3 orders bought")
    assert "the campaigns of other panels go on" in told
    assert len(one.orders()) == 2
    running.send_signal(signal.SIGTERM)
    assert finish(running)[0] == 130


def test_it_waits_for_a_state_that_another_run_holds(still):
    project, served = still
    project.campaign([post(number) for number in range(4)])
    served.fault({"kind": "latency", "seconds": 8.0})
    holder = project.start("apply", "--yes", "-q", "--format", "jsonl")
    assert holder.stdout is not None
    assert "run_started" in holder.stdout.readline()
    watching = project.start("watch", "--yes", *QUICK, "--timeout", "120s", "--until", "placed")
    until_line(watching, "is locked by `apply`")
    assert finish(holder)[0] == 0
    assert finish(watching)[0] == 0
    assert set(served.links().values()) == {1}


def test_rival_watches_buy_everything_once(quick):
    project, served = quick
    project.campaign([post(number) for number in range(30)])
    rivals = [project.start("watch", "--yes", *QUICK, "--timeout", "120s") for _ in range(3)]
    assert [finish(one)[0] for one in rivals] == [0, 0, 0]
    assert sorted(served.links().values()) == [1] * 30


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 130)])
def test_a_signal_in_a_pause_ends_it_with_what_was_done(still, number, code):
    project, _ = still
    project.campaign([post(1), post(2)])
    running = project.start("watch", "--yes")
    until_line(running, "next pass in")
    began = time.monotonic()
    running.send_signal(number)
    ended, out, _ = finish(running)
    assert ended == code
    assert time.monotonic() - began < 5
    assert "2 orders placed in 1 pass" in out


def test_a_time_out_ends_with_16(still):
    project, _ = still
    project.campaign([post(1)])
    ran = project.run("watch", "--yes", *QUICK, "--timeout", "2s", "--format", "json")
    assert (ran.code, ran.json["exit_code"], ran.json["placed"]) == (16, 16, 1)


def test_max_cost_holds_for_the_whole_watch(still):
    project, served = still
    project.campaign([post(1), post(2)])
    running = project.start("watch", "--yes", *QUICK, "--max-cost", "0.20", "--timeout", "120s")
    until_line(running, "pass 1:")
    project.campaign([post(1), post(2), post(3)])
    until_line(running, "--max-cost")
    served.end_orders()
    code, out, _ = finish(running)
    assert code == 14
    assert len(served.orders()) == 2
    assert "max-cost" in out


def test_backups_are_made_before_the_first_pass_and_after_purchases_only(still):
    project, served = still
    project.campaign([post(1)])
    assert project.run("apply", "--yes").code == 0
    running = project.start("watch", "--yes", *QUICK, "--timeout", "120s")
    for _ in range(4):
        until_line(running, " pass ")
    project.campaign([post(1), post(2)])
    until_line(running, "2 of 2 orders bought")
    served.end_orders()
    assert finish(running)[0] == 0
    backups = [path for path in (project.state.parent / "backups").iterdir() if path.suffix == ".db"]
    assert len(backups) == 2


@pytest.mark.parametrize("option", [("--timeout", "soon"), ("--until", "never"), ("--max-pause", "1")])
def test_options_that_mean_nothing_are_usage_errors(bare_project, option):
    assert bare_project.run("watch", *option).code == 64


def test_github_is_told_how_a_watch_ended(quick, tmp_path):
    project, _ = quick
    project.campaign([post(1)])
    told = {name: str(tmp_path / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    ran = project.run("watch", "--yes", *QUICK, GITHUB_ACTIONS="true", **told)
    assert ran.code == 0
    assert "exit_code" in (tmp_path / "GITHUB_OUTPUT").read_text()
    assert "watch" in (tmp_path / "GITHUB_STEP_SUMMARY").read_text()
