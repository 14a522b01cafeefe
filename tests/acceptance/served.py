"""The sandbox panel in a process of its own, and what the tests may ask and do behind its API. No assertions."""

import json
import multiprocessing
import os
import sys
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

TEST_KEY = "sandbox-key"

# Forks panels from a process that has imported the sandbox: 20 ms each instead of most of a second.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["runner.sandbox.__main__"])

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Served:
    """One running panel, spoken to through its control calls."""

    def __init__(self, process: BaseProcess, url: str) -> None:
        self.process = process
        self.url = url
        self._control = url.removesuffix("/api/v2") + "/_control/"

    def ask(self, name: str) -> object:
        """GET a control call."""
        with _DIRECT.open(self._control + name, timeout=10) as answer:
            return json.load(answer)

    def tell(self, name: str, given: object) -> object:
        """POST a control call."""
        request = urllib.request.Request(self._control + name, data=json.dumps(given).encode(), method="POST")
        try:
            with _DIRECT.open(request, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refused:
            raise ValueError(refused.read().decode()) from refused

    def orders(self) -> list[dict]:
        """Every order the panel holds, by id, with `fields`, the form as received."""
        return self.ask("orders")

    def end_orders(self) -> None:
        """Let every order be completed."""
        for order in self.orders():
            self.tell(f"orders/{order['order']}", {"status": "Completed"})

    def forms(self) -> list[Mapping[str, str]]:
        """The forms of all orders the panel holds, as received."""
        return [order["fields"] for order in self.orders()]

    def links(self) -> Counter[str]:
        """How often each link was bought."""
        return Counter(order["link"] for order in self.orders())

    def requests(self) -> Counter[str]:
        """How many requests of each action came in so far, and how many followed a redirect (`elsewhere`)."""
        return Counter(self.ask("requests"))

    def fault(self, *faults: Mapping[str, object]) -> None:
        """Switch on exactly these faults."""
        self.tell("faults", list(faults))

    def struck(self) -> Sequence[int]:
        """How often each fault that is on has struck."""
        return [fault["struck"] for fault in self.ask("faults")]

    def stop(self) -> None:
        """End it as SIGTERM does, and wait."""
        self.process.terminate()
        self.process.join(timeout=10)
        self.process.close()


def start_served(book: Path, *options: str, **env: str) -> Served:
    """`python -m runner.sandbox` on a free port; its time stands still unless --speed says otherwise."""
    arguments = ["--port", "0", "--control", "--db", str(book), *options]
    if "--speed" not in options:
        arguments += ["--speed", "0"]
    reader, writer = _FORKS.Pipe(duplex=False)
    process = _FORKS.Process(target=_serve, args=(arguments, env, writer), daemon=True)
    process.start()
    writer.close()
    with reader, open(reader.fileno(), encoding="utf-8", closefd=False) as told:
        line = told.readline()
    if "http://" not in line:
        raise RuntimeError("the sandbox did not start")
    return Served(process, line.split()[-1])


def _serve(arguments: list[str], env: Mapping[str, str], told: Connection) -> None:
    """What `python -m runner.sandbox` does, with stdout to the test."""
    os.environ.update(env)
    from runner.sandbox.__main__ import main

    with os.fdopen(told.fileno(), "w", encoding="utf-8", closefd=False) as stdout, redirect_stdout(stdout):
        code = main(arguments)
    sys.exit(code)
