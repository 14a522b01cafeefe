"""What the journal can be told about long lives, as data; the other operations are in `operations`."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from runner.core.attempts import NewAttempt


class Protect(NamedTuple):
    """Orders, as (campaign, order id), that are listed with `protect: true`."""

    orders: Sequence[tuple[str, str]]
    at: datetime


class Unprotect(NamedTuple):
    """Orders, as (campaign, order id), that are listed without it."""

    orders: Sequence[tuple[str, str]]


class NoteLacking(NamedTuple):
    """Abilities that a panel's answers show it not to have."""

    panel: str
    abilities: Sequence[str]
    at: datetime


class CountStatusCalls(NamedTuple):
    """Status calls made on a UTC day, to be added to those before."""

    panel: str
    day: date
    calls: int


class Import(NamedTuple):
    """An order that was bought elsewhere becomes an attempt, placed; answers with its id."""

    attempt: NewAttempt
    panel_order_id: str
    message: str  # who says so, and why
    run_id: str
    at: datetime


LifeOperation = Protect | Unprotect | NoteLacking | CountStatusCalls | Import
