"""A key file that can't be one: exit 10, one clear line, nothing sent, and its content in no message."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.project import Project, post
from tests.acceptance.served import TEST_KEY, Served

SECRET = "hidden-part-of-a-key"


def file_of(content: bytes, mode: int = 0o600) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.write_bytes(content)
        path.chmod(mode)

    return make


def a_socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # its name would be too long
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)
    os.chdir(here)


CASES = {
    "a folder": (Path.mkdir, "is a folder, not a regular file"),
    "missing": (lambda _: None, "can't be read (No such file or directory)"),
    "a pipe": (os.mkfifo, "is a pipe, not a regular file"),
    "a socket": (a_socket, "is a socket, not a regular file"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "is a device, not a regular file"),
    "a loop of links": (lambda path: path.symlink_to(path), "can't be read (Too many levels of symbolic links)"),
    "empty": (file_of(b""), "is empty"),
    "blank": (file_of(b"\n"), "is empty"),
    "several lines": (file_of(f"{SECRET}\n{SECRET}\n".encode()), "holds several lines"),
    "too big": (file_of(SECRET.encode() * 1000), "holds more or other than a key"),
    "no text": (file_of(b"\xff\xfe" + SECRET.encode()), "holds more or other than a key"),
    "open to others": (file_of(SECRET.encode(), 0o644), "others may open the key file"),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("command", [["balance", "served"], ["apply", "--yes"]], ids=" ".join)
def test_it_is_one_clear_line(project: Project, served_sandbox: Served, case: str, command: list[str]):
    make, words = CASES[case]
    make(project.root / "key")
    project.panels(served_sandbox.url, key={"file": "key"})
    project.campaign([post(1)])
    ran = project.run(*command, "-q" if command[0] == "apply" else "--no-color")
    assert ran.code == 10
    assert words in ran.err
    first, second = ran.err.splitlines()
    assert first.startswith("error: ")
    assert second.startswith("  next: ")
    assert SECRET not in ran.out + ran.err
    assert not served_sandbox.requests()


def test_an_unreadable_one_too(project: Project, served_sandbox: Served):
    file_of(SECRET.encode(), 0o000)(project.root / "key")
    project.panels(served_sandbox.url, key={"file": "key"})
    ran = project.run("balance", "served")
    if os.geteuid() == 0:  # who may read everything: the key is wrong then, and the panel says so
        assert ran.code == 13
    else:
        assert (ran.code, "Permission denied" in ran.err) == (10, True)
    assert SECRET not in ran.out + ran.err


def test_a_good_one_is_found_from_anywhere(project: Project, served_sandbox: Served):
    file_of(TEST_KEY.encode())(project.root / "key")
    project.panels(served_sandbox.url, key={"file": "key"})
    assert project.run("balance", "served").code == 0
