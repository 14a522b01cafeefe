"""`comment.py FILE`: shows a Markdown report in the pull request, in one comment that is written anew each time.

GitHub and GitLab, by what their jobs have in the environment; elsewhere it says where the file is. The comment is found
by the report's first line and by who wrote it: a text that somebody else has put there is not taken for ours. Needs
nothing but Python. The token is in no message.
"""

import json
import os
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

MARKER = re.compile(r"<!-- bulk-order-runner: ([a-z]+) -->\n")
PAGE = 100  # comments in one answer: the most that both services give
TIMEOUT = 30.0  # seconds


class Failed(Exception):
    """What went wrong, and what to do, in one line."""


class Thread(NamedTuple):
    """Where the comments of one pull request are."""

    service: str
    url: str  # of the comments
    headers: Mapping[str, str]
    author: str  # who writes ours
    one: str  # of one comment, `{id}` for its number
    method: str  # that writes one anew
    needs: str  # the permission, for who lacks it

    def is_ours(self, comment: Mapping[str, object], marker: str) -> bool:
        """True for a comment that this script wrote, about the same."""
        by = comment.get("user") or comment.get("author")
        name = (by.get("login") or by.get("username")) if isinstance(by, dict) else None
        return name == self.author and str(comment.get("body", "")).replace("\r\n", "\n").startswith(marker)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The token goes to nobody but the service itself."""

    def redirect_request(self, *_: object) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirects)


def ask(thread: Thread, method: str, url: str, body: str | None = None) -> object:
    """The answer to one call; Failed if it is none."""
    data = None if body is None else json.dumps({"body": body}).encode()
    headers = {**thread.headers, "Content-Type": "application/json", "User-Agent": "bulk-order-runner"}
    request = urllib.request.Request(url, data=data, headers=headers, method=method)  # noqa: S310  # the service's own
    try:
        with _OPENER.open(request, timeout=TIMEOUT) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise Failed(f"{thread.service} answered {error.code} to {method} {url}; {thread.needs}") from None
    except (OSError, ValueError) as error:
        raise Failed(f"{thread.service} gave no answer to {method} {url}: {error}") from None


def comments(thread: Thread) -> Iterator[Mapping[str, object]]:
    """All of the pull request, page by page."""
    page = 1
    while True:
        found = ask(thread, "GET", f"{thread.url}?per_page={PAGE}&page={page}")
        if not isinstance(found, list):
            raise Failed(f"{thread.service} answered with no list of comments")
        yield from found
        if len(found) < PAGE:
            return
        page += 1


def github(env: Mapping[str, str]) -> Thread | None:
    """The pull request that a GitHub job is about; None if it is about none."""
    number = env.get("BULK_RUNNER_CI_PULL") or (re.findall(r"^refs/pull/(\d+)/", env.get("GITHUB_REF", "")) or [""])[0]
    if not number or not env.get("GITHUB_REPOSITORY"):
        return None
    base = f"{env.get('GITHUB_API_URL', 'https://api.github.com')}/repos/{env['GITHUB_REPOSITORY']}/issues"
    headers = {"Authorization": f"Bearer {_token(env, 'GITHUB_TOKEN')}", "Accept": "application/vnd.github+json"}
    author = env.get("BULK_RUNNER_CI_AUTHOR", "github-actions[bot]")
    needs = "the job needs `permissions: pull-requests: write`, and GITHUB_TOKEN"
    return Thread("GitHub", f"{base}/{number}/comments", headers, author, f"{base}/comments/{{id}}", "PATCH", needs)


def gitlab(env: Mapping[str, str]) -> Thread | None:
    """The merge request that a GitLab job is about; None if it is about none."""
    number = env.get("CI_MERGE_REQUEST_IID")
    if not number or not env.get("CI_API_V4_URL"):
        return None
    base = f"{env['CI_API_V4_URL']}/projects/{env['CI_PROJECT_ID']}/merge_requests/{number}/notes"
    headers = {"PRIVATE-TOKEN": _token(env, "GITLAB_TOKEN")}
    needs = "GITLAB_TOKEN needs the scope `api` and the role Reporter; a job's own token can't write notes"
    thread = Thread("GitLab", base, headers, "", f"{base}/{{id}}", "PUT", needs)
    user = ask(thread, "GET", f"{env['CI_API_V4_URL']}/user")
    return thread._replace(author=str(user.get("username", "")) if isinstance(user, dict) else "")


def _token(env: Mapping[str, str], name: str) -> str:
    if not env.get(name):
        raise Failed(f"{name} is not set: give it to the job, or its plan is seen by nobody")
    return env[name]


def show(path: Path, env: Mapping[str, str]) -> str:
    """Write the comment; what was done, in words."""
    text = path.read_text(encoding="utf-8")
    marked = MARKER.match(text)
    if marked is None:
        raise Failed(f"{path} is no Markdown report: runner plan --report markdown={path} writes one")
    name = env.get("BULK_RUNNER_CI_NAME", "")
    if not re.fullmatch(r"[\w.-]*", name):
        raise Failed("BULK_RUNNER_CI_NAME is made of letters, digits, dots and dashes")
    marker = f"<!-- bulk-order-runner: {marked[1]}{name and ' '}{name} -->\n"
    text = marker + text[marked.end() :]
    thread = github(env) or gitlab(env)
    if thread is None:
        return f"no pull request is known here: the report is in {path}"
    for comment in comments(thread):
        if thread.is_ours(comment, marker):
            ask(thread, thread.method, thread.one.format(id=comment["id"]), text)
            return "the comment was written anew"
    ask(thread, "POST", thread.url, text)
    return "the comment was written"


def main(arguments: list[str]) -> int:
    """Exits with 1 if the comment could not be written."""
    if len(arguments) != 1:
        sys.stderr.write("comment.py FILE\n")
        return 64
    try:
        said, code = show(Path(arguments[0]), os.environ), 0
    except (Failed, OSError) as failed:
        said, code = str(failed), 1
    sys.stderr.write(f"comment.py: {said}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
