"""`ci/comment.py`: one comment of ours in a pull request, written anew; nobody else's is touched."""

import subprocess
import sys

import pytest

from tests.acceptance.project import REPOSITORY, environment
from tests.ci.forge import GITHUB_BOT, GITLAB_BOT, TOKEN

REPORT = "<!-- bulk-order-runner: plan -->\n## runner plan\n\n3 orders\n"
JOBS = [("github", GITHUB_BOT), ("gitlab", GITLAB_BOT)]


@pytest.fixture
def shown(tmp_path):
    """Calls the script on a report; its exit code and what it said."""

    def call(text=REPORT, **env):
        file = tmp_path / "plan.md"
        file.write_text(text)
        line = [sys.executable, str(REPOSITORY / "ci" / "comment.py"), str(file)]
        ran = subprocess.run(line, env=environment(**env), capture_output=True, text=True, timeout=60, check=False)
        assert TOKEN not in ran.stdout + ran.stderr
        assert "Traceback" not in ran.stderr
        return ran.returncode, ran.stderr

    return call


@pytest.mark.parametrize(("job", "_bot"), JOBS)
def test_the_second_report_takes_the_place_of_the_first(shown, forge, job, _bot):
    env = getattr(forge, job)()
    assert shown(**env)[0] == 0
    assert shown(REPORT.replace("3", "4"), **env)[0] == 0
    assert forge.bodies("7") == [REPORT.replace("3", "4")]


@pytest.mark.parametrize(("job", "bot"), JOBS)
def test_it_is_found_behind_many_others(shown, forge, job, bot):
    for number in range(250):
        forge.add("7", "anna", f"comment {number}")
    forge.add("7", bot, REPORT.replace("\n", "\r\n"))
    assert shown(REPORT.replace("3", "4"), **getattr(forge, job)())[0] == 0
    assert forge.bodies("7")[250:] == [REPORT.replace("3", "4")]


@pytest.mark.parametrize(("job", "bot"), JOBS)
def test_a_comment_that_somebody_else_has_made_look_like_ours_stays_theirs(shown, forge, job, bot):
    forge.add("7", "mallory", REPORT + "0.01 USD")
    forge.add("7", bot, "quoted:\n" + REPORT)
    assert shown(**getattr(forge, job)())[0] == 0
    assert forge.bodies("7") == [REPORT + "0.01 USD", "quoted:\n" + REPORT, REPORT]


def test_two_projects_of_one_repository_have_a_comment_each(shown, forge):
    for name in ("shop", "blog", "shop"):
        assert shown(BULK_RUNNER_CI_NAME=name, **forge.github())[0] == 0
    assert [body.splitlines()[0] for body in forge.bodies("7")] == [
        "<!-- bulk-order-runner: plan shop -->",
        "<!-- bulk-order-runner: plan blog -->",
    ]


def test_without_a_pull_request_it_says_where_the_report_is(shown, forge):
    code, said = shown(**forge.github() | {"GITHUB_REF": "refs/heads/main"})
    assert code == 0
    assert "plan.md" in said
    assert forge.calls == []


@pytest.mark.parametrize(("job", "_bot"), JOBS)
@pytest.mark.parametrize("status", [302, 403, 500])
def test_a_refusal_is_an_error_with_what_is_needed(shown, forge, job, _bot, status):
    forge.refuses = status
    code, said = shown(**getattr(forge, job)())
    assert code == 1
    assert f"answered {status}" in said
    assert ("pull-requests: write" if job == "github" else "scope `api`") in said
    assert not any("elsewhere" in call for call in forge.calls), "a token follows no redirect"


def test_a_missing_token_a_dead_service_and_a_file_that_is_no_report_are_one_line_each(shown, forge):
    for env, text, words in (
        (forge.github() | {"GITHUB_TOKEN": ""}, REPORT, "GITHUB_TOKEN is not set"),
        (forge.github() | {"GITHUB_API_URL": "http://127.0.0.1:9"}, REPORT, "gave no answer"),
        (forge.github(), "# something\n", "is no Markdown report"),
        (forge.github() | {"BULK_RUNNER_CI_NAME": "a -->"}, REPORT, "letters, digits"),
    ):
        code, said = shown(text, **env)
        assert (code, len(said.splitlines())) == (1, 1)
        assert words in said
