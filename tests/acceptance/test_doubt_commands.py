"""`runner doubt` as people call it: against a panel in another process, and on the built-in sandbox."""

import json
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from tests.acceptance.project import REPOSITORY, Project, post
from tests.acceptance.served import TEST_KEY, Served
from tests.by_hand import edit_state

SCHEMA = json.loads((REPOSITORY / "schemas" / "doubt.schema.json").read_text(encoding="utf-8"))
LOST = "spring/post-1"


def shown(project: Project, *arguments: str) -> list[dict]:
    """The rows of a `doubt` command's document, checked against the schema."""
    document = project.run("doubt", *arguments, "--format", "json").json
    Draft7Validator(SCHEMA).validate(document)
    return document["doubts"]


def files_of(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted((root / "state").rglob("*")) if path.is_file()}


@pytest.fixture
def fault() -> dict:
    """What happens to the second order."""
    return {"kind": "reset_after"}


@pytest.fixture
def doubtful(project: Project, served_sandbox: Served, fault: dict) -> Project:
    """Three orders asked for one after the other; the second one's answer was lost."""
    project.panels(served_sandbox.url, exclusive=True, parallel={"add": 1, "read": 1})
    project.campaign([post(number) for number in range(3)])
    served_sandbox.fault(fault | {"after": 1, "times": 1})
    assert project.run("apply", "--yes").code == 15
    assert project.run("apply", "--yes").code == 15
    served_sandbox.fault()
    return project


def id_of(served: Served, number: int) -> str:
    return next(str(order["order"]) for order in served.orders() if order["link"].endswith(f"/{number}"))


def settle_at_once(project: Project, served: Served) -> None:
    """A panel on which nothing appears late."""
    project.panels(served.url, exclusive=True, settle="1s")


def test_the_list_and_the_evidence_name_all_there_is_to_look_for(doubtful: Project, served_sandbox: Served):
    listed = doubtful.run("doubt", "list")
    assert listed.code == 15
    assert LOST in listed.out
    assert "runner doubt show spring/post-1" in listed.out
    (row,) = shown(doubtful, "list")
    assert (row["order"], row["panel"], row["service"], row["quantity"]) == (LOST, "served", "1", 100)
    assert (row["cost"], row["phase"], row["killed"], row["decision"]) == ("0.09", "sending", False, None)
    assert row["own_order_before"] == {"order": "spring/post-0", "panel_order_id": id_of(served_sandbox, 0)}
    assert row["own_order_after"] == {"order": "spring/post-2", "panel_order_id": id_of(served_sandbox, 2)}
    assert (row["missing"], row["proposal"]) == ("0.09", "inconclusive")
    text = doubtful.run("doubt", "show", LOST)
    assert text.code == 0
    for said in (
        row["link"],
        "sending: the order may have arrived",
        f"after {id_of(served_sandbox, 0)} (yours, spring/post-0), about or before {id_of(served_sandbox, 2)}",
        "0.09 is missing",
        "runner doubt adopt spring/post-1 --order ID --reason",
        "runner doubt not-placed spring/post-1 --reason 'not in the order list' --i-checked",
        "runner doubt abandon spring/post-1 --reason",
    ):
        assert said in text.out


@pytest.mark.parametrize(
    ("fault", "proposal"), [({"kind": "reset_after"}, "placed"), ({"kind": "reset_before"}, "not_placed")]
)
def test_after_the_settle_time_the_balance_of_an_exclusive_panel_proposes_the_truth(
    doubtful: Project, served_sandbox: Served, proposal: str
):
    settle_at_once(doubtful, served_sandbox)
    for _ in range(20):
        doubtful.run("plan")
        (row,) = shown(doubtful, "list")
        if row["proposal"] != "inconclusive":
            break
    assert row["proposal"] == proposal
    ran = doubtful.run("doubt", "not-placed", LOST, "--reason", "x")
    why = "was probably placed" if proposal == "placed" else "only the panel's own order list can tell"
    assert (ran.code, why in ran.err, "--i-checked" in ran.err) == (11, True, True)
    doubtful.panels(served_sandbox.url, exclusive=False, settle="1s")
    assert shown(doubtful, "show", LOST)[0]["proposal"] == "inconclusive"


def settled(project: Project) -> dict:
    """The doubt as it is weighed once nothing appears late any more."""
    for _ in range(20):
        project.run("plan")
        (row,) = shown(project, "list")
        if row["proposal"] != "inconclusive":
            return row
    raise AssertionError(f"still inconclusive: {row}")


@pytest.mark.parametrize("fault", [{"kind": "reset_after"}])
def test_a_deposit_of_just_the_price_spares_nobody_the_look(doubtful: Project, served_sandbox: Served):
    """The order exists, and 0.09 came in: by the balance it was never placed."""
    settle_at_once(doubtful, served_sandbox)
    served_sandbox.tell("account", {"deposit": "0.09"})
    row = settled(doubtful)
    assert (row["missing"], row["proposal"]) == ("0.00", "not_placed")
    assert "or a deposit of its price, is possible" in " ".join(row["reasoning"])
    before = files_of(doubtful.root)
    ran = doubtful.run("doubt", "not-placed", LOST, "--reason", "the balance says so")
    assert (ran.code, "only the panel's own order list can tell" in ran.err) == (11, True)
    assert {name: before[name] for name in before if name.endswith(".db")} == {
        name: content for name, content in files_of(doubtful.root).items() if name.endswith(".db")
    }
    assert doubtful.run("apply", "--yes").code == 15
    assert served_sandbox.links()[post(1)["link"]] == 1
    text = " ".join(doubtful.run("doubt", "show", LOST).out.split())
    assert "runner doubt not-placed spring/post-1 --reason 'not in the order list' --i-checked" in text
    assert doubtful.run("doubt", "not-placed", LOST, "--reason", "looked", "--i-checked").code == 0
    assert shown(doubtful, "show", LOST)[0]["decision"]["forced"] is False


def test_an_adopted_order_is_polled_and_everything_is_in_order_again(doubtful: Project, served_sandbox: Served):
    order_id = id_of(served_sandbox, 1)
    ran = doubtful.run("doubt", "adopt", LOST, "--order", order_id, "--reason", "in the order list")
    assert (ran.code, f"adopted as order {order_id}" in ran.out) == (0, True)
    status = doubtful.run("status", "--format", "json")
    (row,) = [order for order in status.json["orders"] if order["order"] == LOST]
    assert (status.code, row["sync"], row["panel_order_id"], row["status"]) == (0, "placed", order_id, "pending")
    before = served_sandbox.requests()["add"]
    assert doubtful.run("apply", "--yes").code == 0
    assert served_sandbox.requests()["add"] == before
    again = doubtful.run("doubt", "adopt", LOST, "--order", order_id, "--reason", "once more")
    assert (again.code, "settled already" in again.out) == (0, True)
    (settled,) = shown(doubtful, "show", LOST)
    assert settled["decision"]["reason"] == "in the order list"
    assert shown(doubtful, "list") == []
    assert doubtful.run("doubt", "list").code == 0


@pytest.mark.parametrize("fault", [{"kind": "reset_before"}])
def test_after_not_placed_the_next_apply_buys_it_exactly_once(doubtful: Project, served_sandbox: Served):
    early = doubtful.run("doubt", "not-placed", LOST, "--reason", "not in the list")
    assert (early.code, "--i-checked" in early.err) == (11, True)
    ran = doubtful.run("doubt", "not-placed", LOST, "--reason", "not in the list", "--i-checked")
    assert ran.code == 0
    assert shown(doubtful, "show", LOST)[0]["decision"]["forced"] is True
    assert doubtful.run("apply", "--yes", "--format", "json").json["placed"] == 1
    assert doubtful.run("apply", "--yes", "--format", "json").json["placed"] == 0
    assert sorted(served_sandbox.links().values()) == [1, 1, 1]


def test_an_order_declared_not_placed_that_exists_is_warned_of_in_every_later_report(
    doubtful: Project, served_sandbox: Served
):
    assert doubtful.run("doubt", "not-placed", LOST, "--reason", "overlooked", "--i-checked").code == 0
    refused = doubtful.run("apply", "--yes", "--format", "json")
    assert (refused.code, refused.json["placed"]) == (11, 0)  # its price is gone from an exclusive balance
    told = (doubtful.run("report", "--format", "json"), doubtful.run("report"))
    assert doubtful.run("balance", "served", "--label", "spent elsewhere", "--yes").code == 0
    bought = doubtful.run("apply", "--yes", "--format", "json")
    assert bought.json["placed"] == 1
    assert served_sandbox.links()[post(1)["link"]] == 2, "this is what a wrong decision costs"
    for ran in (refused, *told):
        assert "warning: spring/post-1, declared not placed on" in " ".join(ran.err.split())


def test_an_abandoned_order_is_spent_for_ever(doubtful: Project, served_sandbox: Served):
    assert doubtful.run("doubt", "abandon", LOST, "--reason", "support does not answer").code == 0
    before = served_sandbox.requests()["add"]
    ran = doubtful.run("apply", "--yes", "--format", "json")
    assert (ran.code, ran.json["placed"], ran.json["report"]["spent"]) == (0, 0, "0.27")
    assert served_sandbox.requests()["add"] == before


REFUSED = [
    (("adopt", "spring/nobody", "--order", "7"), 10, "knows no order"),
    (("abandon", "spring/post-0"), 10, "is not in doubt: it is order"),
    (("not-placed", "no-address"), 10, "knows no order"),
    (("adopt", LOST, "--order", "0"), 10, "is no order id"),
    (("adopt", LOST, "--order", "7 8"), 10, "is no order id"),
    (("adopt", LOST, "--order", "99999"), 11, "Incorrect order ID"),
    (("abandon", LOST, "--yes"), 64, "--yes"),
    (("adopt", LOST), 64, "--order"),
]


@pytest.mark.parametrize(("arguments", "code", "why"), REFUSED, ids=str)
def test_a_refused_command_says_why_and_leaves_the_state_as_it_was(doubtful: Project, arguments, code, why):
    before = files_of(doubtful.root)
    ran = doubtful.run("doubt", *arguments, "--reason", "x")
    assert (ran.code, why in ran.err) == (code, True), ran.err
    after = files_of(doubtful.root)
    assert {
        name for name in before if "lock" not in name and "-shm" not in name and before[name] != after.get(name)
    } == set()


def test_a_reason_is_needed(doubtful: Project):
    for name in ("abandon", "not-placed"):
        assert doubtful.run("doubt", name, LOST).code == 64
        assert doubtful.run("doubt", name, LOST, "--reason", "  ").code == 10


def test_an_order_of_another_price_is_adopted_only_by_force_and_an_own_one_never(
    doubtful: Project, served_sandbox: Served
):
    order_id = id_of(served_sandbox, 1)
    served_sandbox.tell(f"orders/{order_id}", {"show": {"charge": "5.00"}})
    adopt = ("doubt", "adopt", LOST, "--reason", "support confirmed it", "--order")
    refused = doubtful.run(*adopt, order_id)
    assert (refused.code, "it cost 5.00, expected was 0.09" in refused.err) == (11, True)
    own = doubtful.run(*adopt, id_of(served_sandbox, 0), "--force")
    assert (own.code, "is spring/post-0 already" in own.err) == (11, True)
    forced = doubtful.run(*adopt, order_id, "--force")
    assert (forced.code, "forced, although it cost 5.00" in forced.out) == (0, True)
    (row,) = shown(doubtful, "show", LOST)
    assert (row["decision"]["forced"], row["decision"]["reason"]) == (True, "support confirmed it")


def test_a_contradicting_decision_is_refused_with_the_history(doubtful: Project, served_sandbox: Served):
    assert doubtful.run("doubt", "abandon", LOST, "--reason", "no idea").code == 0
    for arguments in (("not-placed", LOST, "--i-checked"), ("adopt", LOST, "--order", id_of(served_sandbox, 1))):
        ran = doubtful.run("doubt", *arguments, "--reason", "x")
        assert (ran.code, "abandoned by" in ran.err, "no idea" in ran.err) == (10, True, True)


def test_a_panel_that_is_away_can_not_confirm_an_adoption(doubtful: Project, served_sandbox: Served):
    order_id = id_of(served_sandbox, 1)
    doubtful.panels("http://127.0.0.1:9/api/v2")
    ran = doubtful.run("doubt", "adopt", LOST, "--order", order_id, "--reason", "x", "--force")
    assert ran.code == 13
    assert shown(doubtful, "list")[0]["order"] == LOST
    assert doubtful.run("doubt", "abandon", LOST, "--reason", "needs no panel").code == 0


def test_a_locked_or_missing_state_refuses(doubtful: Project, bare_project: Project):
    import fcntl

    with (doubtful.root / "state" / "runner.lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert doubtful.run("doubt", "abandon", LOST, "--reason", "x").code == 12
    doubtful.state.rename(doubtful.root / "elsewhere.db")
    assert doubtful.run("doubt", "abandon", LOST, "--reason", "x").code == 12
    assert doubtful.run("doubt", "list").code == 12


def test_without_a_state_there_is_nothing_to_settle_and_nothing_is_made(bare_project: Project):
    assert bare_project.run("doubt", "list").code == 0
    assert bare_project.run("doubt", "abandon", "a/b", "--reason", "x").code == 10
    assert not (bare_project.root / "state").exists()


def test_a_backup_is_made_before_a_decision(doubtful: Project):
    before = set((doubtful.root / "state" / "backups").iterdir())
    assert doubtful.run("doubt", "abandon", LOST, "--reason", "x").code == 0
    (made,) = set((doubtful.root / "state" / "backups").iterdir()) - before
    with closing(sqlite3.connect(made)) as copy:
        assert copy.execute("SELECT count(*) FROM attempts WHERE state = 'in_doubt'").fetchone() == (1,)


def test_the_campaign_files_are_not_needed(doubtful: Project):
    (doubtful.root / "campaigns" / "spring.yaml").write_text("not: [a campaign")
    assert doubtful.run("doubt", "show", LOST).code == 0
    assert doubtful.run("doubt", "abandon", LOST, "--reason", "x").code == 0


ECHO = f'{{"error": "There was an error, contact the admin", "request": {{"key": "{TEST_KEY}", "action": "add"}}}}'


@pytest.mark.parametrize("fault", [{"kind": "answer", "text": ECHO, "placed": True, "status": 502}])
def test_the_answer_is_kept_as_evidence_and_never_holds_the_key(doubtful: Project):
    (row,) = shown(doubtful, "list")
    assert (row["http_status"], row["phase"], row["answer_bytes"]) == (502, "answered", len(ECHO))
    assert row["answer"] == ECHO.replace(TEST_KEY, "***")
    assert "***" in doubtful.run("doubt", "show", LOST).out
    doubtful.run("doubt", "abandon", LOST, "--reason", "x")
    for name, content in files_of(doubtful.root).items():
        assert TEST_KEY.encode() not in content, name


def test_marks_of_a_killed_run_are_listed_at_once_and_can_be_settled(project: Project, served_sandbox: Served):
    project.campaign([post(1)])
    served_sandbox.fault({"kind": "latency", "action": "add", "seconds": 30, "times": 1})
    running = project.start("apply", "--yes", "--format", "jsonl")
    assert running.stdout is not None
    while '"marked"' not in (line := running.stdout.readline()):
        assert line, "the run ended before it marked the order"
    running.send_signal(signal.SIGKILL)
    running.communicate()
    (row,) = shown(project, "list")
    assert (row["killed"], row["until"], row["phase"], row["answer"]) == (True, None, None, None)
    assert "the process ended" in project.run("doubt", "show", LOST).out
    assert project.run("doubt", "not-placed", LOST, "--reason", "x").code == 11
    assert project.run("doubt", "not-placed", LOST, "--reason", "x", "--i-checked").code == 0
    assert project.run("doubt", "list").code == 0


def test_the_built_in_sandbox_needs_no_panels_yaml(bare_project: Project):
    bare_project.campaign([post(1)], panel="sandbox")
    assert bare_project.run("apply").code == 0
    with closing(sqlite3.connect(bare_project.state)) as state:
        order_id = state.execute("SELECT panel_order_id FROM attempts").fetchone()[0]
    edit_state(
        bare_project.state,
        "DROP TRIGGER attempts_change_state_only_forwards",
        "UPDATE attempts SET state = 'in_doubt', panel_order_id = NULL",
    )
    ran = bare_project.run("doubt", "adopt", LOST, "--order", order_id, "--reason", "x")
    assert ran.code == 0, ran.err
    assert bare_project.run("apply", "--format", "json").json["placed"] == 0
