"""Ctrl-C after the run has ended and before its result is told: a doubt is never taken for a mere interruption."""

import io
import os
import signal
import sys
from pathlib import Path

import pytest

from runner.cli.main import run

CAMPAIGN = """
version: 1
campaign: spring
panel: sandbox
links: [https://example.com/our-brand/]
orders:
"""
ORDER = "  - {{id: o{0}, service: 1, link: https://example.com/our-brand/p/{0}, quantity: 100}}\n"


class Interrupting(io.StringIO):
    """A stdout at whose first text somebody presses Ctrl-C."""

    def write(self, text: str) -> int:
        os.kill(os.getpid(), signal.SIGINT)
        return super().write(text)


@pytest.fixture
def project(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("BULK_RUNNER_", "GITHUB_"))]:
        monkeypatch.delenv(name)
    (tmp_path / "campaigns").mkdir()
    list_orders(tmp_path, 1)
    assert run(["apply", "-q"]) == 0
    return tmp_path


@pytest.fixture
def in_doubt(project):
    """The second order came into doubt by the restoration of a copy that does not know it."""
    assert run(["state", "backup"]) == 0
    (copy,) = (project / "state" / "backups").glob("*.db")
    list_orders(project, 1, 2)
    assert run(["apply", "-q"]) == 0
    assert run(["state", "restore", str(copy), "--accept-loss", "--reason", "x"]) == 15
    list_orders(project, 1, 2, 3)
    return project


def list_orders(project: Path, *numbers: int) -> None:
    text = CAMPAIGN + "".join(ORDER.format(number) for number in numbers)
    (project / "campaigns" / "a.yaml").write_text(text)


@pytest.mark.parametrize("form", ["text", "json"])
def test_with_a_doubt_the_exit_code_is_15_and_the_next_step_is_told(in_doubt, monkeypatch, capsys, form):
    capsys.readouterr()
    monkeypatch.setattr(sys, "stdout", Interrupting())
    assert run(["apply", "-q", "--format", form]) == 15
    told = capsys.readouterr().err
    assert "at least one order is in doubt" in told
    assert "next: runner doubt list" in told


def test_without_a_doubt_it_is_130(project, monkeypatch, capsys):
    list_orders(project, 1, 2)
    monkeypatch.setattr(sys, "stdout", Interrupting())
    assert run(["apply", "-q"]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_a_second_run_after_it_buys_nothing_twice(in_doubt, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", Interrupting())
    assert run(["apply", "-q"]) == 15
    monkeypatch.undo()
    monkeypatch.chdir(in_doubt)
    capsys.readouterr()
    assert run(["apply", "-q", "--format", "json"]) == 15
    assert '"placed": 0' in capsys.readouterr().out
