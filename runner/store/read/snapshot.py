"""Reads everything that is remembered, at one moment. Plain sqlite3: SQLAlchemy takes 0.45 s to import.

Nothing here writes or checkpoints (see `connection.reading`).
"""

import gc
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from operator import attrgetter

from runner.core.attempts import Attempt
from runner.core.catalogue import Catalogue, Service
from runner.core.snapshot import Recorded
from runner.core.values.clock import from_text
from runner.store.connection import NOT_OURS, reading, unreadable
from runner.store.disk.paths import StatePaths
from runner.store.integrity.lineage import Lineage, noted
from runner.store.integrity.progress_evidence import gather, refuse_if_behind, refuse_if_lost
from runner.store.operations.attempt_rows import ATTEMPT_COLUMNS, attempts_from
from runner.store.operations.labels import read_labels
from runner.store.operations.order_flags import STEP as FINALS
from runner.store.operations.order_flags import read_lacking, read_protected, read_status_calls
from runner.store.operations.price_history import as_service, read_changes, read_last_look, read_repeated
from runner.store.operations.refill_rows import read_cancels, read_refills
from runner.store.read.balance_looks import currency_changes, first_and_last, looks_of_runs
from runner.store.read.doubts import decisions_in
from runner.store.schema.revisions import has_step, refuse_unknown, revision
from runner.store.state import SharedState, State
from runner.store.statements import Reading

_RUN_ID = attrgetter("run_id")


def read_state(state: State, *, lock_is_free: bool = False) -> Recorded:
    """All that is committed, as of one moment; empty for a fresh project.

    With `lock_is_free` nobody is sending, so what is left in `sending` is shown as in doubt; a server tells by itself
    whether somebody is. StateRefused if the database is missing, foreign, older than what is known of it, damaged, or of
    another schema.
    """
    if isinstance(state, SharedState):
        return _read_shared(state, left_overs_in_doubt=lock_is_free)
    paths = state
    evidence = gather(paths)  # before the database, which is committed first
    if not paths.db.exists():
        refuse_if_lost(paths, evidence)
        return Recorded()
    try:
        with reading(paths) as connection, _without_collection():
            in_database = refuse_if_behind(paths, evidence, connection)
            if in_database is None:
                return Recorded()
            refuse_unknown(revision(connection))
            return recorded_in(connection, in_database, lock_is_free=lock_is_free)
    except NOT_OURS as error:
        raise unreadable(paths, error) from error


def lineage_of(state: State) -> Lineage | None:
    """What a state is and how far it has come, as its lineage file or its server says; None if there is none."""
    if isinstance(state, StatePaths):
        return noted(state)
    from runner.store.postgres.reader import lineage_in, looking_at

    with looking_at(state.address) as connection:
        return None if connection is None else Lineage(*lineage_in(connection))


def _read_shared(state: SharedState, *, left_overs_in_doubt: bool) -> Recorded:
    from runner.store.postgres.leases import is_held
    from runner.store.postgres.reader import lineage_in, looking_at

    with looking_at(state.address) as connection, _without_collection():
        if connection is None:
            return Recorded()
        is_free = left_overs_in_doubt and not is_held(connection, state.address)
        return recorded_in(connection, Lineage(*lineage_in(connection)), lock_is_free=is_free)


def recorded_in(connection: Reading, known: Lineage, *, lock_is_free: bool = False) -> Recorded:
    """All that a database of a known schema holds; one of NOT_OURS for a value that makes no sense."""
    first, last = first_and_last(connection)
    attempts = _attempts(connection, left_overs_in_doubt=lock_is_free)
    return Recorded(
        lineage=known.lineage,
        serial=known.serial,
        attempts=attempts,
        catalogues=_catalogues(connection),
        first_balances=first,
        last_balances=last,
        decisions=decisions_in(connection),
        refills=read_refills(connection, left_overs_unknown=lock_is_free),
        cancels=read_cancels(connection),
        service_changes=read_changes(connection),
        looked_at=read_last_look(connection),
        labels=read_labels(connection),
        currency_changes=currency_changes(connection),
        run_looks=looks_of_runs(connection, _busy_runs(attempts.values())),
        protected=read_protected(connection),
        lacking=read_lacking(connection),
        status_calls=read_status_calls(connection),
    )


def _busy_runs(attempts: Iterable[Sequence[Attempt]]) -> list[str]:
    """The runs that sent more than one order."""
    sent = Counter(map(_RUN_ID, chain.from_iterable(attempts)))
    return [run_id for run_id, orders in sent.items() if orders > 1]


@contextmanager
def _without_collection() -> Iterator[None]:
    """Pause cyclic garbage collection: rows make no cycles, and looking for some doubles the time of a large read."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _attempts(connection: Reading, *, left_overs_in_doubt: bool) -> dict[tuple[str, str], list[Attempt]]:
    columns = ATTEMPT_COLUMNS if has_step(connection, FINALS) else ATTEMPT_COLUMNS.replace("final_at", "NULL")
    rows = connection.execute(f"SELECT {columns} FROM attempts ORDER BY id")  # noqa: S608  # our own column names
    by_order: dict[tuple[str, str], list[Attempt]] = {}
    for attempt in attempts_from(rows, left_overs_in_doubt=left_overs_in_doubt):
        key = (attempt.campaign, attempt.order_id)
        if key in by_order:
            by_order[key].append(attempt)
        else:
            by_order[key] = [attempt]
    return by_order


def _catalogues(connection: Reading) -> dict[str, Catalogue]:
    services: dict[str, dict[str, Service]] = {}
    columns = ", ".join(Service._fields)
    for panel, *facts in connection.execute(f"SELECT panel, {columns} FROM services ORDER BY rowid"):  # noqa: S608  # our own column names
        service = as_service(facts)
        services.setdefault(panel, {})[service.id] = service
    repeated = read_repeated(connection)
    return {
        panel: Catalogue(
            panel=panel,
            services=services.get(panel, {}),
            fetched_at=from_text(fetched_at),
            repeated=repeated.get(panel, {}),
        )
        for panel, fetched_at in connection.execute("SELECT panel, fetched_at FROM catalogues")
    }
