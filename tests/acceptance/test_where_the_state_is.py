"""The state belongs to the project, wherever one stands, and a new one is somebody's explicit act: nothing is bought twice."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.project import KEY_NAME, Project, post
from tests.acceptance.served import Served

ORDERS = 5


def inside(project: Project, folder: Path | str) -> Project:
    """The same files, with commands run in another folder."""
    other = Project.__new__(Project)
    other.root = Path(project.root, folder)
    other.state = project.state
    return other


@pytest.fixture
def bought(project: Project, served_sandbox: Served) -> Project:
    """A project whose five orders are bought."""
    project.campaign([post(number) for number in range(ORDERS)])
    assert project.run("apply", "--yes").code == 0
    assert len(served_sandbox.orders()) == ORDERS
    return project


@pytest.fixture
def never_twice(served_sandbox: Served):
    yield
    assert set(served_sandbox.links().values()) == {1}


@pytest.fixture
def strict(bare_project: Project, served_sandbox: Served) -> Project:
    """A project on a real panel with an order, and nobody's word that a state may begin."""
    bare_project.panels(served_sandbox.url)
    shutil.rmtree(bare_project.state.parent)
    bare_project.campaign([post(1)])
    return bare_project


# Standing elsewhere


@pytest.mark.parametrize("folder", ["campaigns", "campaigns/deep/er", "notes", "state", "state/backups"])
def test_from_any_folder_of_the_project_it_is_the_same_state(bought, served_sandbox, folder, never_twice):
    (bought.root / folder).mkdir(parents=True, exist_ok=True)
    there = inside(bought, folder)
    up = os.path.relpath(bought.root, there.root)
    ran = there.run("apply", "--yes", "--format", "json")
    assert (ran.code, ran.json["placed"]) == (0, 0), ran.err
    ran = there.run("apply", "--yes", "--format", "json", f"{up}/campaigns/spring.yaml")
    assert (ran.code, ran.json["placed"]) == (0, 0), ran.err
    assert there.run("state", "list").out == bought.run("state", "list").out
    assert there.run("report", "--format", "json").json == bought.run("report", "--format", "json").json
    assert there.run("balance").code == 0
    assert there.run("validate").out == bought.run("validate").out
    assert not list((bought.root / "campaigns").rglob("runner.db"))
    assert len(served_sandbox.orders()) == ORDERS


def test_files_and_reports_are_read_from_where_one_stands(bought, never_twice):
    there = inside(bought, "campaigns")
    ran = there.run("status", "spring.yaml", "--report", "json=status.json", "--report", "html=../page.html")
    assert ran.code == 0
    assert (bought.root / "campaigns" / "status.json").is_file()
    assert (bought.root / "page.html").is_file()
    assert there.run("status", "spring.yaml", "--report", "json=status.json").code == 0
    ran = there.run("apply", "campaigns/spring.yaml", "--yes")
    assert ran.code == 10
    assert "campaigns/spring.yaml:1:1: this does not exist" in ran.err


def test_places_in_messages_lead_to_the_file_from_where_one_stands(bought):
    bought.campaign([post(1, colour="red")], name="broken")
    assert "campaigns/broken.yaml:6" in bought.run("validate").out
    assert "../campaigns/broken.yaml:6" in inside(bought, "state").run("validate").out
    assert inside(bought, "campaigns").run("validate", "broken.yaml").out.startswith("broken.yaml:6")


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_project_is_named_with_c_before_the_command_or_behind_it(bought, tmp_path, where, never_twice):
    far = Project(tmp_path / "far")
    names = ["-C", str(bought.root)]
    for command in (["apply", "--yes", "--format", "json"], ["state", "list"], ["doubt", "list"], ["report"]):
        line = [*names, *command] if where == "before" else [*command, *names]
        ran = far.run(*line)
        assert ran.code == 0, ran.err
    assert "spring/post-1" in far.run(*names, "state", "list").out
    assert not (far.root / "state").exists()


def test_with_c_every_path_is_read_from_there(bought, tmp_path):
    far = Project(tmp_path / "far")
    ran = far.run("status", "-C", str(bought.root), "campaigns/spring.yaml", "--report", "json=status.json")
    assert ran.code == 0
    assert (bought.root / "status.json").is_file()
    ran = far.run("-C", str(tmp_path / "nowhere"), "status")
    assert ran.code == 64
    assert "-C" in ran.err


def test_a_symlinked_project_and_a_moved_one_keep_their_state(bought, served_sandbox, tmp_path, never_twice):
    (tmp_path / "link").symlink_to(bought.root)
    for folder in ("", "campaigns"):
        ran = inside(bought, tmp_path / "link" / folder).run("apply", "--yes", "--format", "json")
        assert (ran.code, ran.json["placed"]) == (0, 0)
    moved = tmp_path / "moved"
    (tmp_path / "link").unlink()
    bought.root.rename(moved)
    ran = inside(bought, moved / "campaigns").run("apply", "--yes", "--format", "json")
    assert (ran.code, ran.json["placed"]) == (0, 0)
    assert len(served_sandbox.orders()) == ORDERS


def test_another_home_is_the_same_state(bought, tmp_path, never_twice):
    (tmp_path / "root").mkdir()
    for home in (str(tmp_path / "root"), "", "/nonexistent"):
        ran = bought.run("apply", "--yes", "--format", "json", HOME=home, SUDO_USER="anna")
        assert (ran.code, ran.json["placed"]) == (0, 0)


def test_a_plan_is_carried_out_wherever_one_stands(project, served_sandbox):
    (project.root / "key").write_text("sandbox-key")
    (project.root / "key").chmod(0o600)
    project.panels(served_sandbox.url, key={"file": "key"})
    project.csv([post(number) for number in range(3)])
    project.campaign([{"from": "posts.csv"}])
    assert inside(project, "campaigns").run("plan", "--out", "../plan.json").code == 0
    (project.root / "notes").mkdir()
    ran = inside(project, "notes").run("apply", "../plan.json", "--format", "json")
    assert (ran.code, ran.json["placed"]) == (0, 3), ran.err


def test_what_the_environment_names_is_read_from_the_project(bought, never_twice):
    bought.campaign([post(number) for number in range(ORDERS)], name="spring")
    for folder in ("", "campaigns"):
        ran = inside(bought, folder).run("apply", "--yes", "--format", "json", BULK_RUNNER_STATE="state/runner.db")
        assert (ran.code, ran.json["placed"]) == (0, 0)


# A new state


def test_a_new_state_on_a_real_panel_needs_an_explicit_act(strict, served_sandbox):
    for command in (
        ["apply", "--yes"],
        ["plan"],
        ["plan", "--no-refresh"],
        ["watch", "--yes"],
        ["status", "--refresh"],
    ):
        ran = strict.run(*command)
        assert ran.code == 12, command
        assert "there is no state state/runner.db for orders on served" in ran.err
        assert "--new-state" in ran.err
        assert not strict.state.parent.exists(), command
    assert not served_sandbox.requests()


@pytest.mark.parametrize("command", ["apply", "plan", "watch"])
def test_the_act_is_new_state_and_the_state_is_announced(strict, served_sandbox, command):
    more = {"plan": [], "apply": ["--yes"], "watch": ["--yes", "--until", "placed"]}[command]
    ran = strict.run(command, "--new-state", *more)
    assert ran.code == 0
    assert "a new state begins: state/runner.db" in ran.err
    ran = strict.run("apply", "--yes")
    assert ran.code == 0
    assert "a new state begins" not in ran.err
    assert len(served_sandbox.orders()) == 1


def test_the_act_is_init_and_holds_for_one_state(bare_project, served_sandbox, never_twice):
    ran = bare_project.run("init", ".")
    assert ran.code == 0
    assert "state/runner.db to begin, once" in ran.out
    (bare_project.root / "panels.yaml").unlink()
    bare_project.write("campaigns/demo.yaml", (bare_project.root / "campaigns/demo.yaml").read_text())
    document = {"served": {"url": served_sandbox.url, "key": {"env": KEY_NAME}}}
    (bare_project.root / "panels.yaml").write_text(json.dumps({"version": 1, "panels": document}))
    spring = str(bare_project.campaign([post(1)]))
    assert bare_project.run("apply", "campaigns/demo.yaml", "-q").code == 0
    ran = bare_project.run("apply", "--yes", spring)
    assert ran.code == 0
    assert "a new state begins" in ran.err
    shutil.rmtree(bare_project.state.parent)
    assert bare_project.run("apply", "--yes", spring).code == 12


def test_the_first_steps_of_the_readme_still_work(tmp_path):
    start = Project(tmp_path / "start")
    assert start.run("init", "my-project").code == 0
    mine = Project(start.root / "my-project")
    for command in ("validate", "plan", "apply"):
        assert mine.run(command).code == 0
    assert "Nothing to do" in mine.run("apply").out


def test_a_state_that_knows_the_sandbox_alone_is_not_begun_for_real_panels(strict, served_sandbox):
    """Else a cron job's sandbox campaign would begin a state in the place of the one that was lost."""
    strict.campaign([post(1)], name="play", panel="sandbox")
    assert strict.run("apply", "campaigns/play.yaml", "-q").code == 0
    ran = strict.run("apply", "--yes")
    assert ran.code == 12
    assert "knows of the sandbox alone" in ran.err
    assert strict.run("apply", "--yes", "--new-state").code == 0
    assert len(served_sandbox.orders()) == 1


def test_new_state_is_no_habit(bought, never_twice):
    ran = bought.run("apply", "--yes", "--new-state")
    assert ran.code == 12
    assert "leave out --new-state" in ran.err


def test_a_copied_permit_allows_nothing(project, served_sandbox, tmp_path):
    project.campaign([post(1)])
    copy = project.copy(tmp_path / "copy")
    assert (copy.state.parent / "new-state.json").is_file()
    assert copy.run("apply", "--yes").code == 12
    assert project.run("apply", "--yes").code == 0


def test_a_run_that_was_killed_while_it_began_may_begin_again(strict, served_sandbox):
    strict.state.parent.mkdir()
    strict.allow_state()
    for name in ("ballast", "emergency.jsonl", "runner.db"):
        (strict.state.parent / name).write_bytes(b"" if name == "runner.db" else b" " * 511 + b"\n")
    assert strict.run("apply", "--yes").code == 0


# An older life


def all_but(*kept: str):
    def remove(project: Project) -> None:
        for path in project.state.parent.iterdir():
            if path.name not in kept:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    return remove


def renamed(project: Project) -> None:
    project.state.rename(project.state.with_name("old.db"))
    (project.state.parent / "lineage.json").unlink()


def renamed_folder(project: Project) -> None:
    project.state.parent.rename(project.root / "state.old")


def moved_into_campaigns(project: Project) -> None:
    (project.root / "campaigns" / "state").mkdir()
    project.state.rename(project.root / "campaigns" / "state" / "runner.db")
    shutil.rmtree(project.state.parent)


def committed(project: Project) -> None:
    git = ["git", "-c", "user.name=anna", "-c", "user.email=anna@example.com", "-C", str(project.root)]
    for line in (["init", "-q"], ["add", "-f", "state/lineage.json"], ["commit", "-qm", "state"]):
        subprocess.run([*git, *line], check=True)
    shutil.rmtree(project.state.parent)


TRACES = {
    "lineage alone": all_but("lineage.json"),
    "backups alone": all_but("backups"),
    "backups, emptied": lambda project: (all_but()(project), (project.state.parent / "backups").mkdir()),
    "emergency file alone": all_but("emergency.jsonl"),
    "ballast alone": all_but("ballast"),
    "another name": renamed,
    "another folder": renamed_folder,
    "below campaigns": moved_into_campaigns,
    "committed lineage": committed,
}


@pytest.mark.parametrize("trace", TRACES)
def test_a_new_state_is_refused_where_files_tell_of_an_older_life(bought, trace, never_twice):
    assert bought.run("apply", "--yes").code == 0  # makes a backup
    TRACES[trace](bought)
    for more in ([], ["--new-state"]):
        for command in (["apply", "--yes"], ["plan"], ["watch", "--yes"]):
            ran = bought.run(*command, *more)
            assert ran.code == 12, (command, more, ran.err)
            assert "next: " in ran.err
    if trace not in {"committed lineage", "another folder"}:
        assert bought.run("init").code == 12


def test_everything_gone_is_refused_until_somebody_says_so(bought, served_sandbox, tmp_path):
    shutil.rmtree(bought.state.parent)
    for elsewhere in ({}, {"XDG_STATE_HOME": str(tmp_path / "another machine")}):
        for _ in range(2):
            ran = bought.run("apply", "--yes", **elsewhere)
            assert ran.code == 12
    assert "if there was one, everything would be bought again" in ran.err


def test_the_user_s_own_mark_tells_of_a_state_whose_whole_folder_is_gone(bought, served_sandbox):
    shutil.rmtree(bought.state.parent)
    ran = bought.run("apply", "--yes", "--new-state")
    assert ran.code == 12
    assert f"tells of a state in this folder with {ORDERS} orders" in ran.err
    assert len(served_sandbox.orders()) == ORDERS


@pytest.mark.parametrize(
    "name", ["state/runer.db", "stat/runner.db", "runner.db", "../state/runner.db", "state/runner"]
)
@pytest.mark.parametrize("how", ["flag", "environment"])
def test_a_mistyped_state_buys_nothing(bought, name, how, never_twice):
    line = ["--state", name] if how == "flag" else []
    env = {"BULK_RUNNER_STATE": name} if how == "environment" else {}
    for more in ([], ["--new-state"]):
        ran = bought.run("apply", "--yes", *line, *more, **env)
        assert ran.code == 12, (more, ran.err)


def test_a_state_elsewhere_takes_the_place_of_the_project_s_own(strict, served_sandbox, tmp_path, never_twice):
    """Where the environment that names it is lost, say in a cron job, nothing begins anew."""
    strict.state.parent.mkdir()
    strict.allow_state()
    there = {"BULK_RUNNER_STATE": str(tmp_path / "elsewhere" / "runner.db")}
    assert strict.run("apply", "--yes", **there).code == 0
    assert strict.run("apply", "--yes").code == 12
    assert strict.run("apply", "--yes", **there).code == 0


def test_the_state_of_another_project_is_not_the_one_of_these_campaigns(bought, serve, tmp_path, never_twice):
    """BULK_RUNNER_STATE is left over from another project; or a file of this one is named from there."""
    other = Project(tmp_path / "other")
    other.write("panels.yaml", (bought.root / "panels.yaml").read_text())
    other.campaign([post(99)], name="autumn")
    assert other.run("apply", "--yes").code == 0
    ran = bought.run("apply", "--yes", BULK_RUNNER_STATE=str(other.state))
    assert ran.code == 12
    assert "is not the one of these campaigns" in ran.err
    ran = other.run("apply", "--yes", str(bought.root / "campaigns" / "spring.yaml"))
    assert ran.code == 12
    assert "-C DIR" in ran.err


def test_a_second_project_on_the_same_panel_may_begin(bought, tmp_path, never_twice):
    other = Project(bought.root / "sub")
    other.write("campaigns/autumn.yaml", other.campaign([post(99)], name="autumn").read_text())
    shutil.copy(bought.root / "panels.yaml", other.root)
    assert other.run("apply", "--yes").code == 12
    assert other.run("apply", "--yes", "--new-state").code == 0


def test_a_nested_copy_of_a_campaign_is_known_above(bought, never_twice):
    nested = Project(bought.root / "campaigns" / "nested")
    nested.campaign([post(number) for number in range(ORDERS)])
    shutil.copy(bought.root / "panels.yaml", nested.root)
    for more in ([], ["--new-state"]):
        assert nested.run("apply", "--yes", *more).code == 12


def test_the_sandbox_starts_without_asking_whatever_lies_about(bare_project):
    bare_project.campaign([post(1)], panel="sandbox")
    (bare_project.state.parent / "backups").mkdir(parents=True)
    assert bare_project.run("apply", "-q").code == 0


def test_a_state_that_is_imported_into_needs_the_act_too(strict, served_sandbox):
    ran = strict.run("import", "spring/post-1", "23501")
    assert ran.code == 12
    assert "--new-state" in ran.err
    assert not strict.state.exists()


@pytest.mark.parametrize(
    "name", ["runner.lock", "lineage.json", "sandbox.db", "ballast", "runner.db-wal", "emergency.jsonl"]
)
def test_a_state_is_not_named_like_a_file_beside_one(bought, name, never_twice):
    before = (bought.state.parent / name).read_bytes() if (bought.state.parent / name).exists() else None
    assert bought.run("apply", "--yes", "--state", f"state/{name}").code == 64
    if before is not None:
        assert (bought.state.parent / name).read_bytes() == before


@pytest.mark.parametrize("name", ["/dev/null", "/dev/full", "pipe"])
def test_a_state_is_a_regular_file(bought, name):
    os.mkfifo(bought.root / "pipe")
    mode = (bought.root / name).stat().st_mode
    assert bought.run("apply", "--yes", "--state", name).code == 64
    assert (bought.root / name).stat().st_mode == mode


def test_a_watch_whose_state_vanishes_does_not_begin_another(bought, served_sandbox, never_twice):
    running = bought.start("watch", "--yes", "-q", "--format", "jsonl", "--min-pause", "1s", "--max-pause", "1s")
    assert running.stdout is not None
    while '"waiting"' not in running.stdout.readline():
        assert running.poll() is None
    shutil.rmtree(bought.state.parent)
    _, err = running.communicate(timeout=60)
    assert running.returncode in (12, 14), err
    assert len(served_sandbox.orders()) == ORDERS
