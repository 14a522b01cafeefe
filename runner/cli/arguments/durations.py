"""Durations on the command line: `90s`, `10m`, `24h`, `30d`."""

import re
from datetime import timedelta
from typing import Any

import click

_FORM = re.compile(r"([0-9]{1,6})(s|m|h|d)\Z", re.ASCII)
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,3})?\Z", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Duration(click.ParamType[timedelta]):
    """A length of time, written as in campaign files."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:  # noqa: ANN401  # click's signature
        """The length; a usage error for anything else."""
        if isinstance(value, timedelta):
            return value
        found = _FORM.match(str(value))
        if found is None:
            self.fail(f"{value!r} is no duration; write 90s, 10m, 24h or 30d", param, ctx)
        return timedelta(**{_UNITS[found[2]]: int(found[1])})


class Wait(click.ParamType[float]):
    """How long to wait for something, in seconds: a duration, or the plain number of seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:  # noqa: ANN401  # click's signature
        """The seconds; a usage error for anything else."""
        if _SECONDS.match(text := str(value)):
            return float(text)
        return Duration().convert(text, param, ctx).total_seconds()
