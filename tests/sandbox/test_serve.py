"""Starting and stopping: loopback only, in a loop and as a process."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from urllib.parse import urlencode, urlsplit

import pytest

from runner.core.errors import UsageError
from runner.sandbox.__main__ import main
from runner.sandbox.serve import SandboxServer


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.com", "", "127.0.0.1.example.com"])
def test_only_loopback_is_served(host, tmp_path):
    with pytest.raises(UsageError, match="loopback only"):
        SandboxServer(tmp_path / "b.db", host=host)
    assert not (tmp_path / "b.db").exists()


async def test_localhost_means_the_loopback_address(tmp_path):
    async with SandboxServer(tmp_path / "b.db", host="localhost") as server:
        assert server.url.startswith("http://127.0.0.1:")
        assert server.url.endswith("/api/v2")


async def test_a_taken_port_is_a_usage_error_and_frees_the_book(tmp_path):
    async with SandboxServer(tmp_path / "a.db") as server:
        port = int(server.address.rsplit(":", 1)[1])
        with pytest.raises(UsageError, match="can't listen"):
            async with SandboxServer(tmp_path / "b.db", port=port):
                pass
    async with SandboxServer(tmp_path / "b.db", port=port):
        pass


def start(tmp_path, *more: str, **environment: str) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-m", "runner.sandbox", "--port", "0", "--db", str(tmp_path / "b.db"), *more]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | environment)
    assert process.stdout
    line = process.stdout.readline()
    assert line.startswith("sandbox panel at http://127.0.0.1:")
    return process, line.split()[-1]


def post(url: str, **form: str) -> object:
    with urllib.request.urlopen(url, urlencode(form).encode(), timeout=10) as answer:
        return json.load(answer)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_process_serves_until_it_is_told_to_stop(tmp_path, how):
    process, url = start(tmp_path, "--balance", "7.50", "--key-env", "PANEL_KEY", PANEL_KEY="very-secret")
    try:
        assert post(url, key="very-secret", action="balance") == {"balance": "7.50", "currency": "USD"}
        assert post(url, key="sandbox-key", action="balance") == {"error": "Invalid API key"}
    finally:
        process.send_signal(how)
        rest, _ = process.communicate(timeout=10)
    assert process.returncode == 0
    assert rest == ""
    assert not any(b"very-secret" in file.read_bytes() for file in tmp_path.iterdir())


def test_an_answered_order_survives_kill_9(tmp_path):
    process, url = start(tmp_path)
    order = {"action": "add", "service": "1", "link": "https://example.com/a", "quantity": "100"}
    try:
        assert post(url, key="sandbox-key", **order) == {"order": 23501}
    finally:
        process.kill()
        process.communicate()
    process, url = start(tmp_path)
    try:
        assert "status" in post(url, key="sandbox-key", action="status", order="23501")
        assert post(url, key="sandbox-key", **order) == {"order": 23502}
    finally:
        process.terminate()
        process.communicate(timeout=10)


@pytest.mark.parametrize(
    "arguments",
    [["--host", "0.0.0.0"], ["--key-env", "NO_SUCH_VARIABLE"], ["--speed", "-1"], ["--balance", "1e3"], ["--what"]],
)
def test_wrong_options_are_usage_errors(tmp_path, arguments, capsys):
    given = ["--port", "0", "--db", str(tmp_path / "b.db"), *arguments]
    try:
        code = main(given)
    except SystemExit as left:
        code = left.code
    assert code == 64
    assert capsys.readouterr().err


def test_a_book_in_use_is_refused_in_one_line(tmp_path, capsys):
    process, _ = start(tmp_path)
    try:
        assert main(["--port", "0", "--db", str(tmp_path / "b.db")]) == 12
    finally:
        process.terminate()
        process.communicate(timeout=10)
    assert capsys.readouterr().err.count("\n") == 1


def test_the_port_is_free_again_after_a_stop(tmp_path):
    process, url = start(tmp_path)
    port = int(url.split(":")[2].split("/")[0])
    process.terminate()
    process.communicate(timeout=10)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_connection_ends_after_as_many_answers_as_the_panel_is_told_to_give(tmp_path):
    process, url = start(tmp_path, "--connection-requests", "2")
    where = urlsplit(url)
    try:
        with socket.create_connection((where.hostname, where.port), timeout=10) as connection:
            for expected in (b"balance", b"balance", b""):
                with contextlib.suppress(ConnectionError):  # the third may find it closed
                    connection.sendall(
                        f"GET {where.path}?key=sandbox-key&action=balance HTTP/1.1\r\nHost: x\r\n\r\n".encode()
                    )
                answer = connection.recv(4096)
                assert expected in answer
                assert b"close" not in answer.lower(), "it never says so"
                time.sleep(0.05)
    finally:
        process.terminate()
        process.communicate(timeout=10)
