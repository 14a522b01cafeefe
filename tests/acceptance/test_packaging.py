"""The wheel holds everything: installed elsewhere, without the source tree, a first campaign is written and checked."""

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.acceptance.project import REPOSITORY, environment


def pip(*arguments: str) -> None:
    line = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments]
    ended = subprocess.run(line, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel installed into it, without its dependencies."""
    folder = tmp_path_factory.mktemp("packaging")
    pip("wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder), ".")
    (wheel,) = folder.glob("*.whl")
    target = folder / "installed"
    pip("install", "--quiet", "--no-deps", "--no-index", "--no-compile", "--target", str(target), str(wheel))
    return target


@pytest.fixture
def python(installed: Path, tmp_path: Path):
    """Runs Python in an empty folder with the installed package and the dependencies, and nothing else.

    -S keeps the editable install of the source tree, a .pth file, out.
    """
    libraries = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    path = ":".join([str(installed), *sorted(libraries)])

    def ran(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-S", *arguments],
            cwd=tmp_path,
            env=environment(PYTHONPATH=path),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return ran


def test_the_installed_package_writes_checks_and_buys_a_first_campaign(python, installed: Path, tmp_path: Path):
    where = python("-c", "import runner; print(runner.__file__)")
    assert Path(where.stdout.strip()).is_relative_to(installed)
    for command in (["init"], ["validate"], ["plan"], ["apply"], ["report", "--report", "html=report.html"]):
        ran = python("-m", "runner", *command)
        assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (tmp_path / "campaigns" / "demo.yaml").is_file()
    assert (tmp_path / "schemas" / "campaign.schema.json").is_file()


def test_the_wheel_brings_the_console_script(python, installed: Path):
    script = installed / "bin" / "runner"
    assert script.is_file()
    ran = python(str(script), "--version")
    assert (ran.returncode, ran.stdout.split()[0]) == (0, "runner")


def test_the_wheel_holds_no_tests_and_every_schema(installed: Path):
    assert not (installed / "tests").exists()
    assert not list(installed.rglob("test_*.py"))
    schemas = {path.name for path in (REPOSITORY / "schemas").glob("*.json")}
    assert {path.name for path in installed.rglob("*.schema.json")} == schemas
