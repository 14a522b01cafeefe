"""Statements for the statuses of orders. No transactions here.

A final status speaks for itself: money follows from it, so what it leaves out is unknown, and no older answer fills the
gap. While an order is worked on, its last known numbers are kept, to be shown.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from runner.core.attempts import FINAL_STATUSES, LiveStatus, StatusSeen
from runner.core.values.clock import to_text
from runner.store.statements import run

if TYPE_CHECKING:
    from sqlalchemy import Connection

Value = str | int | None

_LARGEST = 2**63 - 1  # SQLite's integers; a panel may say any number
# A panel that does not know an order is believed after some such answers in a row. They count only when they are that far
# apart: a replica's lag lasts minutes. One that does not count leaves the time of the last look where it is.
_MISSES_APART = timedelta(minutes=30)

# The names behind a colon are the answer's, NULL where it does not say; the bare ones are what is stored.
# :is_final is NULL for an error, and for a word that is not understood: neither changes the status.
_HAS_ENDED = " OR ".join(f"status = '{status.value}'" for status in LiveStatus if status in FINAL_STATUSES)
_TOO_SOON = "missing_in_a_row > 0 AND checked_at > :lately"
_KEPT = f"""CASE
    WHEN :is_final = 1 THEN CAST(:{{0}} AS {{1}})
    WHEN CAST(:is_final AS BIGINT) IS NULL AND ({_HAS_ENDED}) THEN {{0}}
    ELSE coalesce(:{{0}}, {{0}}) END"""
# A charge that falls is a refund, and only the order's end can tell one. So a final status that names no charge takes back
# what was lower before it, and a word that is not understood lowers nothing.
_CHARGE = f"""CASE
    WHEN CAST(:charge AS TEXT) IS NULL AND :is_final = 1 AND status <> :status THEN
        CASE WHEN CAST(charge AS NUMERIC) > CAST(first_charge AS NUMERIC) THEN charge ELSE first_charge END
    WHEN CAST(:charge AS TEXT) IS NULL THEN charge
    WHEN CAST(:is_final AS BIGINT) IS NULL AND ({_HAS_ENDED})
        AND CAST(charge AS NUMERIC) > CAST(CAST(:charge AS TEXT) AS NUMERIC) THEN charge
    ELSE CAST(:charge AS TEXT) END"""
_STATUS = f"""UPDATE attempts SET
    status = coalesce(:status, status),
    status_text = coalesce(:status_text, status_text),
    first_charge = coalesce(first_charge, :first_charge),
    charge = {_CHARGE},
    start_count = {_KEPT.format("start_count", "BIGINT")},
    remains = {_KEPT.format("remains", "BIGINT")},
    checked_at = CASE WHEN :is_missing = 1 AND {_TOO_SOON} THEN checked_at ELSE :checked_at END,
    missing_in_a_row = CASE
        WHEN :is_missing = 0 THEN 0
        WHEN {_TOO_SOON} THEN missing_in_a_row
        ELSE missing_in_a_row + 1 END,
    final_at = CASE  -- since when; a correction from one final status to another begins anew, a live one ends it
        WHEN CAST(:is_final AS BIGINT) IS NULL THEN final_at
        WHEN :is_final = 0 THEN NULL
        WHEN status = :status THEN coalesce(final_at, :checked_at)
        ELSE :checked_at END
WHERE id = :attempt"""  # noqa: S608  # our own words


def see_statuses(connection: "Connection", seen: Sequence[StatusSeen]) -> None:
    """Bring the statuses up to date; an error changes nothing but when it was asked, and how often in vain."""
    moments = {one.checked_at for one in seen}  # one: a batch shares it
    texts = {moment: (to_text(moment), to_text(moment - _MISSES_APART)) for moment in moments}
    if seen:
        run(connection, _STATUS, [_values(one, *texts[one.checked_at]) for one in seen])


def _values(seen: StatusSeen, checked_at: str, lately: str) -> Mapping[str, Value]:
    charge = (
        None if seen.charge is None else format(seen.charge, "f")
    )  # no exponent, all decimals as the panel gave them
    is_known = seen.status is not LiveStatus.UNKNOWN
    return {
        "attempt": seen.attempt_id,
        "status": str(seen.status) if is_known else None,  # the last known one stays
        "status_text": seen.status_text or seen.error or None,
        "first_charge": charge if seen.charge else None,  # "0" means not charged yet (docs/protocol.md, Status)
        "charge": charge,
        "start_count": _storable(seen.start_count),
        "remains": _storable(seen.remains),
        "is_missing": int(bool(seen.error)),
        "is_final": int(seen.status in FINAL_STATUSES) if is_known else None,
        "checked_at": checked_at,
        "lately": lately,
    }


def _storable(number: int | None) -> int | None:
    return number if number is not None and -_LARGEST <= number <= _LARGEST else None
