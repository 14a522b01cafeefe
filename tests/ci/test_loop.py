"""Plan on a pull request, money in a comment, apply on merge, poll from cron; machines are thrown away after each step."""

import time

import pytest

from tests.acceptance.project import post
from tests.ci.machines import STEPS, Machine, Repository, kill


@pytest.fixture
def served(serve):
    return serve()


@pytest.fixture
def repository(tmp_path, cluster, project, served):
    """A project on `main` that has bought one order; its state was begun by a person."""
    one = Repository(tmp_path, cluster.url(project))
    first = one.machine(branch=None)
    first.panels(served.url, parallel={"add": 1, "read": 4})
    first.campaign([post(0)])
    first.write(".gitignore", "/state/\n/runner-out/\n")
    first.git("checkout", "--quiet", "-b", "main")
    commit(first, "main")
    code, said = first.runner("apply", "--yes", "--new-state")
    assert code == 0, said
    return one


def commit(machine: Machine, branch: str) -> None:
    machine.git("add", "--all")
    machine.git("commit", "--quiet", "-m", "orders")
    machine.git("push", "--quiet", "--force", "origin", f"HEAD:refs/heads/{branch}")


def propose(repository: Repository, *posts: int) -> None:
    """A person pushes these orders to the branch `more`."""
    person = repository.machine()
    person.campaign([post(number) for number in (0, *posts)])
    person.git("checkout", "--quiet", "-b", "more")
    commit(person, "more")


def merge(repository: Repository) -> None:
    """A person merges the branch, by a commit of its own."""
    person = repository.machine(branch=None)
    person.git("merge", "--quiet", "--no-ff", "-m", "merge", "origin/more")
    person.git("push", "--quiet", "origin", "HEAD:main")


def step(repository: Repository, name: str, *flags: str, branch: str = "main", code: int = 0, **env: str) -> str:
    """One step on a machine of its own; what it said."""
    ended, said = repository.machine(branch).step(name, *flags, **env)
    assert ended == code, said
    return said


def test_the_whole_loop(repository, served, forge):
    propose(repository, 1, 2)
    step(repository, "validate", branch="more")
    step(repository, "plan", branch="more", **forge.github())
    propose(repository, 1, 2, 3, 4)
    step(repository, "plan", branch="more", **forge.github())
    (comment,) = forge.bodies("7")
    assert "**4 orders, 400 units, for 0.36 USD.**" in comment
    assert "/our-brand/p/4</code> | 100 | 0.09" in comment
    assert comment.index("### Will be bought") < comment.index("### Money")
    assert len(served.orders()) == 1, "a plan buys nothing"
    step(repository, "drift")  # cron, of what is on main: nothing is left to be bought there

    merge(repository)
    # The third order is taken by the panel, and the machine is gone before the answer is there.
    served.fault({"kind": "slow", "action": "add", "seconds": 60, "after": 1, "times": 1})
    running = repository.machine().begin("apply")
    until(lambda: len(served.orders()) == 3, running)
    kill(running)
    served.fault()

    assert "it was applied by run" in step(repository, "apply", code=12), "a plan that was begun is not begun again"
    said = step(repository, "plan", code=15)
    assert "1 order may exist on the panel" in said
    step(repository, "apply", code=15)
    assert len(served.orders()) == 5

    fourth = repository.machine()
    code, said = fourth.runner("doubt", "list")
    assert code == 15, said
    (doubt,) = [post for post in range(1, 5) if f"spring/post-{post}" in said]
    (held,) = [one["order"] for one in served.orders() if one["link"].endswith(f"/p/{doubt}")]
    code, said = fourth.runner(
        "doubt", "adopt", f"spring/post-{doubt}", "--order", str(held), "--reason", "in the panel's list"
    )
    assert code == 0, said

    step(repository, "drift")
    assert set(served.links().values()) == {1}
    assert len(served.orders()) == 5


def until(is_so, running) -> None:
    ends = time.monotonic() + 60
    while not is_so():
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_what_is_merged_and_was_not_planned_is_not_bought(repository, served):
    propose(repository, 1)
    step(repository, "plan", branch="more")
    propose(repository, 1, 2)  # and its plan never ran
    merge(repository)
    said = step(repository, "apply", code=12)
    assert "no plan was kept for these files" in said
    assert len(served.orders()) == 1


def test_a_plan_is_carried_out_once(repository, served):
    propose(repository, 1)
    step(repository, "plan", branch="more")
    assert len(repository.plans()) == 1
    merge(repository)
    step(repository, "apply")
    assert repository.plans() == []
    step(repository, "apply", code=12)
    assert len(served.orders()) == 2


def test_a_plan_that_may_not_be_carried_out_is_seen_and_not_kept(repository, served, forge):
    propose(repository, 1)
    step(repository, "plan", "--max-cost", "0.01", branch="more", code=11, **forge.github())
    assert "Would be bought" in forge.bodies("7")[0]
    step(repository, "plan", branch="more", code=13, **forge.github() | {"ACCEPTANCE_PANEL_KEY": "wrong"})
    (comment,) = forge.bodies("7")
    assert "exit code 13" in comment
    assert "ought" not in comment, "the money of an earlier plan does not stand for this one"
    assert repository.plans() == []
    forge.refuses = 403
    said = step(repository, "plan", branch="more", code=1, **forge.github())
    assert "pull-requests: write" in said


def test_what_a_job_must_not_pass_over_in_silence_has_an_exit_code(repository):
    propose(repository, 1)
    step(repository, "drift", branch="more", code=2)
    said = step(repository, "plan", "--select", "spring/post-9", code=10)
    assert "--select spring/post-9 fits no order" in said
    ended, said = repository.machine().step("sh", str(STEPS), "buy")
    assert ended == 64
    assert "validate, plan, apply or drift" in said
