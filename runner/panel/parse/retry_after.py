"""Reads how long a panel asks to wait; dates are compared with the answer's own `Date`. Pure."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from runner.panel.parse.values import read_amount

_EPOCH = 1e9  # a larger number is a moment and no number of seconds: those would be thirty years
_MILLISECONDS = 1e11  # a moment that large is counted in thousandths
LONGEST = 3e9  # seconds, a century: what is more counts as that, so that a clock can be asked when it is over
_ENORMOUS = re.compile(r"[0-9]{20}")
_RETRY_AFTER = ("retry-after",)
_RESETS = ("x-ratelimit-reset", "x-rate-limit-reset", "ratelimit-reset")  # many panels send one with every answer


def asked_to_wait(headers: Mapping[str, str], *, is_rate_limit: bool = True) -> float | None:
    """Seconds from `Retry-After`, else, of a rate limit, from a reset header; None if the answer does not say.

    Each may be a number of seconds, an HTTP date, an ISO 8601 date, or seconds or milliseconds since 1970. Never
    negative, and at most a century.
    """
    sent = _moment(headers.get("date", ""))
    for name in (*_RETRY_AFTER, *_RESETS) if is_rate_limit else _RETRY_AFTER:
        seconds = _seconds(headers.get(name, "").strip(), sent)
        if seconds is not None:
            return min(max(seconds, 0.0), LONGEST)
    return None


def _seconds(text: str, sent: datetime | None) -> float | None:
    if _ENORMOUS.match(text):
        return LONGEST
    number = read_amount(text)
    if number is None:
        until = _moment(text)
    elif number <= _EPOCH:
        return float(number)
    else:
        since = float(number) / (1000 if number > _MILLISECONDS else 1)
        until = datetime.fromtimestamp(since, UTC) if since < _MILLISECONDS else None
        if until is None:
            return LONGEST
    return None if until is None or sent is None else (until - sent).total_seconds()


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = parse(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return None
