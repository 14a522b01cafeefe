"""Parses `--since` and `--until`, moments as people write them; a bad one is a usage error (64)."""

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from runner.core.errors import UsageError

if TYPE_CHECKING:
    from runner.planning.accounting.periods import Period

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z", re.ASCII)
_AGO = re.compile(r"([0-9]{1,6})([mhdw])\Z", re.ASCII)
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

SINCE = click.Option(
    ["--since"], metavar="WHEN", help="From then on: 2026-11-01, 2026-11-01T08:00, or 7d, 24h ago (m, h, d, w). UTC."
)
UNTIL = click.Option(["--until"], metavar="WHEN", help="Up to then; a day is included whole.")


def read_period(since: str | None, until: str | None, now: datetime) -> "Period | None":
    """The period between both moments; None if neither option is given. Raises UsageError if one can't be read, or they are swapped."""
    from runner.planning.accounting.periods import Period

    if since is None and until is None:
        return None
    period = Period(_moment("--since", since, now), _moment("--until", until, now))
    if period.since is not None and period.until is not None and period.since >= period.until:
        raise UsageError(f"--since {since} is not before --until {until}", "swap them, or leave one out")
    return period


def _moment(option: str, text: str | None, now: datetime) -> datetime | None:
    """The moment (UTC) that `text` means. A date alone is the beginning of that day, for --until its end."""
    if text is None:
        return None
    try:
        if found := _AGO.match(text):
            return now - timedelta(**{_UNITS[found[2]]: int(found[1])})
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        return moment + timedelta(days=1) if option == "--until" and _DAY.match(text) else moment
    except (ValueError, OverflowError):
        raise UsageError(
            f"{option} {text!r} is no moment", "write 2026-11-01, 2026-11-01T08:00, or 7d, 24h for so long ago"
        ) from None
