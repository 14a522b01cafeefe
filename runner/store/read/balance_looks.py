"""Reads the looks at balances, in the order in which they were recorded.

A look at which the panel named no currency (`XXX`) is taken to be in the one it named before, or else after.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import chain
from operator import attrgetter, itemgetter

from runner.core.catalogue import NO_CURRENCY, Balance, BalanceSeen
from runner.core.values.batches import in_batches
from runner.core.values.clock import from_text, to_text
from runner.store.operations.labels import STEP
from runner.store.schema.revisions import has_step
from runner.store.state import State, ask
from runner.store.statements import Reading

_AT_ONCE = 500  # parameters of one statement
_Row = tuple[str, str, str, str, int | None, int | None]

_CURRENCY = f"""coalesce(
    nullif(b.currency, '{NO_CURRENCY}'),
    (SELECT f.currency FROM balances AS f
     WHERE f.panel = b.panel AND f.id < b.id AND f.currency <> '{NO_CURRENCY}' ORDER BY f.id DESC LIMIT 1),
    (SELECT l.currency FROM balances AS l
     WHERE l.panel = b.panel AND l.id > b.id AND l.currency <> '{NO_CURRENCY}' ORDER BY l.id LIMIT 1),
    b.currency
)"""  # noqa: S608  # our own text


def first_and_last(
    connection: Reading, since: datetime | None = None, until: datetime | None = None
) -> tuple[dict[str, BalanceSeen], dict[str, BalanceSeen]]:
    """The first and the last look at each panel's balance, by panel: of all, or of those seen in a period."""
    bounds: list[str] = ["1 = 1"]
    values: list[str] = []
    if since is not None:
        bounds, values = [*bounds, "seen_at >= ?"], [*values, to_text(since)]
    if until is not None:
        bounds, values = [*bounds, "seen_at < ?"], [*values, to_text(until)]
    ends = f"SELECT {{}}(id) FROM balances WHERE {' AND '.join(bounds)} GROUP BY panel"  # noqa: S608  # our own text
    found = [
        _seen(connection.execute(f"{_select(connection)} WHERE b.id IN ({ends.format(end)})", values))
        for end in ("min", "max")
    ]
    first, last = ({one.panel: one for one in several} for several in found)
    return first, last


def last_before(connection: Reading, panel: str, attempt_id: int, marked_at: datetime) -> BalanceSeen | None:
    """The last look before an attempt was marked; None if there was none."""
    placed = "NULL" if not _has_places(connection) else "b.last_attempt"
    found = _seen(
        connection.execute(
            f"{_select(connection)} WHERE b.panel = ? AND "
            f"CASE WHEN {placed} IS NULL THEN b.seen_at <= ? ELSE {placed} < ? END ORDER BY b.id DESC LIMIT 1",
            (panel, to_text(marked_at), attempt_id),
        )
    )
    return found[0] if found else None


def currency_changes(connection: Reading) -> dict[str, list[BalanceSeen]]:
    """The first look at each currency of the panels whose balance was shown in more than one, in the order recorded."""
    changed = connection.execute(
        "SELECT panel FROM balances WHERE currency <> ? GROUP BY panel HAVING min(currency) <> max(currency)",
        (NO_CURRENCY,),
    ).fetchall()
    found: dict[str, list[BalanceSeen]] = {}
    for (panel,) in changed:
        epochs = found[panel] = []
        rows = connection.execute(
            f"{_select(connection)} WHERE b.panel = ? AND b.currency <> ? ORDER BY b.id", (panel, NO_CURRENCY)
        )
        for seen in _seen(rows):
            if not epochs or epochs[-1].balance.currency != seen.balance.currency:
                epochs.append(seen)
    return found


def looks_of_runs(
    connection: Reading, run_ids: Collection[str]
) -> dict[str, dict[str, tuple[BalanceSeen, BalanceSeen]]]:
    """By panel and run, the first and the last look at a balance; of `run_ids` that looked twice, in the order recorded."""
    ends: list[tuple[str, int, int]] = []
    for some in in_batches(sorted(run_ids), _AT_ONCE):
        ends += connection.execute(
            f"SELECT run_id, min(id), max(id) FROM balances WHERE run_id IN ({_marks(some)}) "  # noqa: S608  # question marks
            "GROUP BY panel, run_id HAVING min(id) < max(id)",
            some,
        ).fetchall()
    looks: dict[int | None, BalanceSeen] = {}
    for numbers in in_batches(sorted({number for _, *several in ends for number in several}), _AT_ONCE):
        of_these = f"{_select(connection)} WHERE b.id IN ({_marks(numbers)})"
        looks |= {one.number: one for one in _seen(connection.execute(of_these, numbers))}
    found: dict[str, dict[str, tuple[BalanceSeen, BalanceSeen]]] = {}
    for run_id, first, last in sorted(ends, key=itemgetter(1)):
        found.setdefault(looks[first].panel, {})[run_id] = (looks[first], looks[last])
    return found


def _marks(several: Sequence[object]) -> str:
    return ", ".join("?" * len(several))


def read_readings(state: State, panel: str) -> list[BalanceSeen]:
    """Every look at one panel's balance; empty without a state. Raises StateRefused as `read_state` does."""

    def all_of(connection: Reading) -> list[BalanceSeen]:
        return _seen(connection.execute(f"{_select(connection)} WHERE b.panel = ? ORDER BY b.id", (panel,)))

    return ask(state, all_of, [])


def read_ends(
    state: State, since: datetime | None, until: datetime | None
) -> tuple[dict[str, BalanceSeen], dict[str, BalanceSeen]]:
    """`first_and_last` of a state; empty without one. Raises StateRefused as `read_state` does."""
    nothing: tuple[dict[str, BalanceSeen], dict[str, BalanceSeen]] = ({}, {})
    return ask(state, lambda connection: first_and_last(connection, since, until), nothing)


def read_balances(state: State, panels: Collection[str]) -> list[BalanceSeen]:
    """The readings of `panels`, for charts, in time order; of equal ones in a row only the first and the last.

    As they were shown, also without a currency. Empty without a state. Raises StateRefused as `read_state` does.
    """

    def kept(connection: Reading) -> list[BalanceSeen]:
        by_panel: dict[str, list[_Row]] = {}
        rows = connection.execute("SELECT panel, amount, currency, seen_at, NULL, NULL FROM balances ORDER BY id")
        for row in rows:
            if row[0] in panels:
                looks = by_panel.setdefault(row[0], [])
                if len(looks) > 1 and looks[-2][:3] == looks[-1][:3] == row[:3]:
                    looks.pop()
                looks.append(row)
        return sorted(_seen(chain.from_iterable(by_panel.values())), key=attrgetter("seen_at"))

    return ask(state, kept, [])


def _has_places(connection: Reading) -> bool:
    return has_step(connection, STEP)


def _select(connection: Reading) -> str:
    place = "b.last_attempt" if _has_places(connection) else "NULL"
    return f"SELECT b.panel, b.amount, {_CURRENCY}, b.seen_at, b.id, {place} FROM balances AS b"  # noqa: S608  # our own text


def _seen(rows: Iterable[_Row]) -> list[BalanceSeen]:
    return [
        BalanceSeen(
            panel=panel,
            balance=Balance(amount=Decimal(amount), currency=None if currency == NO_CURRENCY else currency),
            seen_at=from_text(seen_at),
            number=number,
            last_attempt=last_attempt,
        )
        for panel, amount, currency, seen_at, number, last_attempt in rows
    ]
