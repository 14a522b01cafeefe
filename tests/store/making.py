"""Short ways to make what is put into a state, and to look at it."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from runner.core.attempts import Attempt, AttemptKind, NewAttempt, Outcome, OutcomeKind, Phase
from runner.core.operations import Mark, Settle
from runner.store.disk.paths import StatePaths
from runner.store.read.snapshot import read_state

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def new_attempt(order: int | str = 1, **changes) -> NewAttempt:
    facts = {
        "campaign": "spring",
        "order_id": f"order-{order}",
        "kind": AttemptKind.INITIAL,
        "slot": 0,
        "panel": "sandbox",
        "service": "1",
        "link": f"https://example.com/our-brand/p/{order}",
        "quantity": 1000,
        "runs": None,
        "interval": None,
        "rate": Decimal("0.90"),
        "expected_charge": Decimal("0.900"),
    }
    return NewAttempt(**(facts | changes))


def a_mark(order: int | str = 1, **changes) -> Mark:
    return Mark(new_attempt(order, **changes), "run-1", NOW)


def placed(panel_order_id: str) -> Outcome:
    return Outcome(OutcomeKind.PLACED, panel_order_id)


def refused(message: str = "not enough funds") -> Outcome:
    return Outcome(OutcomeKind.REFUSED, message=message)


IN_DOUBT = Outcome(OutcomeKind.IN_DOUBT, message="the connection was reset", phase=Phase.SENDING)


def a_settle(attempt_id: int, outcome: Outcome) -> Settle:
    return Settle(attempt_id, outcome, NOW)


def attempts_of(paths: StatePaths) -> dict[int, Attempt]:
    return {one.id: one for several in read_state(paths).attempts.values() for one in several}


def raw(paths: StatePaths, sql: str, *values: object) -> list[tuple]:
    """Run one statement as somebody with a database shell would, and commit it."""
    with closing(sqlite3.connect(paths.db, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        return connection.execute(sql, values).fetchall()


def marks_of(paths: StatePaths) -> list[Path]:
    """The files of the high-water marks that there are, the one beside the database first."""
    outside = [] if paths.marks is None else sorted(paths.marks.glob("*"))
    return [path for path in (paths.high_water, *outside) if path.exists()]


def told(plan):
    """What a restore takes over from the present state, and how, by order."""
    return {one.order: one.how for one in plan.merged.carried}
