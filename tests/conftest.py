"""What holds for every test: its own place for high-water marks, and the profiles of Hypothesis.

Profiles: `dev` looks for new cases each time; `ci` tries the same ones, so that a red gate is repeatable."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is no finding: neither a slow example nor a slow generator fails a test.
settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("dev"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


# A shell starts what runs in its background with some signals ignored, and children inherit that: those that a run ends by
# are as in the foreground here, or `make test &` fails where a run is to be interrupted.
for number, usual in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGQUIT, signal.SIG_DFL),
    (signal.SIGHUP, signal.SIG_DFL),
):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, usual)


@pytest.fixture(autouse=True, scope="session")
def a_home_for_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is made once for several tests leaves its high-water marks here, not with the tester."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("home-of-all")))
        yield


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test is a user of its own: it meets no marks of another test. The place of all that this user keeps of states."""
    place = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("XDG_STATE_HOME", str(place))
    return place
