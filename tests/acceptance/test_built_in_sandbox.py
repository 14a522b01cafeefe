"""The built-in sandbox: a rehearsal without an account, a server or a question."""

import json
import time
import urllib.request
from decimal import Decimal
from urllib.parse import urlencode

from tests.acceptance.project import KEY_NAME, Project, post


def test_init_writes_a_project_that_validates_plans_and_applies(bare_project: Project):
    first = bare_project.run("init")
    assert first.code == 0, first.err
    for name in ("campaigns/demo.yaml", "panels.yaml", ".gitignore"):
        assert (bare_project.root / name).is_file()
    assert bare_project.run("validate").code == 0
    assert bare_project.run("plan").code == 0
    bought = bare_project.run("apply", "--format", "json")
    assert bought.code == 0, bought.err
    assert bought.json["placed"] > 0
    again = bare_project.run("apply", "--format", "json")
    assert (again.code, again.json["placed"], again.json["orders"]) == (0, 0, [])
    # Not equal: time goes on in the sandbox, and what an order that was cancelled has cost comes back.
    assert Decimal(again.json["report"]["balance"]) >= Decimal(bought.json["report"]["balance"])


def test_init_overwrites_nothing(bare_project: Project):
    kept = bare_project.write("campaigns/demo.yaml", "mine\n")
    ignored = bare_project.write(".gitignore", "mine-too")
    assert bare_project.run("init").code == 0
    assert bare_project.run("init").code == 0
    assert kept.read_text() == "mine\n"
    lines = ignored.read_text().splitlines()
    assert lines[0] == "mine-too"
    assert lines.count("/state/*") == 1


def test_the_sandbox_needs_no_panels_file_no_yes_and_no_network_but_loopback(bare_project: Project):
    bare_project.campaign([post(1), post(2)], panel="sandbox")
    ran = bare_project.run("apply", "--no-input", "--format", "json")
    assert (ran.code, ran.json["placed"]) == (0, 2)
    status = bare_project.run("status", "--refresh", "--format", "json")
    assert {order["sync"] for order in status.json["orders"]} == {"placed"}
    assert bare_project.run("balance", "sandbox").code == 0
    assert "Followers" in bare_project.run("services", "sandbox").out


def test_a_campaign_on_the_sandbox_does_not_consent_for_one_on_a_panel(project: Project, served_sandbox):
    project.campaign([post(1)], name="rehearsal", panel="sandbox")
    project.campaign([post(2)], name="real")
    assert project.run("apply").code == 11
    assert not served_sandbox.orders()
    assert project.run("apply", "campaigns/rehearsal.yaml").code == 0
    assert not served_sandbox.orders()


def test_the_served_sandbox_is_a_panel_for_any_client(bare_project: Project):
    server = bare_project.start(
        "sandbox", "serve", "--port", "0", "--db", "panel.db", "--key", "k", "--latency", "0.01"
    )
    try:
        assert server.stdout is not None
        url = server.stdout.readline().split()[-1]
        form = urlencode({"key": "k", "action": "balance"}).encode()
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(url, data=form, timeout=10) as answer:
            assert json.load(answer) == {"balance": "1000.00", "currency": "USD"}
        bare_project.panels(url)
        bare_project.campaign([post(1)])
        ran = bare_project.run("apply", "--yes", **{KEY_NAME: "k"})
        assert ran.code == 0, ran.err
    finally:
        server.terminate()
        _, err = server.communicate(timeout=10)
    assert server.returncode == 0
    assert err == ""


def test_orders_on_the_sandbox_move_on_between_runs(bare_project: Project):
    bare_project.campaign([post(number) for number in range(20)], panel="sandbox")
    assert bare_project.run("apply").code == 0
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        status = bare_project.run("status", "--refresh", "--format", "json").json
        if {order["health"] for order in status["orders"]} - {"waiting", "unknown"}:
            return
        time.sleep(0.5)
    raise AssertionError("no order moved on")
