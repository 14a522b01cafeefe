"""A forge's comments on loopback, in the forms of GitHub and of GitLab. No assertions."""

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOKEN = "forge-token-7f3a"
GITHUB_BOT, GITLAB_BOT = "github-actions[bot]", "project_7_bot"


class Forge:
    """Comments by number of the pull request, in the order in which they were written."""

    def __init__(self) -> None:
        self.url = ""
        self.comments: dict[str, list[dict]] = {}
        self.calls: list[str] = []
        self.refuses = 0  # a status to answer every call with; 0: none

    def add(self, pull: str, author: str, body: str) -> dict:
        """A comment, as both forges write it down."""
        number = 1 + sum(map(len, self.comments.values()))
        one = {"id": number, "body": body, "user": {"login": author}, "author": {"username": author}}
        self.comments.setdefault(pull, []).append(one)
        return one

    def bodies(self, pull: str) -> list[str]:
        return [one["body"] for one in self.comments.get(pull, [])]

    def github(self, pull: int = 7) -> dict[str, str]:
        """What a job of GitHub's has in its environment."""
        return {
            "GITHUB_API_URL": self.url,
            "GITHUB_REPOSITORY": "shop/orders",
            "GITHUB_REF": f"refs/pull/{pull}/merge",
            "GITHUB_TOKEN": TOKEN,
        }

    def gitlab(self, pull: int = 7) -> dict[str, str]:
        """The same of GitLab's."""
        return {
            "CI_API_V4_URL": self.url,
            "CI_PROJECT_ID": "42",
            "CI_MERGE_REQUEST_IID": str(pull),
            "GITLAB_TOKEN": TOKEN,
        }

    def answer(self, method: str, path: str, given: dict, headers: Mapping[str, str]) -> tuple[int, object]:
        self.calls.append(f"{method} {path}")
        if self.refuses:
            return self.refuses, {}
        if TOKEN not in (headers.get("Authorization", "").removeprefix("Bearer "), headers.get("PRIVATE-TOKEN")):
            return 401, {}
        bot = GITLAB_BOT if "PRIVATE-TOKEN" in headers else GITHUB_BOT
        if path == "/user":
            return 200, {"username": bot}
        if found := re.fullmatch(r"/repos/shop/orders/issues/comments/(\d+)", path):
            return self._rewrite(int(found[1]), given) if method == "PATCH" else (405, {})
        if found := re.fullmatch(r"/projects/42/merge_requests/\d+/notes/(\d+)", path):
            return self._rewrite(int(found[1]), given) if method == "PUT" else (405, {})
        found = re.fullmatch(
            r"/(?:repos/shop/orders/issues/(\d+)/comments|projects/42/merge_requests/(\d+)/notes)(?:\?per_page=(\d+)&page=(\d+))?",
            path,
        )
        if not found:
            return 404, {}
        pull = found[1] or found[2]
        if method == "POST":
            return 201, self.add(pull, bot, given["body"])
        size, page = int(found[3]), int(found[4])
        return 200, self.comments.get(pull, [])[(page - 1) * size : page * size]

    def _rewrite(self, number: int, given: dict) -> tuple[int, object]:
        one = next(one for several in self.comments.values() for one in several if one["id"] == number)
        one["body"] = given["body"]
        return 200, one


@contextmanager
def forge() -> Iterator[Forge]:
    """One that runs."""
    one = Forge()

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            given = json.loads(self.rfile.read(length)) if length else {}
            code, document = one.answer(self.command, self.path, given, self.headers)
            self.send_response(code)
            if code // 100 == 3:
                self.send_header("Location", f"{one.url}/elsewhere")
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        do_GET = do_POST = do_PATCH = do_PUT = _any  # noqa: N815  # the server calls them so

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    one.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield one
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
