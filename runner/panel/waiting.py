"""How long a panel asks to wait. Pure: dates are compared with the answer's own `Date`, never with our clock."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from runner.panel.values import read_amount

_EPOCH = 1_000_000_000  # a larger X-RateLimit-Reset is a moment, a smaller one a number of seconds


def asked_to_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds from `Retry-After` or `X-RateLimit-Reset`, never negative; None if the answer does not say."""
    sent = _moment(headers.get("date", ""))
    retry_after = headers.get("retry-after", "")
    seconds = _seconds(retry_after)
    if seconds is None and sent is not None and (until := _moment(retry_after)) is not None:
        seconds = (until - sent).total_seconds()
    if seconds is None:
        seconds = _seconds(headers.get("x-ratelimit-reset", ""))
        if seconds is not None and seconds > _EPOCH:
            seconds = None if sent is None else seconds - sent.timestamp()
    return None if seconds is None else max(seconds, 0.0)


def _seconds(text: str) -> float | None:
    number = read_amount(text)
    return None if number is None else float(number)


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
