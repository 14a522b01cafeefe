"""No output is a file that must not be lost: one of a state, or an input. Refused with 64 before anything is done."""

import json
import os
from pathlib import Path

import pytest

from tests.acceptance.project import Project, post
from tests.acceptance.served import TEST_KEY, Served

STATE = (
    "state/runner.db",
    "state/runner.db-wal",
    "state/runner.db-shm",
    "state/runner.db-journal",
    "state/runner.lock",
    "state/lineage.json",
    "state/ballast",
    "state/emergency.jsonl",
    "state/new-state.json",
    "state/sandbox.db",
    "state/sandbox.db-wal",
    "state/backups",
    "state/backups/new.db",
    "state/backups/COPY",
)
INPUTS = (
    "campaigns/spring.yaml",
    "campaigns/autumn.yml",
    "campaigns/posts.csv",
    "campaigns/present.csv",
    "panels.yaml",
    "key",
    "counts.csv",
    "some.txt",
)


@pytest.fixture
def bought(project: Project, served_sandbox: Served) -> Project:
    """A project of which every kind of file there is has one."""
    (project.root / "key").write_text(TEST_KEY)
    (project.root / "key").chmod(0o600)
    project.panels(served_sandbox.url, key={"file": "key"})
    project.csv([post(1), post(2)])
    project.write("campaigns/present.csv", "link,count\n")
    project.write("counts.csv", "link,count\n")
    project.write("some.txt", "spring/post-1\n")
    project.campaign([{"from": "posts.csv"}], counts="present.csv")
    project.campaign([post(9)], name="autumn").rename(project.root / "campaigns" / "autumn.yml")
    for _ in range(2):
        assert project.run("apply", "--yes").code == 0
    (copy,) = (project.state.parent / "backups").iterdir()
    copy.rename(copy.with_name("COPY"))
    return project


def everything(project: Project) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in project.root.rglob("*") if path.is_file()}


def assert_refused(project: Project, *arguments: str) -> None:
    before = everything(project)
    ran = project.run(*arguments)
    assert ran.code == 64, (arguments, ran.out, ran.err)
    assert "which" in ran.err
    assert "name another file" in ran.err
    assert everything(project) == before, arguments


WRITING = {
    "plan --out": ["plan", "--out"],
    "plan --no-refresh --out": ["plan", "--no-refresh", "--out"],
    "status": ["status", "--report", "json="],
    "report": ["report", "--report", "html="],
    "apply": ["apply", "--yes", "--report", "jsonl="],
    "watch": ["watch", "--yes", "--report", "csv="],
    "log": ["balance", "--log-file"],
    "log of apply": ["apply", "--yes", "--log-file"],
    "log of doubt": ["doubt", "abandon", "spring/post-1", "--reason", "x", "--log-file"],
    "cancel": ["cancel", "spring/post-1", "--yes", "--report", "text="],
    "refill": ["refill", "spring/post-1", "--yes", "--report", "json="],
    "import": ["import", "spring/post-1", "1", "--report", "json="],
}


def line_of(name: str, target: str) -> list[str]:
    *words, last = WRITING[name]
    return [*words, last + target] if last.endswith("=") else [*words, last, target]


@pytest.mark.parametrize("name", WRITING)
def test_no_file_of_the_state_is_written_over(bought, name):
    for target in STATE:
        assert_refused(bought, *line_of(name, target))


@pytest.mark.parametrize("name", WRITING)
def test_no_input_is_written_over(bought, name):
    more = ["--counts", "counts.csv"] if name.split()[0] in ("plan", "apply", "watch", "refill") else []
    more += ["--select", "@some.txt"] if name.split()[0] in ("plan", "apply", "watch", "status") else []
    for target in INPUTS:
        is_read = target not in ("counts.csv", "some.txt") or f"{'@' * (target == 'some.txt')}{target}" in more
        if is_read:
            assert_refused(bought, *line_of(name, target), *more)


@pytest.mark.parametrize(
    "target", ["state/runner.db", "state/lineage.json", "campaigns/posts.csv", "panels.yaml", "key"]
)
@pytest.mark.parametrize("way", ["symlink", "hard link", "spelling", "absolute", "linked folder", "from below"])
@pytest.mark.parametrize("name", ["plan --out", "status", "log of apply", "report"])
def test_no_other_way_to_the_same_file_leads_there(bought, target, way, name):
    real = bought.root / target
    spelled = {"spelling": f"campaigns/../{target}", "absolute": str(real), "linked folder": f"here/{target}"}.get(way)
    if way == "symlink":
        (bought.root / "out").symlink_to(real)
    elif way == "hard link":
        if target == "state/runner.db":
            return  # a state with two names is refused for that
        (bought.root / "out").hardlink_to(real)
    elif way == "linked folder":
        (bought.root / "here").symlink_to(bought.root)
    elif way == "from below":
        below = Project.__new__(Project)
        below.root, below.state = bought.root / "campaigns", bought.state
        bought, spelled = below, os.path.relpath(real, below.root)
    assert_refused(bought, *line_of(name, spelled or "out"))


def test_a_dangling_link_to_a_file_that_sqlite_will_make_is_no_way_either(bought):
    (bought.root / "out").symlink_to(bought.state.with_name("runner.db-wal"))
    assert_refused(bought, "plan", "--out", "out")


def test_the_state_of_another_project_is_safe_too(bought, tmp_path):
    other = bought.copy(tmp_path / "other")
    beside = ("lineage.json", "runner.lock", "high-water", "emergency.jsonl")
    for target in ("runner.db", "runner.db-wal", "backups/x.json", *beside):
        assert_refused(bought, "plan", "--out", str(other.state.parent / target))
        assert_refused(bought, "apply", "--yes", "--state", str(other.state), "--report", f"json=state/{target}")


def test_the_plan_that_is_carried_out_is_not_its_own_report(bought):
    bought.campaign([post(5)], name="winter")
    assert bought.run("plan", "--out", "plan.json").code == 0
    assert_refused(bought, "apply", "plan.json", "--report", "json=plan.json")


def test_two_outputs_are_two_files(bought):
    for more in (["--report", "json=out.json"], ["--log-file", "out.json"], ["--log-file", "./out.json"]):
        ran = bought.run("plan", "--out", "out.json", *more)
        assert ran.code == 64
        assert "same file" in ran.err
    ran = bought.run("plan", "--report", "json=out.json", "--report", "html=out.json")
    assert ran.code == 64
    assert not (bought.root / "out.json").exists()


def test_streams_may_be_shared(bought):
    for stream in ("/dev/null", "/dev/stdout"):
        ran = bought.run_apart("status", "--report", f"json={stream}", "--report", f"text={stream}")
        assert ran.code == 0, ran.err


def test_what_is_no_input_may_be_written_again_and_again_also_beside_the_inputs(bought):
    for _ in range(2):
        for target in ("report.json", "campaigns/report.json", "state/report.json", "campaigns/sums.csv"):
            kind = "csv" if target.endswith("csv") else "json"
            assert bought.run("status", "--report", f"{kind}={target}", "--log-file", "state/run.log").code == 0
            assert bought.run("report", "--report", f"{kind}={target}").code == 0
        assert bought.run("plan", "--out", "state/plan.json").code == 0


def test_a_generated_campaign_and_its_log_are_no_files_of_the_state(bought):
    bought.write("orders.csv", "order_id,service,link,quantity\n1,1,https://example.com/our-brand/x,100\n")
    line = [
        "import",
        "--from",
        "orders.csv",
        "--campaign",
        "new",
        "--panel",
        "served",
        "--link",
        "https://example.com/our-brand/",
    ]
    for target in ("state/runner.lock", "state/backups/new.yaml", "state/lineage.json"):
        assert_refused(bought, *line, "--generate", target)
    assert_refused(bought, *line, "--generate", "campaigns/new.yaml", "--log-file", "orders.csv")


def test_a_plan_that_could_not_be_saved_is_told_before_anything_is_done(bought, served_sandbox):
    asked = served_sandbox.requests()["balance"]
    (bought.root / "folder").mkdir()
    for target in ("folder", "no/such/folder/plan.json"):
        ran = bought.run("plan", "--out", target)
        assert ran.code == 10
        assert "--out" in ran.err
    assert served_sandbox.requests()["balance"] == asked


@pytest.mark.parametrize("name", ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"])
def test_github_s_files_are_no_files_of_the_state(bought, name):
    before = {path: text for path, text in everything(bought).items() if path.name in ("lineage.json", "runner.db")}
    env = {"GITHUB_ACTIONS": "true", name: "state/lineage.json"}
    ran = bought.run("report", **env)
    assert ran.code == 0
    assert f"{name} could not be written" in ran.err
    assert bought.run("plan", "--out", "state/runner.db", **env).code == 64
    assert {path: path.read_bytes() for path in before} == before


def test_the_sandbox_has_its_own_books(bought):
    for target in ("state/runner.db", "state/lineage.json", "state/runner.db-wal", "state/backups/COPY"):
        ran = bought.run("sandbox", "serve", "--port", "0", "--db", target)
        assert ran.code == 64, ran.err
        assert "that is a file of a state" in ran.err


def test_init_follows_no_link_and_leaves_what_is_there(bought, tmp_path):
    fresh = Project(tmp_path / "fresh")
    (fresh.root / "panels.yaml").symlink_to(tmp_path / "nowhere")
    ran = fresh.run("init")
    assert ran.code == 0
    assert "kept     panels.yaml" in ran.out
    assert not (tmp_path / "nowhere").exists()
    (fresh.root / ".gitignore").unlink()
    (fresh.root / ".gitignore").symlink_to(bought.state.with_name("lineage.json"))
    before = everything(bought)
    assert fresh.run("init").code == 10
    assert everything(bought) == before
    assert not list(fresh.root.rglob(".*.[0-9]*"))


def test_a_report_is_whole_or_not_there(bought, served_sandbox):
    """A reader of the file never sees a half of it, and a run that is killed leaves the former one."""
    assert bought.run("status", "--report", "json=status.json").code == 0
    former = (bought.root / "status.json").stat()
    reader = (bought.root / "status.json").open()
    assert bought.run("status", "--report", "json=status.json").code == 0
    assert (bought.root / "status.json").stat().st_ino != former.st_ino
    with reader:
        assert json.load(reader)["orders"]
