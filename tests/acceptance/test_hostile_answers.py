"""Answers that are huge, slow or in a strange dress: the command ends in good time, in little memory, and buys nothing on them."""

import subprocess
import sys
import time

import pytest

from tests.acceptance.project import PATIENCE, Project, environment, post
from tests.acceptance.served import Served

MIB = 2**20
FOUR_TRIES = 30.0  # seconds: a read is tried four times, with pauses of some seconds


# A process counts what its parent held when it was forked: this one is small.
_MEASURED = """
import resource, subprocess, sys
code = subprocess.run([sys.executable, "-m", "runner", *sys.argv[1:]]).returncode
print("MiB", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
sys.exit(code)
"""


def run_measured(project: Project, *arguments: str) -> tuple[int, str, float, int]:
    """Exit code, stderr, seconds and the most memory in MiB of one process of its own."""
    began = time.monotonic()
    ran = subprocess.run(
        [sys.executable, "-c", _MEASURED, *arguments],
        cwd=project.root,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return ran.returncode, ran.stderr, time.monotonic() - began, int(ran.stdout.split("MiB")[1])


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "repeated", "text": "{}", "size": 64 * MIB},
        {"kind": "repeated", "text": "{}", "size": 24 * MIB},
        pytest.param({"kind": "repeated", "text": "[[[1.5]]]", "size": 24 * MIB}, marks=pytest.mark.slow),
        {
            "kind": "repeated",
            "text": "abc-",
            "size": 4 * MIB,
            "headers": {"Content-Type": "text/html; charset=punycode"},
        },
        pytest.param({"kind": "huge_body", "size": 200 * MIB}, marks=pytest.mark.slow),
    ],
    ids=["64 MiB of {}", "24 MiB of {}", "24 MiB of lists", "punycode", "200 MiB of blanks"],
)
def test_a_huge_price_list_is_none(project: Project, served_sandbox: Served, fault):
    project.campaign([post(1)])
    served_sandbox.fault(fault | {"action": "services"})
    code, err, seconds, memory = run_measured(project, "apply", "--yes")
    assert code == 13, err
    assert "no usable answer" in err
    assert seconds < FOUR_TRIES
    assert memory < 250
    assert served_sandbox.requests()["add"] == 0


def test_an_answer_to_an_order_that_drips_ends_at_the_time_out_and_is_a_doubt(project: Project, served_sandbox: Served):
    project.panels(served_sandbox.url, timeout={"read": "2s"})
    project.campaign([post(1)])
    served_sandbox.fault({"kind": "trickle", "text": " ", "seconds": 0.2})
    began = time.monotonic()
    ran = project.run("apply", "--yes")
    assert ran.code == 15
    assert time.monotonic() - began < 15
    assert served_sandbox.requests()["add"] == 1


@pytest.mark.parametrize(
    "text",
    [
        '{"order": ' + "9" * 5000 + "}",
        '{"order": 1e1000000}',
        '{"error": "Not enough funds", "order": ' + "9" * 5000 + "}",
        '{"error": "Not enough funds", "order": 1e1000000}',
        '{"a":' * 20_000 + "1" + "}" * 20_000,
        "[" * 100_000,
    ],
    ids=["long id", "huge id", "refusal with a long id", "refusal with a huge id", "deep object", "open lists"],
)
def test_what_holds_impossible_numbers_or_depths_is_a_doubt(project: Project, served_sandbox: Served, text):
    project.campaign([post(1)])
    served_sandbox.fault({"kind": "answer", "text": text})
    ran = project.run("apply", "--yes", "--format", "json")
    assert (ran.code, ran.json["in_doubt"], ran.json["placed"]) == (15, 1, 0)


def test_one_impossible_number_in_a_status_spoils_nothing_else(project: Project, served_sandbox: Served):
    project.campaign([post(1), post(2)])
    assert project.run("apply", "--yes").code == 0
    one, two = (order["order"] for order in served_sandbox.orders())
    huge = "9" * 5000
    text = f'{{"{one}": {{"status": "In progress", "charge": 1e1000000, "remains": {huge}, "start_count": {huge}}}, '
    text += f'"{two}": {{"status": "Completed", "charge": "0.09", "remains": 0, "start_count": 3}}}}'
    served_sandbox.fault({"kind": "answer", "action": "status", "text": text})
    ran = project.run("status", "--refresh", "--format", "json")
    assert ran.code == 0, ran.err
    assert sorted(order["health"] for order in ran.json["orders"]) == ["completed", "progressing"]
