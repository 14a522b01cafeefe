"""The locks are closed: whatever a pinned package asks for is pinned too, so that setting up needs no resolver."""

import re
import tomllib
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.acceptance.project import REPOSITORY

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
ASKED = {
    "requirements.lock": PROJECT["dependencies"] + PROJECT["optional-dependencies"]["postgres"],
    "requirements-dev.lock": PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"],
}


def pins(lock: Path) -> dict[str, Requirement]:
    found = [Requirement(line) for line in re.findall(r"^([a-z0-9][^ \\]*==[^ \\]+)", lock.read_text(), re.MULTILINE)]
    return {canonicalize_name(one.name): one for one in found}


def unmet(lock: Path, asked: list[str], python: str) -> list[str]:
    """What is asked for, by the project or by something pinned, and not pinned as asked."""
    pinned = pins(lock)
    where = {**default_environment(), "python_version": python, "python_full_version": f"{python}.0"}
    found, seen = [], set()
    queue = [("the project", Requirement(one)) for one in asked]
    while queue:
        by, wanted = queue.pop()
        pin = pinned.get(canonicalize_name(wanted.name))
        if pin is None or not wanted.specifier.contains(str(pin.specifier).removeprefix("==")):
            found.append(f"{by} asks for {wanted}, and the lock has {pin}")
            continue
        found += [f"{by} asks for {wanted}, and the pin has no [{extra}]" for extra in wanted.extras - pin.extras]
        for extra in ("", *wanted.extras):
            if (pin.name, extra) not in seen:
                seen.add((pin.name, extra))
                for line in requires(pin.name) or ():
                    more = Requirement(line)
                    if more.marker is None or more.marker.evaluate({**where, "extra": extra}):
                        queue.append((pin.name, more))
    return found


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("name", ASKED)
def test_everything_that_a_pinned_package_asks_for_is_pinned(name: str, python: str):
    assert unmet(REPOSITORY / name, ASKED[name], python) == []


@pytest.mark.parametrize("name", ASKED)
def test_every_pin_has_hashes_and_no_address(name: str):
    text = (REPOSITORY / name).read_text()
    assert len(pins(REPOSITORY / name)) > 20
    for pin in re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]:
        assert "--hash=sha256:" in pin
    assert "://" not in text


def test_a_lock_that_lost_an_extra_or_a_package_is_noticed(tmp_path: Path):
    lock = tmp_path / "requirements-dev.lock"
    lock.write_text((REPOSITORY / lock.name).read_text().replace("coverage[toml]==", "coverage=="))
    assert any("the pin has no [toml]" in line for line in unmet(lock, ASKED[lock.name], "3.11"))
    lock.write_text((REPOSITORY / lock.name).read_text().replace("\nyarl==", "\nnot-yarl=="))
    assert any("yarl" in line for line in unmet(lock, ASKED[lock.name], "3.11"))


def test_setting_up_resolves_nothing_and_is_checked():
    recipe = (REPOSITORY / "Makefile").read_text()
    assert "--no-deps --require-hashes" in recipe
    assert "pip --disable-pip-version-check check" in recipe
