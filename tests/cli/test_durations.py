"""Lengths of time on the command line."""

from datetime import timedelta

import click
import pytest

from runner.cli.arguments.durations import Duration, Wait
from runner.core.errors import StateRefused
from runner.core.values.clock import SystemClock
from runner.store.disk.lock import acquire
from runner.store.disk.paths import StatePaths


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("30", 30), ("0.5", 0.5), ("90s", 90), ("10m", 600), ("1h", 3600)]
)
def test_a_wait_is_a_duration_or_plain_seconds(text, seconds):
    assert Wait().convert(text, None, None) == seconds
    assert Wait().convert(0.0, None, None) == 0


@pytest.mark.parametrize("text", ["-5", "nan", "inf", "1e3", "soon", "", "10 m", "10x"])
def test_what_is_no_length_of_time_is_refused_with_the_ways_to_write_one(text):
    for kind in (Duration(), Wait()):
        with pytest.raises(click.BadParameter, match="write 90s, 10m, 24h or 30d"):
            kind.convert(text, None, None)


def test_a_duration_has_a_unit():
    assert Duration().convert("10m", None, None) == timedelta(minutes=10)
    with pytest.raises(click.BadParameter):
        Duration().convert("10", None, None)


async def test_a_held_lock_proposes_a_wait_that_its_option_takes(tmp_path):
    paths = StatePaths.at(tmp_path / "state" / "runner.db")
    with await acquire(paths, "apply", SystemClock(), 0.0), pytest.raises(StateRefused) as refusal:
        await acquire(paths, "plan", SystemClock(), 0.0)
    proposed = refusal.value.hint.split("--lock-timeout ")[1].split()[0]
    assert Wait().convert(proposed, None, None) == 600
