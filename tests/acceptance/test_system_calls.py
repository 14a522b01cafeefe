"""What the operating system sees: each mark is on the disk before its order leaves the machine."""

import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import unquote_plus

import pytest

from tests.acceptance.project import BRAND, PATIENCE, Project, environment, post

ORDERS = 12

WROTE = re.compile(r"pwrite64\(\d+<[^>]*runner\.db-wal>, \"(?P<bytes>.*)\"")
SYNCED = re.compile(r"(fdatasync|fsync)\(\d+<[^>]*runner\.db-wal>\) += 0")
UNFINISHED = re.compile(r"^(?P<thread>\d+) .*(fdatasync|fsync)\(\d+<[^>]*runner\.db-wal> *<unfinished")
RESUMED = re.compile(r"^(?P<thread>\d+) .*<\.\.\. (fdatasync|fsync) resumed>\) += 0")
SENT = re.compile(r"(sendto|write|sendmsg)\(\d+<(socket|TCP)[^\"]*\"(?P<bytes>.*)\"")


def can_trace() -> str:
    """Why a trace can't be made here; empty if it can."""
    strace = shutil.which("strace")
    if strace is None:
        return "strace is not installed"
    tried = subprocess.run([strace, "-f", "true"], capture_output=True, check=False)
    return "" if tried.returncode == 0 else "this machine does not let strace look at a process"


def links_in(text: str) -> set[str]:
    return set(re.findall(re.escape(BRAND) + r"p/\d+", unquote_plus(text)))


def order_of_things(trace: Path) -> list[tuple[str, str]]:
    """(`durable` or `sent`, link) in the order in which it became true."""
    written: set[str] = set()
    durable: set[str] = set()
    syncing: dict[str, set[str]] = {}
    happened: list[tuple[str, str]] = []

    def sync(links: set[str]) -> None:
        happened.extend(("durable", link) for link in sorted(links - durable))
        durable.update(links)

    for line in trace.read_text(encoding="utf-8", errors="replace").splitlines():
        if found := WROTE.search(line):
            written |= links_in(found["bytes"])
        elif found := UNFINISHED.search(line):
            syncing[found["thread"]] = set(written)
        elif found := RESUMED.search(line):
            sync(syncing.pop(found["thread"], set()))
        elif SYNCED.search(line):
            sync(written)
        elif (found := SENT.search(line)) and "action=add" in found["bytes"]:
            happened.extend(("sent", link) for link in links_in(found["bytes"]))
    return happened


@pytest.mark.skipif(bool(can_trace()), reason=can_trace() or "-")
def test_no_order_leaves_before_its_mark_is_synced_to_the_disk(project: Project, tmp_path: Path):
    project.campaign([post(number) for number in range(ORDERS)])
    trace = tmp_path / "trace"
    calls = "trace=pwrite64,fdatasync,fsync,sendto,sendmsg,write"
    subprocess.run(
        ["strace", "-f", "-y", "-s", "20000", "-e", calls, "-o", str(trace), *project.line("apply", "--yes", "-q")],
        cwd=project.root,
        env=environment(),
        capture_output=True,
        timeout=PATIENCE,
        check=True,
    )
    happened = order_of_things(trace)
    sent = [link for what, link in happened if what == "sent"]
    assert len(sent) == len(set(sent)) == ORDERS
    for link in sent:
        assert happened.index(("durable", link)) < happened.index(("sent", link)), f"{link} was sent before its mark"
